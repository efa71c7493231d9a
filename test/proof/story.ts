import { stringify } from 'yaml';
import type { Round } from './proof.ts';

/** A counterexample for people: what everybody said, and the policies as YAML. */
export function story(round: Round): string {
  const shown = round.disagreements.slice(0, 5);
  const more = round.disagreements.length - shown.length;
  const ways = shown.map(({ way, onTheWire, said }) => {
    const voices = Object.entries(said).map(([name, answer]) => `  ${name}: ${answer}`);
    return [`${way}: ${onTheWire} on the wire`, ...voices].join('\n');
  });
  if (more > 0) ways.push(`and ${more} more`);
  return [...ways, ...round.policies.map(policy => `---\n${stringify(policy).trimEnd()}`)].join('\n');
}
