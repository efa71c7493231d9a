import { isLinkLocal } from '@muslin/bgp';
import { listAddresses, type NetlinkSocket, onLinkPrefix } from '@muslin/linux';
import { formatPrefix, type Ip, type Prefix, prefixHas } from '@muslin/net';

/** The subnets of this node's interfaces, in a fixed order: what is in one of them is a hop away (RFC 4271 §5.1.3). */
export class SharedSubnets {
  readonly #netlink: NetlinkSocket;
  #subnets: readonly Prefix[] = [];

  constructor(netlink: NetlinkSocket) {
    this.#netlink = netlink;
  }

  /** Reads the kernel's addresses. Gives whether something changed; an address that stands alone shares nothing. */
  read(): boolean {
    const addresses = listAddresses(this.#netlink);
    if (!addresses.ok) return false;
    const found = addresses.value.filter(({ ip, length }) => length < widthOf(ip) && !isLoopback(ip));
    const subnets = new Map(found.map(onLinkPrefix).map(subnet => [formatPrefix(subnet), subnet]));
    const before = this.#subnets.map(formatPrefix).join();
    this.#subnets = [...subnets].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, subnet]) => subnet);
    return this.#subnets.map(formatPrefix).join() !== before;
  }

  /** Those that a peer is in, too. */
  with(peer: Ip): readonly Prefix[] {
    return isLinkLocal(peer) ? [] : this.#subnets.filter(subnet => prefixHas(subnet, peer));
  }
}

function widthOf({ family }: Ip): number {
  return family === 4 ? 32 : 128;
}

function isLoopback(ip: Ip): boolean {
  return ip.family === 4 && ip.bits >>> 24 === 127;
}
