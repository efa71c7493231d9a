import { stringify } from 'yaml';
import type { Round } from './proof.ts';

/** A counterexample for people: what everybody said, and the policies as YAML. */
export function story(round: Round): string {
  const ways = round.disagreements.map(({ way, onTheWire, said }) => {
    const voices = Object.entries(said).map(([name, answer]) => `  ${name}: ${answer}`);
    return [`${way}: ${onTheWire} on the wire`, ...voices].join('\n');
  });
  return [...ways, ...round.policies.map(policy => `---\n${stringify(policy).trimEnd()}`)].join('\n');
}
