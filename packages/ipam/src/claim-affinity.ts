import { fail, formatPrefix, ok, type Prefix, type Result } from '@muslin/net';
import { type Affinity, affinityFromSpec, affinityToSpec, storedAffinity } from './affinity.ts';
import { type Block, type BlockOwner, emptyBlock, sameOwner } from './block.ts';
import { blockFromSpec, blockToSpec, formatOwner } from './block-spec.ts';
import { gaveUp, type IpamFault } from './fault.ts';
import type { Program } from './machine.ts';
import { affinityName, blockName } from './names.ts';
import { type Held, MOST_TRIES, readOne, remove, withSpec, write } from './store.ts';

/**
 * Claims a block in two phases: the affinity as `pending`, the block, the affinity as `confirmed`. Creating the block
 * decides; a crash before that leaves a pending affinity, which the owner's next claim completes and `check` reports.
 * Gives the block. `now` in ms since the epoch.
 */
export function* claimAffinity(
  cidr: Prefix,
  owner: BlockOwner,
  now: number,
  strictAffinity: boolean,
): Program<Result<Held<Block>, IpamFault>> {
  for (let i = 0; i < MOST_TRIES; i++) {
    const announced = yield* announce(cidr, owner);
    if (!announced.ok) return announced;
    if (announced.value === undefined) continue;
    const block = yield* takeBlock(cidr, owner, now, strictAffinity);
    if (!block.ok) {
      // Somebody else has the block: our announcement goes, if nobody changed it meanwhile.
      if (block.fault.code === 'claimed') yield* remove(announced.value.object);
      return block;
    }
    if (block.value === undefined) continue;
    const { object, value } = announced.value;
    if (value.state === 'confirmed') return ok(block.value);
    if (yield* write('update', withSpec(object, affinityToSpec({ ...value, state: 'confirmed' }))))
      return ok(block.value);
  }
  return fail(gaveUp(`block ${formatPrefix(cidr)}`, []));
}

/** An affinity of ours that is pending or confirmed; undefined: it changed, look again. */
function* announce(cidr: Prefix, owner: BlockOwner): Program<Result<Held<Affinity> | undefined, IpamFault>> {
  const held = yield* readOne('BlockAffinity', affinityName(owner.name, cidr), affinityFromSpec);
  if (!held.ok) return held;
  const value: Affinity = { cidr, owner, state: 'pending', deleted: false };
  if (held.value === undefined) {
    const object = yield* write('create', storedAffinity(value));
    return ok(object && { object, value });
  }
  if (held.value.value.deleted) {
    yield* remove(held.value.object);
    return ok(undefined);
  }
  if (held.value.value.state !== 'pendingDeletion') return ok(held.value);
  const object = yield* write('update', withSpec(held.value.object, affinityToSpec(value)));
  return ok(object && { object, value });
}

/** The block with us as its owner; undefined: it changed, look again. */
function* takeBlock(
  cidr: Prefix,
  owner: BlockOwner,
  now: number,
  strictAffinity: boolean,
): Program<Result<Held<Block> | undefined, IpamFault>> {
  const name = blockName(cidr);
  const held = yield* readOne('IPAMBlock', name, blockFromSpec);
  if (!held.ok) return held;
  if (held.value === undefined) {
    const value = emptyBlock(cidr, owner, now, strictAffinity);
    const object = yield* write('create', {
      kind: 'IPAMBlock',
      metadata: { name },
      spec: blockToSpec(value),
    });
    return ok(object && { object, value });
  }
  if (held.value.value.deleted) {
    yield* remove(held.value.object);
    return ok(undefined);
  }
  const current = held.value.value.owner;
  if (sameOwner(current, owner)) return ok(held.value);
  const by = current === undefined ? 'nobody, with addresses in use' : formatOwner(current);
  const message = `block ${formatPrefix(cidr)} belongs to ${by}`;
  return fail({ code: 'claimed', cidr, by, tried: [], message });
}
