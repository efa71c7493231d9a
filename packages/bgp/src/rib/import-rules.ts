import { formatIp, type Ip, type Ip4, type Prefix } from '@muslin/net';
import { countAs, neighbourAs, prependAs, type AsPath } from '../wire/as-path.ts';
import type { PathAttributes } from '../wire/attributes.ts';
import type { Role } from '../wire/capability.ts';
import { WELL_KNOWN_COMMUNITIES } from '../wire/community.ts';
import type { RouteFamily } from '../wire/route-family.ts';
import type { Exclusion } from './path-table.ts';
import { applyPolicy, dependsOnPrefix, type Policy } from './policy.ts';

/** How routes from one peer are taken in. */
export interface ImportTreatment {
  readonly external: boolean;
  readonly localAs: number;
  /** The speaker's own AS, where `localAs` is another: it must not be in the path either. */
  readonly speakerAs?: number;
  /** Put `localAs` in front of the path, as if that AS had passed the route on (RFC 7705 §3.1). */
  readonly prependLocalAs?: boolean;
  readonly remoteAs: number;
  readonly routerId: Ip4;
  readonly clusterId: Ip4;
  /** Times that our own AS may be in the path. */
  readonly allowAsIn: number;
  /** The path from another AS must start with that AS (RFC 4271 §6.3). */
  readonly enforceFirstAs: boolean;
  /** Routes marked GRACEFUL_SHUTDOWN get LOCAL_PREF 0 (RFC 8326 §4). */
  readonly honourGracefulShutdown: boolean;
  /** The session is about to end: all its routes get LOCAL_PREF 0 (RFC 8326 §4.2). */
  readonly gracefulShutdown: boolean;
  /** Our role towards the peer (RFC 9234). */
  readonly role: Role | undefined;
  /** `formatIp` of addresses that are ours on this session. */
  readonly ownAddresses: ReadonlySet<string>;
  /** Routes beyond this number are ignored (RFC 4271 §6.7 a). */
  readonly mostReceived?: Readonly<Partial<Record<RouteFamily, number>>>;
  readonly policy: Policy;
}

/** A route taken in, or why it can't compete. */
export type Imported =
  | { readonly attributes: PathAttributes; readonly exclusion?: undefined }
  | { readonly exclusion: Exclusion };

/** Whether all routes with the same attributes fare alike. */
export function importDependsOnPrefix(treatment: ImportTreatment): boolean {
  return dependsOnPrefix(treatment.policy);
}

/** Judges and changes a received route (RFC 4271 §9.1.2, RFC 4456 §8, RFC 8326, RFC 9234 §5). */
export function importRoute(treatment: ImportTreatment, received: PathAttributes, prefix: Prefix): Imported {
  const path = received.asPath ?? [];
  const loop = loopIn(treatment, received, path);
  if (loop !== undefined) return { exclusion: loop };
  if (isOwn(treatment, received.nextHop?.ip)) return { exclusion: 'own-next-hop' };
  let attributes = received;
  if (treatment.role !== undefined && treatment.external) {
    const checked = checkRole(treatment, treatment.role, received);
    if (checked === undefined) return { exclusion: 'route-leak' };
    attributes = checked;
  }
  if (
    treatment.external &&
    treatment.honourGracefulShutdown &&
    attributes.communities?.includes(WELL_KNOWN_COMMUNITIES['graceful-shutdown'])
  ) {
    attributes = { ...attributes, localPref: 0 };
  }
  if (treatment.prependLocalAs) attributes = { ...attributes, asPath: prependAs(path, treatment.localAs) };
  const peerType = treatment.external ? 'ebgp' : 'ibgp';
  const result = applyPolicy(treatment.policy, { prefix, attributes, source: 'remote', peerType });
  if (!result.accepted) return { exclusion: 'import-filter' };
  return {
    attributes: treatment.gracefulShutdown ? { ...result.attributes, localPref: 0 } : result.attributes,
  };
}

function loopIn(t: ImportTreatment, a: PathAttributes, path: AsPath): Exclusion | undefined {
  if (t.external && t.enforceFirstAs && neighbourAs(path) !== t.remoteAs) return 'first-as';
  if (countAs(path, t.localAs) > t.allowAsIn) return 'as-loop';
  if (t.speakerAs !== undefined && countAs(path, t.speakerAs) > t.allowAsIn) return 'as-loop';
  if (a.originatorId?.bits === t.routerId.bits) return 'originator-loop';
  if (a.clusterList?.some(id => id.bits === t.clusterId.bits)) return 'cluster-loop';
  return undefined;
}

function isOwn(treatment: ImportTreatment, ip: Ip | undefined): boolean {
  return ip !== undefined && treatment.ownAddresses.size > 0 && treatment.ownAddresses.has(formatIp(ip));
}

/** RFC 9234 §5: undefined is a leak; else the route, with OTC added where it is due. */
function checkRole(t: ImportTreatment, role: Role, a: PathAttributes): PathAttributes | undefined {
  const otc = a.onlyToCustomer;
  // `role` is ours: the peer is a customer when we are the provider.
  if ((role === 'provider' || role === 'rs') && otc !== undefined) return undefined;
  if (role === 'peer' && otc !== undefined && otc !== t.remoteAs) return undefined;
  if (otc === undefined && (role === 'customer' || role === 'rs-client' || role === 'peer')) {
    return { ...a, onlyToCustomer: t.remoteAs };
  }
  return a;
}
