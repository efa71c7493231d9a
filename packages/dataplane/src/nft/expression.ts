/**
 * One step of a rule as the kernel runs it (linux/netfilter/nf_tables.h, NFTA_EXPR_*): loads fill registers,
 * comparisons end the rule for packets that differ. Registers count 4-byte words from 0. Bytes are as in the register:
 * network order for what comes from the packet, host order (little endian) for marks and connection states.
 */
export type NftExpression =
  | {
      readonly kind: 'payload';
      readonly base: 'network' | 'transport';
      readonly offset: number;
      readonly length: number;
      readonly word: number;
    }
  | { readonly kind: 'meta'; readonly key: 'iifname' | 'oifname' | 'l4proto' | 'mark'; readonly word: number }
  | { readonly kind: 'ct-state' }
  | { readonly kind: 'fib'; readonly ask: 'source-type' | 'destination-type' | 'reverse-path' }
  | { readonly kind: 'bitwise'; readonly mask: Uint8Array; readonly xor: Uint8Array }
  | { readonly kind: 'compare'; readonly equal: boolean; readonly value: Uint8Array }
  | {
      readonly kind: 'range';
      readonly within: boolean;
      readonly first: Uint8Array;
      readonly last: Uint8Array;
    }
  | { readonly kind: 'lookup'; readonly set: string | NftList; readonly within: boolean }
  /** Goes to the chain that the map has for the register; on to the next rule when it has none. */
  | { readonly kind: 'dispatch'; readonly map: string }
  | { readonly kind: 'counter' }
  | { readonly kind: 'set-mark' }
  | { readonly kind: 'verdict'; readonly verdict: 'accept' | 'drop' | 'return' }
  | { readonly kind: 'verdict'; readonly verdict: 'jump' | 'goto'; readonly chain: string }
  | { readonly kind: 'masquerade'; readonly ports: NatPorts | undefined }
  | { readonly kind: 'snat'; readonly address: Uint8Array; readonly ports: NatPorts | undefined }
  | { readonly kind: 'dnat'; readonly address: Uint8Array; readonly port: Uint8Array | undefined }
  | { readonly kind: 'notrack' }
  /** Answers with an ICMP error of this code, type unreachable. */
  | { readonly kind: 'reject'; readonly code: number }
  | { readonly kind: 'log'; readonly prefix: string; readonly group?: number };

/** The first port that a sender may be given, and the last of several. */
export interface NatPorts {
  readonly first: Uint8Array;
  readonly last: Uint8Array | undefined;
}

/** Values that stand in the rule itself: an anonymous set. */
export interface NftList {
  /** Of which nft says it is (enum datatypes of nft); concatenations shift by six bits for each part. */
  readonly type: number;
  readonly length: number;
  /** Single values, or where stretches begin and (`end`) no longer hold. */
  readonly intervals: boolean;
  readonly elements: readonly { readonly key: Uint8Array; readonly end?: true }[];
}

/** nft's numbers of types (datatype.h); only `nft list` cares. */
export const NFT_TYPE = {
  ipv4_addr: 7,
  ipv6_addr: 8,
  inet_proto: 12,
  inet_service: 13,
  icmp_type: 14,
  icmpv6_type: 29,
  icmp_code: 32,
  icmpv6_code: 33,
  ifname: 41,
} as const;

/** The type of several values in a row. */
export function concatenated(...types: readonly number[]): number {
  return types.reduce((sum, type) => sum * 64 + type, 0);
}

/** IFNAMSIZ. */
export const NAME_LENGTH = 16;

/** A name as the kernel keeps it: filled up with zeros, or, for those that begin so, as it is. */
export function nameBytes(name: string, length = NAME_LENGTH): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < name.length && i < length; i++) bytes[i] = name.charCodeAt(i) & 0x7f;
  return bytes;
}

/** 32 bits in host order. */
export function hostWord(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

/** 16 bits in network order. */
export function portBytes(port: number): Uint8Array {
  return Uint8Array.of(port >>> 8, port);
}

/** The value after this one; undefined after the last. */
export function nextBytes(bytes: Uint8Array): Uint8Array | undefined {
  const next = bytes.slice();
  for (let i = next.length - 1; i >= 0; i--) {
    next[i] = ((next[i] as number) + 1) & 0xff;
    if (next[i] !== 0) return next;
  }
  return undefined;
}
