import { fail, ok, type Result } from '@muslin/net';
import type { Clock } from './clock.ts';
import type { Connection } from './connection.ts';
import { type Credentials, CredentialStore } from './credentials.ts';
import type { Door } from './door.ts';
import { type KubeFault, localFault } from './kube-fault.ts';

/** One request, before credentials. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Aborted by the caller of this layer: on time-out, on the user's signal, on an idle stream. */
  readonly signal: AbortSignal;
}

/** The head of an answer, and its bytes as they come. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: AsyncIterable<Uint8Array> & { destroy(error?: Error): unknown };
}

/**
 * Sends requests to one API server, with credentials that are current. Its connections are replaced when TLS material
 * rotates; streams of the old ones run to their end.
 */
export class Transport {
  readonly #connection: Connection;
  readonly #store: CredentialStore;
  readonly #brief: boolean;
  #door: Promise<Door> | undefined;
  #madeFor = '';
  #closed = false;

  /** `brief`: for a program that asks a few questions and ends. */
  constructor(connection: Connection, clock: Clock, brief = false) {
    this.#connection = connection;
    this.#store = new CredentialStore(connection, clock);
    this.#brief = brief;
  }

  /** Sends a request; a refusal (401) with credentials that may have rotated is tried once more with fresh ones. */
  async send(request: HttpRequest): Promise<Result<HttpAnswer, KubeFault>> {
    const first = await this.#sendOnce(request);
    if (!first.ok || first.value.status !== 401 || !this.#store.forget()) return first;
    await discard(first.value);
    return this.#sendOnce(request);
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    this.#closed = true;
    await (await this.#door)?.destroy();
  }

  async #sendOnce(request: HttpRequest): Promise<Result<HttpAnswer, KubeFault>> {
    const name = `${request.method} ${request.path}`;
    if (this.#closed) return fail(localFault('Aborted', name, 'the client is closed'));
    const credentials = await this.#store.current();
    if (!credentials.ok) return fail(localFault('Unauthorized', name, credentials.fault));
    const { authorization } = credentials.value;
    try {
      const door = await this.#doorFor(credentials.value);
      const query = request.query.size === 0 ? '' : `?${request.query}`;
      const headers = { ...request.headers, ...(authorization && { authorization: authorization.reveal() }) };
      return ok(
        await door.request(`${this.#connection.server}${request.path}${query}`, { ...request, headers }),
      );
    } catch (error) {
      return fail(networkFault(name, error));
    }
  }

  /** Loaded on first use: a program that only prints help must start fast. */
  #doorFor(credentials: Credentials): Promise<Door> {
    const { ca, cert, key } = credentials;
    const wanted = JSON.stringify([ca, cert, key].map(part => part?.reveal()));
    if (this.#door !== undefined && this.#madeFor === wanted) return this.#door;
    void this.#door?.then(door => door.close());
    this.#madeFor = wanted;
    this.#door = this.#brief
      ? import('./plain-door.ts').then(({ plainDoor }) => plainDoor(this.#connection, credentials))
      : import('./pooled-door.ts').then(({ pooledDoor }) => pooledDoor(this.#connection, credentials));
    return this.#door;
  }
}

/** Reads an answer to its end and drops it, so that its connection can be used again. */
async function discard(answer: HttpAnswer): Promise<void> {
  try {
    for await (const _ of answer.body);
  } catch {
    // The connection is gone, and so is the answer.
  }
}

/** The fault that a network error means. Its message has addresses and codes, never headers. */
export function networkFault(request: string, error: unknown): KubeFault {
  const { code, message, cause } = error as NodeJS.ErrnoException & { cause?: NodeJS.ErrnoException };
  const reason = code ?? cause?.code ?? 'UNKNOWN';
  if (/TIMEOUT|ETIMEDOUT/.test(reason))
    return localFault('Timeout', request, `no connection in time: ${message}`, reason);
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS/.test(reason))
    return localFault(
      'Unreachable',
      request,
      `the server's certificate is not trusted (${reason}): check certificate-authority`,
      reason,
    );
  // OpenSSL's texts span lines and name source files.
  const why = /EPROTO|ERR_SSL/.test(reason) ? `TLS handshake failed (${reason})` : message.split('\n', 1)[0];
  return localFault('Unreachable', request, why || reason, reason);
}
