import type { Endpoint, HostEndpoint, Labels, NetworkSetFacts } from '@muslin/api';
import { sameIp, samePrefix } from '@muslin/net';
import { offeredByEndpoint, offeredByNetworkSet, type SetMeaning } from '../set-meaning.ts';

/** What a selector can select: a pod, a host endpoint or a network set, with the labels that selectors see. A value. */
export type Bearer =
  | {
      readonly kind: 'endpoint';
      readonly facts: Endpoint;
      readonly labels: Labels;
      /** Shared by all selector sets that hold the endpoint. */
      readonly addresses: readonly string[];
    }
  | {
      readonly kind: 'host';
      readonly facts: HostEndpoint;
      readonly labels: Labels;
      readonly addresses: readonly string[];
    }
  | { readonly kind: 'networkSet'; readonly facts: NetworkSetFacts; readonly labels: Labels };

/** An endpoint with its effective labels. */
export function endpointBearer(facts: Endpoint, labels: Labels): Bearer {
  const addresses = offeredByEndpoint(ADDRESSES, facts);
  return { kind: 'endpoint', facts, labels, addresses };
}

/** A host endpoint with its effective labels. */
export function hostBearer(facts: HostEndpoint, labels: Labels): Bearer {
  return { kind: 'host', facts, labels, addresses: offeredByEndpoint(ADDRESSES, facts) };
}

const ADDRESSES: SetMeaning = { kind: 'selector', selector: { op: 'all' } };

/** What the bearer brings into a set whose selector selects it. */
export function offered(meaning: SetMeaning, bearer: Bearer): readonly string[] {
  if (bearer.kind === 'networkSet') return offeredByNetworkSet(meaning, bearer.facts);
  return meaning.kind === 'selector' ? bearer.addresses : offeredByEndpoint(meaning, bearer.facts);
}

/** Whether both bring the same into every set that selects them. */
export function offersSame(a: Bearer, b: Bearer): boolean {
  if (a.kind === 'networkSet')
    return b.kind === 'networkSet' && sameList(a.facts.nets, b.facts.nets, samePrefix);
  if (b.kind === 'networkSet' || hostNetworkOf(a) !== hostNetworkOf(b)) return false;
  return (
    sameList(a.facts.ips, b.facts.ips, sameIp) &&
    sameList(
      a.facts.ports,
      b.facts.ports,
      (p, q) => p.name === q.name && p.protocol === q.protocol && p.port === q.port,
    )
  );
}

const hostNetworkOf = (bearer: Bearer) => bearer.kind === 'endpoint' && bearer.facts.hostNetwork;

function sameList<T>(a: readonly T[], b: readonly T[], same: (x: T, y: T) => boolean): boolean {
  return a === b || (a.length === b.length && a.every((x, i) => same(x, b[i] as T)));
}

/** The keys whose labels differ. */
export function changedKeys(before: Labels, after: Labels): ReadonlySet<string> {
  const changed = new Set<string>();
  for (const [key, value] of before) if (after.get(key) !== value) changed.add(key);
  for (const key of after.keys()) if (!before.has(key)) changed.add(key);
  return changed;
}
