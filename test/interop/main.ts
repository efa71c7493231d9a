import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { tryCell } from './cell.ts';
import { FEATURES } from './features.ts';
import { PEERS } from './peers.ts';

const { values } = parseArgs({ options: { peer: { type: 'string' }, feature: { type: 'string' } } });
const peers = PEERS.filter(
  p => values.peer === undefined || p.name.toLowerCase() === values.peer.toLowerCase(),
);
const features = FEATURES.filter(f => values.feature === undefined || f.name === values.feature);
const red: string[] = [];
const rows: string[] = [];
for (const feature of features) {
  const cells: string[] = [];
  for (const peer of peers) {
    const reason = await tryCell(peer, feature);
    process.stdout.write(`${peer.name}, ${feature.name}: ${reason ?? 'green'}\n`);
    if (reason !== undefined) red.push(`- ${peer.name}, ${feature.name}: ${reason}`);
    cells.push(reason === undefined ? 'green' : '**red**');
  }
  rows.push(`| ${feature.name} | ${cells.join(' | ')} |`);
}
if (values.peer === undefined && values.feature === undefined) {
  const version = (name: string) =>
    execFileSync('dpkg-query', ['-W', '-f', '$' + '{Version}', name]).toString();
  const head = peers.map(p => `${p.name} ${version(p.package)}`).join(' | ');
  writeFileSync(
    new URL('../../docs/interop.md', import.meta.url),
    `# Sessions with other speakers\n\nWritten by \`test/interop/main.ts\`. Each cell is a real session between two network namespaces in which routes went both ways.\n\n| | ${head} |\n|---|${peers.map(() => '---|').join('')}\n${rows.join('\n')}\n${red.length === 0 ? '' : `\n## Red\n\n${red.join('\n')}\n`}`,
  );
}
process.exitCode = red.length === 0 ? 0 : 1;
