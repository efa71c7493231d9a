import type { Pool } from '@muslin/api';
import { fail, formatIp, type Ip, ok, prefixHas, type Result } from '@muslin/net';
import { assignIn } from './assign-in.ts';
import { formatOwner } from './block-spec.ts';
import { claimAffinity } from './claim-affinity.ts';
import { gaveUp, type IpamFault, notInAPool, type Reason } from './fault.ts';
import { blockHolding } from './free-blocks.ts';
import type { Program } from './machine.ts';
import { type AllocatedAddress, type AllocationRequest, blockOwnerOf } from './request.ts';

/** Claims by others that are waited out before giving up. */
const MOST_ROUNDS = 8;

/**
 * Assigns one very address: in whatever block holds it, unless strictAffinity forbids another node's; in a new block
 * when there is none. Reservations, cool-down, selectors and the cap on blocks do not apply.
 */
export function* assignExactly(
  request: AllocationRequest,
  ip: Ip,
  tried: Reason[],
): Program<Result<AllocatedAddress, IpamFault>> {
  const pool = request.pools.find(
    candidate =>
      prefixHas(candidate.cidr, ip) && !candidate.disabled && candidate.allowedUses.has(request.use),
  );
  if (pool === undefined) {
    for (const each of request.pools) tried.push({ at: each.name, why: whyNotFrom(each, ip, request.use) });
    return fail(notInAPool(ip, tried));
  }
  const cidr = blockHolding(pool, ip);
  const { strictAffinity, autoAllocateBlocks } = request.config;
  for (let i = 0; i < MOST_ROUNDS; i++) {
    const attempt = yield* assignIn(request, cidr, 'requested', !strictAffinity, ip);
    if (!attempt.ok) return attempt;
    switch (attempt.value.type) {
      case 'assigned':
        return ok(attempt.value.address);
      case 'refused': {
        const { heldBy = { handleId: undefined, secondary: {} }, message } = attempt.value.refusal;
        return fail({ code: 'taken', ip, heldBy, message, tried: [...tried] });
      }
      case 'not-ours': {
        const { owner } = attempt.value.block;
        const whose = owner === undefined ? 'no node' : formatOwner(owner);
        const message = `${formatIp(ip)} is in a block of ${whose}, and strictAffinity keeps it there`;
        return fail({ code: 'strict-affinity', ip, message, tried: [...tried] });
      }
      case 'gone':
        break;
      default:
        return attempt.value satisfies never;
    }
    if (!autoAllocateBlocks)
      return fail({
        code: 'exhausted',
        tried: [...tried],
        message: `${formatIp(ip)} has no block yet, and autoAllocateBlocks is false`,
      });
    const claimed = yield* claimAffinity(cidr, blockOwnerOf(request), request.now, strictAffinity);
    if (!claimed.ok && claimed.fault.code !== 'claimed') return claimed;
  }
  return fail(gaveUp(`address ${formatIp(ip)}`, tried));
}

function whyNotFrom(pool: Pool, ip: Ip, use: AllocationRequest['use']): string {
  if (!prefixHas(pool.cidr, ip)) return `IPPool ${pool.name} does not hold ${formatIp(ip)}`;
  if (pool.disabled) return `IPPool ${pool.name} is disabled`;
  return `IPPool ${pool.name} does not allow the use ${use}`;
}
