import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { RESOURCES } from '@muslin/kube';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { probe } from '../../packages/lab/src/probe.ts';
import { readSandboxes } from '../../packages/lab/src/sandboxes.ts';
import { checkOverlay } from '../../packages/lab/src/story/overlay.ts';
import { Report } from '../../packages/lab/src/checks.ts';
import { until } from '../../packages/lab/src/until.ts';
import { TestCluster } from './lab-cluster.ts';

let lab: TestCluster;
beforeAll(async () => {
  lab = await TestCluster.up('tovl', 3, 6, 'none', ['--refresh-ms', '1000'], 'vxlan', false, 'dual');
}, 120_000);
afterAll(async () => {
  await lab?.down();
});

const DEVICES = ['vxlan.muslin', 'vxlan-v6.muslin'];
const POOLS = ['default-ipv4-ippool', 'default-ipv6-ippool'];
const nodes = () => lab.cluster.topology.nodes;
// biome-ignore lint/suspicious/noExplicitAny: what ip prints is not ours to type
const ip = (netns: string, ...args: readonly string[]): any[] =>
  JSON.parse(execFileSync('ip', ['-n', netns, '-j', '-d', ...args], { encoding: 'utf8' }) || '[]');
/** Every pod asks every other pod, in both families; gives those that did not answer. */
async function silent(): Promise<readonly string[]> {
  const pods = readSandboxes(lab.cluster.folder);
  expect(pods).toHaveLength(6);
  const pairs = pods.flatMap(from => pods.filter(to => to !== from).map(to => [from, to] as const));
  const asked = await Promise.all(
    pairs
      .flatMap(([from, to]) => to.ips.map(ip => [from, to, ip] as const))
      .map(async ([from, to, ip]) => {
        const seen = await probe({ netns: from.netns, ip, port: 1, protocol: 'TCP' }, 3_000);
        return seen.outcome === 'silent' ? [`${from.name} -> ${to.name} ${ip}`] : [];
      }),
  );
  expect(asked).toHaveLength(60);
  return asked.flat();
}
async function checked(overlay: 'vxlan' | 'vxlan-cross-subnet'): Promise<readonly string[]> {
  const report = new Report(() => {}, false);
  await checkOverlay(lab.cluster, overlay, report);
  return report.checks.filter(check => !check.ok).map(check => `${check.name}: ${check.seen}`);
}
/** What `ip monitor` tells of routes on the first node within a time. */
async function routeChanges(ms: number): Promise<string> {
  const [first] = nodes();
  const watcher = spawn('ip', ['-n', first?.netns ?? '', 'monitor', 'route'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let told = '';
  watcher.stdout.on('data', chunk => (told += chunk));
  await setTimeout(ms);
  watcher.kill();
  // The kernel gives new devices link-local addresses a while later.
  return told
    .split('\n')
    .filter(line => line !== '' && !line.includes(' proto kernel '))
    .join('\n');
}
const bridge = (netns: string, ...args: readonly string[]) =>
  execFileSync('ip', ['netns', 'exec', netns, 'bridge', ...args], { encoding: 'utf8' });
const [V4, V6] = ['IPv4', 'IPv6'];
/** Gives the first node another IPv4 address, as its kubelet would tell it. */
async function move(to: string): Promise<void> {
  const [first] = nodes();
  if (first === undefined) throw new Error('no node');
  execFileSync('ip', ['-n', first.netns, 'address', 'replace', `${to}/24`, 'dev', 'eth0']);
  const addresses = [to, first.ip6 as string].map(address => ({ type: 'InternalIP', address }));
  const body = { status: { addresses } };
  const name = { name: first.name, subresource: 'status' };
  const done = await lab.cluster.client.patch(RESOURCES.Node, name, { type: 'merge', body });
  if (!done.ok) throw new Error(done.fault.message);
}
/** Waits until packets from a node go directly to these others, as `FAMILY NODE`, and by tunnel to the rest. */
async function goes(from: string, wanted: readonly string[]): Promise<void> {
  const node = nodes().find(({ name }) => name === from);
  if (node === undefined) throw new Error('no node');
  const read = async () => {
    const { overlay } = (await lab.cluster.agentStatus(node)) as { overlay?: { routes?: string[] } };
    const ways = (overlay?.routes ?? []).flatMap(text => {
      const [, prefix = '', other, how] = /^(\S+) of node (\S+) (directly|by vxlan):/.exec(text) ?? [];
      return how === 'directly' ? [`${prefix.includes(':') ? V6 : V4} ${other}`] : [];
    });
    return [...new Set(ways)].toSorted();
  };
  const seen = await until(read, now => String(now) === String(wanted.toSorted()), 20_000, 50);
  expect(seen.held ? wanted : seen.last, from).toEqual(wanted);
}
const connected = async () => {
  const all = await until(silent, list => list.length === 0, 20_000, 100);
  expect(all.held ? [] : all.last).toEqual([]);
};

describe('pods of three nodes in two subnets, without BGP', () => {
  test('reach each other through VXLAN, by nodes that tell where their tunnels end', async () => {
    expect(await checked('vxlan')).toEqual([]);
    await connected();
    const node = await lab.cluster.client.get(RESOURCES.Node, { name: 'node1' });
    expect(node.ok && node.value.metadata.annotations).toMatchObject({
      'projectcalico.org/IPv4VXLANTunnelAddr': expect.stringMatching(/^10\.244\./),
      'projectcalico.org/VXLANTunnelMACAddr': expect.stringMatching(/^66:/),
      'projectcalico.org/IPv6VXLANTunnelAddr': expect.stringMatching(/^fd00:/),
      'projectcalico.org/VXLANTunnelMACAddrV6': expect.stringMatching(/^66:/),
    });
    for (const { netns } of readSandboxes(lab.cluster.folder))
      expect(ip(netns, 'link', 'show', 'eth0')[0].mtu).toBe(1430);
  });

  test('go on while an agent is dead, and lose nothing when it comes back', async () => {
    const [first] = nodes();
    if (first === undefined) return expect.fail('no node');
    const indexes = () => DEVICES.map(device => ip(first.netns, 'link', 'show', device)[0].ifindex);
    const before = indexes();
    const child = lab.cluster.child('agent-node1');
    child.kill();
    await child.ended;
    expect(await silent()).toEqual([]);
    const away: string[] = [];
    let back = false;
    const watching = (async () => {
      while (!back) away.push(...(await silent()));
    })();
    await lab.cluster.startAgent(first);
    back = true;
    await watching;
    expect(away).toEqual([]);
    expect(indexes()).toEqual(before);
  }, 60_000);

  test('have their tunnels back when somebody takes them away', async () => {
    const [first] = nodes();
    if (first === undefined) return expect.fail('no node');
    for (const device of DEVICES) execFileSync('ip', ['-n', first.netns, 'link', 'del', device]);
    await connected();
    expect(await checked('vxlan')).toEqual([]);
    const forwarding = (device: string) =>
      JSON.parse(bridge(first.netns, '-j', 'fdb', 'show', 'dev', device)).filter(
        ({ dst }: { readonly dst?: string }) => dst !== undefined,
      );
    const entries = () =>
      DEVICES.flatMap(device => [
        ...ip(first.netns, 'neigh', 'show', 'nud', 'permanent', 'dev', device),
        ...forwarding(device),
      ]).map(({ dst, lladdr = '', mac = '' }) => `${dst} ${lladdr}${mac}`);
    const before = entries().toSorted();
    expect(before).toHaveLength(8);
    for (const device of DEVICES) {
      for (const family of ['-4', '-6'])
        execFileSync('ip', ['-n', first.netns, family, 'neigh', 'flush', 'dev', device, 'nud', 'permanent']);
      for (const { mac, dst } of forwarding(device)) {
        const entry = ['bridge', 'fdb', 'del', mac, 'dev', device, 'dst', dst, 'self'];
        // The agent may have been faster with all of them than we with one.
        spawnSync('ip', ['netns', 'exec', first.netns, ...entry]);
      }
    }
    const after = await until(
      async () => entries().toSorted(),
      now => String(now) === String(before),
      20_000,
    );
    expect(after.held ? before : after.last).toEqual(before);
  });

  test('have tunnels as large as the underlay carries, also when that changes', async () => {
    const [first] = nodes();
    if (first === undefined) return expect.fail('no node');
    const sizes = async () => DEVICES.map(device => ip(first.netns, 'link', 'show', device)[0].mtu);
    for (const [underlay, wanted] of [
      [1400, [1350, 1330]],
      [1500, [1450, 1430]],
    ] as const) {
      execFileSync('ip', ['-n', first.netns, 'link', 'set', 'eth0', 'mtu', `${underlay}`]);
      const seen = await until(sizes, now => String(now) === String(wanted), 20_000);
      expect(seen.held ? wanted : seen.last).toEqual(wanted);
      const pods = await until(
        async () => (await lab.cluster.agentStatus(first)) as { mtu?: { pods?: number; larger?: string[] } },
        status => status?.mtu?.pods === wanted[1],
        20_000,
      );
      expect(pods.held && pods.value.mtu?.larger).toHaveLength(underlay === 1400 ? 2 : 0);
    }
  });

  test('get no encapsulated packet that does not come from a node of the cluster', async () => {
    const [first] = nodes();
    if (first === undefined) return expect.fail('no node');
    const dropped = () =>
      execFileSync('ip', ['netns', 'exec', first.netns, 'iptables-save', '-c', '-t', 'raw'], {
        encoding: 'utf8',
      })
        .split('\n')
        .filter(line => line.includes('VXLAN from outside'))
        .map(line => Number(/^\[(\d+):/.exec(line)?.[1]));
    const outside = lab.cluster.topology.control.netns;
    const before = dropped()[0] ?? expect.fail('no rule drops foreign VXLAN');
    execFileSync('ip', ['netns', 'exec', outside, 'bash', '-c', `echo forged > /dev/udp/${first.ip}/4789`]);
    expect((dropped()[0] ?? 0) - before).toBe(1);
  });

  test('go straight to neighbours in their subnet once the pool says CrossSubnet, and by BGP alone without a mode', async () => {
    const pool = async (vxlanMode: string) => {
      for (const name of POOLS) {
        const body = { spec: { vxlanMode } };
        const done = await lab.cluster.client.patch(RESOURCES.IPPool, { name }, { type: 'merge', body });
        if (!done.ok) throw new Error(done.fault.message);
      }
    };
    await pool('CrossSubnet');
    expect(await checked('vxlan-cross-subnet')).toEqual([]);
    await connected();
    // What the kernel shows of a route must be what was wanted, or it would be set again for ever.
    const changed = await routeChanges(2_500);
    expect(changed).toBe('');
    await move('172.30.2.77');
    // It left node2's subnet for node3's; over IPv6 it stays where it was.
    await goes('node1', [`${V4} node3`, `${V6} node2`]);
    await goes('node2', [`${V6} node1`]);
    await goes('node3', [`${V4} node1`]);
    await connected();
    await move(nodes()[0]?.ip as string);
    expect(await checked('vxlan-cross-subnet')).toEqual([]);
    await pool('Always');
    expect(await checked('vxlan')).toEqual([]);
    await connected();
    await pool('Never');
    const left = await until(
      async () =>
        nodes().flatMap(({ netns }) => ip(netns, 'link').filter(link => DEVICES.includes(link.ifname))),
      links => links.length === 0,
      20_000,
    );
    expect(left.held).toBe(true);
    const node = await until(
      () => lab.cluster.client.get(RESOURCES.Node, { name: 'node1' }),
      read =>
        read.ok &&
        !Object.keys(read.value.metadata.annotations ?? {}).some(key => key.includes('VXLANTunnel')),
      20_000,
    );
    expect(node.held).toBe(true);
  }, 60_000);
});
