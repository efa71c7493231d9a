import { type RouteView, showCommunity, showExtendedCommunity } from '@muslin/bgp';
import { formatIp } from '@muslin/net';
import type { SeenRoute } from '../seen-route.ts';

/** A path of ours in the form in which both sides are compared. */
export function seenRoute({ attributes, stale }: RouteView): SeenRoute {
  const { nextHop, originatorId, localPref, med } = attributes;
  return {
    asPath: (attributes.asPath ?? []).flatMap(segment => segment.asNumbers),
    nextHop: nextHop === undefined ? '' : formatIp(nextHop.ip),
    ...(localPref !== undefined && { localPref }),
    ...(med !== undefined && { med }),
    communities: (attributes.communities ?? []).map(showCommunity),
    largeCommunities: (attributes.largeCommunities ?? []).map(community => community.join(':')),
    extendedCommunities: (attributes.extendedCommunities ?? []).map(showExtendedCommunity),
    ...(originatorId !== undefined && { originatorId: formatIp(originatorId) }),
    clusterList: (attributes.clusterList ?? []).map(formatIp),
    stale,
  };
}
