import { fail, formatPrefix, ok, type Prefix, type Result } from '@muslin/net';
import { gaveUp, type IpamFault } from './fault.ts';
import { countInBlock, type Handle, handleFromSpec, handleToSpec } from './handle.ts';
import type { Program } from './machine.ts';
import { handleName } from './names.ts';
import { MOST_TRIES, performAll, readOne, remove, withSpec, write } from './store.ts';
import type { StoredObject } from './stored.ts';

/** Says in the handle that it has one more address in a block; written before the block is. */
export function* raiseHandle(
  handleId: string,
  cidr: Prefix,
  annotations: Readonly<Record<string, string>>,
): Program<Result<void, IpamFault>> {
  const name = handleName(handleId);
  const fresh: Handle = { handleId, blocks: new Map(), deleted: false };
  for (let i = 0; i < MOST_TRIES; i++) {
    const held = yield* readOne('IPAMHandle', name, handleFromSpec);
    if (!held.ok) return held;
    if (held.value === undefined) {
      const spec = handleToSpec(countInBlock(fresh, cidr, 1));
      if (yield* write('create', { kind: 'IPAMHandle', metadata: { name, annotations }, spec }))
        return ok(undefined);
      continue;
    }
    const { object, value } = held.value;
    // Marked as deleted by a client that deletes in two steps: finish that, then begin anew.
    if (value.deleted) yield* remove(object);
    else if (yield* write('update', withSpec(object, handleToSpec(countInBlock(value, cidr, 1)))))
      return ok(undefined);
  }
  return fail(gaveUp(`IPAMHandle ${name}`, []));
}

/** A handle, and what it is to say. */
export interface NewHandle {
  readonly handleId: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** In each of these it has one address. */
  readonly cidrs: readonly Prefix[];
}

/**
 * Says in handles that each has one address in its blocks; that one says so already is fine. Written before the blocks are.
 * Begins with the creation: a sandbox' handle is hardly ever there.
 */
export function* ensureHandles(handles: readonly NewHandle[]): Program<Result<void, IpamFault>> {
  const answers = yield* performAll(handles.map(handle => ({ type: 'create', object: firstSight(handle) })));
  for (const [i, answer] of answers.entries()) {
    if (answer.type === 'written') continue;
    const made = yield* ensureHandle(handles[i] as NewHandle);
    if (!made.ok) return made;
  }
  return ok(undefined);
}

const countIn = (handle: Handle, cidrs: readonly Prefix[]) =>
  handleToSpec(cidrs.reduce((counted, cidr) => countInBlock(counted, cidr, 1), handle));

function firstSight({ handleId, annotations, cidrs }: NewHandle): StoredObject {
  const spec = countIn({ handleId, blocks: new Map(), deleted: false }, cidrs);
  return { kind: 'IPAMHandle', metadata: { name: handleName(handleId), annotations }, spec };
}

function* ensureHandle(handle: NewHandle): Program<Result<void, IpamFault>> {
  const name = handleName(handle.handleId);
  for (let i = 0; i < MOST_TRIES; i++) {
    const held = yield* readOne('IPAMHandle', name, handleFromSpec);
    if (!held.ok) return held;
    if (held.value === undefined) {
      if (yield* write('create', firstSight(handle))) return ok(undefined);
      continue;
    }
    const { object, value } = held.value;
    const missing = handle.cidrs.filter(cidr => !value.blocks.has(formatPrefix(cidr)));
    if (value.deleted) yield* remove(object);
    else if (missing.length === 0) return ok(undefined);
    else if (yield* write('update', withSpec(object, countIn(value, missing)))) return ok(undefined);
  }
  return fail(gaveUp(`IPAMHandle ${name}`, []));
}

/** Says in the handle that it has fewer addresses in a block; written after the block was. */
export function* lowerHandle(handleId: string, cidr: Prefix, by: number): Program<Result<void, IpamFault>> {
  const name = handleName(handleId);
  for (let i = 0; i < MOST_TRIES; i++) {
    const held = yield* readOne('IPAMHandle', name, handleFromSpec);
    if (!held.ok) return held;
    if (held.value === undefined) return ok(undefined);
    const { object, value } = held.value;
    const lowered = countInBlock(value, cidr, -by);
    const done =
      lowered.blocks.size === 0
        ? yield* remove(object)
        : yield* write('update', withSpec(object, handleToSpec(lowered)));
    if (done) return ok(undefined);
  }
  return fail(gaveUp(`IPAMHandle ${name}`, []));
}
