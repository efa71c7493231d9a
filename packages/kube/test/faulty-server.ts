import {
  createServer as createHttp,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttps, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Connection } from '../src/connection.ts';

/** One request as the server saw it. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Answers one request, well or badly. */
export type Behaviour = (response: ServerResponse, seen: Seen) => void | Promise<void>;

/** A server that does what a test tells it, and remembers what it was asked. */
export class FaultyServer {
  readonly seen: Seen[] = [];
  connections = 0;
  /** Asked in turn; the last one stays. */
  script: Behaviour[] = [];
  readonly #server: Server;
  readonly #scheme: string;

  private constructor(tls: ServerOptions | undefined) {
    const handler = (request: IncomingMessage, response: ServerResponse) =>
      void this.#handle(request, response);
    this.#server = tls === undefined ? createHttp(handler) : createHttps(tls, handler);
    this.#scheme = tls === undefined ? 'http' : 'https';
    this.#server.on(tls === undefined ? 'connection' : 'secureConnection', () => {
      this.connections++;
    });
  }

  static async start(tls?: ServerOptions): Promise<FaultyServer> {
    const server = new FaultyServer(tls);
    await new Promise<void>(resolve => {
      server.#server.listen(0, '127.0.0.1', resolve);
    });
    return server;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** A connection to it. */
  connection(more: Partial<Connection> = {}): Connection {
    return {
      server: this.url,
      namespace: 'default',
      source: 'test',
      ca: undefined,
      serverName: undefined,
      insecure: false,
      clientCert: undefined,
      bearer: { type: 'none' },
      ...more,
    };
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise(resolve => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? '/', 'http://x');
    const seen: Seen = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    };
    this.seen.push(seen);
    const behave = this.script.length > 1 ? this.script.shift() : this.script[0];
    await (behave ?? status(500, 'InternalError', 'no script'))(response, seen);
  }
}

/** Answers with JSON. */
export function json(body: unknown, code = 200): Behaviour {
  return response => {
    response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
}

/** Refuses with a meta/v1 Status. */
export function status(
  code: number,
  reason: string,
  message: string,
  more: { readonly headers?: Record<string, string>; readonly details?: object } = {},
): Behaviour {
  return response => {
    response.writeHead(code, { 'content-type': 'application/json', ...more.headers }).end(
      JSON.stringify({
        kind: 'Status',
        apiVersion: 'v1',
        status: 'Failure',
        message,
        reason,
        code,
        details: more.details,
      }),
    );
  };
}

/** Cuts the connection before any answer. */
export const reset: Behaviour = response => {
  response.socket?.resetAndDestroy();
};

/** Never answers. */
export const silence: Behaviour = () => {};

/** Sends raw text with a status, whatever it claims. */
export function text(body: string, contentType = 'text/plain', code = 200): Behaviour {
  return response => {
    response.writeHead(code, { 'content-type': contentType }).end(body);
  };
}

/** A config map named `name`. */
export function thing(name: string, resourceVersion: string, data: Record<string, string> = {}) {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default', resourceVersion, uid: `uid-${name}`, managedFields: [{}] },
    data,
  };
}

/** A list of things. */
export function list(resourceVersion: string, items: readonly unknown[] | null, next?: string): Behaviour {
  return json({
    kind: 'ConfigMapList',
    apiVersion: 'v1',
    metadata: { resourceVersion, ...(next === undefined ? {} : { continue: next }) },
    items,
  });
}

/** A watch event as one line. */
export function event(type: string, object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`;
}

/** A bookmark. */
export function bookmark(resourceVersion: string): string {
  return event('BOOKMARK', { kind: 'ConfigMap', apiVersion: 'v1', metadata: { resourceVersion } });
}

/** How a watch ends after its events. */
export type WatchEnd = 'close' | 'reset' | 'hang';

/** A watch that sends these lines and then ends in this way. */
export function watch(lines: readonly string[], end: WatchEnd): Behaviour {
  return async response => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    for (const line of lines) {
      response.write(line);
      await new Promise(resolve => setTimeout(resolve, 2));
    }
    if (end === 'close') response.end();
    if (end === 'reset') response.socket?.resetAndDestroy();
  };
}
