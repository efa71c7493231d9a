import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { PeerRow } from './peers/peer-row.ts';
import type { CellResult } from './run-cells.ts';

const PAGE = new URL('../../docs/interop.md', import.meta.url);

/** Writes the page of a whole run: the table, what a green cell means, why peers lack what they lack, what is red. */
export function writeReport(peers: readonly PeerRow[], results: readonly CellResult[]): void {
  writeFileSync(
    PAGE,
    page(
      peers.map(peer => `${peer.name} ${versionOf(peer)}`),
      results,
      peers.length,
    ),
  );
}

/** The page, given the headings of the columns and the results in the order of the table. */
export function page(heads: readonly string[], results: readonly CellResult[], columns: number): string {
  const notes: string[] = [];
  const note = (reason: string): number => {
    if (!notes.includes(reason)) notes.push(reason);
    return notes.indexOf(reason) + 1;
  };
  const rows: string[] = [];
  const meanings: string[] = [];
  for (let at = 0; at < results.length; at += columns) {
    const cells = results.slice(at, at + columns);
    const { feature } = cells[0] as CellResult;
    rows.push(`| ${feature.name} | ${cells.map(cell => textOf(cell, note)).join(' | ')} |`);
    meanings.push(`- **${feature.name}**: ${feature.shows}.`);
  }
  const red = results.flatMap(({ peer, feature, outcome }) =>
    outcome.kind === 'red' ? [`- ${peer.name}, ${feature.name}: ${outcome.reason.split('\n')[0]}`] : [],
  );
  return `# Sessions with other routers

Written by \`npm run interop\`; don't edit. Each cell is a session between our speaker and another router, each in a
network namespace of its own, with the Debian package named above the column. Routes went both ways, and both sides were
asked: ours through the library, the other through its own command line. Sockets, TCP options and BFD are those of the
node's speaker program.

| | ${heads.join(' | ')} |
|---|${heads.map(() => '---|').join('')}
${rows.join('\n')}

## What a green cell has shown

${meanings.join('\n')}

## What the others lack

${notes.map((reason, i) => `${i + 1}. ${reason}.`).join('\n')}
${red.length === 0 ? '' : `\n## Red\n\n${red.join('\n')}\n`}`;
}

function textOf({ outcome }: CellResult, note: (reason: string) => number): string {
  switch (outcome.kind) {
    case 'green':
      return 'green';
    case 'red':
      return '**red**';
    case 'lacking':
      return `not supported by peer (${note(outcome.reason)})`;
    default:
      return outcome satisfies never;
  }
}

function versionOf(peer: PeerRow): string {
  return execFileSync('dpkg-query', ['-W', '-f', '\x24{Version}', peer.package]).toString();
}
