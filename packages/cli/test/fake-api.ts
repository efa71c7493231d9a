import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Json = Readonly<Record<string, unknown>>;

/** One request that was not a plain read. */
export interface Written {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly type: string | undefined;
  readonly body: unknown;
}

/** Answers lists and single reads from tables of objects, and writes with what `onWrite` says (200 and the body). */
export interface FakeApi {
  readonly kubeconfig: string;
  readonly url: string;
  readonly reads: readonly string[];
  readonly writes: readonly Written[];
  close(): Promise<void>;
}

/** `lists`: collection path (`/api/v1/nodes`) → objects. A path that is not there is 404, as for a missing CRD. */
export async function fakeApi(
  lists: Readonly<Record<string, readonly Json[]>>,
  onWrite: (write: Written) => { readonly status: number; readonly body: Json } | undefined = () => undefined,
): Promise<FakeApi> {
  const reads: string[] = [];
  const writes: Written[] = [];
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://fake');
    const answer = (status: number, body: Json) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (request.method !== 'GET') {
      let text = '';
      for await (const chunk of request) text += chunk;
      const write: Written = {
        method: request.method ?? '',
        path: url.pathname,
        query: url.search.slice(1),
        type: request.headers['content-type'],
        body: text === '' ? undefined : JSON.parse(text),
      };
      writes.push(write);
      const told = onWrite(write) ?? { status: 200, body: (write.body as Json) ?? {} };
      return answer(told.status, told.body);
    }
    reads.push(`${url.pathname}${url.search}`);
    const namespace = /\/namespaces\/([^/]+)\/(.+)$/.exec(url.pathname);
    const path =
      namespace === null ? url.pathname : url.pathname.replace(`/namespaces/${namespace[1]}/`, '/');
    const inside = (object: Json) =>
      namespace === null || (object['metadata'] as Json)['namespace'] === namespace[1];
    const list = lists[path];
    if (list !== undefined)
      return answer(200, {
        kind: 'List',
        apiVersion: 'v1',
        metadata: { resourceVersion: '7' },
        items: list.filter(inside),
      });
    const name = path.slice(path.lastIndexOf('/') + 1);
    const one = lists[path.slice(0, path.lastIndexOf('/'))]
      ?.filter(inside)
      .find(object => (object['metadata'] as Json)['name'] === name);
    if (one !== undefined) return answer(200, one);
    if (url.pathname === '/version') return answer(200, { gitVersion: 'v1.36.0' });
    const message = `${url.pathname} is not there`;
    return answer(404, { kind: 'Status', status: 'Failure', reason: 'NotFound', code: 404, message });
  });
  await new Promise<void>(ready => server.listen(0, '127.0.0.1', ready));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const folder = mkdtempSync(join(tmpdir(), 'muslinctl-'));
  const kubeconfig = join(folder, 'config');
  writeFileSync(
    kubeconfig,
    `current-context: fake
contexts: [{name: fake, context: {cluster: fake, user: fake, namespace: shop}}]
clusters: [{name: fake, cluster: {server: "${url}"}}]
users: [{name: fake, user: {}}]
`,
  );
  return {
    ...{ kubeconfig, url, reads, writes },
    close: async () => {
      rmSync(folder, { recursive: true, force: true });
      await new Promise<void>(closed => {
        server.close(() => closed());
        server.closeAllConnections();
      });
    },
  };
}
