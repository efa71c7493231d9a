import type { Decision, EndIdentity } from '@muslin/policy';
import type { World } from '../world/world.ts';
import { endpointName, formatRef, isolating, reasonText } from './reason-text.ts';

/** What one end of a flow says, in the short form of `verdict`. */
export interface EndAnswer {
  readonly verdict: 'allow' | 'deny';
  /** `NetworkPolicy shop/db`: what decided; of several that isolate without a match, the first. */
  readonly policy?: string;
  /** Path of the rule that matched. */
  readonly rule?: string;
  readonly reason: string;
  readonly file?: string;
  readonly line?: number;
}

/** Shortens a decision. `peer` is the other end, whose made-up address may be what a rule looked at. */
export function endAnswer(
  decision: Decision,
  peer: EndIdentity,
  world: Pick<World, 'placeOf' | 'madeUp'>,
): EndAnswer {
  const { because } = decision;
  const reason = reasonText(decision) + madeUpNote(decision, peer, world.madeUp);
  if (because.code === 'rule') {
    const place = world.placeOf(because.source, because.path, because.policy);
    return {
      verdict: decision.answer,
      policy: formatRef(because.source),
      rule: because.path,
      reason,
      ...place,
    };
  }
  const first = because.code === 'tier-default' ? isolating(decision)[0] : undefined;
  if (first === undefined || because.code !== 'tier-default') return { verdict: decision.answer, reason };
  const place = world.placeOf(first, '', because.policies[0]);
  return { verdict: decision.answer, policy: formatRef(first), reason, ...place };
}

/** Says so when an ipBlock was asked about an address that no one has. */
function madeUpNote(decision: Decision, peer: EndIdentity, madeUp: ReadonlySet<string>): string {
  const endpoint = peer.kind === 'external' ? undefined : peer.endpoint;
  if (endpoint === undefined || !madeUp.has(endpoint)) return '';
  const side = decision.direction === 'ingress' ? 'source' : 'destination';
  const asked = decision.tiers
    .flatMap(tier => tier.policies)
    .flatMap(policy => policy.rules)
    .some(({ rule, matched, failed }) =>
      matched
        ? rule[side].nets !== undefined || rule[side].notNets !== undefined
        : failed === `${side}.nets` || failed === `${side}.notNets`,
    );
  return asked
    ? ` (the address of ${endpointName(endpoint)} is made up, as the files give none: see --pod-cidr)`
    : '';
}
