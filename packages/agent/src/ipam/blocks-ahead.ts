import type { Pool } from '@muslin/api';
import {
  choosePools,
  claimNext,
  drive,
  type Effect,
  type Input,
  type IpamConfig,
  type IpamFault,
  type NextBlockRequest,
} from '@muslin/ipam';
import type { AnyObject } from '@muslin/kube';
import { type Family, type Prefix, widthOf } from '@muslin/net';

/** What claiming ahead takes. */
export interface BlocksAheadOptions {
  readonly store: (effect: Effect) => Promise<Input>;
  /** This node, as pools select it; undefined while the cluster does not have it. */
  readonly member: () => NextBlockRequest['node'] | undefined;
  readonly pools: () => readonly Pool[];
  readonly config: () => IpamConfig;
  readonly reservations: () => readonly Prefix[];
  /** How many addresses to keep in hand; 0 claims nothing ahead. */
  readonly keep: number;
  /** How many addresses of the node's blocks in these prefixes nobody has or is promised. */
  readonly free: (within: readonly Prefix[]) => number;
  /** Names of the node's blocks. */
  readonly known: () => ReadonlySet<string>;
  /** A block was claimed, or is the node's and was not known. */
  readonly onClaimed: (object: AnyObject) => void;
  /** Milliseconds that only grow. */
  readonly now: () => number;
}

/** One turn claims no more than that; the next goes on. */
const MOST_AT_ONCE = 4;
/** A pool that is full, or a node that may have no more blocks, is not asked again before. */
const PAUSE_MS = 30_000;

/**
 * Claims blocks before pods need them: one when the node has none, and the next when what is left would not do for the
 * pods that are known to come and a hand, which is never more than a quarter of a block. What stays empty is given
 * back by the controller, or taken over by a node that needs it.
 */
export class BlocksAhead {
  readonly #options: BlocksAheadOptions;
  readonly #refused = new Map<Family, number>();
  #due = false;

  constructor(options: BlocksAheadOptions) {
    this.#options = options;
  }

  /** The node has started, or gave addresses out: a look is due. */
  poke(): void {
    this.#due = this.#options.keep > 0;
  }

  /** Whether a look is due. */
  get isDue(): boolean {
    return this.#due;
  }

  /** Claims what is short for so many pods on their way. Call it in turn with all else that changes the node's blocks. */
  async look(coming: number): Promise<IpamFault | undefined> {
    if (!this.#due && (coming === 0 || this.#options.keep === 0)) return undefined;
    this.#due = false;
    for (const family of [4, 6] as const) {
      const fault = await this.#lookAt(family, coming);
      if (fault?.code !== 'store') continue;
      this.#due = true;
      return fault;
    }
    return undefined;
  }

  async #lookAt(family: Family, coming: number): Promise<IpamFault | undefined> {
    const {
      store,
      member,
      pools: all,
      config,
      reservations,
      keep,
      free,
      known,
      onClaimed,
      now,
    } = this.#options;
    const node = member();
    if (node === undefined || now() - (this.#refused.get(family) ?? -PAUSE_MS) < PAUSE_MS) return undefined;
    const { pools } = choosePools({ family, use: 'Workload' }, all(), node, undefined);
    const [first] = pools;
    if (first === undefined) return undefined;
    const quarter = 2 ** (widthOf(family) - first.blockSize) / 4;
    const wanted = coming + Math.max(1, Math.min(keep, Math.floor(quarter)));
    const within = pools.map(pool => pool.cidr);
    for (let claims = 0; claims < MOST_AT_ONCE && free(within) < wanted; claims++) {
      const request = {
        family,
        node,
        pools,
        known: known(),
        reservations: reservations(),
        config: config(),
        now: Date.now(),
      };
      const claimed = await drive(claimNext(request), store);
      if (!claimed.ok) {
        if (claimed.fault.code !== 'store') this.#refused.set(family, now());
        return claimed.fault;
      }
      onClaimed(claimed.value as unknown as AnyObject);
    }
    return undefined;
  }
}
