import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Api, Attempt, User } from './api.ts';
import { ControlLoop } from './control/controller.ts';
import { definitionLife } from './control/definition-life.ts';
import { EndpointSlices } from './control/endpoint-slices.ts';
import { GarbageCollection } from './control/garbage-collection.ts';
import { namespaceLife } from './control/namespace-life.ts';
import { orphanPods } from './control/orphan-pods.ts';
import { Registry } from './kinds/registry.ts';
import { handle, unauthorized } from './serve/handle.ts';
import { decodeProtobuf } from './serve/protobuf.ts';
import {
  type ApiRequest,
  type ApiResponse,
  JSON_TYPE,
  replyStatus,
  type WatchReply,
} from './serve/request.ts';
import { failure } from './status.ts';
import { openDataFile } from './store/data-file.ts';
import { Store } from './store/store.ts';

/** Where to accept connections: an address (port 0: any free one) or a listening socket that was handed over. */
export type Listener = { readonly host: string; readonly port: number } | { readonly fd: number };

export interface ApiServerOptions {
  readonly listeners: readonly Listener[];
  /** Bearer tokens; a request without one of them is answered 401. */
  readonly tokens: ReadonlyMap<string, User>;
  /** PEM. `ca` is what kube-root-ca.crt holds. */
  readonly tls: { readonly cert: string; readonly key: string; readonly ca?: string };
  /** SQLite file that keeps all objects and the resourceVersion. @default memory only */
  readonly dataFile?: string;
  /** @default 10.96.0.0/16 */
  readonly serviceCidr?: string;
  /** How many writes a watch may lie behind before it is told 410. @default 10000 */
  readonly watchCacheSize?: number;
  /** @default 60000 */
  readonly bookmarkIntervalMs?: number;
  /** Called before each resource request; false answers 403. @default everything is allowed */
  readonly authorize?: (attempt: Attempt) => boolean;
}

export interface ApiServer {
  /** Bound addresses in the order of the listeners; a handed-over unix socket has an empty host. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  /** Ends watches and connections, and closes the data file. */
  close(): Promise<void>;
}

const BODY_LIMIT = 3 * 1024 * 1024;
/** Milliseconds; setTimeout takes more as none at all. */
const LONGEST_TIMER = 2 ** 31 - 1;
/** Bytes that may wait for one watcher. */
const BACKLOG_LIMIT = 64 * 1024 * 1024;
const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';

/** Starts an API server. Rejects when an address can't be bound or the data file can't be opened. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const file = options.dataFile === undefined ? undefined : openDataFile(options.dataFile);
  const store = new Store({
    window: options.watchCacheSize ?? 10_000,
    ...(file === undefined ? {} : { journal: file.journal, saved: file.saved }),
  });
  const api: Api = {
    store,
    registry: new Registry(store),
    serviceCidr: options.serviceCidr ?? '10.96.0.0/16',
    caPem: options.tls.ca ?? '',
    now: () => new Date(),
    random: Math.random,
    uuid: randomUUID,
    whoIs: token => options.tokens.get(token),
    authorize: options.authorize ?? (() => true),
  };
  const controllers = [
    namespaceLife,
    definitionLife,
    orphanPods,
    new GarbageCollection(),
    new EndpointSlices(),
  ];
  const loop = new ControlLoop(api, controllers, step => setImmediate(step));
  const shell = new Shell(api, options.bookmarkIntervalMs ?? 60_000);
  const servers: Server[] = [];
  try {
    for (const listener of options.listeners) servers.push(await listen(listener, options.tls, shell));
  } catch (cause) {
    loop.close();
    for (const server of servers) server.close();
    file?.close();
    throw cause;
  }
  return {
    addresses: servers.map(server => {
      const address = server.address() as AddressInfo | string | null;
      return typeof address === 'object' && address !== null
        ? { host: address.address, port: address.port }
        : { host: '', port: 0 };
    }),
    async close() {
      shell.close();
      loop.close();
      await Promise.all(servers.map(server => closeServer(server)));
      file?.close();
    },
  };
}

function listen(listener: Listener, tls: ApiServerOptions['tls'], shell: Shell): Promise<Server> {
  const server = createServer(
    { cert: tls.cert, key: tls.key, keepAlive: true, noDelay: true },
    (request, response) => {
      shell.answer(request, response);
    },
  );
  server.keepAliveTimeout = 120_000;
  server.requestTimeout = 0;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(listener, () => {
      server.off('error', reject);
      resolve(server);
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Reads requests, checks tokens, writes answers and keeps the clocks of watches. */
class Shell {
  readonly #api: Api;
  readonly #bookmarkInterval: number;
  readonly #watches = new Set<() => void>();

  constructor(api: Api, bookmarkInterval: number) {
    this.#api = api;
    this.#bookmarkInterval = bookmarkInterval;
  }

  answer(incoming: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    let size = 0;
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= BODY_LIMIT) chunks.push(chunk);
    });
    incoming.on('error', () => response.destroy());
    response.on('error', () => response.destroy());
    incoming.on('end', () => {
      if (size > BODY_LIMIT) {
        const why = `Request entity too large: limit is ${BODY_LIMIT}`;
        this.#send(response, replyStatus(failure(413, 'RequestEntityTooLarge', why)));
      } else this.#send(response, this.#handle(incoming, Buffer.concat(chunks)));
    });
  }

  close(): void {
    for (const end of [...this.#watches]) end();
  }

  #handle(incoming: IncomingMessage, bytes: Buffer): ApiResponse {
    const { headers } = incoming;
    const token = /^Bearer\s+(.+)$/i.exec(headers.authorization ?? '')?.[1]?.trim() ?? '';
    const known = this.#api.whoIs(token);
    // A token for somebody else is no use here.
    const user = known?.audience === undefined ? known : undefined;
    const [path = '/', query = ''] = splitOnce(incoming.url ?? '/', '?');
    const isProbe = /^\/(healthz|livez|readyz)(\/|$)/.test(path) || path === '/version';
    if (user === undefined && !isProbe) return unauthorized();
    const contentType = headers['content-type'] ?? '';
    const message = contentType.startsWith(PROTOBUF_TYPE) ? decodeProtobuf(bytes) : undefined;
    const request: ApiRequest = {
      method: incoming.method ?? 'GET',
      path: path.length > 1 ? path.replace(/\/+$/, '') : path,
      query: new URLSearchParams(query),
      accept: headers.accept ?? '',
      contentType: message === undefined ? contentType : JSON_TYPE,
      userAgent: headers['user-agent'] ?? '',
      body: message === undefined ? bytes.toString() : JSON.stringify(message),
      user: user ?? { user: 'system:anonymous', groups: ['system:unauthenticated'] },
    };
    try {
      return handle(this.#api, request);
    } catch (cause) {
      // A bug of ours: say so to the one request that met it, and go on for the others.
      const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
      process.stderr.write(`${request.method} ${path}: ${text}\n`);
      return replyStatus(failure(500, 'InternalError', `Internal error occurred: ${text.split('\n')[0]}`));
    }
  }

  #send(response: ServerResponse, answer: ApiResponse): void {
    if (answer.type === 'watch') {
      this.#watch(response, answer);
      return;
    }
    const body = Buffer.from(answer.body);
    for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value);
    response.setHeader('content-length', body.length);
    response.writeHead(answer.code);
    response.end(response.req.method === 'HEAD' ? undefined : body);
  }

  #watch(response: ServerResponse, reply: WatchReply): void {
    response.writeHead(200, { 'content-type': reply.contentType, 'cache-control': 'no-cache, private' });
    response.flushHeaders();
    const timers: NodeJS.Timeout[] = [];
    let close = () => {};
    const running = reply.open({
      line: bytes => {
        response.write(bytes);
        // A client that does not read would fill our memory: it has to list again.
        if (response.writableLength > BACKLOG_LIMIT) response.destroy();
      },
      end: () => {
        for (const timer of timers) clearInterval(timer);
        this.#watches.delete(close);
        response.end();
      },
    });
    // A watch from too old a version has ended already.
    if (response.writableEnded) return;
    close = () => running.close();
    this.#watches.add(close);
    response.on('close', close);
    if (reply.bookmarks) timers.push(setInterval(() => running.bookmark(), this.#bookmarkInterval));
    const seconds = reply.timeoutSeconds ?? 1800 * (1 + this.#api.random());
    timers.push(
      setTimeout(
        () => {
          if (reply.bookmarks) running.bookmark();
          running.close();
        },
        Math.min(seconds * 1000, LONGEST_TIMER),
      ),
    );
  }
}

function splitOnce(text: string, mark: string): readonly [string, string] {
  const index = text.indexOf(mark);
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)];
}
