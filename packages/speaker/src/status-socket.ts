import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';

/** An answer of the socket. */
export type Answer =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'text'; readonly text: string }
  /** Whoever asked made a mistake. */
  | { readonly kind: 'mistake'; readonly message: string };

/** Path → what is answered; the query comes along. */
export type Pages = Readonly<Record<string, (query: URLSearchParams) => Answer | Promise<Answer>>>;

/** Serves status over a unix socket that only root may open (HTTP/1.1, GET). */
export function serveSocket(path: string, pages: Pages): Promise<Server> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://socket');
    const page = Object.hasOwn(pages, url.pathname) ? pages[url.pathname] : undefined;
    const say = (code: number, type: string, body: string) =>
      response.writeHead(code, { 'content-type': type }).end(body);
    if (request.method !== 'GET' || page === undefined) {
      say(404, 'text/plain', `there is no such page; there are ${Object.keys(pages).join(' ')}\n`);
      return;
    }
    Promise.resolve()
      .then(() => page(url.searchParams))
      .then(answer => {
        switch (answer.kind) {
          case 'json':
            return say(200, 'application/json', `${JSON.stringify(answer.value)}\n`);
          case 'text':
            return say(200, 'text/plain; version=0.0.4', answer.text);
          case 'mistake':
            return say(400, 'text/plain', `${answer.message}\n`);
        }
      })
      .catch(() => say(500, 'text/plain', 'a bug of the speaker: see its log\n'));
  });
  rmSync(path, { force: true });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      chmodSync(path, 0o600);
      resolve(server);
    });
  });
}
