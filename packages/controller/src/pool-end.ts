import { addressesOf, blockFromSpec, drive, formatOwner, isEmpty, releaseBlock } from '@muslin/ipam';
import { type AnyObject, ipamStore, type KubeClient, type Note, RESOURCES } from '@muslin/kube';
import { parsePrefix, prefixCovers } from '@muslin/net';
import { blockNote } from './address-notes.ts';
import { setFinalizer } from './finalizer.ts';
import { poolOf } from './garbage/read-cluster.ts';
import type { Again } from './work-queue.ts';

/** Keeps a pool that is being deleted until its last address is back. Calico's own name. */
const FINALIZER = 'projectcalico.org/ippool-finalizer';
const LOOK_AGAIN: Again = { againMs: 5_000 };

/** What ending pools takes. */
export interface PoolEndOptions {
  readonly client: KubeClient;
  readonly log: (line: string) => void;
  readonly tell: (note: Note) => void;
  readonly now: () => number;
}

/**
 * Lets a deleted pool go when nobody has an address of it any more, and its blocks before it: routes and masquerading of
 * addresses in use depend on the pool. Meanwhile nothing new is given out of it.
 */
export class PoolEnd {
  readonly #options: PoolEndOptions;

  constructor(options: PoolEndOptions) {
    this.#options = options;
  }

  async reconcile(name: string): Promise<string | Again | undefined> {
    const { client, log } = this.#options;
    const got = await client.get<AnyObject>(RESOURCES.IPPool, { name });
    if (!got.ok) return got.fault.code === 'NotFound' ? undefined : got.fault.message;
    const pool = got.value;
    const deleting = Boolean(pool.metadata.deletionTimestamp);
    if (!deleting) return setFinalizer(client, RESOURCES.IPPool, pool, FINALIZER, true);
    if (!pool.metadata.finalizers?.includes(FINALIZER)) return undefined;
    const inUse = await this.#emptied(
      name,
      (pool['spec'] as { readonly cidr?: string } | undefined)?.cidr ?? '',
    );
    if (typeof inUse === 'string') return inUse;
    if (inUse > 0) return LOOK_AGAIN;
    const fault = await setFinalizer(client, RESOURCES.IPPool, pool, FINALIZER, false);
    if (fault === undefined) log(`IPPool ${name} is gone: none of its addresses was in use`);
    return fault;
  }

  /** Gives up the empty blocks of a prefix that no other pool holds; how many addresses are in use in the rest. */
  async #emptied(name: string, text: string): Promise<number | string> {
    const { client, now, tell } = this.#options;
    const cidr = parsePrefix(text);
    // Nothing can ever have come from it.
    if (!cidr.ok) return 0;
    const pools = await client.listAll<AnyObject>(RESOURCES.IPPool);
    if (!pools.ok) return pools.fault.message;
    const staying = pools.value.items.filter(({ metadata }) => !metadata.deletionTimestamp).flatMap(poolOf);
    const listed = await client.listAll<AnyObject>(RESOURCES.IPAMBlock);
    if (!listed.ok) return listed.fault.message;
    let inUse = 0;
    for (const object of listed.value.items) {
      const block = blockFromSpec(object['spec']);
      if (!block.ok) return `IPAMBlock ${object.metadata.name}: ${block.fault.message}`;
      if (!prefixCovers(cidr.value, block.value.cidr)) continue;
      const { cidr: prefix, owner } = block.value;
      // A pool that overlaps and stays goes on to serve it.
      if (staying.some(pool => prefixCovers(pool.cidr, prefix))) continue;
      inUse += addressesOf(block.value).length;
      if (owner === undefined || !isEmpty(block.value)) continue;
      const time = { now: now(), cooldownMs: 0, requireEmpty: true };
      const done = await drive(releaseBlock(prefix, owner, time), ipamStore(client));
      if (!done.ok && done.fault.code !== 'in-use') return done.fault.message;
      if (!done.ok) inUse++;
      const about = { apiVersion: 'projectcalico.org/v3', kind: 'IPPool', name };
      const why = `IPPool ${name} is being deleted, and no address of it was in use`;
      const note = done.ok ? blockNote(about, prefix, formatOwner(owner), done.value, why) : undefined;
      if (note !== undefined) tell(note);
    }
    return inUse;
  }
}
