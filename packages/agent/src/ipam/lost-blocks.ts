import type { Pool } from '@muslin/api';
import {
  type Block,
  blockFromSpec,
  blockHolding,
  claimBlock,
  drive,
  type Effect,
  type Input,
  type IpamFault,
} from '@muslin/ipam';
import type { AnyObject } from '@muslin/kube';
import { formatPrefix, type Ip, type Prefix, prefixHas } from '@muslin/net';

/** Addresses that a sandbox of this node has. `containerId` as it names the handle. */
export interface Holding {
  readonly containerId: string;
  readonly network: string;
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly ips: readonly Ip[];
}

/** What taking blocks back takes. */
export interface LostBlocksOptions {
  readonly node: string;
  readonly store: (effect: Effect) => Promise<Input>;
  readonly holdings: () => readonly Holding[];
  readonly pools: () => Iterable<Pool>;
  /** Whether the cluster still has this node: else somebody tidies up after it, and must not be worked against. */
  readonly isMember: () => boolean;
  readonly strictAffinity: () => boolean;
  /** The block is ours again; these pods had addresses of it all the time. */
  readonly onBack: (holdings: readonly Holding[]) => void;
  readonly log: (line: string) => void;
}

/**
 * Blocks of this node that somebody deleted while pods here have addresses of them. Nobody may get those addresses, so
 * the node claims the block again and tells who has what. Who was faster keeps it: then `muslinctl ipam check` names the pods.
 */
export class LostBlocks {
  readonly #options: LostBlocksOptions;
  readonly #lost = new Map<string, Prefix>();

  constructor(options: LostBlocksOptions) {
    this.#options = options;
  }

  /** The watch showed a block. */
  saw(object: AnyObject, gone: boolean): void {
    const read = gone ? blockFromSpec(object['spec']) : undefined;
    if (!read?.ok || !isOwn(read.value, this.#options.node)) return;
    const { cidr } = read.value;
    // A new one may be there by now, made for a new pod: it knows nothing of the others.
    if (this.#holdersIn(cidr).length > 0) this.#lost.set(formatPrefix(cidr), cidr);
  }

  /** After a start, with all blocks of the cluster: what was deleted while this program was away. */
  compare(blocks: Iterable<AnyObject>): void {
    const known = [...blocks].flatMap(object => {
      const read = blockFromSpec(object['spec']);
      return read.ok ? [read.value.cidr] : [];
    });
    const pools = [...this.#options.pools()];
    for (const ip of this.#options.holdings().flatMap(holding => holding.ips)) {
      const pool = pools.find(({ cidr }) => prefixHas(cidr, ip));
      if (pool === undefined || known.some(cidr => prefixHas(cidr, ip))) continue;
      const cidr = blockHolding(pool, ip);
      this.#lost.set(formatPrefix(cidr), cidr);
    }
  }

  get isDue(): boolean {
    return this.#lost.size > 0 && this.#options.isMember();
  }

  /** Claims what is lost. Call it in turn with all else that changes the node's blocks. */
  async restore(): Promise<IpamFault | undefined> {
    if (!this.isDue) return undefined;
    const { node, store, strictAffinity, onBack, log } = this.#options;
    for (const [text, cidr] of [...this.#lost]) {
      const holders = this.#holdersIn(cidr);
      if (holders.length > 0) {
        const how = { now: Date.now(), strictAffinity: strictAffinity() };
        const claimed = await drive(claimBlock(cidr, { type: 'host', name: node }, how), store);
        if (!claimed.ok && claimed.fault.code !== 'claimed') return claimed.fault;
        log(
          claimed.ok
            ? `block ${text} was deleted while ${count(holders)} here had addresses of it: it is claimed again`
            : `block ${text} was deleted while ${count(holders)} here had addresses of it, and is not ours any more: ${claimed.fault.message}`,
        );
        if (claimed.ok) onBack(holders);
      }
      this.#lost.delete(text);
    }
    return undefined;
  }

  #holdersIn(cidr: Prefix): readonly Holding[] {
    return this.#options
      .holdings()
      .map(holding => ({ ...holding, ips: holding.ips.filter(ip => prefixHas(cidr, ip)) }))
      .filter(({ ips }) => ips.length > 0);
  }
}

const isOwn = ({ owner }: Block, node: string) => owner?.type === 'host' && owner.name === node;

const count = (holders: readonly Holding[]) => (holders.length === 1 ? 'a pod' : `${holders.length} pods`);
