import { formatIp, type Ip, type Ip6 } from '@muslin/net';

/** Somebody who called without being named anywhere. */
export interface Caller {
  readonly ip: Ip;
}

/** What the network itself told this node, and no object says. */
export interface Heard {
  /** Link-local address of the router at the other end of an interface, by the interface's name. */
  readonly routers: ReadonlyMap<string, Ip6>;
  /** Who called from a listen range, by peer id. */
  readonly callers: ReadonlyMap<string, Caller>;
  /** Peers that speak only the family of their session's addresses, as Calico's nodes do. By peer id. */
  readonly oneFamily: ReadonlySet<string>;
}

export const NOTHING_HEARD: Heard = { routers: new Map(), callers: new Map(), oneFamily: new Set() };

/** The name of a session: the peer's address, with its interface when it is link-local (RFC 4007 §11). */
export function peerIdOf(ip: Ip, interfaceName?: string): string {
  return interfaceName === undefined ? formatIp(ip) : `${formatIp(ip)}%${interfaceName}`;
}
