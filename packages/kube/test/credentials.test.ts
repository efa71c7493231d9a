import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../src/clock.ts';
import type { Connection } from '../src/connection.ts';
import { parseExecCredential } from '../src/exec-credential.ts';
import { KubeClient, RESOURCES, Secret } from '../src/index.ts';
import { caCert, clientCert, clientKey, serverCert, serverKey } from './certificates.ts';
import { FaultyServer, list, status } from './faulty-server.ts';

const { ConfigMap } = RESOURCES;
const data = (text: string) => ({ data: new Secret(text) });
let dir: string;
let server: FaultyServer;
let client: KubeClient | undefined;
let now = 1_000_000;
const clock: Clock = { now: () => now, sleep: async () => {} };

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'muslin-kube-'));
});
afterEach(async () => {
  await client?.close();
  await server.stop();
  rmSync(dir, { recursive: true });
});

async function over(tls: boolean, more: Partial<Connection>, brief = false): Promise<KubeClient> {
  server = await FaultyServer.start(
    tls
      ? { cert: serverCert, key: serverKey, ca: caCert, requestCert: true, rejectUnauthorized: false }
      : undefined,
  );
  server.script = [list('1', [])];
  client = new KubeClient(server.connection(more), { clock, timeoutMs: 3_000, brief });
  return client;
}

describe.each([
  { name: 'TLS', brief: false },
  { name: 'TLS of a program that soon ends', brief: true },
])('$name', ({ brief }) => {
  const secure = (more: Partial<Connection>) => over(true, more, brief);
  it('trusts the given authority, shows the client certificate, and shares the connection', async () => {
    const c = await secure({
      ca: data(caCert),
      clientCert: { cert: data(clientCert), key: data(clientKey) },
    });
    let peer = '';
    server.script = [
      (response, seen) => {
        peer = String(
          (
            response.socket as unknown as { getPeerCertificate(): { subject: { CN: string } } }
          ).getPeerCertificate().subject.CN,
        );
        return list('1', [])(response, seen);
      },
    ];
    for (let i = 0; i < 5; i++) expect((await c.list(ConfigMap)).ok).toBe(true);
    expect(peer).toBe('client');
    expect(server.connections).toBeLessThanOrEqual(2);
  });
  it('says that an unknown authority is not trusted, and what to check', async () => {
    const c = await secure({});
    expect(await c.list(ConfigMap)).toMatchObject({
      fault: { code: 'Unreachable', message: expect.stringContaining('certificate-authority') },
    });
  });
  it('accepts any certificate only when told to', async () => {
    const c = await secure({ insecure: true });
    expect((await c.list(ConfigMap)).ok).toBe(true);
  });
  it('checks the name that tls-server-name gives', async () => {
    const good = await secure({ ca: data(caCert), serverName: 'api.test' });
    expect((await good.list(ConfigMap)).ok).toBe(true);
    const bad = new KubeClient(server.connection({ ca: data(caCert), serverName: 'other.test' }), { brief });
    expect(await bad.list(ConfigMap)).toMatchObject({ fault: { code: 'Unreachable' } });
    await bad.close();
  });
  it('makes new connections when the authority file is rotated', async () => {
    const file = join(dir, 'ca.crt');
    writeFileSync(file, clientCert);
    const c = await secure({ ca: { file } });
    expect((await c.list(ConfigMap)).ok).toBe(false);
    writeFileSync(file, `${caCert}\n`);
    now += 10_000;
    expect((await c.list(ConfigMap)).ok).toBe(true);
  });
});

describe('tokens', () => {
  it('reads a rotated token file again', async () => {
    const file = join(dir, 'token');
    writeFileSync(file, 'one\n');
    const c = await over(false, { bearer: { type: 'tokenFile', file } });
    await c.list(ConfigMap);
    writeFileSync(file, 'three\n');
    now += 10_000;
    await c.list(ConfigMap);
    expect(server.seen.map(s => s.headers.authorization)).toEqual(['Bearer one', 'Bearer three']);
  });
  it('reads it at once when the server refuses the old token, and asks once more', async () => {
    const file = join(dir, 'token');
    writeFileSync(file, 'one');
    const c = await over(false, { bearer: { type: 'tokenFile', file } });
    await c.list(ConfigMap);
    writeFileSync(file, 'three');
    server.script = [status(401, 'Unauthorized', 'expired'), list('1', [])];
    expect((await c.list(ConfigMap)).ok).toBe(true);
    expect(server.seen.map(s => s.headers.authorization)).toEqual([
      'Bearer one',
      'Bearer one',
      'Bearer three',
    ]);
  });
  it('does not ask a third time', async () => {
    const file = join(dir, 'token');
    writeFileSync(file, 'one');
    const c = await over(false, { bearer: { type: 'tokenFile', file } });
    server.script = [status(401, 'Unauthorized', 'no')];
    expect(await c.list(ConfigMap)).toMatchObject({ fault: { code: 'Unauthorized' } });
    expect(server.seen.length).toBe(2);
  });
  it('names a token file that is gone', async () => {
    const file = join(dir, 'none');
    const c = await over(false, { bearer: { type: 'tokenFile', file } });
    expect(await c.list(ConfigMap)).toMatchObject({
      fault: { code: 'Unauthorized', message: expect.stringContaining(`${file} cannot be read (ENOENT)`) },
    });
  });
  it('sends basic credentials', async () => {
    const c = await over(false, { bearer: { type: 'basic', username: 'u', password: new Secret('p') } });
    await c.list(ConfigMap);
    expect(server.seen[0]?.headers.authorization).toBe('Basic dTpw');
  });
});

describe('exec plugins', () => {
  const apiVersion = 'client.authentication.k8s.io/v1';
  function plugin(body: string): Partial<Connection> {
    const command = join(dir, 'plugin');
    writeFileSync(command, `#!/bin/sh\necho x >> ${dir}/runs\n${body}\n`);
    chmodSync(command, 0o755);
    return {
      bearer: {
        type: 'exec',
        plugin: {
          apiVersion,
          command,
          args: ['$(touch pwned)'],
          env: { WHO: 'me' },
          installHint: 'Install it.',
          provideClusterInfo: true,
        },
      },
    };
  }
  const runs = () => readFileSync(join(dir, 'runs'), 'utf8').length / 2;
  const answer = (status: string) =>
    `echo '{"apiVersion":"${apiVersion}","kind":"ExecCredential","status":${status}}'`;

  it('run once for many requests, and again when the credential expires', async () => {
    const stamp = new Date(now + 60_000).toISOString();
    const c = await over(false, plugin(answer(`{"token":"t1","expirationTimestamp":"${stamp}"}`)));
    await Promise.all([c.list(ConfigMap), c.list(ConfigMap), c.list(ConfigMap)]);
    expect(server.seen[0]?.headers.authorization).toBe('Bearer t1');
    expect(runs()).toBe(1);
    now += 61_000;
    await c.list(ConfigMap);
    expect(runs()).toBe(2);
  });
  it('get their environment and cluster, and no shell sees their arguments', async () => {
    const c = await over(
      false,
      plugin(
        `[ "$WHO" = me ] && [ "$1" = '$(touch pwned)' ] && case "$KUBERNETES_EXEC_INFO" in *'"server":"http'*) ${answer('{"token":"ok"}')};; esac`,
      ),
    );
    await c.list(ConfigMap);
    expect(server.seen[0]?.headers.authorization).toBe('Bearer ok');
  });
  it('run again when the server refuses the token', async () => {
    const c = await over(false, plugin(answer('{"token":"t"}')));
    server.script = [status(401, 'Unauthorized', 'no'), list('1', [])];
    expect((await c.list(ConfigMap)).ok).toBe(true);
    expect(runs()).toBe(2);
  });
  it('fail with their exit status, without their output', async () => {
    const c = await over(false, plugin('echo s3cr3t; exit 3'));
    const got = await c.list(ConfigMap);
    expect(got).toMatchObject({
      fault: { code: 'Unauthorized', message: expect.stringContaining('exit status 3') },
    });
    expect(JSON.stringify(got)).not.toContain('s3cr3t');
  });
  it('say how to install them when they are missing', async () => {
    const c = await over(false, {
      bearer: {
        type: 'exec',
        plugin: {
          apiVersion,
          command: '/nonexistent/x',
          args: [],
          env: {},
          installHint: 'Install it.',
          provideClusterInfo: false,
        },
      },
    });
    expect(await c.list(ConfigMap)).toMatchObject({
      fault: { message: expect.stringContaining('did not start (ENOENT). Install it.') },
    });
  });
  it('are believed only in the shape of the API', async () => {
    await over(false, {});
    const wrap = (status: unknown, more = {}) =>
      JSON.stringify({ apiVersion, kind: 'ExecCredential', status, ...more });
    for (const [text, word] of [
      ['nope', 'not JSON'],
      [wrap({}, { kind: 'X' }), 'kind'],
      [wrap({}, { apiVersion: 'v0' }), 'apiVersion'],
      [wrap({}), 'neither'],
      [wrap({ clientCertificateData: 'x' }), 'belong together'],
      [wrap({ token: 'x', expirationTimestamp: 'soon' }), 'expirationTimestamp'],
    ] as const) {
      const parsed = parseExecCredential(text, apiVersion);
      expect(!parsed.ok && parsed.fault).toContain(word);
    }
  });
});
