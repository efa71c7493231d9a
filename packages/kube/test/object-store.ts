import type { Behaviour, Seen } from './faulty-server.ts';
import { json, status } from './faulty-server.ts';

interface Kept {
  readonly metadata: { readonly name: string; readonly resourceVersion: string };
}

/** Keeps cluster-scoped objects as an API server does: versions, conflicts, preconditions. */
export class ObjectStore {
  readonly objects = new Map<string, Kept>();
  #version = 0;

  readonly behave: Behaviour = (response, seen) => this.#answer(seen)(response, seen);

  #answer(seen: Seen): Behaviour {
    const [, , , , name] = seen.path.split('/').slice(1);
    const body = seen.body === '' ? undefined : JSON.parse(seen.body);
    if (seen.method === 'POST') return this.#create(`${seen.path}/${body.metadata.name}`, body);
    if (name === undefined) {
      const items = [...this.objects]
        .filter(([key]) => key.startsWith(`${seen.path}/`))
        .map(([, kept]) => kept);
      return json({ kind: 'ThingList', metadata: { resourceVersion: String(this.#version) }, items });
    }
    const kept = this.objects.get(seen.path);
    if (kept === undefined) return status(404, 'NotFound', `${name} not found`);
    if (seen.method === 'GET') return json(kept);
    const expected =
      seen.method === 'PUT' ? body.metadata.resourceVersion : body.preconditions.resourceVersion;
    if (expected !== kept.metadata.resourceVersion)
      return status(409, 'Conflict', 'the object has been modified');
    if (seen.method === 'PUT') return json(this.#keep(seen.path, body));
    this.objects.delete(seen.path);
    return json({ kind: 'Status', status: 'Success' });
  }

  #create(key: string, body: Kept): Behaviour {
    if (this.objects.has(key)) return status(409, 'AlreadyExists', 'it exists');
    return json(this.#keep(key, body), 201);
  }

  #keep(key: string, body: Kept): Kept {
    const kept = { ...body, metadata: { ...body.metadata, resourceVersion: String(++this.#version) } };
    this.objects.set(key, kept);
    return kept;
  }
}
