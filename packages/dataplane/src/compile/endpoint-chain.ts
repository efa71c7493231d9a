import type { Direction, EndpointPlan } from '@muslin/api';
import { type Family, hostPrefix } from '@muslin/net';
import { chainName } from '../chain-name.ts';
import type { Chain, Rule } from '../ir/ruleset.ts';
import type { Marks } from './config.ts';
import type { TierChain } from './tier-chain.ts';

/**
 * One interface of an endpoint in one direction. A packet that is denied is dropped on the way; one that reaches the end (or
 * returns early, allowed) has passed. Egress begins with the addresses the pod may use.
 */
export function endpointChain(
  plan: EndpointPlan,
  direction: Direction,
  interfaceName: string,
  /** All of the endpoint's. */
  interfaces: readonly string[],
  tiers: readonly TierChain[],
  marks: Marks,
  family: Family,
): Chain {
  const rules: Rule[] = [];
  if (direction === 'egress') {
    const own = plan.ips.filter(ip => ip.family === family).map(hostPrefix);
    rules.push({
      matches: own.length === 0 ? [] : [{ kind: 'source', nets: own, not: true }],
      action: { kind: 'drop' },
      comment: `${plan.key} only its own addresses`,
    });
  }
  const asked = tiers.filter(tier => tier.chain.rules.length > 0);
  // Through a Service a pod may reach itself; it can't block itself (NetworkPolicy v1, netpol S21).
  if (direction === 'ingress' && asked.length > 0)
    for (const name of interfaces)
      rules.push({
        matches: [{ kind: 'in-interface', name }],
        action: { kind: 'accept' },
        comment: `${plan.key} to itself`,
      });
  asked.forEach((tier, i) => {
    const last = i === asked.length - 1;
    rules.push({ matches: [], action: { kind: last ? 'goto' : 'jump', chain: tier.chain.name } });
    if (!last && tier.allows)
      rules.push({
        matches: [{ kind: 'mark', value: marks.allow, mask: marks.allow }],
        action: { kind: 'return' },
      });
  });
  return { name: endpointChainName(direction, interfaceName), rules };
}

/** Egress is `from` the pod, ingress `to` it. */
export function endpointChainName(direction: Direction, interfaceName: string): string {
  return chainName(direction === 'egress' ? 'from' : 'to', interfaceName);
}
