import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { snapshotOf } from '@muslin/api';
import {
  compile,
  desiredSets,
  emptyTable,
  IPTABLES_LIMITS,
  ipsetBeforeRules,
  lower,
  NFT_LIMITS,
  NODE_CONFIG_DEFAULTS,
  nftScript,
  nftTable,
  parseNftList,
  parseSave,
  planNft,
  planSets,
  planTable,
  renderTables,
  restoreInput,
} from '@muslin/dataplane';
import { mustIp } from '@muslin/net';
import { nodeState } from '@muslin/policy';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KernelRoom } from '../../packages/dataplane/test/kernel-room.ts';

const NODE = '192.0.2.1';
const OUTSIDE = '192.0.2.9';
const POD = '10.0.0.5';

const calico = (kind: string, name: string, spec: object) => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata: { name, labels: { role: 'node' } },
  spec,
});
const host = (spec: object) => calico('HostEndpoint', 'eth0', { node: 'n1', ...spec });
const gnp = (name: string, spec: object) =>
  calico('GlobalNetworkPolicy', name, { selector: "role == 'node'", ...spec });
const allow = (...ports: readonly number[]) => ({
  action: 'Allow',
  protocol: 'TCP',
  destination: { ports },
});
const allowFrom = (...ports: readonly number[]) => ({ action: 'Allow', protocol: 'TCP', source: { ports } });
const deny = (...ports: readonly number[]) => ({ ...allow(...ports), action: 'Deny' });
const BASE = [
  {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n1' },
    status: { addresses: [{ type: 'InternalIP', address: NODE }] },
  },
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { nodeName: 'n1', containers: [{ name: 'c' }] },
    status: { phase: 'Running', podIP: POD },
  },
];
const EARLY = { applyOnForward: true };
const BY_NAME = host({ interfaceName: 'eth0' });

interface Scenario {
  readonly name: string;
  readonly objects: readonly object[];
  /** Ways that come through; all others of `WAYS` are dropped. */
  readonly open: readonly string[];
}

/** From, to, port. A refused connection came through; a dropped one is silence. */
const WAYS = {
  'ssh to the node': ['out', NODE, 22],
  'web to the node': ['out', NODE, 80],
  'bgp from the node': ['host', OUTSIDE, 179],
  'web from the node': ['host', OUTSIDE, 80],
  'node to itself': ['host', NODE, 80],
  'node to its pod': ['host', POD, 80],
  'pod to the node': ['pod', NODE, 80],
  'pod to outside': ['pod', OUTSIDE, 80],
  'outside to pod': ['out', POD, 80],
  'node port': ['out', NODE, 30_080],
  'pod to itself through a service': ['pod', '10.96.0.2', 80],
  'service from the node': ['host', '10.96.0.1', 80],
} as const;
const INSIDE = [
  'node to itself',
  'node to its pod',
  'pod to the node',
  'pod to itself through a service',
] as const;
const THROUGH = ['pod to outside', 'outside to pod', 'node port'] as const;
const FAILSAFE = ['ssh to the node', 'bgp from the node'] as const;
const ALL = Object.keys(WAYS);

const isolate = (policyType: string) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'isolate', namespace: 'shop' },
  spec: { podSelector: {}, policyTypes: [policyType] },
});

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a pod that nobody may reach still reaches itself, and its node reaches it',
    objects: [isolate('Ingress')],
    open: ALL.filter(way => way !== 'outside to pod' && way !== 'node port'),
  },
  {
    name: 'a pod that may reach nobody does not reach itself through a service',
    objects: [isolate('Egress')],
    open: ALL.filter(way => !way.startsWith('pod to')),
  },
  { name: 'without host endpoints everything is open', objects: [], open: ALL },
  {
    name: 'without policies all but failsafe ports, pods and what is forwarded is closed',
    objects: [BY_NAME],
    open: [...FAILSAFE, ...INSIDE, ...THROUGH],
  },
  {
    name: 'by its address it is found as by its name',
    objects: [host({ expectedIPs: [NODE] })],
    open: [...FAILSAFE, ...INSIDE, ...THROUGH],
  },
  {
    name: 'for all interfaces it leaves loopback and pods alone',
    objects: [host({ interfaceName: '*' })],
    open: [...FAILSAFE, ...INSIDE, ...THROUGH],
  },
  {
    name: 'on another interface it says nothing',
    objects: [host({ interfaceName: 'eth7' })],
    open: ALL,
  },
  {
    name: 'a profile opens what no policy closes',
    objects: [
      host({ interfaceName: 'eth0', profiles: ['projectcalico-default-allow'] }),
      gnp('web', { ingress: [deny(80), { action: 'Allow' }] }),
    ],
    open: ALL.filter(way => way !== 'web to the node'),
  },
  {
    name: 'policies can not close failsafe ports',
    objects: [BY_NAME, gnp('none', { types: ['Ingress', 'Egress'] })],
    open: [...FAILSAFE, ...INSIDE, ...THROUGH],
  },
  {
    name: 'other failsafe ports than these are closed',
    objects: [
      BY_NAME,
      calico('FelixConfiguration', 'default', {
        failsafeInboundHostPorts: [{ protocol: 'tcp', port: 80 }],
        failsafeOutboundHostPorts: [],
      }),
    ],
    open: ['web to the node', ...INSIDE, ...THROUGH],
  },
  {
    name: 'policies open ports of the node in either direction',
    objects: [BY_NAME, gnp('web', { ingress: [allow(80)], egress: [allow(80)] })],
    open: ALL,
  },
  {
    name: 'what is forwarded is asked when a policy says so, and pods are not forwarded to themselves',
    objects: [BY_NAME, gnp('f', { ...EARLY, ingress: [allow(22)], egress: [allow(22)] })],
    open: [...FAILSAFE, ...INSIDE],
  },
  {
    name: 'only the direction that a policy is for is asked',
    objects: [BY_NAME, gnp('f', { ...EARLY, types: ['Egress'], egress: [deny(80), { action: 'Allow' }] })],
    open: [...FAILSAFE, ...INSIDE, 'outside to pod', 'node port'],
  },
  {
    name: 'before translation a policy sees the port that was dialled, and tiers end open',
    objects: [BY_NAME, gnp('p', { ...EARLY, preDNAT: true, ingress: [deny(30_080), allow(80)] })],
    open: ['web to the node', ...FAILSAFE, ...INSIDE, 'pod to outside', 'outside to pod'],
  },
  {
    name: 'what is allowed before translation is asked nothing more by host endpoints',
    objects: [
      BY_NAME,
      gnp('p', { ...EARLY, preDNAT: true, ingress: [allow(30_080)] }),
      gnp('f', { ...EARLY, types: ['Ingress'] }),
    ],
    open: [...FAILSAFE, ...INSIDE, 'node port', 'pod to outside'],
  },
  {
    name: 'untracked policies must allow both ways',
    objects: [
      BY_NAME,
      gnp('u', {
        ...EARLY,
        doNotTrack: true,
        ingress: [{ ...allow(80), destination: { ports: [80], nets: [`${NODE}/32`] } }],
        egress: [allowFrom(80)],
      }),
    ],
    open: ['web to the node', ...FAILSAFE, ...INSIDE, ...THROUGH],
  },
  {
    name: 'untracked policies for one way only lose the answer',
    objects: [BY_NAME, gnp('u', { ...EARLY, doNotTrack: true, ingress: [allow(80)] })],
    open: [...FAILSAFE, ...INSIDE, 'pod to outside', 'node port'],
  },
];

describe.each(['nft', 'iptables-nft', 'iptables-legacy'] as const)('host endpoints on %s', variant => {
  const legacy = variant === 'iptables-legacy' ? 'legacy' : 'nft';
  const rooms = {} as Record<'host' | 'out' | 'pod', KernelRoom>;
  beforeAll(() => {
    for (const name of ['host', 'out', 'pod'] as const)
      rooms[name] = new KernelRoom(`h${variant.slice(-6)}-${name}`, legacy);
    const { host: node, out, pod } = rooms;
    const ip = (room: KernelRoom, ...lines: readonly string[]) =>
      room.run(['ip', '-batch', '-'], `${lines.join('\n')}\n`);
    const link = (peer: KernelRoom, name: string, far: string) =>
      ip(node, `link add ${name} type veth peer name ${far} netns ${peer.name}`);
    link(out, 'eth0', 'eth0');
    link(pod, 'msl0', 'eth0');
    for (const room of [node, out, pod]) ip(room, 'link set lo up');
    ip(node, `addr add ${NODE}/24 dev eth0`, 'link set eth0 up', 'link set msl0 up');
    ip(out, `addr add ${OUTSIDE}/24 dev eth0`, 'link set eth0 up', `route add default via ${NODE}`);
    ip(node, 'addr add 169.254.1.1/32 dev msl0', `route add ${POD}/32 dev msl0`);
    ip(pod, `addr add ${POD}/32 dev eth0`, 'link set eth0 up', 'route add 169.254.1.1/32 dev eth0');
    ip(pod, `route add default via 169.254.1.1 dev eth0 src ${POD}`);
    ip(node, `route add default via ${OUTSIDE}`);
    node.run(['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.netfilter.nf_conntrack_tcp_loose=0']);
    const nat = ['-t', 'nat', '-p', 'tcp'];
    const to = (ip: string) => ['-j', 'DNAT', '--to-destination', `${ip}:80`];
    node.iptables(4, ...nat, '-A', 'PREROUTING', '--dport', '30080', ...to(POD));
    node.iptables(4, ...nat, '-A', 'PREROUTING', '-d', '10.96.0.2', ...to(POD));
    node.iptables(4, '-t', 'nat', '-A', 'POSTROUTING', '-s', POD, '-d', POD, '-j', 'MASQUERADE');
    node.iptables(4, ...nat, '-A', 'OUTPUT', '-d', '10.96.0.1', ...to(OUTSIDE));
  });
  afterAll(() => {
    for (const room of Object.values(rooms)) room.close();
  });

  const load = (objects: readonly object[]) => {
    const { snapshot, findings } = snapshotOf([...BASE, ...objects]);
    expect(findings).toEqual([]);
    const state = nodeState(snapshot, 'n1');
    const rules = compile(state, {
      ...NODE_CONFIG_DEFAULTS,
      family: 4,
      pools: [],
      interfacesOf: () => ['msl0'],
      links: [{ name: 'eth0', ips: [mustIp(NODE)] }],
    });
    const { host: room } = rooms;
    if (variant === 'nft') {
      const table = nftTable(lower(rules, NFT_LIMITS), state.sets);
      room.nft(nftScript(planNft(table, parseNftList(room.nftList(4)))));
      expect(nftScript(planNft(table, parseNftList(room.nftList(4))))).toBe('');
      return;
    }
    const lowered = lower(rules, IPTABLES_LIMITS);
    room.ipset(ipsetBeforeRules(planSets(desiredSets(state.sets, lowered), new Map())));
    for (const table of renderTables(lowered)) {
      const saved = () =>
        parseSave(room.run([`iptables-${legacy}-save`, '-t', table.table])).get(table.table) ??
        emptyTable(table.table);
      room.restore(4, restoreInput(planTable(table, saved())));
      expect(restoreInput(planTable(table, saved()))).toBe('');
    }
  };

  it.each(SCENARIOS)('$name', async ({ objects, open }) => {
    load(objects);
    const found = await Promise.all(
      Object.entries(WAYS).map(async ([name, [from, to, port]]) => ({
        name,
        through:
          (await comesThrough(rooms[from], to, port, SILENCE)) ||
          (open.includes(name) && (await comesThrough(rooms[from], to, port, PATIENCE))),
      })),
    );
    expect(found.filter(({ through }) => through).map(({ name }) => name)).toEqual(
      ALL.filter(name => open.includes(name)),
    );
  });

  it('a session on a failsafe port that is older than connection tracking goes on', async () => {
    load([]);
    const { host: node, out } = rooms;
    const listen = `require('net').createServer(s => s.on('data', d => s.write(d))).listen(22, () => console.log('up'))`;
    const server = spawn('ip', ['netns', 'exec', node.name, process.execPath, '-e', listen]);
    const dial = `const s = require('net').connect(22, '${NODE}', () => s.write('a'));
      s.on('data', d => console.log(String(d)));
      process.stdin.on('data', d => s.write(String(d)));`;
    await once(server.stdout, 'data');
    const client = spawn('ip', ['netns', 'exec', out.name, process.execPath, '-e', dial]);
    try {
      expect(String((await once(client.stdout, 'data'))[0])).toBe('a\n');
      load([BY_NAME]);
      node.run(['conntrack', '-F']);
      client.stdin.write('b');
      const [echo] = await once(client.stdout, 'data', { signal: AbortSignal.timeout(5_000) });
      expect(String(echo)).toBe('b\n');
    } finally {
      client.kill('SIGKILL');
      server.kill('SIGKILL');
    }
  });

  it('what is untracked leaves no trace in connection tracking', () => {
    const udp = (ports: readonly number[]) => ({ action: 'Allow', protocol: 'UDP', destination: { ports } });
    load([BY_NAME, gnp('u', { ...EARLY, doNotTrack: true, ingress: [udp([80])] })]);
    rooms.host.run(['conntrack', '-F']);
    for (const port of [80, 68]) rooms.out.run(['bash', '-c', `echo > /dev/udp/${NODE}/${port}`]);
    const tracked = rooms.host.run(['conntrack', '-L', '-p', 'udp']);
    expect([68, 80].map(port => tracked.includes(`dport=${port} `))).toEqual([true, false]);
  });
});

/** How long an answer may take before its lack counts as a drop, and on a busy machine when it should come; seconds. */
const SILENCE = '0.3';
const PATIENCE = '3';

function comesThrough(room: KernelRoom, to: string, port: number, seconds: string): Promise<boolean> {
  const dial = ['netns', 'exec', room.name, 'timeout', seconds, 'bash', '-c', `</dev/tcp/${to}/${port}`];
  return new Promise(resolve => {
    execFile('ip', dial, error => {
      // timeout(1) exits with 124; bash with 1 when the connection is refused.
      resolve(error === null || error.code === 1);
    });
  });
}
