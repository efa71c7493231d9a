import { isLinkLocal } from '@muslin/bgp';
import { listAddresses, listLinks, type NetlinkSocket, onLinkPrefix } from '@muslin/linux';
import { formatPrefix, type Ip, type Prefix, prefixHas } from '@muslin/net';
import { linkPattern } from './core/link-way.ts';

/** The subnets of this node's interfaces, in a fixed order: what is in one of them is a hop away (RFC 4271 §5.1.3). */
export class SharedSubnets {
  readonly #netlink: NetlinkSocket;
  #subnets: readonly Prefix[] = [];
  #ignored: readonly string[] = [];

  constructor(netlink: NetlinkSocket) {
    this.#netlink = netlink;
  }

  /** Leaves interfaces with these names out (BGPConfiguration ignoredInterfaces). Gives whether something changed. */
  ignore(patterns: readonly string[]): boolean {
    if (patterns.join() === this.#ignored.join()) return false;
    this.#ignored = patterns;
    return this.read();
  }

  /** Reads the kernel's addresses. Gives whether something changed; an address that stands alone shares nothing. */
  read(): boolean {
    const addresses = listAddresses(this.#netlink);
    if (!addresses.ok) return false;
    const ignored = this.#ignoredLinks();
    const found = addresses.value.filter(
      ({ ip, length, link }) => length < widthOf(ip) && !isLoopback(ip) && !ignored.has(link),
    );
    const subnets = new Map(found.map(onLinkPrefix).map(subnet => [formatPrefix(subnet), subnet]));
    const before = this.#subnets.map(formatPrefix).join();
    this.#subnets = [...subnets].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, subnet]) => subnet);
    return this.#subnets.map(formatPrefix).join() !== before;
  }

  #ignoredLinks(): ReadonlySet<number> {
    if (this.#ignored.length === 0) return new Set();
    const links = listLinks(this.#netlink);
    const patterns = this.#ignored.map(linkPattern);
    const named = links.ok ? links.value.filter(({ name }) => patterns.some(matches => matches(name))) : [];
    return new Set(named.map(({ index }) => index));
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
