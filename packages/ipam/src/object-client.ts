import type { Result } from '@muslin/net';
import type { Effect, Input } from './effect.ts';
import type { IpamKind, StoredMetadata, StoredObject } from './stored.ts';

/** A fault of the client: these codes mean something here, all others mean that the store failed. */
interface ClientFault {
  /** `NotFound`, `Conflict` and `AlreadyExists` are answers. */
  readonly code: string;
  readonly message: string;
}

/** An object as a client gives it. */
interface ClientObject {
  readonly metadata: Partial<StoredMetadata>;
  readonly spec?: unknown;
}

type Answer<T> = Promise<Result<T, ClientFault>>;

/** The part of a Kubernetes client that IPAM needs; `KubeClient` of `@muslin/kube` fits. `R` names a resource. */
export interface ObjectClient<R> {
  get(resource: R, name: { readonly name: string }): Answer<ClientObject>;
  listAll(resource: R): Answer<{ readonly items: readonly ClientObject[] }>;
  create(resource: R, object: ClientObject): Answer<ClientObject>;
  update(resource: R, object: ClientObject): Answer<ClientObject>;
  delete(
    resource: R,
    name: { readonly name: string },
    options: { readonly resourceVersion: string },
  ): Answer<unknown>;
}

/** Performs effects with a client: what `drive` needs. Lists are whole; the machines take what they need of them. */
export function performWith<R>(
  client: ObjectClient<R>,
  resources: Readonly<Record<IpamKind, R>>,
): (effect: Effect) => Promise<Input> {
  return async effect => {
    switch (effect.type) {
      case 'read': {
        const got = await client.get(resources[effect.kind], { name: effect.name });
        return got.ok ? { type: 'found', object: stored(effect.kind, got.value) } : refusal(got.fault);
      }
      case 'list': {
        const got = await client.listAll(resources[effect.kind]);
        if (!got.ok) return { type: 'failed', message: got.fault.message };
        return { type: 'listed', objects: got.value.items.map(object => stored(effect.kind, object)) };
      }
      case 'create':
      case 'update': {
        const { kind, metadata, spec } = effect.object;
        const got = await client[effect.type](resources[kind], { metadata, spec });
        return got.ok ? { type: 'written', object: stored(kind, got.value) } : refusal(got.fault);
      }
      case 'delete': {
        const { kind, name, resourceVersion } = effect;
        const got = await client.delete(resources[kind], { name }, { resourceVersion });
        return got.ok ? { type: 'deleted' } : refusal(got.fault);
      }
      default:
        return effect satisfies never;
    }
  };
}

function stored(kind: IpamKind, object: ClientObject): StoredObject {
  const { name = '', ...metadata } = object.metadata;
  return { kind, metadata: { name, ...metadata }, spec: object.spec };
}

function refusal(fault: ClientFault): Input {
  if (fault.code === 'NotFound') return { type: 'absent' };
  if (fault.code === 'Conflict' || fault.code === 'AlreadyExists') return { type: 'conflict' };
  return { type: 'failed', message: fault.message };
}
