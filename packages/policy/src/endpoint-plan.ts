import type { Direction, Endpoint, EndpointPlan, Policy, PolicyKey, Tier, TierPlan } from '@muslin/api';

/** Whether policies of this node apply to the endpoint: bound here, with addresses of its own (netpol S18, S32). */
export function isLocal(endpoint: Endpoint, node: string): boolean {
  return endpoint.node === node && !endpoint.hostNetwork && endpoint.ips.length > 0;
}

/** A tier that policies name but nobody has defined: last, and closed, so that its policies still isolate. */
function missingTier(name: string): Tier {
  return { name, order: Number.POSITIVE_INFINITY, defaultAction: 'Deny' };
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Subtraction would make NaN of two infinite orders. */
const compareOrder = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0);

/** Tiers by order, then name. */
function compareTiers(a: Tier, b: Tier): number {
  return compareOrder(a.order, b.order) || compareText(a.name, b.name);
}

/** Policies of a tier by order, then name; equal names of two kinds or namespaces by key. */
export function comparePolicies(a: Policy, b: Policy): number {
  return (
    compareOrder(a.order, b.order) || compareText(nameOf(a.key), nameOf(b.key)) || compareText(a.key, b.key)
  );
}

function nameOf(key: PolicyKey): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

/** Puts the policies that select the endpoint into the order in which they are asked. */
export function endpointPlan(
  endpoint: Endpoint,
  selecting: Iterable<Policy>,
  tiers: ReadonlyMap<string, Tier>,
): EndpointPlan {
  const policies = [...selecting].filter(appliesToPods).sort(comparePolicies);
  const { key, namespace, name, ips } = endpoint;
  const of = (direction: Direction) => tierPlans(policies, direction, tiers);
  return { key, namespace, name, ips, tiers: { ingress: of('ingress'), egress: of('egress') } };
}

/** Policies that are asked before translation or tracking are for host endpoints only. */
export function appliesToPods({ hosts }: Policy): boolean {
  return hosts === undefined || hosts === 'forwarded';
}

/** The tiers of one direction, in order; `ordered` by `comparePolicies`. */
export function tierPlans(
  ordered: readonly Policy[],
  direction: Direction,
  tiers: ReadonlyMap<string, Tier>,
): readonly TierPlan[] {
  const byTier = Map.groupBy(
    ordered.filter(policy => policy.directions.has(direction)),
    policy => policy.tier,
  );
  return [...byTier.keys()]
    .map(name => tiers.get(name) ?? missingTier(name))
    .sort(compareTiers)
    .map(({ name, defaultAction }) => ({
      tier: name,
      policies: (byTier.get(name) ?? []).map(policy => policy.key),
      defaultAction,
    }));
}
