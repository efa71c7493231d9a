import { fail, ok, type Result } from '@muslin/net';
import type { Effect, Input } from './effect.ts';
import type { IpamFault } from './fault.ts';
import type { Program } from './machine.ts';
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
  const input = yield { type: 'read', kind, name };
  if (input.type === 'absent') return ok(undefined);
  if (input.type !== 'found') throw new Error(`read was answered with ${input.type}`);
  const value = parse(input.object.spec);
  if (value.ok) return ok({ object: input.object, value: value.value });
  return fail(unreadable(input.object, value.fault));
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
  const { name, resourceVersion = '' } = object.metadata;
  const input = yield { type: 'delete', kind: object.kind, name, resourceVersion };
  return input.type === 'deleted' || input.type === 'absent' || (lost('delete', input) ?? false);
}

/** The object with another spec: its metadata, and with it the version it was read at, stays. */
export function withSpec(object: StoredObject, spec: unknown): StoredObject {
  return { ...object, spec };
}

function lost(effect: string, input: Input): undefined {
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
