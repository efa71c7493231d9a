import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { GOALS } from './goals.ts';

/**
 * Puts the lines of a run into docs/benchmarks.md, between its two marks:
 * `npm run -s bench -- bgp > lines`, then `node test/bench/bgp/markdown.ts lines`.
 */
const PAGE = fileURLToPath(new URL('../../../docs/benchmarks.md', import.meta.url));
const BEGIN = '<!-- bgp: made by test/bench/bgp/markdown.ts -->';
const END = '<!-- bgp: end -->';
const AT_LEAST = ' (the peer: at least)';

interface Line {
  readonly case: string;
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly peer: string | null;
  readonly peerValue: number | null;
}

/** A figure of all speakers; `least` names those that were given up at that time. */
interface Row {
  readonly figure: string;
  readonly unit: string;
  readonly values: Map<string, number>;
  readonly least: Set<string>;
}

const SPEAKERS = ['muslin', 'bird', 'frr', 'gobgp', 'openbgpd'];
const PACKAGES = { bird: 'bird2', frr: 'frr', gobgp: 'gobgpd', openbgpd: 'openbgpd' };

function rowsByCase(lines: readonly Line[]): Map<string, Map<string, Row>> {
  const cases = new Map<string, Map<string, Row>>();
  for (const line of lines) {
    const figure = line.name.replace(AT_LEAST, '');
    const rows = cases.get(line.case) ?? new Map<string, Row>();
    cases.set(line.case, rows);
    const row = rows.get(figure) ?? { figure, unit: line.unit, values: new Map(), least: new Set() };
    rows.set(figure, row);
    row.values.set('muslin', line.value);
    if (line.peer === null || line.peerValue === null) continue;
    row.values.set(line.peer, line.peerValue);
    if (figure !== line.name) row.least.add(line.peer);
  }
  return cases;
}

function show({ unit, values, least }: Row, speaker: string): string {
  const value = values.get(speaker);
  if (value === undefined) return '–';
  const short = (n: number) => Number(n.toPrecision(3)).toString();
  const text =
    unit === 's'
      ? value < 0.1
        ? `${short(value * 1000)} ms`
        : `${short(value)} s`
      : `${short(value)} ${unit}`;
  return least.has(speaker) ? `> ${text}` : text;
}

function share(row: Row, against: 'bird' | 'best'): number | undefined {
  const others = [...row.values].filter(
    ([name]) => name !== 'muslin' && (against === 'best' || name === against),
  );
  if (others.length === 0) return undefined;
  return (row.values.get('muslin') as number) / Math.min(...others.map(([, value]) => value));
}

function casesText(cases: ReadonlyMap<string, ReadonlyMap<string, Row>>): string[] {
  return [...cases].flatMap(([title, rows]) => [
    `### ${title}`,
    '',
    `| | ${SPEAKERS.join(' | ')} | ours / best other |`,
    `|---|${'---:|'.repeat(SPEAKERS.length + 1)}`,
    ...[...rows.values()].map(row => {
      const ratio = share(row, 'best');
      const cells = SPEAKERS.map(speaker => show(row, speaker));
      return `| ${row.figure} | ${cells.join(' | ')} | ${ratio === undefined ? '–' : ratio.toPrecision(2)} |`;
    }),
    '',
  ]);
}

function goalsText(cases: ReadonlyMap<string, ReadonlyMap<string, Row>>): string[] {
  const rows = GOALS.map(goal => {
    const found = [...cases].find(([title]) => title.endsWith(goal.case))?.[1].get(goal.figure);
    const ratio = found === undefined ? undefined : share(found, goal.against);
    const verdict = ratio === undefined ? 'not measured' : ratio <= goal.most ? 'reached' : 'missed';
    const against = goal.against === 'bird' ? 'BIRD' : 'the best other';
    return `| ${goal.name} | ≤ ${goal.most} × ${against} | ${ratio === undefined ? '–' : ratio.toPrecision(2)} | ${verdict} |`;
  });
  return ['| | goal | measured | |', '|---|---|---:|---|', ...rows, ''];
}

function machineText(): string {
  const version = (name: string) =>
    spawnSync('dpkg-query', ['-W', name], { encoding: 'utf8' }).stdout.trim().split('\t')[1] ??
    'of unknown version';
  const versions = Object.entries(PACKAGES).map(([speaker, name]) => `${speaker} ${version(name)}`);
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} cores (${cpu?.model ?? 'unknown'}), ${memory} GiB, Linux ${release().split('.').slice(0, 2).join('.')}, Node ${process.version}; ${versions.join(', ')}.`;
}

const lines = readFileSync(process.argv[2] ?? 0, 'utf8')
  .split('\n')
  .filter(text => text !== '')
  .map(text => JSON.parse(text) as Line & { readonly suite: string })
  .filter(({ suite }) => suite === 'bgp');
const cases = rowsByCase(lines);
const page = readFileSync(PAGE, 'utf8');
const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
if (from < 0 || to < from) throw new Error(`${PAGE} has no place for the tables: ${BEGIN} … ${END}`);
const block = [BEGIN, '', machineText(), '', ...goalsText(cases), ...casesText(cases), ''].join('\n');
writeFileSync(PAGE, `${page.slice(0, from)}${block.trimEnd()}\n\n${page.slice(to)}`);
