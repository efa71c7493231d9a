import type { EndpointPlan, NodeState } from '@muslin/api';
import type { Family } from '@muslin/net';

/** The same endpoints without policies: the same object for the same plan, so that compiled chains stay. */
const bare = new WeakMap<EndpointPlan, EndpointPlan>();

/**
 * What one family's rules need of a node's state. An endpoint without an address of the family has no route in it and
 * may send nothing in it (the source check), so no policy has anything to decide there. Where all pods have IPv4 alone,
 * a policy change then leaves the tables of IPv6 as they are.
 */
export function familyState(state: NodeState, family: Family): NodeState {
  const endpoints = new Map<string, EndpointPlan>();
  let same = true;
  for (const [key, plan] of state.endpoints) {
    const has = plan.ips.some(ip => ip.family === family);
    if (!has) same = false;
    endpoints.set(key, has ? plan : withoutPolicies(plan));
  }
  return same ? state : { ...state, endpoints };
}

function withoutPolicies(plan: EndpointPlan): EndpointPlan {
  let known = bare.get(plan);
  if (known === undefined) bare.set(plan, (known = { ...plan, tiers: { ingress: [], egress: [] } }));
  return known;
}
