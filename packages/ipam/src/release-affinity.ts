import { fail, formatPrefix, ok, type Prefix, type Result } from '@muslin/net';
import { affinityFromSpec, affinityToSpec } from './affinity.ts';
import { type BlockOwner, nextSequence, sameOwner } from './block.ts';
import { type ReleaseTime, settleCooled } from './block-release.ts';
import { blockFromSpec, blockToSpec } from './block-spec.ts';
import { gaveUp, type IpamFault } from './fault.ts';
import { keptIn } from './kept.ts';
import type { Program } from './machine.ts';
import { affinityName, blockName } from './names.ts';
import { MOST_TRIES, readOne, remove, withSpec, write } from './store.ts';

/** What became of a block that its owner gave up. */
export type GivenUp =
  /** It was empty and is gone. */
  | 'deleted'
  /** It has addresses in use: it stays, without an owner. */
  | 'orphaned'
  /** It was not this owner's any more; only the affinity was removed. */
  | 'not-owned';

/**
 * Gives a block up: the affinity as `pendingDeletion`, the block deleted, the affinity deleted. A block in use is a
 * fault with `requireEmpty`, and the affinity is confirmed again; otherwise it stays without an owner. The deletion is
 * bound to the version that was seen empty, so an address assigned meanwhile keeps the block.
 */
export function* releaseAffinity(
  cidr: Prefix,
  owner: BlockOwner,
  requireEmpty: boolean,
  time: ReleaseTime,
): Program<Result<GivenUp, IpamFault>> {
  for (let i = 0; i < MOST_TRIES; i++) {
    const held = yield* readOne('BlockAffinity', affinityName(owner.name, cidr), affinityFromSpec);
    if (!held.ok) return held;
    let affinity = held.value?.object;
    if (held.value !== undefined && held.value.value.state !== 'pendingDeletion') {
      const spec = affinityToSpec({ ...held.value.value, state: 'pendingDeletion' });
      affinity = yield* write('update', withSpec(held.value.object, spec));
      if (affinity === undefined) continue;
    }
    const block = yield* giveUpBlock(cidr, owner, requireEmpty, time);
    if (block === undefined) continue;
    if (!block.ok) {
      if (block.fault.code === 'in-use' && held.value !== undefined && affinity !== undefined) {
        const spec = affinityToSpec({ ...held.value.value, state: 'confirmed' });
        yield* write('update', withSpec(affinity, spec));
      }
      return block;
    }
    // If the affinity has changed, its owner has begun to claim the block again, and it is not ours to remove.
    if (affinity !== undefined) yield* remove(affinity);
    return block;
  }
  return fail(gaveUp(`block ${formatPrefix(cidr)}`, []));
}

/** Undefined: the block changed, look again. */
function* giveUpBlock(
  cidr: Prefix,
  owner: BlockOwner,
  requireEmpty: boolean,
  time: ReleaseTime,
): Program<Result<GivenUp, IpamFault> | undefined> {
  const held = yield* readOne('IPAMBlock', blockName(cidr), blockFromSpec);
  if (!held.ok) return held;
  if (held.value === undefined) return ok('deleted');
  const { object, value } = held.value;
  if (!sameOwner(value.owner, owner)) return ok('not-owned');
  // An address that cools down keeps its block: a new one would give it out at once.
  const unused = settleCooled(value, time.now, time.cooldownMs).allocations.every(index => index === null);
  // What its owner keeps in hand may be with a pod already.
  const idle = unused && !(requireEmpty && keptIn(object.metadata, value).size > 0);
  if (idle) return (yield* remove(object)) ? ok('deleted') : undefined;
  if (requireEmpty) {
    const message = `block ${formatPrefix(cidr)} still has addresses in use, kept in hand, or released just now`;
    return fail({ code: 'in-use', cidr, tried: [], message });
  }
  const orphan = {
    ...value,
    owner: undefined,
    claimedAt: undefined,
    sequenceNumber: nextSequence(value.sequenceNumber),
  };
  return (yield* write('update', withSpec(object, blockToSpec(orphan)))) ? ok('orphaned') : undefined;
}
