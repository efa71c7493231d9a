import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A speaker's socket that answers paths, with their queries, from a table; text is a mistake of whoever asked. */
export async function fakeSocket(answers: Readonly<Record<string, object | string>>): Promise<{
  readonly path: string;
  close(): Promise<void>;
}> {
  const folder = mkdtempSync(join(tmpdir(), 'muslinctl-socket-'));
  const path = join(folder, 'speaker.sock');
  const server = createServer((request, response) => {
    const answer = answers[decodeURIComponent(request.url ?? '')];
    if (typeof answer === 'string') response.writeHead(400).end(`${answer}\n`);
    else if (answer === undefined) response.writeHead(404).end('no such page\n');
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  await new Promise<void>(ready => server.listen(path, ready));
  return {
    path,
    close: async () => {
      await new Promise<void>(closed => {
        server.close(() => closed());
        server.closeAllConnections();
      });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
