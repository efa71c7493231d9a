import type { KubeObject } from '../kube-object.ts';
import type { Store } from '../store/store.ts';
import { coreEvent, event } from './event.ts';
import { configMap } from './config-map.ts';
import { kindsOf } from './custom-kind.ts';
import { customResourceDefinition } from './custom-resource-definition.ts';
import { endpointSlice } from './endpoint-slice.ts';
import type { Kind } from './kind.ts';
import { lease } from './lease.ts';
import { namespace } from './namespace.ts';
import { networkPolicy } from './network-policy.ts';
import { node } from './node.ts';
import { pod } from './pod.ts';
import { secret } from './secret.ts';
import { service } from './service.ts';
import { serviceAccount } from './service-account.ts';

/** The built-in kinds: adding one is adding a row here. */
export const BUILT_IN: readonly Kind[] = [
  configMap,
  coreEvent,
  namespace,
  node,
  pod,
  secret,
  serviceAccount,
  service,
  customResourceDefinition,
  lease,
  endpointSlice,
  event,
  networkPolicy,
];

/** The kinds that are served now: built-in ones and those of established definitions. */
export class Registry {
  readonly #custom = new Map<string, readonly Kind[]>();
  #kinds = new Map<string, Kind>();
  #generation = 0;

  constructor(store: Store) {
    for (const [, object] of store.list(customResourceDefinition.storage)) this.#learn(object);
    this.#index();
    store.subscribe(event => {
      if (event.type === 'DELETED') this.#custom.delete(event.object.metadata.name ?? '');
      else this.#learn(event.object);
      this.#index();
    }, customResourceDefinition.storage);
  }

  /** Grows when the set of kinds may have changed; tells caches (ETag, OpenAPI hash) apart. */
  get generation(): number {
    return this.#generation;
  }

  find(group: string, version: string, plural: string): Kind | undefined {
    return this.#kinds.get(`${group}/${version}/${plural}`);
  }

  all(): Iterable<Kind> {
    return this.#kinds.values();
  }

  /** Any served version of a stored resource: controllers read objects without caring which. */
  ofStorage(storage: string): Kind | undefined {
    for (const kind of this.#kinds.values()) if (kind.storage === storage) return kind;
    return undefined;
  }

  #learn(definition: KubeObject): void {
    this.#custom.set(definition.metadata.name ?? '', kindsOf(definition));
  }

  #index(): void {
    const all = [...BUILT_IN, ...[...this.#custom.values()].flat()];
    this.#kinds = new Map(all.map(kind => [`${kind.group}/${kind.version}/${kind.plural}`, kind]));
    this.#generation++;
  }
}
