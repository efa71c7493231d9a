import { createServer, type Server } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { listenPrivately } from '@muslin/linux';

/** An answer of the socket. */
export type Answer =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'text'; readonly text: string }
  /** Bytes as they come; ends when whoever asked goes away. */
  | { readonly kind: 'stream'; readonly chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array> }
  /** Whoever asked made a mistake. */
  | { readonly kind: 'mistake'; readonly message: string };

/** Path → what is answered; the query comes along. */
export type Pages = Readonly<Record<string, (query: URLSearchParams) => Answer | Promise<Answer>>>;

/** Serves status over a unix socket that only root may open (HTTP/1.1). `pages` answer GET, `deeds` change something and answer POST. */
export function serveSocket(path: string, pages: Pages, deeds: Pages = {}): Promise<Server> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://socket');
    const table = request.method === 'GET' ? pages : request.method === 'POST' ? deeds : {};
    const page = Object.hasOwn(table, url.pathname) ? table[url.pathname] : undefined;
    const say = (code: number, type: string, body: string) =>
      response.writeHead(code, { 'content-type': type }).end(body);
    if (page === undefined) {
      say(404, 'text/plain', `there is no such page; there are ${Object.keys(pages).join(' ')}\n`);
      return;
    }
    Promise.resolve()
      .then(() => page(url.searchParams))
      .then(async answer => {
        switch (answer.kind) {
          case 'json':
            say(200, 'application/json', `${JSON.stringify(answer.value)}\n`);
            break;
          case 'text':
            say(200, 'text/plain; version=0.0.4', answer.text);
            break;
          case 'stream':
            response.writeHead(200, { 'content-type': 'application/octet-stream' }).flushHeaders();
            // Whoever asked may leave at any time.
            await pipeline(Readable.from(answer.chunks), response).catch(() => undefined);
            break;
          case 'mistake':
            say(400, 'text/plain', `${answer.message}\n`);
            break;
        }
      })
      .catch(() => say(500, 'text/plain', 'a bug of the speaker: see its log\n'));
  });
  return listenPrivately(server, path);
}
