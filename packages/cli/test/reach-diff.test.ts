import { afterAll, describe, expect, it } from 'vitest';
import { folder } from './folder.ts';
import { SHOP } from './shop.ts';
import { muslinctl } from './test-context.ts';

const before = folder({ 'shop.yaml': SHOP });
const after = folder({ 'shop.yaml': SHOP.replace('ports: [{port: 5432}]', 'ports: [{port: 9187}]') });
const outward = folder({
  'shop.yaml': `${SHOP}---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: inside, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}]}]}
`,
});
afterAll(() => {
  for (const files of [before, after, outward]) files[Symbol.dispose]();
});

describe('muslinctl reach', () => {
  it('shows sources down and destinations across, with a column for each port', async () => {
    const ran = await muslinctl(['reach', '--files', before.path]);
    expect(ran).toEqual({
      code: 0,
      stderr: '',
      stdout: `\
FROM \\ TO    shop/db-1 5432/TCP   shop/db-1 9187/TCP   shop/web-1 80/TCP
10.0.0.1     yes                  -                    yes
outside      -                    -                    yes
shop/db-1    self                 self                 yes
shop/web-1   yes                  -                    self
`,
    });
  });

  it('shows a list on demand, and data', async () => {
    expect((await muslinctl(['reach', '-f', before.path, '-o', 'list'])).stdout).toContain(`
shop/web-1   80/TCP     3 of 3       everyone
`);
    const data = JSON.parse((await muslinctl(['reach', '-f', before.path, '-o', 'json'])).stdout);
    expect(data).toContainEqual({ to: 'shop/db-1', protocol: 'TCP', port: 9187, family: 4, from: [] });
  });

  it('shows ports of nodes that lead to pods, and what would be if staged policies were in force', async () => {
    using files = folder({
      'shop.yaml': `
{apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop}
spec: {nodeName: n1, containers: [{name: c, image: i, ports: [{containerPort: 80, hostPort: 8080}]}]}
---
{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: {nodeName: n2, containers: [{name: c, image: i}]}}
---
{apiVersion: projectcalico.org/v3, kind: NetworkPolicy, metadata: {name: shut, namespace: shop}, spec: {selector: all()}}
---
apiVersion: projectcalico.org/v3
kind: StagedNetworkPolicy
metadata: {name: shut, namespace: shop}
spec: {stagedAction: Delete}
`,
    });
    const shown = async (...more: string[]) =>
      (await muslinctl(['reach', '-f', files.path, '-o', 'list', ...more])).stdout;
    expect(await shown()).toContain('n1 (shop/api)   8080/TCP   0 of 2       no one\n');
    expect(await shown('--staged')).toContain('n1 (shop/api)   8080/TCP   2 of 2       everyone\n');
    const diff = await muslinctl(['diff', '--staged', files.path, files.path]);
    expect(diff.stdout).toMatch(/^gained +8080\/TCP +outside, shop\/web +n1 \(shop\/api\)$/m);
    expect((await muslinctl(['diff', files.path, files.path])).stdout).toContain('No connections gained');
  });

  it('dials the ports that policies name where pods declare none', async () => {
    using bare = folder({ 'shop.yaml': SHOP.replaceAll(/^spec: \{containers: .*$/gm, 'spec: {}') });
    expect((await muslinctl(['reach', '-f', bare.path])).stdout).toMatch(
      /^FROM \\ TO +shop\/db-1 5432\/TCP +shop/,
    );
  });

  it('dials more ports and addresses on demand', async () => {
    const ran = await muslinctl([
      'reach',
      '-f',
      before.path,
      '--port',
      '53/udp',
      '--external',
      '10.9.9.9',
      '-o',
      'list',
    ]);
    expect(ran.stdout).toMatch(/shop\/web-1 +53\/UDP +4 of 4/);
  });

  it.each([
    [['-n', 'nowhere'], 1, /there is no pod with an address in namespace nowhere/],
    [['--port', 'x'], 2, /--port x: write a number from 1 to 65535/],
    [['--external', 'x'], 2, /--external: "x" is not an IP address/],
    [['-o', 'wide'], 2, /choices are matrix, list, json, yaml/],
  ])('ends as promised for %j', async (argv, code, stderr) => {
    const ran = await muslinctl(['reach', '-f', before.path, ...argv]);
    expect(ran.stderr).toMatch(stderr);
    expect(ran.code).toBe(code);
  });
});

describe('muslinctl diff', () => {
  it('lists what was lost and gained, and fails only when asked to', async () => {
    const ran = await muslinctl(['diff', before.path, after.path]);
    expect(ran).toEqual({
      code: 0,
      stderr: '',
      stdout: `\
CHANGE   PORT       FROM                   TO
lost     5432/TCP   10.0.0.1, shop/web-1   shop/db-1
gained   9187/TCP   10.0.0.1, shop/web-1   shop/db-1

2 connections lost, 2 gained.
`,
    });
    expect((await muslinctl(['diff', before.path, after.path, '--exit-code'])).code).toBe(1);
  });

  it('keeps the families apart where they differ', async () => {
    using v6 = folder({ 'shop.yaml': SHOP.replace('cidr: 10.0.0.0/8', 'cidr: ::/0') });
    const ran = await muslinctl(['diff', before.path, v6.path]);
    expect(ran.stdout).toMatch(/^lost +5432\/TCP +10\.0\.0\.1 +shop\/db-1$/m);
    expect(ran.stdout).toMatch(/^gained +5432\/TCP IPv6 +outside +shop\/db-1$/m);
  });

  it('says that nothing changed', async () => {
    const ran = await muslinctl(['diff', before.path, before.path, '--exit-code']);
    expect(ran).toEqual({ code: 0, stdout: 'No connections gained or lost.\n', stderr: '' });
  });

  it('sees a way out of the cluster that closes', async () => {
    const ran = await muslinctl(['diff', before.path, outward.path]);
    expect(ran.stdout).toMatch(/^lost .* shop\/web-1 +.*outside/m);
  });

  it('writes a comment for a pull request', async () => {
    expect((await muslinctl(['diff', before.path, outward.path, '-o', 'markdown'])).stdout).toMatch(
      /^### Connectivity\n\n\*\*\d+ connections lost, 0 gained\.\*\*\n\n\| Change \| Port \| From \| To \|\n\|---\|---\|---\|---\|\n\| lost \| /,
    );
  });

  it('gives data', async () => {
    const data = JSON.parse((await muslinctl(['diff', before.path, after.path, '-o', 'json'])).stdout);
    expect(data).toMatchObject({ lost: 2, gained: 2 });
    expect(data.changes[0]).toEqual({
      ...{ change: 'lost', port: 5432, protocol: 'TCP' },
      ...{ from: ['10.0.0.1', 'shop/web-1'], to: ['shop/db-1'] },
    });
  });

  it('ends with 2 when a side cannot be read', async () => {
    expect((await muslinctl(['diff', '/nowhere', after.path])).code).toBe(2);
    expect((await muslinctl(['diff', before.path])).code).toBe(2);
  });
});
