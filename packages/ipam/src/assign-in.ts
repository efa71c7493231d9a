import { fail, formatPrefix, type Ip, ok, type Prefix, prefixCovers, type Result } from '@muslin/net';
import { addressesOf, type Block, sameOwner, type Sequence } from './block.ts';
import { type AssignRefusal, type AssignRequest, assignFromBlock } from './block-assign.ts';
import { blockFromSpec, blockToSpec } from './block-spec.ts';
import { gaveUp, type IpamFault } from './fault.ts';
import { lowerHandle, raiseHandle } from './handle-program.ts';
import { keptIn } from './kept.ts';
import type { Program } from './machine.ts';
import { blockName } from './names.ts';
import { attributesOf, handleAnnotations } from './owner.ts';
import { type AllocatedAddress, type AllocationRequest, blockOwnerOf, type How } from './request.ts';
import { MOST_TRIES, readOne, withSpec, write } from './store.ts';

/** What a block gave: an address, a refusal, or nothing because it is gone or another's. */
export type Attempt =
  | { readonly type: 'assigned'; readonly address: AllocatedAddress }
  | { readonly type: 'refused'; readonly refusal: AssignRefusal }
  | { readonly type: 'gone' }
  | { readonly type: 'not-ours'; readonly block: Block };

/**
 * Assigns from one block: the handle first, then the block (bound to the version that was read). `foreign`: whether
 * another owner's block will do. A crash between the two writes leaves a handle without an address: found by `check`.
 */
export function* assignIn(
  request: AllocationRequest,
  cidr: Prefix,
  how: How,
  foreign: boolean,
  ip?: Ip,
): Program<Result<Attempt, IpamFault>> {
  const { handleId, owner, node, now, reservations } = request;
  const wish: AssignRequest = {
    handleId,
    secondary: attributesOf(owner, node.name, now),
    cooldownMs: request.config.cooldownMs,
    ...(ip === undefined ? {} : { ip }),
  };
  const addressAt = (at: Ip, sequence: Sequence | undefined): AllocatedAddress => {
    const pool = request.pools.find(candidate => prefixCovers(candidate.cidr, cidr))?.name;
    return { ip: at, block: cidr, pool, how, sequence };
  };
  let raised = false;
  /** Ends without an address: what the handle said too much is taken back. */
  function* end(attempt: Attempt): Program<Result<Attempt, IpamFault>> {
    const lowered = raised ? yield* lowerHandle(handleId, cidr, 1) : ok(undefined);
    return lowered.ok ? ok(attempt) : lowered;
  }
  for (let i = 0; i < MOST_TRIES; i++) {
    const held = yield* readOne('IPAMBlock', blockName(cidr), blockFromSpec);
    if (!held.ok) return held;
    if (held.value === undefined || held.value.value.deleted) return yield* end({ type: 'gone' });
    const { object, value: block } = held.value;
    if (!foreign && !sameOwner(block.owner, blockOwnerOf(request)))
      return yield* end({ type: 'not-ours', block });
    // A write whose answer was lost and that was sent again looks like a lost race: the address is already there.
    const mine = i === 0 ? undefined : addressesOf(block).find(held => held.attribute.handleId === handleId);
    if (mine !== undefined) return ok({ type: 'assigned', address: addressAt(mine.ip, mine.sequence) });
    const kept = keptIn(object.metadata, block);
    const taken = assignFromBlock(block, { ...wish, kept }, reservations, now);
    if (!taken.ok) return yield* end({ type: 'refused', refusal: taken.fault });
    if (!raised) {
      const raise = yield* raiseHandle(handleId, cidr, handleAnnotations(owner, node.name));
      if (!raise.ok) return raise;
      raised = true;
    }
    if (yield* write('update', withSpec(object, blockToSpec(taken.value.block)))) {
      return ok({ type: 'assigned', address: addressAt(taken.value.ip, taken.value.sequence) });
    }
  }
  const lowered = yield* end({ type: 'gone' });
  return lowered.ok ? fail(gaveUp(`block ${formatPrefix(cidr)}`, [])) : lowered;
}
