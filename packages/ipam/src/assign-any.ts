import type { Pool } from '@muslin/api';
import { fail, type Family, type Result } from '@muslin/net';
import { gaveUp, type IpamFault, type Reason } from './fault.ts';
import type { Program } from './machine.ts';
import { choosePools, poolRequest } from './pool-choice.ts';
import { type AllocatedAddress, type AllocationRequest, blockOwnerOf } from './request.ts';
import { Ways } from './ways.ts';

/** Times that the world is looked at again because it changed underway. */
const MOST_ROUNDS = 8;

/**
 * Finds an address of a family: in the node's own blocks, else in a new block, else in another node's empty block
 * taken over, else borrowed from any block. At the cap on blocks it is a fault and nothing is borrowed.
 */
export function* assignAny(
  request: AllocationRequest,
  family: Family,
  tried: Reason[],
): Program<Result<AllocatedAddress, IpamFault>> {
  const { pools, excluded } = choosePools(
    poolRequest(family, request.use, request.poolNames),
    request.pools,
    request.node,
    request.namespace,
  );
  for (const { pool, message } of excluded) tried.push({ at: pool, why: message });
  if (pools.length === 0)
    return fail({
      code: 'no-pool',
      excluded,
      tried: [...tried],
      message: `no IPPool gives this an IPv${family} address`,
    });
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const ways = new Ways(request, family, pools, tried);
    const found = yield* oneRound(request, family, pools, ways);
    // What was listed has changed meanwhile, so a refusal would be about a world that is past.
    if (found.ok || !ways.moved) return found;
  }
  return fail(gaveUp(`an IPv${family} address for ${request.handleId}`, tried));
}

function* oneRound(
  request: AllocationRequest,
  family: Family,
  pools: readonly Pool[],
  ways: Ways,
): Program<Result<AllocatedAddress, IpamFault>> {
  const own = yield* ways.ownAffinities();
  const first = yield* ways.fromOwn(own);
  if (first !== undefined) return first;
  const limit = request.config.maxBlocksPerHost;
  const capped = blockOwnerOf(request).type === 'host' && request.config.autoAllocateBlocks;
  if (capped && own.length >= limit) {
    const message = `${request.node.name} has ${own.length} IPv${family} blocks, all full, and may have ${limit} (IPAMConfiguration maxBlocksPerHost)`;
    return fail({ code: 'block-limit', limit, tried: ways.tried, message });
  }
  const blocks = yield* ways.allBlocks();
  const found =
    (yield* ways.fromNew(blocks)) ??
    (yield* ways.fromTakeOver(blocks)) ??
    (yield* ways.fromBorrowing(blocks));
  const message = `the IPPools ${pools.map(p => p.name).join(', ')} have no free address left for this node`;
  return found ?? fail({ code: 'exhausted', tried: ways.tried, message });
}
