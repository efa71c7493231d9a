import type { Ip4 } from '@muslin/net';
import type { SpeakerSettings } from './peer.ts';

/** Settings of a speaker. */
export interface SpeakerOptions {
  readonly asNumber: number;
  readonly routerId: Ip4;
  /** Of this route reflector (RFC 4456 §7); default is the router ID. */
  readonly clusterId?: Ip4;
  /** Told to peers for display. */
  readonly hostName?: string;
  /** Most ways to one prefix at a time (ECMP). Default 16; 1 turns it off. */
  readonly maxPaths?: number;
  /** RFC 8326 §4; default true. */
  readonly honourGracefulShutdown?: boolean;
  /**
   * This program restarted and the kernel kept forwarding (RFC 4724 §4.1): peers are told so, and nothing is decided
   * or sent for a family before the peers have sent what they have; then `converged` comes.
   */
  readonly restarting?: boolean;
  /** Seconds to wait for the peers at most when `restarting`. Default 60. */
  readonly deferralTime?: number;
  /** Seconds of these after which peers that have not answered are not waited for. Default 15. */
  readonly reachTime?: number;
  /** Spreads timers; speakers in one cluster should differ. The same seed and inputs give the same outputs. */
  readonly seed?: number;
  /** What the clock of `handle` shows now, in milliseconds. Default 0. */
  readonly now?: number;
}

/** What peers inherit of it. */
export function settingsOf(options: SpeakerOptions): SpeakerSettings {
  return {
    asNumber: options.asNumber,
    routerId: options.routerId,
    clusterId: options.clusterId ?? options.routerId,
    hostName: options.hostName,
    honourGracefulShutdown: options.honourGracefulShutdown ?? true,
    restarting: options.restarting ?? false,
  };
}
