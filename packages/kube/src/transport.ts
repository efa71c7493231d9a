import { fail, ok, type Result } from '@muslin/net';
import type { Agent, Dispatcher } from 'undici';
import type { Clock } from './clock.ts';
import type { Connection } from './connection.ts';
import { type Credentials, CredentialStore } from './credentials.ts';
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
 * One pool of HTTP/1.1 connections to one API server. HTTP/2 stays off: its sessions are never reaped by undici
 * (nodejs/undici#5381), and one lost connection would stall every watch at once. TCP keep-alive finds a dead server
 * within half a minute. The pool is replaced when TLS material rotates; streams of the old one run to their end.
 */
export class Transport {
  readonly #connection: Connection;
  readonly #store: CredentialStore;
  #agent: Agent | undefined;
  #madeFor = '';
  #closed = false;

  constructor(connection: Connection, clock: Clock) {
    this.#connection = connection;
    this.#store = new CredentialStore(connection, clock);
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
    await this.#agent?.destroy();
  }

  async #sendOnce(request: HttpRequest): Promise<Result<HttpAnswer, KubeFault>> {
    const name = `${request.method} ${request.path}`;
    if (this.#closed) return fail(localFault('Aborted', name, 'the client is closed'));
    const credentials = await this.#store.current();
    if (!credentials.ok) return fail(localFault('Unauthorized', name, credentials.fault));
    // Loaded on first use: a CNI plugin or CLI that only prints help must start fast.
    // A bundle in parts knows no names of a CommonJS module, only the whole.
    const { default: undici } = await import('undici');
    try {
      const agent = this.#agentFor(undici.Agent, credentials.value);
      const query = request.query.size === 0 ? '' : `?${request.query}`;
      const answer: Dispatcher.ResponseData = await undici.request(
        `${this.#connection.server}${request.path}${query}`,
        {
          dispatcher: agent,
          method: request.method,
          headers: {
            ...request.headers,
            ...(credentials.value.authorization && {
              authorization: credentials.value.authorization.reveal(),
            }),
          },
          body: request.body ?? null,
          signal: request.signal,
          // undici ends the connection after a DELETE that has a body (preconditions): each would cost a TLS handshake.
          reset: false,
          // Limits in time belong to the caller, who knows whether this is a watch.
          headersTimeout: 0,
          bodyTimeout: 0,
        },
      );
      return ok({ status: answer.statusCode, headers: answer.headers, body: answer.body });
    } catch (error) {
      return fail(networkFault(name, error));
    }
  }

  #agentFor(make: typeof Agent, credentials: Credentials): Agent {
    const [ca, cert, key] = [credentials.ca, credentials.cert, credentials.key].map(part => part?.reveal());
    const wanted = JSON.stringify([ca, cert, key]);
    if (this.#agent !== undefined && this.#madeFor === wanted) return this.#agent;
    void this.#agent?.close();
    const { insecure, serverName } = this.#connection;
    this.#madeFor = wanted;
    this.#agent = new make({
      allowH2: false,
      pipelining: 1,
      keepAliveTimeout: 30_000,
      connect: {
        timeout: 10_000,
        keepAlive: true,
        keepAliveInitialDelay: 15_000,
        rejectUnauthorized: !insecure,
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        ...(serverName === undefined ? {} : { servername: serverName }),
      },
    });
    return this.#agent;
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
