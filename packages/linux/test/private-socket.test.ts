import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listenPrivately } from '@muslin/linux';
import { afterAll, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'msl-t-lx-'));
afterAll(() => rmSync(folder, { recursive: true }));

const modeOf = (path: string) => statSync(path).mode & 0o777;

test('nobody else may open the socket at any time, and files made later have the usual mode', async () => {
  const path = join(folder, 'a.sock');
  const mask = process.umask(0o022);
  const server = createServer();
  const listening = listenPrivately(server, path);
  expect(modeOf(path)).toBe(0o600);
  writeFileSync(join(folder, 'file'), '');
  expect(modeOf(join(folder, 'file'))).toBe(0o644);
  process.umask(mask);
  expect((await listening).listening).toBe(true);
  await new Promise(resolve => server.close(resolve));
});

test('what a killed process left is replaced; a path that is too long or in no folder is an error', async () => {
  const path = join(folder, 'b.sock');
  writeFileSync(path, 'left');
  const server = await listenPrivately(createServer(), path);
  expect(statSync(path).isSocket()).toBe(true);
  await new Promise(resolve => server.close(resolve));
  await expect(listenPrivately(createServer(), join(folder, 'none', 'c.sock'))).rejects.toThrow(
    /ENOENT|EACCES/,
  );
  await expect(listenPrivately(createServer(), join(folder, 'x'.repeat(120)))).rejects.toThrow();
});
