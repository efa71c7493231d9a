import { type Family, type Prefix, prefixCovers, prefixHas, samePrefix } from '@muslin/net';
import { prependAs } from '../wire/as-path.ts';
import type { PathAttributes } from '../wire/attributes.ts';
import type { Community, LargeCommunity } from '../wire/community.ts';
import type { NextHop } from '../wire/next-hop.ts';
import { DEFAULT_LOCAL_PREF } from './attribute-table.ts';

/** How a route's prefix must relate to the given one; `lengths` bounds the route's own length, inclusive. */
export interface PrefixMatch {
  readonly prefix: Prefix;
  readonly operator: 'equal' | 'not-equal' | 'in' | 'not-in';
  readonly lengths?: { readonly min?: number; readonly max?: number };
}

/** All given conditions must hold; none given matches every route. */
export interface RouteMatch {
  readonly family?: Family;
  readonly prefix?: PrefixMatch;
  /** Originated by this speaker, or learned from a peer. */
  readonly source?: 'own' | 'remote';
  /** Kind of the session that the rule is applied on. */
  readonly peerType?: 'ebgp' | 'ibgp';
  /** The route carries all of these. */
  readonly communities?: readonly Community[];
  /** The AS path starts with these, nearest first. */
  readonly asPathPrefix?: readonly number[];
  /** LOCAL_PREF; a route without one has 100. */
  readonly localPref?: number;
  /** The route has a next hop, and it is reached in this way. */
  readonly via?: NextHopVia;
}

/** Ways to next hops: the first that leads to one says whether it matches; where none does it matches not. */
export type NextHopVia = readonly { readonly to: Prefix; readonly matches: boolean }[];

/** What a rule changes on a route. */
export type RouteAction =
  | { readonly kind: 'add-community'; readonly community: Community }
  | { readonly kind: 'remove-community'; readonly community: Community }
  /** Puts these in front of the AS path, the first one nearest. */
  | { readonly kind: 'prepend'; readonly asNumbers: readonly number[] }
  | { readonly kind: 'set-local-pref'; readonly value: number }
  | { readonly kind: 'set-med'; readonly value: number };

/** One rule: the actions are applied to matching routes; `continue` goes on to the next rule with the changed route. */
export interface PolicyRule {
  readonly name?: string;
  readonly match: RouteMatch;
  readonly actions?: readonly RouteAction[];
  readonly verdict: 'accept' | 'reject' | 'continue';
}

/** Ordered rules, and what happens to routes that no rule decides. A value. */
export interface Policy {
  readonly rules: readonly PolicyRule[];
  readonly otherwise: 'accept' | 'reject';
}

/** Lets every route through unchanged. */
export const ACCEPT_ALL: Policy = { rules: [], otherwise: 'accept' };

/** A route as a policy sees it. */
export interface PolicyRoute {
  readonly prefix: Prefix;
  readonly attributes: PathAttributes;
  readonly source: 'own' | 'remote';
  readonly peerType: 'ebgp' | 'ibgp';
}

/** What a policy did; `rule` is the index of the rule that decided, undefined for `otherwise`. */
export interface PolicyResult {
  readonly accepted: boolean;
  readonly attributes: PathAttributes;
  readonly rule: number | undefined;
}

/** Applies a policy to one route. */
export function applyPolicy(policy: Policy, route: PolicyRoute): PolicyResult {
  let { attributes } = route;
  for (const [index, rule] of policy.rules.entries()) {
    if (!matches(rule.match, { ...route, attributes })) continue;
    for (const action of rule.actions ?? []) attributes = applyAction(action, attributes);
    if (rule.verdict !== 'continue') return { accepted: rule.verdict === 'accept', attributes, rule: index };
  }
  return { accepted: policy.otherwise === 'accept', attributes, rule: undefined };
}

/** Whether the outcome depends on the prefix; when not, it is the same for all routes that share attributes. */
export function dependsOnPrefix(policy: Policy): boolean {
  return policy.rules.some(rule => rule.match.prefix !== undefined || rule.match.family !== undefined);
}

function matches(match: RouteMatch, route: PolicyRoute): boolean {
  if (match.family !== undefined && match.family !== route.prefix.ip.family) return false;
  if (match.source !== undefined && match.source !== route.source) return false;
  if (match.peerType !== undefined && match.peerType !== route.peerType) return false;
  if (match.prefix !== undefined && !matchesPrefix(match.prefix, route.prefix)) return false;
  if (match.communities !== undefined && !match.communities.every(c => hasCommunity(route.attributes, c)))
    return false;
  if (match.localPref !== undefined && match.localPref !== (route.attributes.localPref ?? DEFAULT_LOCAL_PREF))
    return false;
  if (match.via !== undefined && !goesVia(match.via, route.attributes.nextHop)) return false;
  if (match.asPathPrefix !== undefined) {
    const path = (route.attributes.asPath ?? []).flatMap(s => (s.kind === 'sequence' ? s.asNumbers : []));
    if (!match.asPathPrefix.every((as, i) => path[i] === as)) return false;
  }
  return true;
}

function goesVia(ways: NextHopVia, hop: NextHop | undefined): boolean {
  if (hop === undefined) return false;
  const gateway = hop.linkLocal ?? hop.ip;
  return ways.find(({ to }) => prefixHas(to, gateway))?.matches ?? false;
}

function matchesPrefix(match: PrefixMatch, prefix: Prefix): boolean {
  const { min = 0, max = 128 } = match.lengths ?? {};
  if (prefix.length < min || prefix.length > max) return false;
  switch (match.operator) {
    case 'equal':
      return samePrefix(match.prefix, prefix);
    case 'not-equal':
      return !samePrefix(match.prefix, prefix);
    case 'in':
      return prefixCovers(match.prefix, prefix);
    case 'not-in':
      return !prefixCovers(match.prefix, prefix);
    default:
      return match.operator satisfies never;
  }
}

function sameLarge(a: LargeCommunity, b: LargeCommunity): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2];
}

function hasCommunity(attributes: PathAttributes, community: Community): boolean {
  if (community.kind === 'standard') return attributes.communities?.includes(community.value) ?? false;
  return attributes.largeCommunities?.some(c => sameLarge(c, community.value)) ?? false;
}

function applyAction(action: RouteAction, attributes: PathAttributes): PathAttributes {
  switch (action.kind) {
    case 'add-community':
      return addCommunity(attributes, action.community);
    case 'remove-community':
      return removeCommunity(attributes, action.community);
    case 'prepend': {
      let asPath = attributes.asPath ?? [];
      for (const as of action.asNumbers.toReversed()) asPath = prependAs(asPath, as);
      return { ...attributes, asPath };
    }
    case 'set-local-pref':
      return { ...attributes, localPref: action.value };
    case 'set-med':
      return { ...attributes, med: action.value };
    default:
      return action satisfies never;
  }
}

function addCommunity(attributes: PathAttributes, community: Community): PathAttributes {
  if (hasCommunity(attributes, community)) return attributes;
  if (community.kind === 'standard') {
    return { ...attributes, communities: [...(attributes.communities ?? []), community.value] };
  }
  return { ...attributes, largeCommunities: [...(attributes.largeCommunities ?? []), community.value] };
}

function removeCommunity(attributes: PathAttributes, community: Community): PathAttributes {
  const { communities, largeCommunities, ...rest } = attributes;
  const standard = communities?.filter(c => community.kind !== 'standard' || c !== community.value) ?? [];
  const large =
    largeCommunities?.filter(c => community.kind !== 'large' || !sameLarge(c, community.value)) ?? [];
  return {
    ...rest,
    ...(standard.length > 0 && { communities: standard }),
    ...(large.length > 0 && { largeCommunities: large }),
  };
}
