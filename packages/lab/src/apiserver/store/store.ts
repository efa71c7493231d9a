import type { KubeObject } from '../kube-object.ts';
import { withMetadata } from '../kube-object.ts';
import { History } from './history.ts';

type Listener = (event: StoreEvent) => void;

/** One write as everybody sees it. `previous` is what the write replaced. */
export interface StoreEvent {
  readonly revision: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** Where the object lives: `group/plural`. Kinds that share objects share this. */
  readonly storage: string;
  readonly key: string;
  readonly object: KubeObject;
  readonly previous: KubeObject | undefined;
}

/** What survives a restart. Called before a write is visible; must be durable when it returns. */
export interface Journal {
  put(storage: string, key: string, object: KubeObject, revision: number): void;
  remove(storage: string, key: string, revision: number): void;
}

/** What a journal gave back at start. */
export interface Saved {
  readonly revision: number;
  readonly objects: Iterable<{ readonly storage: string; readonly key: string; readonly object: KubeObject }>;
}

/** The key under which an object of a namespace (or '' for the cluster) is stored. */
export function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** All objects, one growing revision for all, and the last writes in order. Knows nothing about kinds. */
export class Store {
  readonly history: History;
  readonly #tables = new Map<string, Table>();
  /** By storage; '' hears everything. */
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #journal: Journal | undefined;
  #revision: number;

  constructor(options: { readonly window: number; readonly journal?: Journal; readonly saved?: Saved }) {
    this.#revision = options.saved?.revision ?? 1;
    this.#journal = options.journal;
    for (const { storage, key, object } of options.saved?.objects ?? [])
      this.#table(storage).set(key, object);
    this.history = new History(options.window, this.#revision);
  }

  /** The revision of the latest write. */
  get revision(): number {
    return this.#revision;
  }

  get(storage: string, key: string): KubeObject | undefined {
    return this.#tables.get(storage)?.get(key);
  }

  /** Keys and objects in key order, which is the order that lists and pages have. */
  list(storage: string): readonly (readonly [string, KubeObject])[] {
    return this.#tables.get(storage)?.sorted() ?? [];
  }

  count(storage: string): number {
    return this.#tables.get(storage)?.size ?? 0;
  }

  /** Every storage that ever held an object. */
  storages(): Iterable<string> {
    return this.#tables.keys();
  }

  /** Stores the object under the next revision, which becomes its resourceVersion. */
  put(storage: string, key: string, object: KubeObject): KubeObject {
    const previous = this.get(storage, key);
    const revision = this.#revision + 1;
    const stamped = withMetadata(object, { resourceVersion: String(revision) });
    this.#journal?.put(storage, key, stamped, revision);
    this.#revision = revision;
    this.#table(storage).set(key, stamped);
    this.#publish({
      revision,
      type: previous === undefined ? 'ADDED' : 'MODIFIED',
      storage,
      key,
      object: stamped,
      previous,
    });
    return stamped;
  }

  /** Removes the object. The event carries its last state under the revision of the removal. */
  remove(storage: string, key: string, last?: KubeObject): KubeObject | undefined {
    const previous = this.get(storage, key);
    if (previous === undefined) return undefined;
    const revision = this.#revision + 1;
    const object = withMetadata(last ?? previous, { resourceVersion: String(revision) });
    this.#journal?.remove(storage, key, revision);
    this.#revision = revision;
    this.#table(storage).delete(key);
    this.#publish({ revision, type: 'DELETED', storage, key, object, previous });
    return object;
  }

  /**
   * Calls `listener` for each later write, in order, before the write returns. Gives back the end of it.
   * With a storage it only hears of that one: a thousand watches cost a write nothing that they don't care for.
   */
  subscribe(listener: Listener, storage = ''): () => void {
    const listeners = this.#listeners.get(storage) ?? new Set();
    this.#listeners.set(storage, listeners.add(listener));
    return () => {
      listeners.delete(listener);
    };
  }

  /**
   * The objects of a storage as they were at a revision.
   * @returns undefined when the revision lies before the window of kept writes
   */
  listAt(storage: string, revision: number): readonly (readonly [string, KubeObject])[] | undefined {
    const later = this.history.since(revision);
    if (later === undefined) return undefined;
    const changes = later.filter(event => event.storage === storage);
    if (changes.length === 0) return this.list(storage);
    const then = new Map(this.list(storage));
    for (const event of changes.reverse()) {
      if (event.previous === undefined) then.delete(event.key);
      else then.set(event.key, event.previous);
    }
    return [...then].sort(byKey);
  }

  #table(storage: string): Table {
    let table = this.#tables.get(storage);
    if (table === undefined) {
      table = new Table();
      this.#tables.set(storage, table);
    }
    return table;
  }

  #publish(event: StoreEvent): void {
    this.history.add(event);
    for (const storage of [event.storage, '']) {
      for (const listener of [...(this.#listeners.get(storage) ?? [])]) listener(event);
    }
  }
}

function byKey(a: readonly [string, KubeObject], b: readonly [string, KubeObject]): number {
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
}

/** Objects of one storage; the sorted view is made when asked for and kept until the next write. */
class Table {
  readonly #rows = new Map<string, KubeObject>();
  #sorted: readonly (readonly [string, KubeObject])[] | undefined;

  get size(): number {
    return this.#rows.size;
  }
  get(key: string): KubeObject | undefined {
    return this.#rows.get(key);
  }
  set(key: string, object: KubeObject): void {
    this.#rows.set(key, object);
    this.#sorted = undefined;
  }
  delete(key: string): void {
    this.#rows.delete(key);
    this.#sorted = undefined;
  }
  sorted(): readonly (readonly [string, KubeObject])[] {
    this.#sorted ??= [...this.#rows].sort(byKey);
    return this.#sorted;
  }
}
