import {
  fail,
  formatIp,
  formatPrefix,
  type Ip,
  ok,
  parsePrefix,
  type Prefix,
  type Result,
} from '@muslin/net';
import { addressesOf, ordinalOf } from './block.ts';
import { type ReleaseExpectation, type ReleaseTime, release, releaseHandle } from './block-release.ts';
import { blockFromSpec, blockToSpec } from './block-spec.ts';
import { gaveUp, type IpamFault } from './fault.ts';
import { handleFromSpec } from './handle.ts';
import { lowerHandle } from './handle-program.ts';
import type { Program } from './machine.ts';
import { blockName, handleName } from './names.ts';
import { MOST_TRIES, readAll, readOne, removeAll, withSpec, write } from './store.ts';

/** Releases one address, if it is still the one that was meant: the block first, then the handle. */
export function* releaseAddress(
  cidr: Prefix,
  ip: Ip,
  expected: ReleaseExpectation,
  time: ReleaseTime,
): Program<Result<{ readonly released: readonly Ip[] }, IpamFault>> {
  for (let i = 0; i < MOST_TRIES; i++) {
    const held = yield* readOne('IPAMBlock', blockName(cidr), blockFromSpec);
    if (!held.ok) return held;
    if (held.value === undefined)
      return fail(stale(ip, 'not-in-use', `there is no block ${formatPrefix(cidr)}`));
    const { object, value: block } = held.value;
    const freed = release(block, ip, expected, time);
    if (!freed.ok) {
      const { code, message } = freed.fault;
      return fail(stale(ip, code === 'not-in-block' ? 'not-in-use' : code, message));
    }
    const ordinal = ordinalOf(block, ip);
    const handleId = addressesOf(block).find(address => address.ordinal === ordinal)?.attribute.handleId;
    if (!(yield* write('update', withSpec(object, blockToSpec(freed.value))))) continue;
    const lowered = handleId === undefined ? ok(undefined) : yield* lowerHandle(handleId, cidr, 1);
    return lowered.ok ? ok({ released: [ip] }) : lowered;
  }
  return fail(gaveUp(`address ${formatIp(ip)}`, []));
}

/**
 * Releases every address of some handles: each block that a handle names, then the handle itself, bound to the version
 * that was read, so that a block added meanwhile is not missed. A handle that is gone has nothing: that is no fault. Each
 * block is written once for all handles.
 */
export function* releaseAllOf(
  handleIds: readonly string[],
  time: ReleaseTime,
): Program<Result<{ readonly released: readonly Ip[] }, IpamFault>> {
  const released: Ip[] = [];
  let left = [...new Set(handleIds)];
  for (let i = 0; i < MOST_TRIES; i++) {
    const read = yield* readAll('IPAMHandle', left.map(handleName), handleFromSpec);
    const bad = read.find(held => !held.ok);
    if (bad !== undefined && !bad.ok) return bad;
    const held = read.flatMap(each => (each.ok && each.value !== undefined ? [each.value] : []));
    if (held.length === 0) return ok({ released });
    const byBlock = new Map<string, string[]>();
    for (const { value } of held)
      for (const text of value.blocks.keys())
        byBlock.set(text, [...(byBlock.get(text) ?? []), value.handleId]);
    for (const [text, ids] of byBlock) {
      const cidr = parsePrefix(text);
      // A key that is no CIDR names no block.
      if (!cidr.ok) continue;
      const freed = yield* releaseInBlock(cidr.value, ids, time);
      if (!freed.ok) return freed;
      released.push(...freed.value);
    }
    const gone = yield* removeAll(held.map(({ object }) => object));
    left = held.filter((_, k) => !gone[k]).map(({ value }) => value.handleId);
    if (left.length === 0) return ok({ released });
  }
  return fail(gaveUp(`handle ${left.join(', ')}`, []));
}

function* releaseInBlock(
  cidr: Prefix,
  handleIds: readonly string[],
  time: ReleaseTime,
): Program<Result<readonly Ip[], IpamFault>> {
  for (let i = 0; i < MOST_TRIES; i++) {
    const held = yield* readOne('IPAMBlock', blockName(cidr), blockFromSpec);
    if (!held.ok) return held;
    if (held.value === undefined) return ok([]);
    let block = held.value.value;
    const released: Ip[] = [];
    for (const handleId of handleIds) {
      const freed = releaseHandle(block, handleId, time);
      block = freed.block;
      released.push(...freed.released);
    }
    if (released.length === 0) return ok([]);
    if (yield* write('update', withSpec(held.value.object, blockToSpec(block)))) return ok(released);
  }
  return fail(gaveUp(`block ${formatPrefix(cidr)}`, []));
}

function stale(ip: Ip, why: 'not-in-use' | 'other-handle' | 'other-life', message: string): IpamFault {
  return { code: 'stale', ip, why, message, tried: [] };
}
