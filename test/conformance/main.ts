import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { NOT_SHOWN } from './probe.ts';
import { PROBES } from './probes/index.ts';
import { examine, type Examination } from './run.ts';
import { OTHERS, OURS, type Subject } from './subjects.ts';

const { values } = parseArgs({ options: { subject: { type: 'string' }, only: { type: 'string' } } });
const wanted = values.subject?.toLowerCase();
const subjects = [OURS, ...OTHERS].filter(s => wanted === undefined || s.name.toLowerCase() === wanted);
const only =
  values.only === undefined
    ? undefined
    : PROBES.flatMap((p, i) => (`${p.rfc}: ${p.says}`.includes(values.only as string) ? [i] : []));
const results = new Map<Subject, Examination>();
for (const subject of subjects) {
  const start = performance.now();
  const result = await examine(subject, only);
  results.set(subject, result);
  const { passed, scored } = score(subject, result);
  const seconds = Math.round((performance.now() - start) / 1000);
  process.stdout.write(
    `${subject.name}: ${passed} of ${scored} in ${seconds} s${result.lostGuests === '' ? '' : `; guests lost: ${result.lostGuests}`}\n`,
  );
  for (const [number, probe] of PROBES.entries()) {
    const observed = result.observed.get(number);
    if (observed === undefined || probe.expect.includes(observed)) continue;
    process.stdout.write(
      `  ${probe.level} ${probe.rfc}: ${probe.says}\n      observed ${observed}, wanted ${probe.expect.join(' or ')}\n`,
    );
  }
}
if (wanted === undefined && only === undefined)
  writeFileSync(new URL('../../docs/bgp-conformance.md', import.meta.url), page());
const own = results.get(OURS);
process.exitCode = own === undefined || score(OURS, own).passed === score(OURS, own).scored ? 0 : 1;

function score(
  subject: Subject,
  { observed }: Examination,
): { readonly passed: number; readonly scored: number } {
  const scored = PROBES.map((probe, i) => [probe, i] as const).filter(
    ([probe, i]) =>
      !(subject.noRoutes && probe.needsRoutes) &&
      observed.get(i) !== NOT_SHOWN &&
      (only === undefined || only.includes(i)),
  );
  const passed = scored.filter(([probe, i]) => probe.expect.includes(observed.get(i) ?? '')).length;
  return { passed, scored: scored.length };
}

function page(): string {
  const version = (s: Subject) =>
    s.package === undefined
      ? ''
      : ` ${execFileSync('dpkg-query', ['-W', '-f', '$' + '{Version}', s.package])}`;
  const columns = [...results.keys()];
  const cell = (subject: Subject, number: number) => {
    const probe = PROBES[number] as (typeof PROBES)[number];
    const observed = results.get(subject)?.observed.get(number) ?? 'not reached';
    if ((subject.noRoutes && probe.needsRoutes) || observed === NOT_SHOWN) return '–';
    return probe.expect.includes(observed) ? 'yes' : `**${observed.replaceAll('|', '/').slice(0, 48)}**`;
  };
  const rows = PROBES.map(
    (probe, i) =>
      `| ${probe.rfc} | ${probe.level} | ${probe.says} | ${columns.map(s => cell(s, i)).join(' | ')} |`,
  );
  const totals = columns.map(s => {
    const { passed, scored } = score(s, results.get(s) as Examination);
    return `${passed} of ${scored}`;
  });
  return `# What the standards ask for, tried on the wire

Written by \`npm run conformance\` (\`test/conformance\`). Each row is one sentence of an RFC in our own words; each cell is a real
TCP session in a network namespace in which bytes went in and what came of it was observed: by the peer itself, or by
what another peer was told. “yes” is what the sentence asks for; anything else is what was observed instead: \`W\` treated as
withdrawn, \`ok\` accepted, \`kept\` the route before it stands, \`R a/b\` the session ended with that NOTIFICATION,
\`closed\` without one. “–”: it can't be shown, because the
speaker passes no routes on, or did not call within 20 s. Other speakers run as packaged, with nothing tuned
but timers, and what the probe needs switched on.

| | | | ${columns.map(s => `${s.name}${version(s)}`).join(' | ')} |
|---|---|---|${columns.map(() => '---|').join('')}
| | | **passed** | ${totals.map(t => `**${t}**`).join(' | ')} |
${rows.join('\n')}
`;
}
