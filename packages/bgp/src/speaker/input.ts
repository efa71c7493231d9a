import type { Ip } from '@muslin/net';
import type { PeerId } from './peer-config.ts';
import type { ReachFailure } from './peer-history.ts';

/** Name of a TCP connection. The speaker names those that it dials (`out-…`), the shell those it accepts (any other). */
export type ConnectionId = string;

/** What the world tells the speaker. */
export type Input =
  /** A dialled connection is up. */
  | {
      readonly kind: 'connected';
      readonly connection: ConnectionId;
      readonly localIp: Ip;
    }
  /** Somebody called us. The speaker finds the peer by `remoteIp` (and `interface` for link-local ones) or hangs up. */
  | {
      readonly kind: 'accepted';
      readonly connection: ConnectionId;
      readonly localIp: Ip;
      readonly remoteIp: Ip;
      readonly interface?: string;
    }
  /** A call came to nothing; `failure` says how, as far as the shell knows, and `message` in words. */
  | {
      readonly kind: 'connectFailed';
      readonly connection: ConnectionId;
      readonly message: string;
      readonly failure?: ReachFailure;
    }
  /** The octets are the caller's again when the call returns. */
  | { readonly kind: 'bytes'; readonly connection: ConnectionId; readonly bytes: Uint8Array }
  /** What came at once, from however many connections: decided once, and sent together. */
  | { readonly kind: 'burst'; readonly inputs: readonly BurstInput[] }
  /** The peer, or the network, closed the connection. Not to be told after an output `close`. */
  | { readonly kind: 'closed'; readonly connection: ConnectionId; readonly message?: string }
  /** A timer that `setTimer` asked for is due. Early or repeated firing is harmless. */
  | { readonly kind: 'timer'; readonly id: string }
  /**
   * Octets that the kernel has not taken yet. Tell after performing the outputs of a call for each connection that
   * was sent to, and again whenever it drains. Beyond a limit the speaker stops producing UPDATEs for that peer.
   */
  | { readonly kind: 'backlog'; readonly connection: ConnectionId; readonly bytes: number }
  /**
   * What the kernel, or the cluster, knows about a next hop. Routes over one that can't be reached are not used, and
   * so are withdrawn from others at once (RFC 4271 §9.1.2.1). Every next hop costs 0 until told otherwise.
   */
  | { readonly kind: 'nextHop'; readonly ip: Ip; readonly cost: number | 'unreachable' }
  /** BFD, or a link monitor, says that the peer is gone (RFC 9384). */
  | { readonly kind: 'peerDown'; readonly peer: PeerId; readonly message: string };

/** What a burst is made of. */
export type BurstInput = Extract<Input, { readonly kind: 'bytes' | 'backlog' }>;
