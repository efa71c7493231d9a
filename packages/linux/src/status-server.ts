import { createServer, type Server } from 'node:http';
import { listenPrivately } from './private-socket.ts';

/** What the socket answers to a query: path → JSON value, or text for metrics. */
export type StatusPages = Readonly<Record<string, (query: URLSearchParams) => unknown | Promise<unknown>>>;

/** Serves status over a unix socket that only root may open (HTTP/1.1, GET). */
export function serveStatus(path: string, pages: StatusPages): Promise<Server> {
  const server = createServer((request, response) => {
    const [path = '', query] = (request.url ?? '').split('?');
    const page = pages[path];
    if (request.method !== 'GET' || page === undefined) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n');
      return;
    }
    Promise.resolve(page(new URLSearchParams(query))).then(
      value => {
        const text = typeof value === 'string';
        response.writeHead(200, { 'content-type': text ? 'text/plain; version=0.0.4' : 'application/json' });
        response.end(text ? value : `${JSON.stringify(value)}\n`);
      },
      () => response.writeHead(500).end(),
    );
  });
  return listenPrivately(server, path);
}
