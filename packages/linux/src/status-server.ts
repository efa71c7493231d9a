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
    pageText(page, new URLSearchParams(query)).then(
      ({ type, text }) => response.writeHead(200, { 'content-type': type }).end(text),
      (cause: unknown) =>
        response
          .writeHead(500, { 'content-type': 'text/plain' })
          .end(`${cause instanceof Error ? cause.message : String(cause)}\n`),
    );
  });
  return listenPrivately(server, path);
}

/** Async, so that whatever a page throws becomes an answer: who asks for status must not end the program. */
async function pageText(page: StatusPages[string], query: URLSearchParams) {
  const value = await page(query);
  return typeof value === 'string'
    ? { type: 'text/plain; version=0.0.4', text: value }
    : { type: 'application/json', text: `${JSON.stringify(value)}\n` };
}
