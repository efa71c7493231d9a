import { parseArgs } from 'node:util';
import { FEATURES } from './features/features.ts';
import { PEERS } from './peers/peers.ts';
import { Cell } from './cell.ts';
import { removeLeftovers } from './place.ts';
import { writeReport } from './report.ts';
import { type CellResult, runCells, tryCell, tryLacking } from './run-cells.ts';

const { values } = parseArgs({
  options: {
    peer: { type: 'string' },
    feature: { type: 'string' },
    jobs: { type: 'string', default: '4' },
    lacking: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const matches = (name: string, wanted: string | undefined) =>
  wanted === undefined || name.toLowerCase().includes(wanted.toLowerCase());
const peers = PEERS.filter(peer => matches(peer.name, values.peer));
const features = FEATURES.filter(feature => matches(feature.name, values.feature));

function usage(): string {
  const list = (names: readonly string[]) => names.map(name => `  ${name}\n`).join('');
  return `npm run interop -- [--peer NAME] [--feature PART-OF-NAME] [--jobs 4] [--lacking]\n\nPeers:\n${list(PEERS.map(p => p.name))}\nFeatures:\n${list(FEATURES.map(f => f.name))}`;
}

function line({ peer, feature, outcome }: CellResult): string {
  const name = `${peer.name}, ${feature.name}`;
  if (outcome.kind === 'lacking') return `-      ${name}: not supported by peer: ${outcome.reason}`;
  const time = `${outcome.seconds.toFixed(1)} s`;
  return outcome.kind === 'green'
    ? `green  ${name} (${time})`
    : `RED    ${name} (${time}): ${outcome.reason}`;
}

async function main(): Promise<number> {
  if (values.help || peers.length === 0 || features.length === 0) {
    process.stdout.write(usage());
    return values.help ? 0 : 2;
  }
  removeLeftovers();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void Cell.stopAll().finally(() => process.exit(1)));
  const start = performance.now();
  const cells = features
    .flatMap(feature => peers.map(peer => [feature, peer] as const))
    .filter(([feature, peer]) => !values.lacking || feature.lacks?.[peer.name] !== undefined);
  const terminal = process.stdout.isTTY === true;
  const told = (result: CellResult, done: number): void => {
    if (terminal) process.stdout.write('\r\x1b[K');
    process.stdout.write(`${line(result)}\n`);
    if (terminal && done < cells.length) process.stdout.write(`${done} of ${cells.length}`);
  };
  const attempt = values.lacking ? tryLacking : tryCell;
  const results = await runCells(cells, Math.max(1, Number(values.jobs)), told, attempt);
  const count = (kind: string) => results.filter(result => result.outcome.kind === kind).length;
  const seconds = Math.round((performance.now() - start) / 1000);
  process.stdout.write(
    `${count('green')} green, ${count('red')} red, ${count('lacking')} not supported by the peer, in ${seconds} s\n`,
  );
  const all = values.peer === undefined && values.feature === undefined && !values.lacking;
  if (all) writeReport(PEERS, results);
  return count('red') === 0 ? 0 : 1;
}

process.exitCode = await main();
