import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Any } from './rig.ts';

const MAIN = fileURLToPath(new URL('../../src/apiserver/main.ts', import.meta.url));
let dir: string;
const running = new Set<ChildProcess>();
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'muslin-apiserver-'));
});
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(dir, { recursive: true });
});

function start(...flags: readonly string[]): ChildProcess {
  const child = spawn(
    process.execPath,
    ['--conditions=@muslin/source', '--disable-warning=ExperimentalWarning', MAIN, ...flags],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

async function ready(child: ChildProcess): Promise<number> {
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const said = JSON.parse(line);
    expect(said.ready).toBe(true);
    return said.addresses[0].port;
  }
  throw new Error('the server ended without saying that it is ready');
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise(resolve => child.once('exit', code => resolve(code)));
}

function call(method: string, path: string, body?: object): Promise<Any> {
  const { clusters, users } = parse(readFileSync(join(dir, 'kubeconfig'), 'utf8'));
  const { server } = clusters[0].cluster;
  const ca = Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64');
  const text = body === undefined ? '' : JSON.stringify(body);
  const headers = {
    authorization: `Bearer ${users[0].user.token}`,
    'content-length': String(Buffer.byteLength(text)),
  };
  return new Promise((resolve, reject) => {
    const sent = request(`${server}${path}`, { method, ca, headers, agent: false }, async response => {
      let answer = '';
      for await (const chunk of response) answer += chunk;
      resolve({ ...JSON.parse(answer), httpCode: response.statusCode });
    });
    sent.on('error', reject);
    sent.end(text);
  });
}

const crd = {
  metadata: { name: 'ties.example.io' },
  spec: {
    group: 'example.io',
    scope: 'Cluster',
    names: { plural: 'ties', kind: 'Tie' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        },
      },
    ],
  },
};

const TYPE = { apiVersion: 'example.io/v1', kind: 'Tie' };

describe('the program', () => {
  it('survives kill -9 with all that it answered for, and reuses its certificates', async () => {
    writeFileSync(join(dir, 'tokens'), 'abc,admin,1,"system:masters"\n');
    const flags = [
      '--listen',
      '127.0.0.1:0',
      '--kubeconfig',
      join(dir, 'kubeconfig'),
      '--data',
      join(dir, 'data.sqlite'),
    ];
    const all = [...flags, '--cert-dir', join(dir, 'certs'), '--token-file', join(dir, 'tokens')];
    const first = start(...all);
    await ready(first);
    expect(statSync(join(dir, 'kubeconfig')).mode & 0o777).toBe(0o600);
    await call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd);
    let made = await call('POST', '/apis/example.io/v1/ties', {
      ...TYPE,
      metadata: { name: 't' },
      spec: { colour: 'red' },
    });
    for (let i = 0; i < 100 && made.httpCode === 404; i++) {
      made = await call('POST', '/apis/example.io/v1/ties', {
        ...TYPE,
        metadata: { name: 't' },
        spec: { colour: 'red' },
      });
    }
    expect(made.httpCode).toBe(201);
    for (let i = 0; i < 20; i++) {
      expect(
        (await call('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: `c${i}` } }))
          .httpCode,
      ).toBe(201);
    }
    const before = await call('GET', '/api/v1/namespaces/default/configmaps');
    const ca = readFileSync(join(dir, 'certs', 'ca.crt'), 'utf8');
    const death = ended(first);
    first.kill('SIGKILL');
    await death;

    const second = start(...all);
    await ready(second);
    expect(readFileSync(join(dir, 'certs', 'ca.crt'), 'utf8')).toBe(ca);
    const after = await call('GET', '/api/v1/namespaces/default/configmaps');
    expect(after.items).toEqual(before.items);
    expect(Number(after.metadata.resourceVersion)).toBeGreaterThanOrEqual(
      Number(before.metadata.resourceVersion),
    );
    expect((await call('GET', '/apis/example.io/v1/ties/t')).spec).toEqual({ colour: 'red' });
    const next = await call('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'later' } });
    expect(Number(next.metadata.resourceVersion)).toBeGreaterThan(Number(after.metadata.resourceVersion));
    const rival = start('--data', join(dir, 'data.sqlite'));
    let said = '';
    rival.stderr?.on('data', (chunk: Buffer) => {
      said += chunk;
    });
    expect(await ended(rival)).toBe(2);
    expect(said).toBe("The server can't start: database is locked.\n");
    const goodbye = ended(second);
    second.kill('SIGTERM');
    expect(await goodbye).toBe(0);
  });
  it('serves on a socket that was handed over', async () => {
    const listening = createServer();
    await new Promise<void>(resolve => listening.listen(0, '127.0.0.1', resolve));
    const { fd } = (listening as unknown as { _handle: { fd: number } })._handle;
    const flags = [
      '--conditions=@muslin/source',
      '--disable-warning=ExperimentalWarning',
      MAIN,
      '--listen-fd',
      '3',
    ];
    const child = spawn(process.execPath, [...flags, '--kubeconfig', join(dir, 'kubeconfig')], {
      stdio: ['ignore', 'pipe', 'inherit', fd],
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    expect(await ready(child)).toBe((listening.address() as AddressInfo).port);
    listening.close();
    expect((await call('GET', '/version')).major).toBe('1');
    const goodbye = ended(child);
    child.kill('SIGTERM');
    expect(await goodbye).toBe(0);
  });
  it.each([
    [['--listen', 'nowhere'], '--listen needs HOST:PORT, not "nowhere".\n'],
    [['--token-file', '/does/not/exist'], expect.stringMatching(/^--token-file can't be read: .*\.\n$/)],
    [['--data', '/does/not/exist/x'], expect.stringMatching(/^The server can't start: .*\.\n$/)],
    [['--nope'], expect.stringMatching(/^Unknown option '--nope'.* See --help\.\n$/)],
  ])('says in one sentence what is wrong with %j', async (flags, sentence) => {
    const child = start(...flags);
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk;
    });
    expect(await ended(child)).toBe(2);
    expect(said).toEqual(sentence);
  });
});
