import { isLinkLocal, type PeerView } from '@muslin/bgp';
import type { Route } from '@muslin/dataplane';
import { formatIp, type Ip } from '@muslin/net';
import type { DesiredPeer } from './desired-peer.ts';
import { peerIdOf } from './heard.ts';

/** Peers tell routes again within this, or theirs of us are gone, too: the restart time that they were told (RFC 4724 §4.1). */
export const STRANGERS_WAIT_MS = 120_000;

/** What is known of those who may have told a route in an earlier life. */
export interface Returners {
  /** Peers may come that nobody named: from a listen range, or at the end of an interface. */
  readonly strangers: boolean;
  /** By id. */
  readonly wanted: ReadonlyMap<string, DesiredPeer>;
  readonly seen: readonly PeerView[];
}

/**
 * Whether a route that an earlier life left may be one of a peer that has still to come back. Peers with a name were waited
 * for (`converged`); of those that nobody named it shows only when they call. What a third party is the next hop of may be anybody's.
 */
export function isAwaited(
  { gateway, interfaceName, nextHops, destination }: Route,
  view: Returners,
): boolean {
  if (!view.strangers) return false;
  const family = `ipv${destination.ip.family}-unicast`;
  const hops = nextHops ?? [{ gateway, interfaceName }];
  return hops.some(hop => {
    const id = hop.gateway === undefined ? undefined : idOf(hop.gateway, hop.interfaceName);
    const wanted = id === undefined ? undefined : view.wanted.get(id);
    if (wanted === undefined) return true;
    return (
      wanted.stranger === true &&
      !hasTold(
        view.seen.find(peer => peer.id === id),
        family,
      )
    );
  });
}

function idOf(gateway: Ip, interfaceName: string | undefined): string {
  return isLinkLocal(gateway) ? peerIdOf(gateway, interfaceName) : formatIp(gateway);
}

/** Only who knows graceful restart says when all is told. */
function hasTold(peer: PeerView | undefined, family: string): boolean {
  if (peer?.state !== 'Established') return false;
  if (!peer.capabilities.some(({ kind }) => kind === 'gracefulRestart')) return true;
  return peer.families.every(each => each.family !== family || !each.agreed || each.endOfRib);
}
