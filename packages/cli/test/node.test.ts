import { spawnSync } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { KERNEL_NEEDS, type KernelLists, metBy } from '../src/node/kernel-needs.ts';
import { redactText, redactValue } from '../src/node/redact.ts';
import { saveArchive } from '../src/node/save-archive.ts';
import { tarOf } from '../src/node/tar.ts';
import { fakeSocket } from './fake-socket.ts';
import { folder } from './folder.ts';
import { muslinctl } from './test-context.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function sockets(agent: object, speaker: object) {
  const [a, s] = await Promise.all([
    fakeSocket({ '/v1/status': agent }),
    fakeSocket({ '/v1/status': speaker, '/v1/peers': [] }),
  ]);
  closers.push(
    () => a.close(),
    () => s.close(),
  );
  return { MUSLIN_AGENT_SOCKET: a.path, MUSLIN_SPEAKER_SOCKET: s.path };
}

const up = {
  address: '192.0.2.2',
  type: 'NodeMesh',
  state: 'Established',
  since: '2026-03-01T11:00:00.000Z',
};

describe('muslinctl node status', () => {
  it("draws calicoctl's table, and ends with 0 when all is up", async () => {
    const env = await sockets(
      { ready: true, dataplane: { backEnd: 'nftables' }, endpoints: ['shop/a', 'shop/b'], waitingFor: [] },
      { node: 'n1', peers: [up] },
    );
    expect(await muslinctl(['node', 'status'], { env })).toEqual({
      code: 0,
      stderr: '',
      stdout: `\
Muslin agent is running.
2 pods on this node; rules in nftables.
Muslin speaker is running.

IPv4 BGP status
+--------------+-------------------+-------+---------------------+-------------+
| PEER ADDRESS | PEER TYPE         | STATE | SINCE               | INFO        |
+--------------+-------------------+-------+---------------------+-------------+
| 192.0.2.2    | node-to-node mesh | up    | 2026-03-01 11:00:00 | Established |
+--------------+-------------------+-------+---------------------+-------------+

IPv6 BGP status
No IPv6 peers found.
`,
    });
  });

  it("says by which address others know the node and why, of the rest why not, and what holds pods' MTU down", async () => {
    const env = await sockets(
      {
        ...{ ready: true, endpoints: [], waitingFor: [] },
        address: {
          choices: [
            {
              ...{
                family: 4,
                by: 'cidr=10.0.0.0/8',
                address: '10.0.0.5/24',
                interface: 'eth0',
                why: 'it fits',
              },
              rest: [{ address: '192.0.2.5', interface: 'eth1', why: 'it is outside 10.0.0.0/8' }],
            },
            {
              family: 6,
              by: 'first-found',
              why: 'nothing fits',
              trouble: 'nothing fits',
              rest: [{ address: 'fe80::1', interface: 'eth0', why: 'it is link-local' }],
            },
            { family: 6, by: 'kubernetes-internal-ip', why: 'there is none', rest: [] },
          ],
          changes: [{ family: 4, from: '10.0.0.4', to: '10.0.0.5', at: 0 }],
        },
        mtu: { underlay: 1500, pods: 1450, why: 'VXLAN over IPv4 adds 50', larger: ['shop/a'] },
        overlay: {
          faults: ['this kernel has no ipip devices'],
          missing: ['node n2 has no IPv6 address'],
          wireguard: { faults: ['this kernel has no WireGuard'] },
        },
      },
      { node: 'n1', peers: [] },
    );
    const { stdout } = await muslinctl(['node', 'status'], { env });
    expect(stdout.split('\n').slice(2, 9)).toEqual([
      'IPv4 address: 10.0.0.5/24 on eth0, since it fits (cidr=10.0.0.0/8).',
      '  Not 192.0.2.5 on eth1: it is outside 10.0.0.0/8.',
      'IPv6 address: none, since nothing fits (first-found).',
      '  Trouble: nothing fits.',
      '  Not fe80::1 on eth0: it is link-local.',
      '  It was 10.0.0.4 and became 10.0.0.5 at 1970-01-01T00:00:00.000Z.',
      'MTU of new pods: 1450, since VXLAN over IPv4 adds 50.',
    ]);
    expect(stdout).toContain('  Pods with a larger one, to be started anew: shop/a.\n');
    expect(stdout).toContain(
      'Overlay:\n  this kernel has no ipip devices.\n  this kernel has no WireGuard.\n  node n2 has no IPv6 address.\n',
    );
  });

  it('ends with 1 when a session is down or the agent is not ready, and says why', async () => {
    const down = { address: '2001:db8::1', type: 'GlobalPeer', state: 'Active', lastError: 'refused' };
    const env = await sockets({ ready: false, waitingFor: ['Pod'] }, { peers: [down] });
    const ran = await muslinctl(['node', 'status'], { env });
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain('It is not ready: it waits for Pod.');
    expect(ran.stdout).toContain('| 2001:db8::1  | global    | start |       | Active refused |');
  });

  it('names the program that does not run', async () => {
    const env = { MUSLIN_AGENT_SOCKET: '/nowhere/a.sock', MUSLIN_SPEAKER_SOCKET: '/nowhere/s.sock' };
    const ran = await muslinctl(['node', 'status'], { env });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('error: no agent listens at /nowhere/a.sock: ');
    expect(ran.stderr).toContain('error: no speaker listens at /nowhere/s.sock: ');
    const data = JSON.parse((await muslinctl(['node', 'status', '-o', 'json'], { env })).stdout);
    expect(data).toMatchObject({ agent: { running: false }, speaker: { running: false } });
  });
});

describe('muslinctl node diags', () => {
  it('saves an archive that tar reads, without what is secret', async () => {
    using files = folder({ 'own.log': 'login password=hunter2 as muslin\n' });
    const env = await sockets({ ready: true, bgp: { password: 'hunter2' } }, { peers: [up] });
    const path = `${files.path}/d.tar.gz`;
    const ran = await muslinctl(['node', 'diags', '-o', path, '--log-dir', files.path], { env });
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/^Diags saved to .*d\.tar\.gz \(\d+ files\)\n$/);
    const names = spawnSync('tar', ['tzf', path], { encoding: 'utf8' }).stdout;
    for (const part of [
      'agent-v1-status.json',
      'speaker-v1-peers.json',
      'ip-rule.txt',
      'own.log',
      'paths.txt',
    ])
      expect(names).toContain(part);
    const all = spawnSync('tar', ['xzOf', path], { encoding: 'utf8', maxBuffer: 1 << 28 }).stdout;
    expect(all).toContain('"password": "<redacted>"');
    expect(all).toContain('password=<redacted> as muslin');
    expect(all).not.toContain('hunter2');
  }, 60_000);

  it('ends with 2 where it cannot write', async () => {
    const env = await sockets({}, {});
    const ran = await muslinctl(['node', 'diags', '-o', '/nowhere/x.tar.gz'], { env });
    expect(ran.code).toBe(2);
  }, 60_000);

  it('leaves out tokens and keys in any text, and keeps names of Secrets', () => {
    expect(redactText('Authorization: Bearer abc.def')).toBe('Authorization: Bearer <redacted>');
    expect(redactText('-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----')).toBe(
      '<redacted RSA PRIVATE KEY>',
    );
    expect(redactText('ct state established token')).toBe('ct state established token');
    expect(redactText('{"bgp-password":"a\\"b c","x":1}')).toBe('{"bgp-password":<redacted>,"x":1}');
    const signed = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln';
    expect(redactText(`Authorization ${signed} of a`)).toBe('Authorization <redacted token> of a');
    const value = { secretKeyRef: { name: 'bgp', key: 'tor' }, token: 'x', list: [{ password: 'y' }] };
    expect(redactValue(value)).toEqual({
      secretKeyRef: { name: 'bgp', key: 'tor' },
      token: '<redacted>',
      list: [{ password: '<redacted>' }],
    });
  });

  it('reads long lines of anybody’s making once', () => {
    for (const part of ['a-', 'eyJ-', 'token', 'Bearer ', '-----BEGIN PRIVATE KEY', '"', 'password "'])
      expect(redactText(part.repeat(200_000)).length, part).toBeGreaterThan(0);
  });

  it('does not follow a link that somebody put where the archive goes by itself', async () => {
    using files = folder({ 'precious.txt': 'precious' });
    const name = `${files.path}/diags`;
    symlinkSync(`${files.path}/precious.txt`, `${name}.tar.gz`);
    const errors: string[] = [];
    const code = saveArchive(
      {
        stdout: () => {},
        stderr: () => {},
        now: () => new Date(0),
        fail: (code, ...told) => {
          errors.push(...told);
          return code;
        },
      },
      { text: () => undefined },
      name,
      [{ name: 'a', text: 'b' }],
    );
    expect(code).toBe(2);
    expect(errors).toEqual([`${name}.tar.gz: it is there already`]);
    expect(readFileSync(`${files.path}/precious.txt`, 'utf8')).toBe('precious');
  });

  it('writes files of any length, empty ones too', () => {
    using files = folder({});
    writeFileSync(
      `${files.path}/t.tar`,
      tarOf(
        [
          { name: 'a/e', text: '' },
          { name: 'a/ü', text: 'ü'.repeat(600) },
        ],
        1,
      ),
    );
    const out = spawnSync('tar', ['xOf', `${files.path}/t.tar`], { encoding: 'utf8' });
    expect([out.status, out.stderr, out.stdout]).toEqual([0, '', 'ü'.repeat(600)]);
  });
});

describe('muslinctl node checksystem', () => {
  const none: KernelLists = { loaded: '', builtin: '', available: '', config: '' };
  const need = KERNEL_NEEDS.find(({ module }) => module === 'xt_set') as (typeof KERNEL_NEEDS)[number];

  it.each([
    ['loaded', { loaded: 'xt_set 16384 1 - Live 0x0\n' }],
    ['built in', { builtin: 'kernel/net/netfilter/xt_set.ko\n' }],
    ['built in', { config: 'CONFIG_NETFILTER_XT_SET=y\n' }],
    ['a module', { available: 'kernel/net/netfilter/xt_set.ko.xz: kernel/net/x.ko.xz\n' }],
    ['a module', { config: 'CONFIG_NETFILTER_XT_SET=m\n' }],
    [undefined, { config: '# CONFIG_NETFILTER_XT_SET is not set\n', loaded: 'xt_set_more 1 0\n' }],
  ] as const)('finds %s by what the kernel says', (met, lists) => {
    expect(metBy(need, { ...none, ...lists })).toBe(met);
  });

  it('says of each thing what it is for, and ends with 1 when one is missing', async () => {
    using files = folder({ config: '# nothing\n' });
    expect(await muslinctl(['node', 'checksystem', '-f', '/nowhere'])).toEqual({
      ...{ code: 2, stdout: '' },
      stderr: 'error: /nowhere: no such file or folder\n',
    });
    const ran = await muslinctl(['node', 'checksystem', '-f', `${files.path}/config`, '-o', 'json']);
    const data = JSON.parse(ran.stdout);
    expect(data.features).toHaveLength(KERNEL_NEEDS.length);
    expect(data.features.every(({ why }: { why: string }) => why.length > 5)).toBe(true);
    expect(ran.code).toBe(data.suitable ? 0 : 1);
    if (!data.suitable) expect(ran.stderr).toMatch(/was not found: .*modprobe/);
  });
});
