import type { SeenRoute } from '../seen-route.ts';

export type Family = 'ipv4' | 'ipv6';

/** A route that the peer announces. */
export interface TheirRoute {
  readonly prefix: string;
  readonly communities?: readonly string[];
  readonly largeCommunities?: readonly string[];
  /** `rt:65000:7`. */
  readonly extendedCommunities?: readonly string[];
}

/** One neighbour of the peer: us, or the third speaker. */
export interface TheirNeighbour {
  readonly ip: string;
  readonly as: number;
}

/** What a cell asks of the peer's configuration. */
export interface TheirPlan {
  readonly as: number;
  readonly ip: string;
  readonly neighbours: readonly TheirNeighbour[];
  readonly families: readonly Family[];
  readonly routes: readonly TheirRoute[];
  /** This many routes more, below 172.16.0.0/12, all alike. */
  readonly bulk?: number;
  readonly holdTime?: number;
  readonly passive?: boolean;
  readonly password?: string;
  readonly gtsm?: boolean;
  readonly addPath?: boolean;
  readonly gracefulRestart?: boolean;
  /** The neighbours are its clients (RFC 4456). */
  readonly reflects?: boolean;
  readonly maxPrefixes?: number;
  readonly bfd?: boolean;
  /** IPv4 routes with IPv6 next hops (RFC 8950). */
  readonly extendedNextHop?: boolean;
  /** The session has no addresses, only this interface. */
  readonly unnumbered?: string;
}

/** A router of another project that runs, and how it is asked. */
export interface PeerDaemon {
  /** Starts it, after a crash too. */
  start(restarting: boolean): Promise<void>;
  /** Its session with us stands. */
  established(): Promise<boolean>;
  /** Its paths to a prefix, those of its own not counted. */
  paths(prefix: string): Promise<readonly SeenRoute[]>;
  /** All that it tells of sessions and their ends. */
  words(): Promise<string>;
  /** It stops to announce a prefix. */
  withdraw(prefix: string): Promise<void>;
  /** It asks us for our routes again (RFC 2918). */
  askRefresh(): Promise<void>;
  /** It shuts the session down and says why. */
  shutDown(text: string): Promise<void>;
  /** BFD with us is up. */
  bfdUp(): Promise<boolean>;
  /** It stands still: no packet leaves it, its connections stay. */
  freeze(): void;
  /** `kill -9`. */
  end(): Promise<void>;
}
