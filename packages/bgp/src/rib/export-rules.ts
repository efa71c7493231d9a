import { fail, type Ip, type Ip4, ok, type Prefix, prefixHas, type Result } from '@muslin/net';
import { prependAs } from '../wire/as-path.ts';
import type { PathAttributes } from '../wire/attributes.ts';
import type { Role } from '../wire/capability.ts';
import { WELL_KNOWN_COMMUNITIES } from '../wire/community.ts';
import { isTransitive } from '../wire/extended-community.ts';
import type { NextHop } from '../wire/next-hop.ts';
import type { WireOptions } from '../wire/options.ts';
import { DEFAULT_LOCAL_PREF } from './attribute-table.ts';
import { applyPolicy, dependsOnPrefix, type Policy } from './policy.ts';
import type { RibPeer } from './rib-peer.ts';

/** How routes leave: peers with an equal treatment share one encoding (an update group). A value. */
export interface ExportTreatment {
  readonly external: boolean;
  readonly localAs: number;
  /** The speaker's own AS, where it stands behind `localAs` in the path (RFC 7705 §3.3). */
  readonly behindAs?: number;
  /** The peer is a route reflection client (RFC 4456). */
  readonly client: boolean;
  /** Clients tell each other themselves: nothing is reflected from one to this one. */
  readonly meshedClient?: true;
  readonly clusterId: Ip4;
  readonly nextHop: 'auto' | 'self' | 'keep';
  /** Subnets that we share with a peer in another AS: `auto` keeps next hops in them (RFC 4271 §5.1.3, "third party"). */
  readonly sharedSubnets?: readonly Prefix[];
  /** Our address as next hop per IP family, as far as there is one. */
  readonly self: { readonly 4?: NextHop; readonly 6?: NextHop };
  readonly role: Role | undefined;
  /** The session is about to end (RFC 8326). */
  readonly gracefulShutdown: boolean;
  /** The peer knows what a long-lived stale route is (RFC 9494 §4.3). */
  readonly longLived: boolean;
  readonly policy: Policy;
  readonly wire: WireOptions;
}

/** Why a route is not sent to a peer. */
export type Withheld =
  | 'no-advertise'
  | 'no-export'
  | 'long-lived-stale'
  | 'internal-to-internal'
  | 'client-to-client'
  | 'only-to-customer'
  | 'export-filter'
  | 'no-next-hop'
  | 'too-long';

/** A text that is the same for equal treatments. */
export function treatmentKey(treatment: ExportTreatment): string {
  return JSON.stringify(treatment);
}

/** Whether all routes with the same attributes and source fare alike. */
export function exportDependsOnPrefix(treatment: ExportTreatment): boolean {
  return dependsOnPrefix(treatment.policy);
}

/** The route as the peer gets it, or why it gets none (RFC 4271 §9.1.3, §5.1; RFC 4456; RFC 1997; RFC 9234 §5). */
export function exportRoute(
  treatment: ExportTreatment,
  attributes: PathAttributes,
  source: RibPeer,
  prefix: Prefix,
): Result<PathAttributes, Withheld> {
  const { external } = treatment;
  const communities = attributes.communities ?? [];
  if (communities.includes(WELL_KNOWN_COMMUNITIES['no-advertise'])) return fail('no-advertise');
  if (external && communities.some(isNoExport)) return fail('no-export');
  if (!treatment.longLived && communities.includes(WELL_KNOWN_COMMUNITIES['llgr-stale']))
    return fail('long-lived-stale');
  const reflected = source.kind === 'ibgp' && !external;
  const unreflected = reflected ? notReflected(treatment, source) : undefined;
  if (unreflected !== undefined) return fail(unreflected);
  const before = external ? forOutside(attributes, source) : attributes;
  const policy = applyPolicy(treatment.policy, {
    prefix,
    attributes: before,
    source: source.kind === 'own' ? 'own' : 'remote',
    peerType: external ? 'ebgp' : 'ibgp',
  });
  if (!policy.accepted) return fail('export-filter');
  const nextHop = nextHopFor(treatment, policy.attributes.nextHop, source, prefix);
  if (nextHop === undefined) return fail('no-next-hop');
  const sent = { ...secondChoice(treatment, policy.attributes), nextHop };
  if (!external) return ok(forInside(treatment, sent, source, reflected));
  const { localPref: _, ...rest } = sent;
  const path = rest.asPath ?? [];
  const behind = treatment.behindAs === undefined ? path : prependAs(path, treatment.behindAs);
  const withRole = applyRole(treatment, { ...rest, asPath: prependAs(behind, treatment.localAs) });
  return withRole === undefined ? fail('only-to-customer') : ok(withRole);
}

/** Why a reflector doesn't pass an internal route on to an internal peer (RFC 4456 §6). */
export function notReflected(treatment: ExportTreatment, source: RibPeer): Withheld | undefined {
  if (!source.client && !treatment.client) return 'internal-to-internal';
  return source.client && treatment.meshedClient ? 'client-to-client' : undefined;
}

/** RFC 8326 §4.2: marked for other ASes, and worth nothing inside ours. */
function secondChoice(treatment: ExportTreatment, attributes: PathAttributes): PathAttributes {
  if (!treatment.gracefulShutdown) return attributes;
  const mark = WELL_KNOWN_COMMUNITIES['graceful-shutdown'];
  const communities = attributes.communities ?? [];
  return {
    ...attributes,
    localPref: 0,
    communities: communities.includes(mark) ? communities : [...communities, mark],
  };
}

function isNoExport(community: number): boolean {
  return (
    community === WELL_KNOWN_COMMUNITIES['no-export'] ||
    community === WELL_KNOWN_COMMUNITIES['no-export-subconfed']
  );
}

/** Drops what must not cross the border of the AS: a MED that others set, and all that is internal. */
function forOutside(attributes: PathAttributes, source: RibPeer): PathAttributes {
  const { med, originatorId: _o, clusterList: _c, extendedCommunities, asPath, ...rest } = attributes;
  const kept = extendedCommunities?.filter(isTransitive) ?? [];
  return {
    ...rest,
    // RFC 5065 §4.1: confederation segments stay inside.
    asPath: (asPath ?? []).filter(s => !s.kind.startsWith('confed')),
    ...(med !== undefined && source.kind === 'own' && { med }),
    ...(kept.length > 0 && { extendedCommunities: kept }),
  };
}

function forInside(
  treatment: ExportTreatment,
  attributes: PathAttributes,
  source: RibPeer,
  reflected: boolean,
): PathAttributes {
  const inside = {
    ...attributes,
    asPath: attributes.asPath ?? [],
    localPref: attributes.localPref ?? DEFAULT_LOCAL_PREF,
  };
  if (!reflected) return inside;
  return {
    ...inside,
    originatorId: attributes.originatorId ?? source.routerId,
    clusterList: [treatment.clusterId, ...(attributes.clusterList ?? [])],
  };
}

/** RFC 4271 §5.1.3, RFC 4456 §10 (a reflector leaves NEXT_HOP alone unless told), RFC 8950 §4. */
function nextHopFor(
  treatment: ExportTreatment,
  current: NextHop | undefined,
  source: RibPeer,
  prefix: Prefix,
): NextHop | undefined {
  const { nextHop: mode, self, external } = treatment;
  const shared = current !== undefined && isShared(treatment, current.ip);
  const stays = shared || !(external || source.behindUs);
  const keep = current !== undefined && (mode === 'keep' || (mode === 'auto' && stays));
  // An explicit next hop of an own route is the operator's wish, whatever the session.
  const explicit = current !== undefined && source.kind === 'own' && mode !== 'self';
  if (keep || explicit) return fits(treatment, current, prefix) ? current : undefined;
  if (prefix.ip.family === 6) return self[6];
  return self[4] ?? (treatment.wire.extendedNextHop ? self[6] : undefined);
}

/** The peer reaches this address without us. */
export function isShared({ sharedSubnets }: ExportTreatment, hop: Ip): boolean {
  return sharedSubnets?.some(subnet => prefixHas(subnet, hop)) ?? false;
}

function fits(treatment: ExportTreatment, hop: NextHop, prefix: Prefix): boolean {
  const family: Ip['family'] = hop.ip.family;
  if (family === prefix.ip.family) return true;
  return prefix.ip.family === 4 && treatment.wire.extendedNextHop;
}

/** RFC 9234 §5: undefined means that the route may only go to customers. */
function applyRole(treatment: ExportTreatment, a: PathAttributes): PathAttributes | undefined {
  const { role } = treatment;
  if (role === undefined) return a;
  const toCustomer = role === 'provider' || role === 'rs';
  if (a.onlyToCustomer !== undefined) return toCustomer ? a : undefined;
  return toCustomer || role === 'peer' ? { ...a, onlyToCustomer: treatment.localAs } : a;
}
