import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type AnyObject, RESOURCES } from '@muslin/kube';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folder } from './folder.ts';
import { type StandIn, startStandIn } from './stand-in.ts';
import { muslinctl } from './test-context.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const POOL = { metadata: { name: 'pods' }, spec: { cidr: '10.1.0.0/16' } } as unknown as AnyObject;

let server: StandIn;
beforeAll(async () => {
  server = await startStandIn();
}, 60_000);
afterAll(() => server.stop());

const run = (argv: readonly string[], stdin = '') =>
  muslinctl([...argv, '--kubeconfig', server.kubeconfig], { stdin });

/** Lines of a process that stays; `next` waits for one, `end` stops it. */
function follow(...argv: string[]) {
  const flags = ['--conditions=@muslin/source', '--disable-warning=ExperimentalWarning', MAIN];
  const child = spawn(process.execPath, [...flags, ...argv, '--kubeconfig', server.kubeconfig], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { next: async () => (await lines.next()).value, end: () => child.kill() };
}

describe('muslinctl get -w', () => {
  it('shows what is there, then each change in the same columns, and the last state of what is gone', async () => {
    await server.client.create(RESOURCES.IPPool, POOL);
    const watch = follow('get', 'ippools', '-o', 'custom-columns=NAME,DISABLED:.spec.disabled', '-w');
    expect(await watch.next()).toMatch(/^NAME +DISABLED$/);
    expect(await watch.next()).toMatch(/^pods +<none>$/);
    const other = { metadata: { name: 'spare' }, spec: { cidr: '10.2.0.0/16', disabled: true } };
    await server.client.create(RESOURCES.IPPool, other as unknown as AnyObject);
    expect(await watch.next()).toBe('spare   true');
    const body = { spec: { disabled: false } };
    await server.client.patch(RESOURCES.IPPool, { name: 'spare' }, { type: 'merge', body });
    expect(await watch.next()).toBe('spare   false');
    await server.client.delete(RESOURCES.IPPool, { name: 'spare' });
    expect(await watch.next()).toBe('spare   false');
    watch.end();
  });
});

describe('habits of calicoctl', () => {
  it('its configuration file may name the kubeconfig', async () => {
    using files = folder({ 'calicoctl.cfg': '', 'etcd.cfg': 'spec: {datastoreType: etcdv3}\n' });
    writeFileSync(
      `${files.path}/calicoctl.cfg`,
      `spec: {datastoreType: kubernetes, kubeconfig: ${server.kubeconfig}}\n`,
    );
    const get = (name: string) =>
      muslinctl(['get', 'ippools', '-c', `${files.path}/${name}`, '--log-level=info']);
    expect(await get('calicoctl.cfg')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('10.1.0.0/16'),
    });
    expect(await get('etcd.cfg')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('etcdv3 is not here'),
    });
    expect((await get('nothing.cfg')).code).toBe(1);
  });

  it('what is not here says what to do instead', async () => {
    expect(await muslinctl(['node', 'run'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('DaemonSet muslin-node'),
    });
  });
});

describe('muslinctl datastore migrate', () => {
  it('locks and unlocks as calicoctl does', async () => {
    const ready = async () => {
      const found = await server.client.get<AnyObject>(RESOURCES.ClusterInformation, { name: 'default' });
      return found.ok && (found.value['spec'] as { datastoreReady?: boolean }).datastoreReady;
    };
    expect(await run(['datastore', 'migrate', 'lock'])).toMatchObject({
      code: 0,
      stdout: 'Datastore locked.\n',
    });
    expect(await ready()).toBe(false);
    expect(await run(['datastore', 'migrate', 'unlock'])).toMatchObject({ stdout: 'Datastore unlocked.\n' });
    expect(await ready()).toBe(true);
  });

  it('exports what a cluster without it imports, and refuses to mix addresses', async () => {
    const report = { metadata: { name: 'knp.shop.db' }, spec: {} };
    expect((await server.client.create(RESOURCES.PolicyStatus, report)).ok).toBe(true);
    const exported = await run(['datastore', 'migrate', 'export']);
    expect(exported.stdout).not.toContain('kind: PolicyStatus');
    expect(exported).toMatchObject({ code: 0, stderr: expect.stringMatching(/^\d+ objects\n$/) });
    expect(exported.stdout).toContain('kind: IPPool');
    expect(exported.stdout).not.toMatch(/resourceVersion|uid:|creationTimestamp/);
    await server.client.delete(RESOURCES.IPPool, { name: 'pods' });
    const back = await run(['datastore', 'migrate', 'import', '-f', '-'], exported.stdout);
    expect(back).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Successfully applied \d+ resource/),
    });
    expect((await server.client.get(RESOURCES.IPPool, { name: 'pods' })).ok).toBe(true);
    const block = {
      metadata: { name: '10-1-0-0-30' },
      spec: { cidr: '10.1.0.0/30', allocations: [], unallocated: [], attributes: [], strictAffinity: false },
    };
    expect(await server.client.create(RESOURCES.IPAMBlock, block as unknown as AnyObject)).toMatchObject({
      ok: true,
    });
    expect(await run(['datastore', 'migrate', 'import', '-f', '-'], exported.stdout)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('must not mix'),
    });
  });
});

describe('muslinctl cluster diags', () => {
  it('puts objects, states and logs in one archive, without passwords', async () => {
    const labels = { 'app.kubernetes.io/name': 'muslin', 'app.kubernetes.io/component': 'node' };
    const pod = {
      metadata: { name: 'muslin-node-x', namespace: 'kube-system', labels },
      spec: { containers: [{ name: 'agent', image: 'muslin', env: [{ name: 'A', value: 'b' }] }] },
    };
    await server.client.create(RESOURCES.Namespace, { metadata: { name: 'kube-system' } } as AnyObject);
    expect(await server.client.create(RESOURCES.Pod, pod as unknown as AnyObject)).toMatchObject({
      ok: true,
    });
    using files = folder({});
    const path = `${files.path}/diags.tar.gz`;
    expect(await run(['cluster', 'diags', '-o', path, '--since', '1h'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Diags saved to .*diags\.tar\.gz \(\d+ files\)\n$/),
    });
    const names = execFileSync('tar', ['tzf', path], { encoding: 'utf8' }).split('\n');
    for (const wanted of [
      'objects/ippools.projectcalico.org.yaml',
      'objects/nodes.yaml',
      'logs/muslin-node-x.agent.log',
    ])
      expect(
        names.some(name => name.endsWith(wanted)),
        wanted,
      ).toBe(true);
    expect((await run(['cluster', 'diags', '--since', 'soon'])).code).toBe(2);
    expect((await run(['cluster', 'diags', '-o', '/nowhere/x'])).code).toBe(2);
  });
});
