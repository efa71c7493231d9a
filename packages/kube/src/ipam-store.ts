import type {
  Effect,
  Input,
  IpamKind,
  StoreAnswer,
  StoredMetadata,
  StoredObject,
  StoreRequest,
} from '@muslin/ipam';
import type { KubeClient } from './kube-client.ts';
import type { KubeFault } from './kube-fault.ts';
import type { AnyObject } from './kube-object.ts';
import { RESOURCES } from './resources.ts';

/** Objects of IPAM as some watch knows them; undefined when there is no such watch. */
export type IpamCache = (kind: IpamKind) => Iterable<AnyObject> | undefined;

/**
 * Performs what IPAM decides: each effect is one request to the API server, except that lists may be answered from a
 * cache, since every write names the version that it changes.
 */
export function ipamStore(
  client: KubeClient,
  cache: IpamCache = () => undefined,
): (effect: Effect) => Promise<Input> {
  const perform = async (effect: StoreRequest): Promise<StoreAnswer> => {
    switch (effect.type) {
      case 'read': {
        const done = await client.get<AnyObject>(RESOURCES[effect.kind], { name: effect.name });
        return done.ok ? { type: 'found', object: toStored(effect.kind, done.value) } : inputOf(done.fault);
      }
      case 'list': {
        const known = cache(effect.kind);
        if (known !== undefined)
          return { type: 'listed', objects: [...known].map(o => toStored(effect.kind, o)) };
        const done = await client.listAll<AnyObject>(RESOURCES[effect.kind]);
        return done.ok
          ? { type: 'listed', objects: done.value.items.map(o => toStored(effect.kind, o)) }
          : { type: 'failed', message: done.fault.message };
      }
      case 'create':
      case 'update': {
        const { kind, metadata, spec } = effect.object;
        const object = { metadata, spec } as AnyObject;
        const done = await client[effect.type]<AnyObject>(RESOURCES[kind], object);
        if (done.ok) return { type: 'written', object: toStored(kind, done.value) };
        // Nothing to create in: the kind itself is not served.
        if (effect.type === 'create' && done.fault.code === 'NotFound')
          return { type: 'failed', message: done.fault.message };
        return inputOf(done.fault);
      }
      case 'delete': {
        const { kind, name, resourceVersion } = effect;
        const done = await client.delete(RESOURCES[kind], { name }, { resourceVersion });
        return done.ok ? { type: 'deleted' } : inputOf(done.fault);
      }
      default:
        return effect satisfies never;
    }
  };
  return async effect =>
    effect.type === 'all'
      ? { type: 'all', answers: await inHandfuls(effect.requests, perform) }
      : perform(effect);
}

/** At most so many requests are under way at a time. */
const AT_ONCE = 8;

async function inHandfuls(
  requests: readonly StoreRequest[],
  perform: (request: StoreRequest) => Promise<StoreAnswer>,
): Promise<readonly StoreAnswer[]> {
  const answers: StoreAnswer[] = [];
  const waiting = [...requests.entries()];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      answers[next[0]] = await perform(next[1]);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return answers;
}

function inputOf(fault: KubeFault): StoreAnswer {
  switch (fault.code) {
    case 'NotFound':
      return { type: 'absent' };
    case 'Conflict':
    case 'AlreadyExists':
      return { type: 'conflict' };
    default:
      return { type: 'failed', message: fault.message };
  }
}

function toStored(kind: IpamKind, object: AnyObject): StoredObject {
  return { kind, metadata: object.metadata as StoredMetadata, spec: object['spec'] };
}
