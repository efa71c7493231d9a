import type { Ip, Prefix } from '@muslin/net';
import { ok } from '@muslin/net';
import type { Block, BlockOwner } from './block.ts';
import type { ReleaseExpectation, ReleaseTime } from './block-release.ts';
import { claimAffinity } from './claim-affinity.ts';
import { type Machine, machine } from './machine.ts';
import { type GivenUp, releaseAffinity } from './release-affinity.ts';
import { releaseAddress, releaseAllOf } from './release-address.ts';

/** Addresses that are free now. */
export interface Released {
  readonly released: readonly Ip[];
}

/** Releases every address of a handle, and the handle. Nothing to release is no fault: a repeat is harmless. */
export function releaseByHandle(handleId: string, time: ReleaseTime): Machine<Released> {
  return machine(() => releaseAllOf([handleId], time));
}

/** The same for several handles: each block is written once. */
export function releaseHandles(handleIds: readonly string[], time: ReleaseTime): Machine<Released> {
  return machine(() => releaseAllOf(handleIds, time));
}

/** Releases one address of a block; a `stale` fault when it is not the life that was meant. */
export function releaseIp(
  block: Prefix,
  ip: Ip,
  expected: ReleaseExpectation,
  time: ReleaseTime,
): Machine<Released> {
  return machine(() => releaseAddress(block, ip, expected, time));
}

/** Claims a block for an owner. */
export function claimBlock(
  cidr: Prefix,
  owner: BlockOwner,
  options: { readonly now: number; readonly strictAffinity: boolean },
): Machine<Block> {
  return machine(function* () {
    const claimed = yield* claimAffinity(cidr, owner, options.now, options.strictAffinity);
    return claimed.ok ? ok(claimed.value.value) : claimed;
  });
}

/** Gives a block up for its owner. `requireEmpty`: only when no address is in use. */
export function releaseBlock(
  cidr: Prefix,
  owner: BlockOwner,
  options: ReleaseTime & { readonly requireEmpty: boolean },
): Machine<GivenUp> {
  return machine(() => releaseAffinity(cidr, owner, options.requireEmpty, options));
}
