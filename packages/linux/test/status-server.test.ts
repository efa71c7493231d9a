import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveStatus } from '../src/status-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'muslin-status-'));
const socketPath = join(folder, 'a.sock');
let server: Server;

function ask(path: string, method = 'GET'): Promise<{ code: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, method }, response => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ code: response.statusCode, text }));
    });
    asked.on('error', reject).end();
  });
}

beforeAll(async () => {
  server = await serveStatus(socketPath, {
    '/healthz': () => 'ok\n',
    '/query': query => ({ from: query.get('from') }),
    '/throws': () => {
      throw new Error('no table filter');
    },
    '/rejects': () => Promise.reject(new Error('no answer')),
    '/unwritable': () => ({ count: 1n }),
  });
});

afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

describe('the status socket', () => {
  it('belongs to its owner alone', () => {
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
  });

  it('answers text as it is, and values as JSON', async () => {
    expect(await ask('/healthz')).toEqual({ code: 200, text: 'ok\n' });
    expect(await ask('/query?from=7')).toEqual({ code: 200, text: '{"from":"7"}\n' });
  });

  it('knows no other path and no other method', async () => {
    for (const path of ['/', '/__proto__', '/healthz/..', '/constructor'])
      expect((await ask(path)).code, path).toBe(404);
    expect((await ask('/healthz', 'POST')).code).toBe(404);
  });

  it.each([
    ['/throws', 'no table filter\n'],
    ['/rejects', 'no answer\n'],
    ['/unwritable', 'Do not know how to serialize a BigInt\n'],
  ])('tells what went wrong on %s, and goes on', async (path, text) => {
    expect(await ask(path)).toEqual({ code: 500, text });
    expect((await ask('/healthz')).code).toBe(200);
  });
});
