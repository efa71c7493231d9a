import { stringify } from 'yaml';
import type { NodeRound } from './node-proof.ts';
import type { Round } from './proof.ts';

/** A counterexample for people: what everybody said, and the policies as YAML. */
export function story(round: Round | NodeRound): string {
  const shown = round.disagreements.slice(0, 5);
  const more = round.disagreements.length - shown.length;
  const ways = shown.map(({ way, onTheWire, said }) => {
    const voices = Object.entries(said).map(([name, answer]) => `  ${name}: ${answer}`);
    return [`${way}: ${onTheWire} on the wire`, ...voices].join('\n');
  });
  if (more > 0) ways.push(`and ${more} more`);
  const written = [...('hosts' in round ? round.hosts : []), ...round.policies];
  return [...ways, ...written.map(one => `---\n${stringify(one).trimEnd()}`)].join('\n');
}
