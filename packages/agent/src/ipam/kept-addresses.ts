import {
  type AllocationRequest,
  drive,
  type Effect,
  type GivenOut,
  type Input,
  type IpamConfig,
  type IpamFault,
  lostText,
  type Owner,
  settleKept,
} from '@muslin/ipam';
import type { AnyObject } from '@muslin/kube';
import { type Family, formatIp, type Ip, type Prefix, prefixHas } from '@muslin/net';
import { type HandBlock, type HandRequest, KeptHand } from './kept-hand.ts';

/** What keeping addresses takes. */
export interface KeptAddressesOptions {
  readonly node: string;
  /** How many addresses of each block to keep in hand; 0 keeps none. */
  readonly keep: number;
  readonly store: (effect: Effect) => Promise<Input>;
  readonly config: () => IpamConfig;
  readonly reservations: () => readonly Prefix[];
  /** An address that was given out is in other hands. */
  readonly onLost: (life: GivenOut, why: string) => void;
  readonly log: (line: string) => void;
}

/** An address with a pod, and whether the block says so. */
interface Life extends GivenOut {
  /** Undefined after a restart until its block is known. */
  readonly block: string | undefined;
  /** Sent to the store at least once: from then on it may be written. */
  tried: boolean;
}

/** What is to be written about one block. */
interface Work {
  readonly name: string;
  readonly block: HandBlock;
  readonly given: readonly Life[];
  /** Kept for pods that are on their way. */
  readonly reserved: readonly Ip[];
  /** Kept, and nobody has it. */
  readonly inHand: number;
  /** How many to keep afterwards, besides the reserved ones. */
  readonly room: number;
  /** Whether that is fewer than now. */
  readonly gives: boolean;
  /** Pods that wait for an address of it. */
  readonly wait?: number;
}

/** An empty block keeps what it kept for so long: the next pod is often near. */
const IDLE_MS = 30_000;

/**
 * Gives out addresses that the node's own blocks keep for it, at once, and writes down afterwards who has them: an ADD
 * needs no answer of the API server. The sandbox' file is the journal: whatever was given out and not written down is
 * told again by it after a restart.
 */
export class KeptAddresses {
  readonly #options: KeptAddressesOptions;
  readonly #hand: KeptHand;
  /** By handle and address: not written down yet. */
  readonly #lives = new Map<string, Life>();
  readonly #emptySince = new Map<string, number>();

  constructor(options: KeptAddressesOptions) {
    this.#options = options;
    this.#hand = new KeptHand(options.node);
  }

  /** The watch showed a block. */
  saw(object: AnyObject, gone: boolean): void {
    this.#hand.saw(object, gone);
  }

  /** Addresses for a request out of the hand; undefined: the store must be asked. */
  take(request: AllocationRequest, promised: readonly Ip[] = []): readonly Ip[] | undefined {
    const taken = this.#hand.take(request, promised);
    const { handleId, owner, now } = request;
    for (const { ip, block } of taken ?? [])
      this.#remember({ ip, block, handleId, owner, at: now, tried: false });
    return taken?.map(({ ip }) => ip);
  }

  /** Addresses for a pod that is on its way: nobody else gets them, and nothing is written of them. */
  reserve(request: HandRequest): readonly Ip[] | undefined {
    return this.#hand.reserve(request);
  }

  /** Whether addresses that are reserved for others would do. */
  isShort(request: HandRequest): boolean {
    return this.#hand.isShort(request);
  }

  /** Names of the node's blocks. */
  get blockNames(): ReadonlySet<string> {
    return new Set(this.#hand.blocks.keys());
  }

  /** See `KeptHand`. */
  free(within: readonly Prefix[]): number {
    return this.#hand.free(within);
  }

  /** See `KeptHand`. */
  hasRoom(request: HandRequest): boolean {
    return this.#hand.hasRoom(request);
  }

  /** Who they were reserved for does not come. */
  letGo(ips: readonly Ip[]): void {
    this.#hand.letGo(ips);
  }

  /** A pod of an earlier life has these addresses. */
  recall(handleId: string, owner: Owner, ips: readonly Ip[]): void {
    for (const ip of ips) {
      this.#hand.recall(ip);
      this.#remember({ ip, block: undefined, handleId, owner, at: Date.now(), tried: true });
    }
  }

  #remember(life: Life): void {
    this.#lives.set(keyOf(life), life);
  }

  /** Takes back what nothing was written of; false when the store may know of the handle. */
  takeBack(handleId: string): boolean {
    const lives = [...this.#lives.values()].filter(life => life.handleId === handleId);
    if (lives.length === 0 || lives.some(life => life.tried) || this.#options.config().cooldownMs > 0)
      return false;
    for (const life of lives) {
      this.#lives.delete(keyOf(life));
      this.#hand.putBack(life.ip);
    }
    return true;
  }

  /** The handle is given back: nothing of it is to be written any more. */
  forget(handleId: string): void {
    for (const [key, life] of this.#lives) if (life.handleId === handleId) this.#lives.delete(key);
  }

  /** Addresses that could be given out now. */
  get inHand(): number {
    return this.#hand.size;
  }

  /** Addresses that are reserved for pods on their way. */
  get reserved(): number {
    return this.#hand.reserved;
  }

  /** Whether there is something to write. */
  get isDue(): boolean {
    return this.#work().length > 0;
  }

  /** Writes down what was given out, and fills the hand. Call it in turn with all else that changes the node's blocks. */
  async settle(): Promise<IpamFault | undefined> {
    let first: IpamFault | undefined;
    const all = this.#work();
    // What one of them writes of a handle concerns the addresses that it has in the others.
    for (const { given } of all) for (const life of given) life.tried = true;
    const counted = new Map<string, ReadonlySet<string>>();
    for (const [i, work] of all.entries()) {
      const fault = await this.#write(work, all.slice(i + 1), counted);
      if (fault?.code === 'store') return fault;
      first ??= fault;
    }
    return first;
  }

  /** Fills the hand where it is empty, for so many pods that wait, and tells later who has what. */
  async fill(waiting: number): Promise<void> {
    const lacking: Record<Family, number> = { 4: waiting, 6: waiting };
    const writes: Work[] = [];
    for (const work of this.#all()) {
      const { given, room, inHand, block } = work;
      const { family } = block.cidr.ip;
      const wait = Math.max(0, Math.min(lacking[family] - inHand, block.free - block.kept.length));
      const does = inHand >= Math.max(1, lacking[family]) || room + wait === 0;
      lacking[family] -= inHand + (does ? 0 : wait);
      if (!does) writes.push({ ...work, given: [], room: room + given.length, gives: false, wait });
    }
    // Nothing is said of handles, so no write depends on another.
    await Promise.all(writes.map(work => this.#write(work)));
  }

  /** `later`: what is written next. `counted`: by block, handles that count their address in it already. */
  async #write(
    { name, block, given, reserved, room, gives, wait = 0 }: Work,
    later: readonly Work[] = [],
    counted = new Map<string, ReadonlySet<string>>(),
  ): Promise<IpamFault | undefined> {
    const { node, store, config, reservations, onLost, log } = this.#options;
    for (const life of given) life.tried = true;
    // What is given back must not be given out meanwhile; else all that is in hand stays, since it may be.
    this.#hand.close(name, gives);
    const texts = new Set(given.map(({ ip }) => formatIp(ip)));
    const pinned = gives ? reserved : block.kept.filter(ip => !texts.has(formatIp(ip)));
    const time = { cooldownMs: config().cooldownMs, now: Date.now() };
    const request = {
      block: block.cidr,
      node,
      given,
      pinned,
      keep: room + reserved.length,
      wait,
      reservations: reservations(),
      ...time,
      also: elsewhere(later),
      counted: counted.get(name) ?? new Set<string>(),
    };
    const done = await drive(settleKept(request), store);
    if (done.ok) {
      this.#hand.settled(name, done.value);
      for (const work of later)
        counted.set(work.name, done.value.counted.union(counted.get(work.name) ?? new Set<string>()));
      for (const life of given) {
        this.#lives.delete(keyOf(life));
        this.#hand.written({ ip: life.ip, block: name }, done.value.resourceVersion);
      }
      for (const life of done.value.lost) {
        log(lostText(life));
        onLost(life, lostText(life));
      }
    }
    this.#hand.close(name, false);
    return done.ok ? undefined : done.fault;
  }

  /** What is to be written, by block. A hand that is half full will do. */
  #work(): readonly Work[] {
    return this.#all().filter(
      ({ given, gives, inHand, room }) => given.length > 0 || gives || inHand * 2 < room,
    );
  }

  /** What could be written, by block. */
  #all(): readonly Work[] {
    const work: Work[] = [];
    const lives = [...this.#lives.values()];
    for (const [name, block] of this.#hand.blocks) {
      const given = lives.filter(life =>
        life.block === undefined ? prefixHas(block.cidr, life.ip) : life.block === name,
      );
      const reserved = this.#hand.reservedIn(name);
      const wish = this.#wish(name, block, given.length + reserved.length > 0) + reserved.length;
      const room = Math.max(0, Math.min(wish, Math.floor(block.free / 4)) - reserved.length);
      const inHand = block.kept.length - given.length - reserved.length;
      const gives = inHand > (room === 0 ? 0 : room + 1);
      work.push({ name, block, given, reserved, inHand, room, gives });
    }
    return work;
  }

  #wish(name: string, block: HandBlock, given: boolean): number {
    if (block.used || given) {
      this.#emptySince.delete(name);
      return this.#options.keep;
    }
    const since = this.#emptySince.get(name) ?? Date.now();
    this.#emptySince.set(name, since);
    return Date.now() - since < IDLE_MS && block.kept.length > 0 ? block.kept.length : 0;
  }
}

/** By handle, the blocks that it has addresses in. */
function elsewhere(works: readonly Work[]): ReadonlyMap<string, readonly Prefix[]> {
  const blocks = new Map<string, Prefix[]>();
  for (const { block, given } of works)
    for (const { handleId } of given) blocks.set(handleId, [...(blocks.get(handleId) ?? []), block.cidr]);
  return blocks;
}

const keyOf = ({ handleId, ip }: Pick<Life, 'handleId' | 'ip'>) => `${handleId} ${formatIp(ip)}`;
