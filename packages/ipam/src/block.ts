import { distanceBetween, type Ip, offsetIp, type Prefix, prefixHas, prefixSize } from '@muslin/net';

/**
 * An int64 that counts writes. Calico begins at a time in nanoseconds: it is a `bigint` beyond 2^53 and a number below,
 * so that `===` tells lives apart.
 */
export type Sequence = number | bigint;

/** The one after it. */
export function nextSequence(sequence: Sequence): Sequence {
  const next = BigInt(sequence) + 1n;
  return next <= Number.MAX_SAFE_INTEGER ? Number(next) : next;
}

/** Who a block is for: a node's pods, or a virtual owner such as `load-balancer`. */
export interface BlockOwner {
  readonly type: 'host' | 'virtual';
  readonly name: string;
}

/** What is known about the holder of one or more addresses of a block. */
export interface BlockAttribute {
  /** Undefined once released (cooling), and for addresses without a handle. */
  readonly handleId: string | undefined;
  /** `namespace`, `pod`, `node`, `timestamp`, `type`, …: free text by name. */
  readonly secondary: Readonly<Record<string, string>>;
  /** RFC 3339: the address is free but cools down since then. */
  readonly releasedAt?: string;
  /** Second owner during a live migration; carried through, never written here. */
  readonly alternateOwnerAttrs?: Readonly<Record<string, string>>;
  /** Fields of later versions of Calico; carried through. */
  readonly others?: Readonly<Record<string, unknown>>;
}

/**
 * An IPAMBlock as a value. `allocations[ordinal]` is an index into `attributes`, or null when free; the ordinal is the
 * distance from the first address. `unallocated` holds the free ordinals, the longest free first, so that addresses
 * are used again as late as possible.
 */
export interface Block {
  readonly cidr: Prefix;
  /** Undefined: nobody's. Its addresses stay, and nobody takes new ones but by borrowing. */
  readonly owner: BlockOwner | undefined;
  /** RFC 3339. */
  readonly claimedAt: string | undefined;
  readonly allocations: readonly (number | null)[];
  readonly unallocated: readonly number[];
  readonly attributes: readonly BlockAttribute[];
  /** Raised by every write. */
  readonly sequenceNumber: Sequence;
  /** Value of `sequenceNumber` when each address in use was assigned, by ordinal: tells two lives apart. */
  readonly sequenceNumberForAllocation: ReadonlyMap<number, Sequence>;
  /** Being deleted by an older client; treat as gone. */
  readonly deleted: boolean;
  readonly strictAffinity: boolean;
}

/** One address in use. */
export interface BlockAddress {
  readonly ip: Ip;
  readonly ordinal: number;
  readonly attribute: BlockAttribute;
  /** `sequenceNumberForAllocation`; undefined when the block was written by something that kept none. */
  readonly sequence: Sequence | undefined;
}

/** A block with all its addresses free. `now` in ms since the epoch. */
export function emptyBlock(cidr: Prefix, owner: BlockOwner, now: number, strictAffinity = false): Block {
  const size = prefixSize(cidr);
  return {
    cidr,
    owner,
    claimedAt: rfc3339(now),
    allocations: new Array<null>(size).fill(null),
    unallocated: Array.from({ length: size }, (_, ordinal) => ordinal),
    attributes: [],
    sequenceNumber: 0,
    sequenceNumberForAllocation: new Map(),
    deleted: false,
    strictAffinity,
  };
}

/** The position of an address in a block, or undefined when it is not in it. */
export function ordinalOf(block: Block, ip: Ip): number | undefined {
  return prefixHas(block.cidr, ip) ? distanceBetween(block.cidr.ip, ip) : undefined;
}

/** The address at a position. */
export function ipAt(block: Block, ordinal: number): Ip {
  return offsetIp(block.cidr.ip, ordinal);
}

/** The addresses in use, in order; those that cool down are not. */
export function addressesOf(block: Block): BlockAddress[] {
  const found: BlockAddress[] = [];
  block.allocations.forEach((index, ordinal) => {
    const attribute = index === null ? undefined : block.attributes[index];
    if (attribute === undefined || attribute.releasedAt !== undefined) return;
    const sequence = block.sequenceNumberForAllocation.get(ordinal);
    found.push({ ip: ipAt(block, ordinal), ordinal, attribute, sequence });
  });
  return found;
}

/** Whether no address is in use (some may cool down). */
export function isEmpty(block: Block): boolean {
  return addressesOf(block).length === 0;
}

/** Whether two owners are the same. */
export function sameOwner(a: BlockOwner | undefined, b: BlockOwner | undefined): boolean {
  return a?.type === b?.type && a?.name === b?.name;
}

/** Time as Kubernetes writes it: RFC 3339 with seconds, UTC. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
