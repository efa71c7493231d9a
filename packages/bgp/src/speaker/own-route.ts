import type { Ip } from '@muslin/net';
import type { AsPath } from '../wire/as-path.ts';
import type { Origin, PathAttributes } from '../wire/attributes.ts';
import type { LargeCommunity } from '../wire/community.ts';
import type { ExtendedCommunity } from '../wire/extended-community.ts';

/** Properties of a route that the speaker originates; all optional. */
export interface OwnRoute {
  /** Default: our address on each session. */
  readonly nextHop?: Ip;
  /** Default `igp`. */
  readonly origin?: Origin;
  readonly asPath?: AsPath;
  readonly med?: number;
  /** Sent inside our AS. Default 100. */
  readonly localPref?: number;
  readonly communities?: readonly number[];
  readonly largeCommunities?: readonly LargeCommunity[];
  readonly extendedCommunities?: readonly ExtendedCommunity[];
}

/** The attributes of an own route. */
export function ownAttributes(route: OwnRoute): PathAttributes {
  const { nextHop, communities, largeCommunities, extendedCommunities, ...rest } = route;
  return {
    origin: 'igp',
    asPath: [],
    ...rest,
    ...(nextHop !== undefined && { nextHop: { ip: nextHop } }),
    // An empty list has no encoding (RFC 7606 §7.8).
    ...(communities?.length && { communities }),
    ...(largeCommunities?.length && { largeCommunities }),
    ...(extendedCommunities?.length && { extendedCommunities }),
  };
}
