import type { Family, Ip } from '@muslin/net';

/** What connection tracking says of a packet. */
export type ConntrackState = 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID' | 'UNTRACKED';

/** A packet as netfilter sees it in the filter table: after DNAT, before SNAT. */
export interface Packet {
  readonly family: Family;
  /** Interface it came in by; undefined in OUTPUT and for what the node sends. */
  readonly in?: string;
  /** Interface it will leave by; undefined in INPUT. */
  readonly out?: string;
  readonly src: Ip;
  readonly dst: Ip;
  /** IANA protocol number. */
  readonly protocol: number;
  /** Only for protocols of `PORT_PROTOCOLS`. */
  readonly sport?: number;
  readonly dport?: number;
  /** Only for ICMP (1) and ICMPv6 (58). */
  readonly icmp?: { readonly type: number; readonly code: number };
  readonly ctState: ConntrackState;
  /** Unsigned 32 bits. */
  readonly mark: number;
  /** Whether the address is the node's own; absent means no. */
  readonly srcLocal?: boolean;
  readonly dstLocal?: boolean;
  /** Whether this node translated the connection's destination; absent means no. */
  readonly translated?: boolean;
  /** Whether the route back to `src` leaves by `in`; absent means yes. */
  readonly reversePath?: boolean;
}

/** IANA protocol numbers with ports that iptables' multiport, nft's `th` and policy agree on. */
export const PORT_PROTOCOLS: ReadonlySet<number> = new Set([6, 17, 132, 136]);

/** ICMP's protocol number in each family (RFC 792, RFC 4443). */
export const ICMP_PROTOCOL: Readonly<Record<Family, number>> = { 4: 1, 6: 58 };
