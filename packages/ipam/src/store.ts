import { fail, ok, type Result } from '@muslin/net';
import type { Effect, StoreAnswer, StoreRequest } from './effect.ts';
import type { IpamFault } from './fault.ts';
import type { Program } from './machine.ts';
import { isMapping } from './spec-field.ts';
import type { IpamKind, SpecFault, StoredObject } from './stored.ts';

/** An object with what its spec means. */
export interface Held<V> {
  readonly object: StoredObject;
  readonly value: V;
}

/** Reads one object; undefined when there is none. */
export function* readOne<V>(
  kind: IpamKind,
  name: string,
  parse: (spec: unknown) => Result<V, SpecFault>,
): Program<Result<Held<V> | undefined, IpamFault>> {
  const [found = ok(undefined)] = yield* readAll(kind, [name], parse);
  return found;
}

/** Lists objects; what cannot be read is left out. */
export function* listAll<V>(
  effect: Extract<Effect, { type: 'list' }>,
  parse: (spec: unknown) => Result<V, SpecFault>,
): Program<readonly Held<V>[]> {
  const input = yield effect;
  if (input.type !== 'listed') throw new Error(`list was answered with ${input.type}`);
  return input.objects.flatMap(object => {
    const value = parse(object.spec);
    return value.ok ? [{ object, value: value.value }] : [];
  });
}

/** Creates or updates an object. Gives it as stored, or undefined when another was faster. */
export function* write(type: 'create' | 'update', object: StoredObject): Program<StoredObject | undefined> {
  const input = yield { type, object };
  if (input.type === 'written') return input.object;
  return lost(type, input);
}

/** Deletes an object of this version; whether it is gone now. */
export function* remove(object: StoredObject): Program<boolean> {
  const [gone = false] = yield* removeAll([object]);
  return gone;
}

/** Deletes objects of these versions at once; whether each is gone now. */
export function* removeAll(objects: readonly StoredObject[]): Program<readonly boolean[]> {
  const answers = yield* performAll(
    objects.map(({ kind, metadata: { name, resourceVersion = '' } }) => ({
      ...{ type: 'delete', kind, name, resourceVersion },
    })),
  );
  return answers.map(
    answer => answer.type === 'deleted' || answer.type === 'absent' || (lost('delete', answer) ?? false),
  );
}

/** Performs requests that do not depend on each other; their answers in the same order. */
export function* performAll(requests: readonly StoreRequest[]): Program<readonly StoreAnswer[]> {
  const [first, ...more] = requests;
  if (first === undefined) return [];
  const input = yield more.length === 0 ? first : { type: 'all', requests };
  return input.type === 'all' ? input.answers : [input];
}

/** Reads objects at once; absent ones and those that can't be read are set apart by their place. */
export function* readAll<V>(
  kind: IpamKind,
  names: readonly string[],
  parse: (spec: unknown) => Result<V, SpecFault>,
): Program<readonly Result<Held<V> | undefined, IpamFault>[]> {
  const answers = yield* performAll(names.map(name => ({ type: 'read', kind, name })));
  return answers.map(answer => {
    if (answer.type === 'absent') return ok(undefined);
    if (answer.type !== 'found') throw new Error(`read was answered with ${answer.type}`);
    const value = parse(answer.object.spec);
    return value.ok
      ? ok({ object: answer.object, value: value.value })
      : fail(unreadable(answer.object, value.fault));
  });
}

/** Fields of each kind that its `…ToSpec` writes or leaves out on purpose. */
const FIELDS: Readonly<Record<IpamKind, ReadonlySet<string>>> = {
  IPAMBlock: new Set([
    ...[
      'cidr',
      'affinity',
      'affinityClaimTime',
      'allocations',
      'unallocated',
      'attributes',
      'sequenceNumber',
    ],
    ...['sequenceNumberForAllocation', 'deleted', 'strictAffinity'],
  ]),
  BlockAffinity: new Set(['cidr', 'node', 'type', 'state', 'deleted']),
  IPAMHandle: new Set(['handleID', 'block', 'deleted']),
};

/**
 * The object with another spec: its metadata, and with it the version it was read at, stays, and so do fields that only
 * others know.
 */
export function withSpec(object: StoredObject, spec: Readonly<Record<string, unknown>>): StoredObject {
  const before = isMapping(object.spec) ? Object.entries(object.spec) : [];
  const foreign = before.filter(([field]) => !FIELDS[object.kind].has(field));
  return { ...object, spec: foreign.length === 0 ? spec : { ...Object.fromEntries(foreign), ...spec } };
}

function lost(effect: string, input: { readonly type: string }): undefined {
  if (input.type === 'conflict' || input.type === 'absent') return undefined;
  throw new Error(`${effect} was answered with ${input.type}`);
}

function unreadable(object: StoredObject, fault: SpecFault): IpamFault {
  const name = `${object.kind} ${object.metadata.name}`;
  return {
    code: 'unreadable',
    object: name,
    tried: [],
    message: `${name} cannot be read: ${fault.message}. It is left alone; repair or delete it`,
  };
}

/** Tries of one compare-and-swap before giving up. */
export const MOST_TRIES = 100;
