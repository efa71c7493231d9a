import { compareIp, type Ip, type Ip4, ip4 } from '@muslin/net';

/** What the RIB must know of where a path came from. `slot` 0 is the speaker itself. */
export interface RibPeer {
  readonly slot: number;
  readonly id: string;
  readonly kind: 'own' | 'ebgp' | 'ibgp';
  /** A route reflection client of ours (RFC 4456). */
  readonly client: boolean;
  /** Others reach its next hops through us alone. */
  readonly behindUs?: boolean;
  readonly routerId: Ip4;
  readonly address: Ip;
}

/** The speaker itself as a source of routes. */
export function ownSource(routerId: Ip4): RibPeer {
  return { slot: 0, id: '', kind: 'own', client: false, routerId, address: ip4(0) };
}

/** Orders peers by address (RFC 4271 §9.1.2.2 g). */
export function compareAddress(a: RibPeer, b: RibPeer): number {
  return compareIp(a.address, b.address);
}
