import type { ActivePolicy, Direction, NodeState } from '@muslin/api';
import { digest } from '../digest.ts';
import type { Rule } from '../ir/ruleset.ts';
import type { NodeConfig } from './config.ts';

/** What the kernel says of a denied packet: `D i <digest>`, the direction and the rule that denied it. */
const PREFIX = /^D ([ie]) ([\w-]{16})$/;

/** Names the end of a tier, as rules and their notes do. */
export function endOfTier(tier: string): string {
  return `end of tier ${tier}`;
}

/** A rule that tells of the packets that the given one is about to drop; none when nobody listens. */
export function deniedNote(rule: Rule, direction: Direction, log: NodeConfig['deniedLog']): readonly Rule[] {
  if (log === undefined) return [];
  const prefix = `D ${direction === 'ingress' ? 'i' : 'e'} ${noteOf(rule.comment ?? '')}`;
  return [{ matches: rule.matches, action: { kind: 'nflog', ...log, prefix }, comment: 'denied' }];
}

const noteOf = (name: string) => digest(name, 16);

/** What a note says: the direction, and which rule it was; undefined when the note is not ours. */
export function readDeniedNote(
  prefix: string,
): { readonly direction: Direction; readonly note: string } | undefined {
  const [, direction, note] = PREFIX.exec(prefix) ?? [];
  return note === undefined ? undefined : { direction: direction === 'i' ? 'ingress' : 'egress', note };
}

/** Who is behind a note: the rule of a policy, by its path, or the end of a tier. */
export type Denier = { readonly policy: ActivePolicy; readonly path: string } | { readonly tier: string };

/** Every rule of a state that may deny, by what its note says. */
export function deniersOf({ policies, endpoints }: NodeState): ReadonlyMap<string, Denier> {
  const deniers = new Map<string, Denier>();
  for (const policy of policies.values())
    for (const { action, path } of [...policy.ingress, ...policy.egress])
      if (action === 'Deny') deniers.set(noteOf(`${policy.key} ${path}`), { policy, path });
  for (const { tiers } of endpoints.values())
    for (const { tier } of [...tiers.ingress, ...tiers.egress])
      deniers.set(noteOf(endOfTier(tier)), { tier });
  return deniers;
}
