import { fail, formatIp, formatPrefix, type Ip, ok, type Result } from '@muslin/net';
import {
  addressesOf,
  type Block,
  type BlockAddress,
  type BlockAttribute,
  nextSequence,
  ordinalOf,
  rfc3339,
  type Sequence,
} from './block.ts';
import { pruneAttributes } from './prune-attributes.ts';

/** What a release must find, so that a late one never frees the address of a new owner. */
export interface ReleaseExpectation {
  readonly handleId?: string;
  /** `BlockAddress.sequence` when the release was decided. */
  readonly sequence?: Sequence;
}

/** Why an address is not released. */
export interface ReleaseRefusal {
  readonly code: 'not-in-block' | 'not-in-use' | 'other-handle' | 'other-life';
  readonly message: string;
}

/** When: `now` in ms since the epoch; the addresses cool down for `cooldownMs`. */
export interface ReleaseTime {
  readonly now: number;
  readonly cooldownMs: number;
}

/** Frees one address, if it is still the one that was meant. */
export function release(
  block: Block,
  ip: Ip,
  expected: ReleaseExpectation,
  time: ReleaseTime,
): Result<Block, ReleaseRefusal> {
  const text = formatIp(ip);
  const ordinal = ordinalOf(block, ip);
  if (ordinal === undefined)
    return fail({ code: 'not-in-block', message: `${text} is not in ${formatPrefix(block.cidr)}` });
  const held = addressesOf(block).find(address => address.ordinal === ordinal);
  if (held === undefined) return fail({ code: 'not-in-use', message: `${text} is not in use` });
  if (expected.handleId !== undefined && expected.handleId !== held.attribute.handleId)
    return fail({
      code: 'other-handle',
      message: `${text} now belongs to ${held.attribute.handleId ?? 'nobody named'}, not ${expected.handleId}`,
    });
  if (expected.sequence !== undefined && expected.sequence !== held.sequence)
    return fail({ code: 'other-life', message: `${text} was released and assigned again since` });
  return ok(free(block, [held], time));
}

/** Frees every address of a handle; `released` is empty, and the block the same, when it has none. */
export function releaseHandle(
  block: Block,
  handleId: string,
  time: ReleaseTime,
): { readonly block: Block; readonly released: readonly Ip[] } {
  const held = addressesOf(block).filter(address => address.attribute.handleId === handleId);
  if (held.length === 0) return { block, released: [] };
  return { block: free(block, held, time), released: held.map(address => address.ip) };
}

/** No working clock is so far ahead of another: a later time is wrong, and must not hold an address until it comes. */
const LONGEST_AHEAD_MS = 3_600_000;

/** Gives addresses whose cool-down is over back to the free ones, the earliest released first. */
export function settleCooled(block: Block, now: number, cooldownMs: number): Block {
  const cooled: { readonly ordinal: number; readonly at: number }[] = [];
  block.allocations.forEach((index, ordinal) => {
    const at = Date.parse((index === null ? undefined : block.attributes[index]?.releasedAt) ?? '');
    // A time that cannot be read must not hold an address for ever.
    const known = index !== null && block.attributes[index]?.releasedAt !== undefined;
    const isOver = Number.isNaN(at) || now >= at + cooldownMs || at > now + LONGEST_AHEAD_MS;
    if (known && isOver) cooled.push({ ordinal, at: at || 0 });
  });
  if (cooled.length === 0) return block;
  const ordinals = cooled.sort((a, b) => a.at - b.at || a.ordinal - b.ordinal).map(({ ordinal }) => ordinal);
  return vacate(block, ordinals);
}

function free(block: Block, held: readonly BlockAddress[], { now, cooldownMs }: ReleaseTime): Block {
  const raised = { ...block, sequenceNumber: nextSequence(block.sequenceNumber) };
  if (cooldownMs <= 0)
    return vacate(
      raised,
      held.map(address => address.ordinal),
    );
  const attributes: BlockAttribute[] = [...raised.attributes];
  const allocations = [...raised.allocations];
  const sequences = new Map(raised.sequenceNumberForAllocation);
  for (const { ordinal, attribute } of held) {
    attributes.push({ handleId: undefined, secondary: attribute.secondary, releasedAt: rfc3339(now) });
    allocations[ordinal] = attributes.length - 1;
    sequences.delete(ordinal);
  }
  return pruneAttributes({ ...raised, attributes, allocations, sequenceNumberForAllocation: sequences });
}

function vacate(block: Block, ordinals: readonly number[]): Block {
  const allocations = [...block.allocations];
  const sequences = new Map(block.sequenceNumberForAllocation);
  for (const ordinal of ordinals) {
    allocations[ordinal] = null;
    sequences.delete(ordinal);
  }
  return pruneAttributes({
    ...block,
    allocations,
    unallocated: [...block.unallocated, ...ordinals],
    sequenceNumberForAllocation: sequences,
  });
}
