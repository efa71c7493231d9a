import { formatIp } from '@muslin/net';
import { type FactChange, SNAPSHOT_MAP } from '../model/change.ts';
import type { Finding, ServiceFacts, Snapshot } from '../model/snapshot.ts';
import type { Fact, SliceFacts } from './fact.ts';
import { isRecord } from './field.ts';
import { identify } from './header.ts';
import { normalise, objectKey } from './normalise.ts';
import { sameValue } from './same-value.ts';
import { BUILT_IN_TIERS } from './tier.ts';

/** Names a resource among all kinds and versions. */
export interface ResourceRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly namespace?: string; readonly name: string };
}

/** What an upsert did. */
export interface Upserted {
  readonly changes: readonly FactChange[];
  /** All that is wrong with the object now (of a List: with its items). */
  readonly findings: readonly Finding[];
}

/**
 * Keeps the snapshot of a cluster as its objects come, change and go. What it holds depends only on the last word
 * about each object, never on their order; saying the same again changes nothing.
 */
export class SnapshotStore {
  readonly #objects = new Map<
    string,
    { readonly facts: readonly Fact[]; readonly findings: readonly Finding[] }
  >();
  readonly #services = new Map<string, ServiceFacts>();
  readonly #slices = new Map<string, SliceFacts>();
  /** Keys of `#slices` by Service. */
  readonly #slicesOf = new Map<string, Set<string>>();
  readonly #maps = {
    nodes: new Map(),
    namespaces: new Map(),
    serviceAccounts: new Map(),
    endpoints: new Map(),
    networkSets: new Map(),
    policies: new Map(),
    tiers: new Map(BUILT_IN_TIERS),
    services: new Map(),
    pools: new Map(),
    hostEndpoints: new Map(),
    felix: new Map(),
  } satisfies Record<keyof Snapshot, Map<string, unknown>>;

  /** The snapshot now: a live view that later calls change. */
  get snapshot(): Snapshot {
    return this.#maps;
  }

  /** All findings about all objects. */
  get findings(): readonly Finding[] {
    return [...this.#objects.values()].flatMap(({ findings }) => findings);
  }

  /** Takes an object as it is now, or every item of a List. */
  upsert(object: unknown): Upserted {
    const each = itemsOf(object).map(item => this.#upsertOne(item));
    return {
      changes: each.flatMap(({ changes }) => changes),
      findings: each.flatMap(({ findings }) => findings),
    };
  }

  /** Forgets an object, given itself or what names it; of a List, every item. Unknown objects are no fault. */
  delete(object: ResourceRef | unknown): readonly FactChange[] {
    return itemsOf(object).flatMap(item => this.#replace(objectKey(item), []));
  }

  #upsertOne(object: unknown): Upserted {
    const id = objectKey(object);
    const normalised = normalise(object);
    const changes = this.#replace(id, normalised.facts);
    if (normalised.facts.length > 0 || normalised.findings.length > 0) this.#objects.set(id, normalised);
    return { changes, findings: normalised.findings };
  }

  #replace(id: string, facts: readonly Fact[]): readonly FactChange[] {
    const old = this.#objects.get(id)?.facts ?? [];
    this.#objects.delete(id);
    const gone = old.filter(before => !facts.some(now => now.type === before.type && now.key === before.key));
    return [
      ...gone.flatMap(({ type, key }) => this.#set(type, key, undefined)),
      ...facts.flatMap(({ type, key, value }) => this.#set(type, key, value)),
    ];
  }

  #set(type: Fact['type'], key: string, value: Fact['value'] | undefined): readonly FactChange[] {
    switch (type) {
      case 'slice': {
        const touched = [this.#slices.get(key)?.service, (value as SliceFacts | undefined)?.service];
        this.#setSlice(key, value as SliceFacts | undefined);
        return [...new Set(touched)].flatMap(service => (service === undefined ? [] : this.#join(service)));
      }
      case 'service':
        if (value === undefined) this.#services.delete(key);
        else this.#services.set(key, value as ServiceFacts);
        return this.#join(key);
      case 'tier':
        return this.#publish(type, key, value ?? BUILT_IN_TIERS.get(key));
      default:
        return this.#publish(type, key, value);
    }
  }

  #setSlice(key: string, value: SliceFacts | undefined): void {
    const old = this.#slices.get(key);
    if (old !== undefined) {
      const keys = this.#slicesOf.get(old.service);
      keys?.delete(key);
      if (keys?.size === 0) this.#slicesOf.delete(old.service);
    }
    if (value === undefined) {
      this.#slices.delete(key);
      return;
    }
    this.#slices.set(key, value);
    const keys = this.#slicesOf.get(value.service) ?? new Set();
    this.#slicesOf.set(value.service, keys.add(key));
  }

  /** A Service with the backends of all its slices, sorted, each once (ready if any slice says so). */
  #join(key: string): readonly FactChange[] {
    const service = this.#services.get(key);
    if (service === undefined) return this.#publish('service', key, undefined);
    const byText = new Map<string, ServiceFacts['backends'][number]>();
    for (const sliceKey of this.#slicesOf.get(key) ?? []) {
      for (const backend of this.#slices.get(sliceKey)?.backends ?? []) {
        const text = `${formatIp(backend.ip)} ${backend.protocol} ${backend.port} ${backend.portName}`;
        byText.set(text, byText.get(text)?.ready ? (byText.get(text) as typeof backend) : backend);
      }
    }
    const backends = [...byText.keys()].sort().flatMap(text => byText.get(text) ?? []);
    return this.#publish('service', key, { ...service, backends });
  }

  #publish(type: FactChange['type'], key: string, value: unknown): readonly FactChange[] {
    const map: Map<string, unknown> = this.#maps[SNAPSHOT_MAP[type]];
    const old = map.get(key);
    if (sameValue(old, value)) return [];
    if (value === undefined) map.delete(key);
    else map.set(key, value);
    return [{ type, key, value } as FactChange];
  }
}

/** The snapshot of these objects and all that is wrong with them. */
export function snapshotOf(objects: Iterable<unknown>): {
  readonly snapshot: Snapshot;
  readonly findings: readonly Finding[];
} {
  const store = new SnapshotStore();
  for (const object of objects) store.upsert(object);
  return { snapshot: store.snapshot, findings: store.findings };
}

/**
 * The items of a `List` or `…List`, each with the apiVersion and kind that typed lists leave out; anything else is its own
 * only item. Lists do not nest.
 */
function itemsOf(object: unknown): readonly unknown[] {
  const { apiVersion, kind } = identify(object);
  if (!isRecord(object) || !kind.endsWith('List') || !Array.isArray(object['items'])) return [object];
  const implied = kind === 'List' ? {} : { apiVersion, kind: kind.slice(0, -4) };
  return object['items'].map(item => (isRecord(item) ? { ...implied, ...item } : item));
}
