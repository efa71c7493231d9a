import {
  type AllocationRequest,
  blockFromSpec,
  choosePools,
  ipAt,
  isEmpty,
  keptIn,
  poolRequest,
  type Settled,
} from '@muslin/ipam';
import type { AnyObject } from '@muslin/kube';
import { formatIp, type Ip, type Prefix, prefixCovers, prefixHas } from '@muslin/net';

/** A block of this node, and the addresses of it that may be given out without asking anybody. */
export interface HandBlock {
  readonly cidr: Prefix;
  readonly kept: readonly Ip[];
  /** Whether a pod has an address of it, as far as the block says. */
  readonly used: boolean;
  /** Addresses that nobody has, kept ones among them. */
  readonly free: number;
  /** Version of the block that says so. */
  readonly version: number;
  /** Nothing is given out of it for now: it is being given back. */
  readonly closed: boolean;
}

/** An address that was taken from the hand. */
export interface Taken {
  readonly ip: Ip;
  /** Name of its block. */
  readonly block: string;
}

/** What is wanted of the hand. */
export type HandRequest = Pick<
  AllocationRequest,
  'ips' | 'families' | 'use' | 'poolNames' | 'pools' | 'node' | 'namespace' | 'reservations'
>;

/** A block that is in nobody's hand: older than anything. */
const NEVER = -1;

/**
 * The kept addresses that this node has in hand, and those that it gave out of them. It asks and writes nothing. Only
 * this node writes what is kept, so a block as the watch shows it never holds more than was kept at some time, and what
 * was given out since is known here.
 */
export class KeptHand {
  readonly #node: string;
  readonly #blocks = new Map<string, HandBlock>();
  /** By address as text: given out, and not yet shown by the watch. `writtenAt`: the version that says it. */
  readonly #given = new Map<
    string,
    { readonly block: string | undefined; readonly writtenAt: number | undefined }
  >();

  /** By address as text: promised to a pod that is on its way, and nobody's yet. */
  readonly #reserved = new Map<string, Taken>();

  constructor(node: string) {
    this.#node = node;
  }

  /** The node's blocks by name. */
  get blocks(): ReadonlyMap<string, HandBlock> {
    return this.#blocks;
  }

  /** How many addresses could be given out now. */
  get size(): number {
    return [...this.#blocks.values()]
      .filter(({ closed }) => !closed)
      .flatMap(({ kept }) => kept)
      .filter(ip => this.#isFree(ip)).length;
  }

  /** How many are promised to pods on their way. */
  get reserved(): number {
    return this.#reserved.size;
  }

  /** Addresses of a block that are promised to pods on their way. */
  reservedIn(name: string): readonly Ip[] {
    return [...this.#reserved.values()].filter(({ block }) => block === name).map(({ ip }) => ip);
  }

  /** The watch showed a block; what is older than what is known is old news. */
  saw(object: AnyObject, gone: boolean): void {
    const { name = '', resourceVersion } = object.metadata;
    const read = blockFromSpec(object['spec']);
    const { owner = undefined, deleted = true } = read.ok ? read.value : {};
    if (gone || !read.ok || deleted || owner?.type !== 'host' || owner.name !== this.#node) {
      this.#blocks.delete(name);
      return;
    }
    const block = read.value;
    const version = Number(resourceVersion);
    const known = this.#blocks.get(name);
    if ((known?.version ?? NEVER) > version) return;
    this.#blocks.set(name, {
      cidr: block.cidr,
      kept: [...keptIn(object.metadata, block)].map(ordinal => ipAt(block, ordinal)),
      used: !isEmpty(block),
      free: block.unallocated.length,
      version,
      closed: known?.closed ?? false,
    });
    for (const [text, given] of this.#given)
      if (given.block === name && (given.writtenAt ?? Number.POSITIVE_INFINITY) <= version)
        this.#given.delete(text);
  }

  /** The store answered: from here on the block is at least this new. */
  settled(name: string, { kept, resourceVersion }: Settled): void {
    const known = this.#blocks.get(name);
    const version = Number(resourceVersion ?? NEVER);
    if (known !== undefined && version >= known.version) this.#blocks.set(name, { ...known, kept, version });
  }

  /** Whether addresses of a block stay in hand. */
  close(name: string, closed: boolean): void {
    const known = this.#blocks.get(name);
    if (known !== undefined) this.#blocks.set(name, { ...known, closed });
  }

  /**
   * One kept address of each family that the request wants, all or none; they are given out from here on. `promised`: what was
   * reserved for whoever asks, and is taken first where it still fits.
   */
  take(request: HandRequest, promised: readonly Ip[] = []): readonly Taken[] | undefined {
    const all = this.#findAll(request, new Set(promised.map(formatIp)));
    for (const { ip, block } of all ?? []) {
      this.#reserved.delete(formatIp(ip));
      this.#given.set(formatIp(ip), { block, writtenAt: undefined });
    }
    return all;
  }

  /** The same, without giving them out: nobody else gets them until they are taken or let go. */
  reserve(request: HandRequest): readonly Ip[] | undefined {
    const all = this.#findAll(request, new Set());
    for (const taken of all ?? []) this.#reserved.set(formatIp(taken.ip), taken);
    return all?.map(({ ip }) => ip);
  }

  /** How many addresses of blocks within these prefixes nobody has or is promised, in hand or not. */
  free(within: readonly Prefix[]): number {
    let count = 0;
    for (const [name, { cidr, free }] of this.#blocks) {
      if (!within.some(pool => prefixCovers(pool, cidr))) continue;
      const gone = [...this.#given.values()].filter(({ block }) => block === name).length;
      count += Math.max(0, free - gone - this.reservedIn(name).length);
    }
    return count;
  }

  /** Whether a write could put into the hand what a request wants. */
  hasRoom(request: HandRequest): boolean {
    const { families, use, poolNames, pools, node, namespace } = request;
    return families.every(family => {
      const { pools: chosen } = choosePools(poolRequest(family, use, poolNames), pools, node, namespace);
      return [...this.#blocks.values()].some(
        ({ cidr, free, kept, closed }) =>
          !closed && free > kept.length && chosen.some(pool => prefixCovers(pool.cidr, cidr)),
      );
    });
  }

  /** Whether it could take them, if nothing were reserved. */
  isShort(request: HandRequest): boolean {
    return this.#findAll(request, new Set(this.#reserved.keys())) !== undefined;
  }

  /** They are in hand as any other; those that were taken meanwhile stay with whoever took them. */
  letGo(ips: readonly Ip[]): void {
    for (const ip of ips) this.#reserved.delete(formatIp(ip));
  }

  #findAll(request: HandRequest, promised: ReadonlySet<string>): readonly Taken[] | undefined {
    if ((request.ips ?? []).length > 0 || request.families.length === 0) return undefined;
    const found = request.families.map(
      family =>
        this.#find(request, family, ip => promised.has(formatIp(ip)) && !this.#given.has(formatIp(ip))) ??
        this.#find(request, family, ip => this.#isFree(ip)),
    );
    const all = found.filter(each => each !== undefined);
    return all.length < found.length ? undefined : all;
  }

  #isFree(ip: Ip): boolean {
    return !this.#given.has(formatIp(ip)) && !this.#reserved.has(formatIp(ip));
  }

  #find(request: HandRequest, family: 4 | 6, may: (ip: Ip) => boolean): Taken | undefined {
    const { use, poolNames, pools, node, namespace, reservations } = request;
    const wanted = poolRequest(family, use, poolNames);
    for (const pool of choosePools(wanted, pools, node, namespace).pools)
      for (const [name, block] of this.#blocks) {
        if (block.closed || !prefixCovers(pool.cidr, block.cidr)) continue;
        const ip = block.kept.find(
          each => may(each) && !reservations.some(reserved => prefixHas(reserved, each)),
        );
        if (ip !== undefined) return { ip, block: name };
      }
    return undefined;
  }

  /** An earlier life of this program gave it out, and may not have written it down. */
  recall(ip: Ip): void {
    this.#given.set(formatIp(ip), { block: undefined, writtenAt: undefined });
  }

  /** Written down at this version of its block: once the watch is there, the block itself says it. */
  written({ ip, block }: Taken, resourceVersion: string | undefined): void {
    this.#given.set(formatIp(ip), { block, writtenAt: Number(resourceVersion ?? NEVER) });
  }

  /** Nobody has it, and nothing was written: it is in hand again. */
  putBack(ip: Ip): void {
    this.#given.delete(formatIp(ip));
  }
}
