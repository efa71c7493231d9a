import { fail, formatJson, ok, type Result } from '@muslin/net';
import { type Clock, systemClock } from './clock.ts';
import type { Connection } from './connection.ts';
import { Deadline } from './deadline.ts';
import { parseBody, readList, readRefusal, readText } from './answer-body.ts';
import type { KubeFault } from './kube-fault.ts';
import { type KubeList, type KubeObject, nameOf, type ObjectName } from './kube-object.ts';
import {
  type DeleteOptions,
  type ListQuery,
  listParameters,
  PATCH_TYPES,
  type Patch,
  type WatchQuery,
  type WriteOptions,
  watchParameters,
  writeParameters,
} from './query.ts';
import { apiVersionOf, pathOf, type Resource, type ResourcePath } from './resource.ts';
import { type HttpRequest, Transport } from './transport.ts';
import { type WatchStream, watchStream } from './watch-stream.ts';

/** How long to wait, and when to give up. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds for the whole call; default of the client. */
  readonly timeoutMs?: number;
}

/** How a client behaves. */
export interface ClientOptions {
  /** `User-Agent`: shows in audit logs and names the field manager's default. */
  readonly userAgent?: string;
  /** Default 30 s. */
  readonly timeoutMs?: number;
  /** Longest answer to read, in bytes; default 512 MiB. */
  readonly maxBytes?: number;
  readonly clock?: Clock;
  /** The program asks a few questions and ends: it starts faster, and keeps fewer connections. */
  readonly brief?: boolean;
}

/** Any request, for what has no method of its own. */
export interface RawRequest {
  readonly method: HttpRequest['method'];
  readonly path: string;
  readonly query?: URLSearchParams;
  readonly accept?: string;
  readonly contentType?: string;
  readonly body?: unknown;
}

/** How often a server that is too busy is asked, and how long it is left alone at least. */
const MOST_TRIES = 10;
const LEAST_WAIT_MS = 100;

/**
 * Calls one API server over one pool of connections. Every call ends in a `Result`, within its time; nothing throws
 * but bugs. Safe to share; close it to end its connections.
 */
export class KubeClient {
  readonly connection: Connection;
  readonly #transport: Transport;
  readonly #timeoutMs: number;
  readonly #maxBytes: number;
  readonly #userAgent: string;
  readonly #clock: Clock;

  constructor(connection: Connection, options: ClientOptions = {}) {
    this.connection = connection;
    this.#clock = options.clock ?? systemClock;
    this.#transport = new Transport(connection, this.#clock, options.brief);
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#maxBytes = options.maxBytes ?? 512 << 20;
    this.#userAgent = options.userAgent ?? 'muslin';
  }

  /** Reads one object. */
  get<T extends KubeObject>(
    resource: Resource,
    name: ObjectName,
    options: CallOptions & { readonly subresource?: string } = {},
  ): Promise<Result<T, KubeFault>> {
    const path = pathOf(resource, at(name, options));
    return this.raw({ method: 'GET', path }, options) as Promise<Result<T, KubeFault>>;
  }

  /** Reads one page: everything, unless `limit` is given. */
  async list<T extends KubeObject>(
    resource: Resource,
    query: ListQuery = {},
    options: CallOptions = {},
  ): Promise<Result<KubeList<T>, KubeFault>> {
    const path = pathOf(resource, query);
    const answer = await this.raw({ method: 'GET', path, query: listParameters(query) }, options);
    return answer.ok ? readList<T>(`GET ${path}`, answer.value) : answer;
  }

  /** Reads all pages, 500 objects each; a page token that expires (410) is a fault. */
  async listAll<T extends KubeObject>(
    resource: Resource,
    query: ListQuery = {},
    options: CallOptions = {},
  ): Promise<Result<KubeList<T>, KubeFault>> {
    const items: T[] = [];
    let page: ListQuery = { limit: 500, ...query };
    for (;;) {
      const answer = await this.list<T>(resource, page, options);
      if (!answer.ok) return answer;
      items.push(...answer.value.items);
      const next = answer.value.next;
      if (next === undefined) return ok({ ...answer.value, items });
      const { resourceVersion: _, resourceVersionMatch: __, ...rest } = page;
      page = { ...rest, continue: next };
    }
  }

  /** Creates an object where its metadata says; `apiVersion` and `kind` are filled in. */
  create<T extends KubeObject>(
    resource: Resource,
    object: KubeObject,
    options: CallOptions & WriteOptions = {},
  ): Promise<Result<T, KubeFault>> {
    const { namespace, name } = object.metadata;
    const path = pathOf(resource, {
      ...(namespace === undefined ? {} : { namespace }),
      ...(options.subresource === undefined ? {} : { subresource: options.subresource, name: name ?? '' }),
    });
    return this.#write('POST', path, resource, object, options);
  }

  /** Replaces an object. Its `resourceVersion` must be current (custom resources require one), or it is a Conflict. */
  update<T extends KubeObject>(
    resource: Resource,
    object: KubeObject,
    options: CallOptions & WriteOptions = {},
  ): Promise<Result<T, KubeFault>> {
    return this.#write('PUT', pathOf(resource, at(nameOf(object), options)), resource, object, options);
  }

  /** Patches an object; `apply` (server-side) creates it when absent and needs `fieldManager`. */
  patch<T extends KubeObject>(
    resource: Resource,
    name: ObjectName,
    patch: Patch,
    options: CallOptions & WriteOptions = {},
  ): Promise<Result<T, KubeFault>> {
    return this.raw(
      {
        method: 'PATCH',
        path: pathOf(resource, at(name, options)),
        query: writeParameters(options),
        contentType: PATCH_TYPES[patch.type],
        body: patch.body,
      },
      options,
    ) as Promise<Result<T, KubeFault>>;
  }

  /** Deletes an object. Gives the object while finalizers hold it, or the server's Status when it is gone. */
  delete(
    resource: Resource,
    name: ObjectName,
    options: CallOptions & DeleteOptions = {},
  ): Promise<Result<unknown, KubeFault>> {
    const { uid, resourceVersion, propagationPolicy, gracePeriodSeconds, dryRun } = options;
    const preconditions = {
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      ...(dryRun === true ? { dryRun: ['All'] } : {}),
      ...(Object.keys(preconditions).length === 0 ? {} : { preconditions }),
    };
    return this.raw({ method: 'DELETE', path: pathOf(resource, at(name, {})), body }, options);
  }

  /**
   * Opens a watch. The stream ends when the server closes it, and gives a fault as its last element when it broke,
   * sent an ERROR event, or stayed silent longer than `query.idleMs`.
   */
  async watch<T extends KubeObject>(
    resource: Resource,
    query: WatchQuery,
    options: CallOptions = {},
  ): Promise<Result<WatchStream<T>, KubeFault>> {
    const path = pathOf(resource, query);
    const name = `GET ${path}?watch`;
    const deadline = new Deadline(options.timeoutMs ?? this.#timeoutMs, options.signal);
    const request = this.#request({ method: 'GET', path, query: watchParameters(query) }, deadline.signal);
    const sent = await this.#transport.send(request);
    if (!sent.ok || sent.value.status !== 200) {
      const fault = sent.ok ? await readRefusal(name, sent.value, this.#maxBytes) : sent.fault;
      deadline.end();
      return fail(deadline.explain(fault));
    }
    return ok(watchStream<T>(name, sent.value, deadline, query));
  }

  /**
   * Sends any request and reads its JSON, or its text when the answer is no JSON. A server that has too much to do (429) has
   * done nothing of it: it is asked again when it says so, as long as the call's time lasts.
   */
  async raw(request: RawRequest, options: CallOptions = {}): Promise<Result<unknown, KubeFault>> {
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    const end = this.#clock.now() + timeoutMs;
    const deadline = new Deadline(timeoutMs, options.signal);
    try {
      for (let tries = 1; ; tries++) {
        const answer = await this.#once(request, deadline);
        if (answer.ok || answer.fault.code !== 'Throttled' || answer.fault.status !== 429) return answer;
        const waitMs = Math.max(answer.fault.retryAfter * 1000, LEAST_WAIT_MS);
        if (tries >= MOST_TRIES || this.#clock.now() + waitMs >= end) return answer;
        await this.#clock.sleep(waitMs, deadline.signal);
      }
    } finally {
      deadline.end();
    }
  }

  async #once(request: RawRequest, deadline: Deadline): Promise<Result<unknown, KubeFault>> {
    const name = `${request.method} ${request.path}`;
    const sent = await this.#transport.send(this.#request(request, deadline.signal));
    if (!sent.ok) return fail(deadline.explain(sent.fault));
    if (sent.value.status < 200 || sent.value.status > 299)
      return fail(deadline.explain(await readRefusal(name, sent.value, this.#maxBytes)));
    const body = await readText(name, sent.value, this.#maxBytes);
    return body.ok ? parseBody(name, sent.value, body.value) : fail(deadline.explain(body.fault));
  }

  /** Ends every connection; later calls are `Aborted`. */
  close(): Promise<void> {
    return this.#transport.close();
  }

  #write<T extends KubeObject>(
    method: 'POST' | 'PUT',
    path: string,
    resource: Resource,
    object: KubeObject,
    options: CallOptions & WriteOptions,
  ): Promise<Result<T, KubeFault>> {
    const body = { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
    return this.raw({ method, path, query: writeParameters(options), body }, options) as Promise<
      Result<T, KubeFault>
    >;
  }

  #request(request: RawRequest, signal: AbortSignal): HttpRequest {
    const { method, path, query, accept, contentType, body } = request;
    return {
      method,
      path,
      signal,
      query: query ?? new URLSearchParams(),
      body: body === undefined ? undefined : formatJson(body),
      headers: {
        accept: accept ?? 'application/json',
        'user-agent': this.#userAgent,
        ...(body === undefined ? {} : { 'content-type': contentType ?? 'application/json' }),
      },
    };
  }
}

function at(name: ObjectName, options: { readonly subresource?: string }): ResourcePath {
  return options.subresource === undefined ? name : { ...name, subresource: options.subresource };
}
