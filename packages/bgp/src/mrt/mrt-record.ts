import type { Ip, Ip4, Prefix } from '@muslin/net';
import type { RouteFamily } from '../wire/route-family.ts';
import type { MrtState } from './mrt-types.ts';

/** When something was, since 1970 (UTC). `microseconds` only in records with extended time (RFC 6396 §3). */
export interface MrtTime {
  readonly seconds: number;
  readonly microseconds?: number;
}

/** A peer of whoever made a table dump. */
export interface MrtPeer {
  readonly id: Ip4;
  readonly ip: Ip;
  readonly asNumber: number;
}

/** One path to the prefix of a `rib` record. */
export interface MrtPath {
  /** Index into the peers of the last `peers` record. */
  readonly peer: number;
  /** Seconds since 1970. */
  readonly originated: number;
  /** Only where the record has `addPath` (RFC 8050). */
  readonly pathId: number;
  /** As in the file: AS numbers of four octets, MP_REACH_NLRI cut down to its next hop (RFC 6396 §4.3.4). */
  readonly attributes: Uint8Array;
}

/** Both ends of a session. */
export interface MrtEnds {
  readonly remoteAs: number;
  readonly localAs: number;
  readonly remoteIp: Ip;
  readonly localIp: Ip;
  readonly interfaceIndex: number;
  /** AS numbers take four octets, also inside the message. */
  readonly fourOctetAs: boolean;
}

/** One record of an MRT file (RFC 6396). */
export type MrtRecord =
  | {
      readonly kind: 'peers';
      readonly at: MrtTime;
      readonly collector: Ip4;
      readonly view: string;
      readonly peers: readonly MrtPeer[];
    }
  | {
      readonly kind: 'rib';
      readonly at: MrtTime;
      readonly family: RouteFamily;
      readonly addPath: boolean;
      readonly sequence: number;
      readonly prefix: Prefix;
      readonly paths: readonly MrtPath[];
    }
  /** A path of a TABLE_DUMP (RFC 6396 §4.2), which OpenBGPD writes and collectors wrote before 2008. */
  | {
      readonly kind: 'route';
      readonly at: MrtTime;
      readonly view: number;
      /** Wraps around in large tables. */
      readonly sequence: number;
      readonly prefix: Prefix;
      /** Seconds since 1970. */
      readonly originated: number;
      readonly peerIp: Ip;
      readonly peerAs: number;
      /** As in the file: AS numbers of two octets, larger ones in AS4_PATH (RFC 6793). */
      readonly attributes: Uint8Array;
    }
  | ({
      readonly kind: 'message';
      readonly at: MrtTime;
      /** The side that wrote the file sent it. */
      readonly local: boolean;
      readonly addPath: boolean;
      /** The whole BGP message with its header. */
      readonly bytes: Uint8Array;
    } & MrtEnds)
  | ({
      readonly kind: 'state-change';
      readonly at: MrtTime;
      readonly from: MrtState;
      readonly to: MrtState;
    } & MrtEnds)
  /** Of a type that Muslin does not read, or of a family that it does not carry. */
  | {
      readonly kind: 'other';
      readonly at: MrtTime;
      readonly type: number;
      readonly subtype: number;
      readonly bytes: Uint8Array;
    };

/** Why bytes are no MRT record. */
export interface MrtFault {
  readonly message: string;
  /** Where the rule stands. */
  readonly rfc: string;
}
