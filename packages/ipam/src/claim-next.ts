import type { Labels, Pool } from '@muslin/api';
import { fail, type Family, formatPrefix, ok, type Prefix, prefixCovers, type Result } from '@muslin/net';
import { affinityFromSpec } from './affinity.ts';
import { type BlockOwner, sameOwner } from './block.ts';
import { blockFromSpec } from './block-spec.ts';
import { claimAffinity } from './claim-affinity.ts';
import type { IpamFault, Reason } from './fault.ts';
import { freeBlockCandidates } from './free-blocks.ts';
import type { IpamConfig } from './ipam-config.ts';
import { type Machine, machine, type Program } from './machine.ts';
import { choosePools } from './pool-choice.ts';
import type { StoredObject } from './stored.ts';
import { listAll } from './store.ts';

/** A node's wish for one block more, before any pod needs it. */
export interface NextBlockRequest {
  readonly family: Family;
  readonly node: { readonly name: string; readonly labels: Labels };
  readonly pools: readonly Pool[];
  /** Names of the node's blocks that it knows of: one that it has not heard of yet is as good as a new one. */
  readonly known: ReadonlySet<string>;
  readonly reservations: readonly Prefix[];
  readonly config: IpamConfig;
  /** Ms since the epoch. */
  readonly now: number;
}

/** Others claim at the same time. */
const MOST_CLAIMS = 8;

/**
 * Claims the block that the node's next pod without a wish would have brought about, and gives it as stored. Only a block that nobody
 * has: nothing is taken over or borrowed for pods that have not come.
 */
export function claimNext(request: NextBlockRequest): Machine<StoredObject> {
  return machine(() => claimingNext(request));
}

function* claimingNext(request: NextBlockRequest): Program<Result<StoredObject, IpamFault>> {
  const { family, node, config, reservations, now } = request;
  const { pools, excluded } = choosePools({ family, use: 'Workload' }, request.pools, node, undefined);
  const tried: Reason[] = excluded.map(({ pool, message }) => ({ at: pool, why: message }));
  const none = (message: string) => fail({ code: 'exhausted', tried, message } as const);
  if (pools.length === 0)
    return fail({
      code: 'no-pool',
      excluded,
      tried,
      message: `no IPPool gives any pod an IPv${family} address`,
    });
  if (!config.autoAllocateBlocks) return none('autoAllocateBlocks is false: no new block');
  const owner: BlockOwner = { type: 'host', name: node.name };
  const affinities = yield* listAll(
    { type: 'list', kind: 'BlockAffinity', node: node.name },
    affinityFromSpec,
  );
  const own = affinities
    .map(({ value }) => value)
    .filter(affinity => sameOwner(affinity.owner, owner) && !affinity.deleted)
    .filter(({ cidr }) => cidr.ip.family === family);
  const limit = config.maxBlocksPerHost;
  for (const pool of pools) {
    const blocks = yield* listAll({ type: 'list', kind: 'IPAMBlock', within: pool.cidr }, blockFromSpec);
    const existing = blocks.map(({ value }) => value.cidr);
    const has = new Set(existing.map(formatPrefix));
    const unheard = blocks.find(
      ({ object, value }) =>
        sameOwner(value.owner, owner) && !value.deleted && !request.known.has(object.metadata.name),
    );
    if (unheard !== undefined) return ok(unheard.object);
    // What was begun comes first, and is no block more.
    const begun = own.filter(
      ({ cidr, state }) =>
        prefixCovers(pool.cidr, cidr) && (state !== 'confirmed' || !has.has(formatPrefix(cidr))),
    );
    const free =
      own.length >= limit
        ? []
        : freeBlockCandidates(pool, existing, node.name, reservations).take(MOST_CLAIMS);
    for (const cidr of [...begun.map(affinity => affinity.cidr), ...free]) {
      const claimed = yield* claimAffinity(cidr, owner, now, config.strictAffinity);
      if (claimed.ok) return ok(claimed.value.object);
      tried.push({ at: formatPrefix(cidr), why: claimed.fault.message });
    }
  }
  if (own.length < limit)
    return none(`the IPPools ${pools.map(pool => pool.name).join(', ')} have no free block left`);
  const message = `${node.name} has ${own.length} IPv${family} blocks, and may have ${limit} (IPAMConfiguration maxBlocksPerHost)`;
  return fail({ code: 'block-limit', limit, tried, message });
}
