import type { AnyObject, KubeClient, Resource } from '@muslin/kube';
import { fail, ok } from '@muslin/net';

interface Name {
  readonly name: string;
}

/**
 * A store of cluster-wide objects with versions, one request at a time. `failAt` refuses the n-th write from now on,
 * as a crash or an API server that goes away would.
 */
export class FakeClient {
  readonly objects = new Map<string, AnyObject>();
  readonly writes: string[] = [];
  failAt = Number.POSITIVE_INFINITY;
  #version = 0;

  get client(): KubeClient {
    return this as unknown as KubeClient;
  }

  put(kind: string, name: string, spec: unknown = {}): void {
    this.objects.set(`${kind}/${name}`, this.#stamped({ metadata: { name }, spec }));
  }

  of(kind: string): readonly AnyObject[] {
    return [...this.objects].filter(([key]) => key.startsWith(`${kind}/`)).map(([, object]) => object);
  }

  async get({ kind }: Resource, { name }: Name) {
    const found = this.objects.get(`${kind}/${name}`);
    return found === undefined ? fault('NotFound') : ok(found);
  }

  async listAll({ kind }: Resource) {
    return ok({ items: this.of(kind), resourceVersion: String(this.#version), next: undefined });
  }

  async create({ kind }: Resource, object: AnyObject) {
    const key = `${kind}/${object.metadata.name}`;
    if (!this.#mayWrite(`create ${key}`)) return fault('Unreachable');
    if (this.objects.has(key)) return fault('AlreadyExists');
    return ok(this.#store(key, object));
  }

  async update({ kind }: Resource, object: AnyObject) {
    const key = `${kind}/${object.metadata.name}`;
    if (!this.#mayWrite(`update ${key}`)) return fault('Unreachable');
    const found = this.objects.get(key);
    if (found === undefined) return fault('NotFound');
    if (found.metadata.resourceVersion !== object.metadata.resourceVersion) return fault('Conflict');
    return ok(this.#store(key, object));
  }

  async delete({ kind }: Resource, { name }: Name, { resourceVersion }: { resourceVersion?: string } = {}) {
    const key = `${kind}/${name}`;
    if (!this.#mayWrite(`delete ${key}`)) return fault('Unreachable');
    const found = this.objects.get(key);
    if (found === undefined) return fault('NotFound');
    if (resourceVersion !== undefined && found.metadata.resourceVersion !== resourceVersion)
      return fault('Conflict');
    this.objects.delete(key);
    return ok({});
  }

  #mayWrite(what: string): boolean {
    this.writes.push(what);
    return --this.failAt > 0;
  }

  #store(key: string, object: AnyObject): AnyObject {
    const stored = this.#stamped(object);
    this.objects.set(key, stored);
    return stored;
  }

  /** As a JSON API stores it. */
  #stamped(object: AnyObject): AnyObject {
    const copy = JSON.parse(JSON.stringify(object)) as AnyObject;
    return { ...copy, metadata: { ...copy.metadata, resourceVersion: String(++this.#version) } };
  }
}

function fault(code: string) {
  return fail({ code, message: `${code}, says the fake`, request: '' });
}
