import type { BfdSession, PeerConfig } from '@muslin/bgp';
import type { Ip } from '@muslin/net';

/** Where a session comes from, in the words of CalicoNodeStatus. */
export type PeerType = 'NodeMesh' | 'NodePeer' | 'GlobalPeer';

/** A session that a node should have. */
export interface DesiredPeer {
  readonly config: PeerConfig;
  readonly type: PeerType;
  /** 0: whatever it says. */
  readonly asNumber: number;
  /** It is in our own AS, as far as is known beforehand. */
  readonly internal: boolean;
  /** Nobody named it: it called from a listen range, or was found on an interface. */
  readonly stranger?: true;
  /** Gateway of a host route to it. */
  readonly reachableBy?: Ip;
  /** How its death is noticed early. */
  readonly bfd?: BfdSession;
  /** Who asked for it: `the node mesh` or `BGPPeer <name>`. */
  readonly origin: string;
  /** Why it must not be up now, in words. */
  readonly held?: string;
  /** Filters that it names and that don't exist: nothing passes, unless better policies are known from before. */
  readonly missingFilters: readonly string[];
}
