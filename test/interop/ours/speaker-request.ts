import type { PeerConfig } from '@muslin/bgp';
import type { Ip } from '@muslin/net';

/** A value with its addresses as text, as it goes between processes. */
export type Written<T> = T extends Ip
  ? string
  : T extends readonly (infer E)[]
    ? readonly Written<E>[]
    : T extends object
      ? { readonly [K in keyof T]: Written<T[K]> }
      : T;

export type OurPeer = Written<PeerConfig>;

/** A route of our own. */
export interface OurRoute {
  readonly prefix: string;
  /** As integers, that is how the library has them. */
  readonly communities?: readonly number[];
  readonly largeCommunities?: readonly (readonly [number, number, number])[];
  readonly extendedCommunities?: readonly (readonly [number, number])[];
}

/** One speaker of ours. */
export interface OurPlan {
  readonly name: string;
  readonly asNumber: number;
  readonly routerId: string;
  /** Where it listens and where it calls from. */
  readonly addresses: readonly string[];
  readonly restarting?: boolean;
  readonly peers: readonly OurPeer[];
  readonly routes: readonly OurRoute[];
  /** TCP-MD5 keys by address of the peer. */
  readonly keys?: Readonly<Record<string, string>>;
  /** Look after this peer's address by BFD, with an interval of 100 ms. */
  readonly bfd?: string;
  /** Call the peer only once it called us, and take its call only once it took ours: both calls stand at the same time. */
  readonly collide?: boolean;
  /** Send router advertisements on this interface, so that an unnumbered peer learns our link-local address. */
  readonly advertise?: string;
}

/** What a speaker of ours is asked, one JSON line each. */
export type OurRequest =
  | { readonly ask: 'peers' | 'fib' | 'log' | 'bfd' }
  | { readonly ask: 'received'; readonly peer: string; readonly prefix: string }
  | { readonly ask: 'setPeer'; readonly config: OurPeer }
  | { readonly ask: 'setKeys'; readonly keys: Readonly<Record<string, string>> }
  | { readonly ask: 'withdraw'; readonly prefix: string }
  | { readonly ask: 'refresh'; readonly peer: string; readonly family: 'ipv4-unicast' | 'ipv6-unicast' };
