import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inClusterConnection, loadConnection, loadKubeconfig } from '../src/index.ts';
import { caCert, clientCert, clientKey } from './certificates.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'muslin-kube-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const base64 = (text: string) => Buffer.from(text).toString('base64');

function write(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

function config(user: string, cluster = 'server: https://10.0.0.1:6443'): string {
  return `
apiVersion: v1
kind: Config
current-context: lab
clusters:
  - name: c
    cluster: { ${cluster} }
contexts:
  - name: lab
    context: { cluster: c, user: u, namespace: web }
users:
  - name: u
    user: { ${user} }
`;
}

describe('loadKubeconfig', () => {
  it('reads the current context with inline certificates', () => {
    const path = write(
      'config',
      config(
        `client-certificate-data: ${base64(clientCert)}, client-key-data: ${base64(clientKey)}`,
        `server: https://10.0.0.1:6443/, certificate-authority-data: ${base64(caCert)}, tls-server-name: api.test`,
      ),
    );
    const loaded = loadKubeconfig({ path });
    if (!loaded.ok) throw new Error(loaded.fault.message);
    const { value } = loaded;
    expect(value).toMatchObject({
      server: 'https://10.0.0.1:6443',
      namespace: 'web',
      serverName: 'api.test',
      insecure: false,
      bearer: { type: 'none' },
    });
    expect(value.ca !== undefined && 'data' in value.ca && value.ca.data.reveal()).toBe(caCert);
    expect(value.source).toBe(`${path} context "lab"`);
  });
  it('prints no secret, whichever way a connection is printed', () => {
    const loaded = loadKubeconfig({ path: write('config', config('token: s3cr3t')) });
    if (!loaded.ok) throw new Error(loaded.fault.message);
    const { bearer } = loaded.value;
    expect(bearer.type === 'token' && bearer.token.reveal()).toBe('s3cr3t');
    for (const shown of [
      JSON.stringify(loaded),
      inspect(loaded, { depth: 9, showHidden: true }),
      String(bearer.type === 'token' && bearer.token),
    ])
      expect(shown).not.toContain('s3cr3t');
  });
  it('takes paths relative to the file, and prefers a token file to a token', () => {
    const path = write(
      'config',
      config('token: x, tokenFile: creds/token', 'server: "https://a:1", certificate-authority: ca.pem'),
    );
    const loaded = loadKubeconfig({ path });
    expect(loaded).toMatchObject({
      ok: true,
      value: {
        ca: { file: join(dir, 'ca.pem') },
        bearer: { type: 'tokenFile', file: join(dir, 'creds/token') },
      },
    });
  });
  it('merges the files of KUBECONFIG, the first that names a thing wins, and passes over missing ones', () => {
    const a = write(
      'a',
      'current-context: lab\ncontexts: [{ name: lab, context: { cluster: c, user: u } }]\n',
    );
    const b = write('b', config('token: fromB'));
    const loaded = loadKubeconfig({ env: { KUBECONFIG: `${dir}/none:${a}:${b}` } });
    expect(loaded).toMatchObject({
      ok: true,
      value: { namespace: 'default', server: 'https://10.0.0.1:6443' },
    });
  });
  it('looks in the home directory, and says where it looked', () => {
    expect(loadKubeconfig({ env: { HOME: dir } })).toMatchObject({
      ok: false,
      fault: { code: 'no-config', file: join(dir, '.kube/config') },
    });
    mkdirSync(join(dir, '.kube'));
    writeFileSync(join(dir, '.kube/config'), config('token: x'));
    expect(loadKubeconfig({ env: { HOME: dir } }).ok).toBe(true);
  });
  it('reads exec plugins without running them', () => {
    const exec =
      'exec: { apiVersion: client.authentication.k8s.io/v1, command: ./get-token, args: [a], env: [{ name: X, value: y }], interactiveMode: Never }';
    expect(loadKubeconfig({ path: write('config', config(exec)) })).toMatchObject({
      ok: true,
      value: {
        bearer: { type: 'exec', plugin: { command: join(dir, 'get-token'), args: ['a'], env: { X: 'y' } } },
      },
    });
  });
  for (const [sentence, text, code, field] of [
    ['a text that is no YAML', 'a: [', 'not-yaml', ''],
    ['a list instead of a mapping', '- a', 'bad-field', ''],
    ['no current context', 'clusters: []', 'missing-field', 'current-context'],
    ['a context that is not there', 'current-context: x', 'missing-field', 'contexts'],
    [
      'a cluster that is not there',
      'current-context: x\ncontexts: [{ name: x, context: { cluster: y } }]',
      'missing-field',
      'contexts[0].context.clusters',
    ],
    [
      'a server that is no URL',
      config('token: x', 'server: nowhere'),
      'bad-field',
      'clusters[0].cluster.server',
    ],
    [
      'a server URL with a password',
      config('token: x', 'server: "https://u:p4ss@h"'),
      'bad-field',
      'clusters[0].cluster.server',
    ],
    [
      'a missing server',
      config('token: x', 'insecure-skip-tls-verify: true'),
      'missing-field',
      'clusters[0].cluster.server',
    ],
    [
      'a flag that is a text',
      config('token: x', 'server: "https://a", insecure-skip-tls-verify: "yes"'),
      'bad-field',
      'clusters[0].cluster.insecure-skip-tls-verify',
    ],
    ['a number as token', config('token: 12'), 'bad-field', 'users[0].user.token'],
    [
      'a key without certificate',
      config(`client-key-data: ${base64(clientKey)}`),
      'missing-field',
      'users[0].user.client-certificate',
    ],
    [
      'data that is no PEM',
      config('client-certificate-data: AAAA'),
      'bad-field',
      'users[0].user.client-certificate-data',
    ],
    [
      'an exec plugin of an old version',
      config('exec: { apiVersion: client.authentication.k8s.io/v1alpha1, command: x }'),
      'unsupported',
      'users[0].user.exec.apiVersion',
    ],
    [
      'an auth provider',
      config('auth-provider: { name: gcp }'),
      'unsupported',
      'users[0].user.auth-provider',
    ],
    [
      'a proxy',
      config('token: x', 'server: "https://a", proxy-url: "http://p"'),
      'unsupported',
      'clusters[0].cluster.proxy-url',
    ],
  ] as const)
    it(`names file and field of ${sentence}`, () => {
      const path = write('config', text);
      const loaded = loadKubeconfig({ path });
      expect(loaded).toMatchObject({ ok: false, fault: { code, field, file: path } });
      expect(!loaded.ok && loaded.fault.message).toContain(path);
      expect(JSON.stringify(loaded)).not.toContain('p4ss');
    });
  it('does not quote the rest of a broken file, which may hold a token', () => {
    const loaded = loadKubeconfig({ path: write('config', 'users:\n  token: "s3cr3t\n  x: [') });
    expect(loaded.ok).toBe(false);
    expect(JSON.stringify(loaded)).not.toContain('s3cr3t');
  });
});

describe('inClusterConnection', () => {
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
  it('uses the mounted service account', () => {
    write('token', 't');
    write('ca.crt', caCert);
    write('namespace', 'muslin-system\n');
    expect(inClusterConnection({ env, directory: dir })).toMatchObject({
      ok: true,
      value: {
        server: 'https://[fd00::1]:443',
        namespace: 'muslin-system',
        bearer: { type: 'tokenFile', file: join(dir, 'token') },
      },
    });
    expect(loadConnection({ env: { ...env, HOME: dir }, directory: dir })).toMatchObject({
      ok: true,
      value: { namespace: 'muslin-system' },
    });
  });
  it('says what is missing', () => {
    expect(inClusterConnection({ env: {}, directory: dir })).toMatchObject({
      ok: false,
      fault: { code: 'no-config' },
    });
    expect(inClusterConnection({ env, directory: dir })).toMatchObject({
      ok: false,
      fault: { code: 'unreadable', file: join(dir, 'token') },
    });
  });
});
