import type { NodeFacts, Pool } from '@muslin/api';
import { formatIp, mustIp, mustPrefix } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ActualTunnels,
  choiceText,
  compile,
  evaluate,
  lookupOf,
  NODE_CONFIG_DEFAULTS,
  type NodeConfig,
  type Packet,
  type OverlayInput,
  overlayOf,
  planPeers,
  planTunnels,
  reachOf,
  routeText,
  TUNNEL_DEFAULTS,
  type TunnelDevice,
  type TunnelEntry,
  type TunnelOp,
  vtepMac,
  type WireguardPeer,
  wireguardOf,
} from '../src/index.ts';

const KEY = `${'A'.repeat(42)}E=`;

const node = (n: number, more: Partial<NodeFacts> = {}): NodeFacts => ({
  name: `n${n}`,
  labels: new Map(),
  ips: [mustIp(`192.0.2.${n}`), mustIp(`2001:db8::${n}`)],
  podCidrs: [],
  asNumber: undefined,
  routeReflectorClusterId: undefined,
  tunnels: {
    vxlan4: { ip: mustIp(`10.0.${n}.0`), mac: vtepMac(`n${n}`, 4) },
    vxlan6: { ip: mustIp(`fd00:${n}::`), mac: vtepMac(`n${n}`, 6) },
    ipip: mustIp(`10.0.${n}.1`),
    wireguard4: { publicKey: `${n}${KEY.slice(1)}`, ip: mustIp(`10.0.${n}.2`) },
  },
  ...more,
});

const pool = (cidr: string, modes: Partial<Pool>): Pool => ({
  name: cidr,
  cidr: mustPrefix(cidr),
  blockSize: 24,
  natOutgoing: false,
  disabled: false,
  disableBgpExport: false,
  ipipMode: 'Never',
  vxlanMode: 'Never',
  nodeSelector: { kind: 'all' } as unknown as Pool['nodeSelector'],
  namespaceSelector: undefined,
  allowedUses: new Set(['Workload', 'Tunnel'] as const),
  assignmentMode: 'Automatic',
  ...modes,
});

const world = (more: Partial<OverlayInput> = {}): OverlayInput => ({
  node: 'n1',
  nodes: new Map([1, 2, 3].map(n => [`n${n}`, node(n)])),
  pools: [pool('10.0.0.0/16', { vxlanMode: 'Always' }), pool('fd00::/16', { vxlanMode: 'Always' })],
  prefixes: [1, 2, 3].flatMap(n => [
    { prefix: mustPrefix(`10.0.${n}.0/24`), node: `n${n}` },
    { prefix: mustPrefix(`fd00:${n}::/64`), node: `n${n}` },
  ]),
  onLink: [
    { prefix: mustPrefix('192.0.2.0/24'), interfaceName: 'eth0' },
    { prefix: mustPrefix('2001:db8::/64'), interfaceName: 'eth0' },
  ],
  settings: TUNNEL_DEFAULTS,
  underlayMtu: 1500,
  ...more,
});

describe('an overlay', () => {
  it('has a VXLAN device of each family, an entry of both kinds for each other node, and an onlink route for its block', () => {
    const { devices, entries, routes, peers, missing } = overlayOf(world());
    expect(devices).toMatchObject([
      { name: 'vxlan.muslin', vni: 4096, port: 4789, mtu: 1450, mac: vtepMac('n1', 4), offload: false },
      { name: 'vxlan-v6.muslin', vni: 4096, port: 4789, mtu: 1430, mac: vtepMac('n1', 6), offload: false },
    ]);
    const ends = devices.map(device => [device.kind === 'vxlan' && formatIp(device.local), device.addresses]);
    expect(ends).toEqual([
      ['192.0.2.1', [mustIp('10.0.1.0')]],
      ['2001:db8::1', [mustIp('fd00:1::')]],
    ]);
    expect(entries).toHaveLength(8);
    expect(entries.slice(0, 2)).toEqual([
      { kind: 'forwarding', device: 'vxlan.muslin', ip: mustIp('192.0.2.2'), mac: vtepMac('n2', 4) },
      { kind: 'neighbour', device: 'vxlan.muslin', ip: mustIp('10.0.2.0'), mac: vtepMac('n2', 4) },
    ]);
    expect(routes.map(routeText)).toEqual([
      'unicast fd00:2::/128 dev vxlan-v6.muslin table 254 proto 109 metric 256',
      'unicast fd00:3::/128 dev vxlan-v6.muslin table 254 proto 109 metric 256',
      'unicast 10.0.2.0/24 via 10.0.2.0 dev vxlan.muslin onlink table 254 proto 109 scope universe metric 256',
      'unicast fd00:2::/64 via fd00:2:: dev vxlan-v6.muslin onlink table 254 proto 109 metric 256',
      'unicast 10.0.3.0/24 via 10.0.3.0 dev vxlan.muslin onlink table 254 proto 109 scope universe metric 256',
      'unicast fd00:3::/64 via fd00:3:: dev vxlan-v6.muslin onlink table 254 proto 109 metric 256',
    ]);
    expect(peers.map(formatIp)).toEqual(['192.0.2.2', '192.0.2.3', '2001:db8::2', '2001:db8::3']);
    expect(missing).toEqual([]);
  });

  it('encapsulates across subnets only, where the pool says CrossSubnet, and says why', () => {
    const nodes = new Map(world().nodes).set('n3', node(3, { ips: [mustIp('198.51.100.3')] }));
    const pools = [pool('10.0.0.0/16', { vxlanMode: 'CrossSubnet' })];
    const { routes, choices } = overlayOf(world({ nodes, pools }));
    expect(routes.map(routeText)).toEqual([
      'unicast 10.0.2.0/24 via 192.0.2.2 dev eth0 table 254 proto 109 scope universe metric 256',
      'unicast 10.0.3.0/24 via 10.0.3.0 dev vxlan.muslin onlink table 254 proto 109 scope universe metric 256',
    ]);
    expect(choices.map(choiceText)).toEqual([
      "10.0.2.0/24 of node n2 directly: 192.0.2.2 is in this node's subnet 192.0.2.0/24",
      "10.0.3.0/24 of node n3 by vxlan: 198.51.100.3 is outside this node's 192.0.2.0/24",
    ]);
  });

  it('sends through tunl0 with the node’s own address, or leaves routes of IP in IP to BGP if told to', () => {
    const pools = [pool('10.0.0.0/16', { ipipMode: 'CrossSubnet' })];
    const { devices, routes, choices } = overlayOf(world({ pools }));
    expect(devices).toEqual([
      { kind: 'ipip', name: 'tunl0', mtu: 1480, addresses: [mustIp('10.0.1.1')], up: true },
    ]);
    expect(routes.map(routeText)).toEqual([
      'unicast 10.0.2.0/24 via 192.0.2.2 dev eth0 table 254 proto 109 scope universe metric 256',
      'unicast 10.0.3.0/24 via 192.0.2.3 dev eth0 table 254 proto 109 scope universe metric 256',
    ]);
    expect(choices.map(choice => choice.by)).toEqual(['direct', 'direct']);
    const always = overlayOf(world({ pools: [pool('10.0.0.0/16', { ipipMode: 'Always' })] }));
    expect(always.routes.map(routeText)).toEqual([
      'unicast 10.0.2.0/24 via 192.0.2.2 dev tunl0 onlink table 254 proto 109 scope universe metric 256',
      'unicast 10.0.3.0/24 via 192.0.2.3 dev tunl0 onlink table 254 proto 109 scope universe metric 256',
    ]);
    expect(always.ipipPeers?.map(formatIp)).toEqual(['192.0.2.2', '192.0.2.3']);
    const settings = { ...TUNNEL_DEFAULTS, programs: { ipip: false, direct: false } };
    expect(overlayOf(world({ pools, settings })).routes).toEqual([]);
  });

  it('has no route through tunl0 while this node has no address for it', () => {
    const nodes = new Map(world().nodes);
    nodes.set('n1', node(1, { tunnels: {} }));
    const { routes, missing, ipipPeers } = overlayOf(
      world({ nodes, pools: [pool('10.0.0.0/16', { ipipMode: 'Always' })] }),
    );
    expect({ routes, missing, ipipPeers }).toEqual({
      ...{ routes: [], ipipPeers: undefined },
      missing: ['node n1 has no IP in IP address yet'],
    });
  });

  it('goes straight to neighbours of plain pools where programClusterRoutes asks for it', () => {
    const pools = [pool('10.0.0.0/16', {})];
    expect(overlayOf(world({ pools })).routes).toEqual([]);
    const settings = { ...TUNNEL_DEFAULTS, programs: { ipip: false, direct: true } };
    expect(overlayOf(world({ pools, settings })).routes.map(routeText)).toEqual([
      'unicast 10.0.2.0/24 via 192.0.2.2 dev eth0 table 254 proto 109 scope universe metric 256',
      'unicast 10.0.3.0/24 via 192.0.2.3 dev eth0 table 254 proto 109 scope universe metric 256',
    ]);
  });

  it('sends a borrowed address to its borrower, who may not be the owner of the block', () => {
    const prefixes = [...world().prefixes, { prefix: mustPrefix('10.0.1.7/32'), node: 'n2' }];
    expect(overlayOf(world({ prefixes })).routes.map(routeText)).toContain(
      'unicast 10.0.1.7/32 via 10.0.2.0 dev vxlan.muslin onlink table 254 proto 109 scope universe metric 256',
    );
  });

  it('waits for ends that nobody told yet, says so, and lets no second node take a first one’s', () => {
    const nodes = new Map(world().nodes)
      .set('n2', { ...node(2), tunnels: {} })
      .set('n4', { ...node(4), tunnels: { vxlan4: { ip: mustIp('10.0.3.0'), mac: vtepMac('n4', 4) } } });
    const { entries, missing, peers } = overlayOf(world({ nodes, pools: world().pools.slice(0, 1) }));
    expect(peers.map(formatIp), 'all may send').toEqual(['192.0.2.2', '192.0.2.3', '192.0.2.4']);
    expect(missing).toEqual([
      'node n2 has not told its IPv4 VXLAN address yet',
      'node n4 claims the VXLAN address or MAC of node n3',
    ]);
    expect(entries.map(entry => formatIp(entry.ip))).toEqual(['192.0.2.3', '10.0.3.0']);
  });

  it('is nothing at all where no pool asks for it, or FelixConfiguration says vxlanEnabled: false', () => {
    const nothing = { devices: [], entries: [], routes: [], peers: [] };
    expect(overlayOf(world({ pools: [pool('10.0.0.0/16', {})] }))).toMatchObject(nothing);
    expect(overlayOf(world({ settings: { ...TUNNEL_DEFAULTS, vxlan: false } }))).toMatchObject(nothing);
    const pools = [pool('10.0.0.0/16', { ipipMode: 'Always' })];
    const settings = { ...TUNNEL_DEFAULTS, ipip: false };
    expect(overlayOf(world({ pools, settings }))).toMatchObject({ ...nothing, ipipPeers: undefined });
  });

  it('takes a tunnel where the node does not know its own subnet: it works everywhere', () => {
    expect(reachOf('CrossSubnet', world().onLink.slice(1), mustIp('192.0.2.2'))).toEqual({
      by: 'tunnel',
      why: 'this node knows no IPv4 subnet of its own',
    });
  });

  it('has MACs that are local, unicast, and differ by node and family', () => {
    const macs = Array.from({ length: 500 }, (_, n) => [vtepMac(`n${n}`, 4), vtepMac(`n${n}`, 6)]).flat();
    expect(new Set(macs).size).toBe(1000);
    for (const mac of macs) expect(mac).toMatch(/^66(:[0-9a-f]{2}){5}$/);
  });
});

/** What a kernel does with steps; it refuses those that make no sense. */
function perform(actual: ActualTunnels, ops: readonly TunnelOp[]): ActualTunnels {
  const devices = new Map(actual.devices.map(device => [device.name, device]));
  let entries = [...actual.entries];
  const at = (name: string) => devices.get(name) ?? expect.fail(`no device ${name}`);
  const same = (a: TunnelEntry, b: TunnelEntry) =>
    a.kind === b.kind &&
    a.device === b.device &&
    formatIp(a.ip) === formatIp(b.ip) &&
    (a.kind === 'neighbour' || a.mac === b.mac);
  for (const op of ops) {
    switch (op.kind) {
      case 'create':
        expect(devices.has(op.device.name)).toBe(false);
        devices.set(op.device.name, { ...op.device, addresses: [] });
        break;
      case 'remove':
        at(op.device.name);
        if (op.device.name === 'tunl0') devices.set('tunl0', { ...op.device, addresses: [], up: false });
        else devices.delete(op.device.name);
        entries = entries.filter(entry => entry.device !== op.device.name);
        break;
      case 'change': {
        const old = at(op.device.name);
        devices.set(op.device.name, { ...op.device, addresses: old.addresses });
        const kept = 'mac' in old && 'mac' in op.device ? old.mac === op.device.mac : true;
        if (!kept)
          entries = entries.filter(entry => entry.device !== old.name || entry.kind === 'forwarding');
        break;
      }
      case 'add-address':
      case 'remove-address': {
        const device = at(op.device);
        const rest = device.addresses.filter(ip => formatIp(ip) !== formatIp(op.ip));
        const addresses = op.kind === 'add-address' ? [...rest, op.ip] : rest;
        devices.set(op.device, { ...device, addresses });
        break;
      }
      case 'put-entry':
      case 'remove-entry':
        at(op.entry.device);
        entries = entries.filter(entry => !same(entry, op.entry));
        if (op.kind === 'put-entry') entries.push(op.entry);
        break;
    }
  }
  return { devices: [...devices.values()], entries };
}

const someDevices = fc
  .record({
    vxlan: fc.option(
      fc.record({
        vni: fc.constantFrom(1, 2),
        mtu: fc.constantFrom(1400, 1450),
        mac: fc.constantFrom('a', 'b'),
      }),
    ),
    ipip: fc.option(fc.record({ mtu: fc.constantFrom(1400, 1480) })),
    addresses: fc.subarray(['10.0.0.1', '10.0.0.2']),
    offload: fc.boolean(),
  })
  .map(({ vxlan, ipip, addresses, offload }): TunnelDevice[] => {
    const ips = addresses.map(mustIp);
    const local = mustIp('192.0.2.1');
    return [
      ...(vxlan === null
        ? []
        : [
            {
              ...{ kind: 'vxlan' as const, name: 'vxlan.muslin', port: 4789, local, up: true },
              ...{ ...vxlan, addresses: ips, offload },
            },
          ]),
      ...(ipip === null ? [] : [{ kind: 'ipip' as const, name: 'tunl0', ...ipip, addresses: ips, up: true }]),
    ];
  });
const someEntries = fc.uniqueArray(
  fc.record({
    kind: fc.constantFrom('forwarding' as const, 'neighbour' as const),
    device: fc.constant('vxlan.muslin'),
    ip: fc.constantFrom('192.0.2.2', '192.0.2.3').map(mustIp),
    mac: fc.constantFrom('a', 'b'),
  }),
  {
    selector: entry => `${entry.kind} ${formatIp(entry.ip)} ${entry.kind === 'forwarding' ? entry.mac : ''}`,
  },
);
const tunnels = fc.record({ devices: someDevices, entries: someEntries }).map(({ devices, entries }) => ({
  devices,
  entries: devices.some(device => device.kind === 'vxlan') ? entries : [],
}));

describe('planTunnels', () => {
  it('leads from any state to any other, and then has nothing left to do', () => {
    fc.assert(
      fc.property(tunnels, tunnels, (wanted, actual) => {
        const after = perform(actual, planTunnels(wanted, actual));
        expect(planTunnels(wanted, after)).toEqual([]);
        const wants = wanted.devices.some(device => device.kind === 'ipip');
        const names = after.devices.filter(({ kind }) => kind === 'vxlan' || wants).map(({ name }) => name);
        expect(names.toSorted()).toEqual(wanted.devices.map(device => device.name).toSorted());
        expect(after.entries).toHaveLength(wanted.entries.length);
      }),
    );
  });

  it('leaves tunl0, which may be Calico’s, as it is where no pool asks for it', () => {
    const tunl0: TunnelDevice = {
      ...{ kind: 'ipip', name: 'tunl0', mtu: 1480, addresses: [mustIp('10.0.0.1')], up: true },
    };
    expect(planTunnels({ devices: [], entries: [] }, { devices: [tunl0], entries: [] })).toEqual([]);
  });

  it('makes a device anew for its VNI, port or underlay address alone: routes go with a device', () => {
    const { devices, entries } = overlayOf(world());
    const [vxlan] = devices;
    if (vxlan?.kind !== 'vxlan') return expect.fail('a VXLAN device was expected');
    const steps = (change: Partial<typeof vxlan>) =>
      planTunnels({ devices: [{ ...vxlan, ...change }], entries: [] }, { devices: [vxlan], entries: [] }).map(
        op => op.kind,
      );
    expect(steps({ mtu: 1400 })).toEqual(['change']);
    expect(steps({ mac: '66:00:00:00:00:01' })).toEqual(['change', 'add-address']);
    expect(steps({ addresses: [mustIp('10.0.9.0')] })).toEqual(['add-address', 'remove-address']);
    for (const change of [{ vni: 5 }, { port: 8472 }, { local: mustIp('192.0.2.9') }])
      expect(steps(change)).toEqual(['remove', 'create', 'add-address']);
    const own = entries.filter(entry => entry.device === vxlan.name);
    const again = planTunnels(
      { devices: [{ ...vxlan, vni: 5 }], entries: own },
      { devices: [vxlan], entries: own },
    );
    expect(again.filter(op => op.kind === 'put-entry')).toHaveLength(own.length);
  });
});

describe('WireGuard', () => {
  const settings = {
    ...TUNNEL_DEFAULTS,
    wireguard: { ...TUNNEL_DEFAULTS.wireguard, enabled: { 4: true, 6: false } },
  };

  it('sends pods of nodes with a key into its device by a table of its own, and what it encrypted past that', () => {
    const nodes = new Map(world().nodes).set('n3', { ...node(3), tunnels: {} });
    const plan = wireguardOf(world({ settings, nodes }), 4);
    expect(plan).toMatchObject({ name: 'wg.muslin', port: 51_820, mtu: 1440, address: mustIp('10.0.1.2') });
    expect(plan?.peers).toEqual([
      {
        publicKey: `2${KEY.slice(1)}`,
        endpoint: { ip: mustIp('192.0.2.2'), port: 51_820 },
        allowedIps: [mustPrefix('10.0.2.0/24'), mustPrefix('10.0.2.2/32')],
        keepAlive: 0,
      },
    ]);
    expect(plan?.routes.map(routeText)).toEqual([
      'unicast 10.0.2.0/24 dev wg.muslin table 241 proto 109 scope link metric 0',
      'unicast 10.0.2.2/32 dev wg.muslin table 241 proto 109 scope link metric 0',
    ]);
    expect(plan?.rule).toEqual({ priority: 99, mark: plan?.mark, mask: plan?.mark, table: 241 });
    expect(wireguardOf(world({ settings, nodes }), 6)).toBeUndefined();
  });

  it('has a device, a port, a table and keys of its own for IPv6', () => {
    const end = (n: number) => ({ publicKey: `${n + 4}${KEY.slice(1)}`, ip: mustIp(`fd00:${n}::2`) });
    const nodes = new Map(
      [1, 2, 3].map(n => [`n${n}`, n === 3 ? node(3) : node(n, { tunnels: { wireguard6: end(n) } })]),
    );
    const six = { ...settings, wireguard: { ...settings.wireguard, enabled: { 4: false, 6: true } } };
    const plan = wireguardOf(world({ settings: six, nodes }), 6);
    expect(plan).toMatchObject({
      ...{ name: 'wg-v6.muslin', port: 51_821, mtu: 1420, address: mustIp('fd00:1::2') },
      rule: { priority: 99, table: 242 },
    });
    expect(plan?.peers).toEqual([
      {
        publicKey: end(2).publicKey,
        endpoint: { ip: mustIp('2001:db8::2'), port: 51_821 },
        allowedIps: [mustPrefix('fd00:2::/64'), mustPrefix('fd00:2::2/128')],
        keepAlive: 0,
      },
    ]);
    expect(plan?.routes.map(routeText)).toEqual([
      'unicast fd00:2::/64 dev wg-v6.muslin table 242 proto 109 metric 1024',
      'unicast fd00:2::2/128 dev wg-v6.muslin table 242 proto 109 metric 1024',
    ]);
    expect(wireguardOf(world({ settings: six, nodes }), 4)).toBeUndefined();
  });

  it('touches only peers that changed', () => {
    const peers = wireguardOf(world({ settings }), 4)?.peers as readonly WireguardPeer[];
    const [two, three] = peers as [WireguardPeer, WireguardPeer];
    const moved = { ...three, endpoint: { ...three.endpoint, port: 7 } };
    expect(planPeers(peers, peers.toReversed())).toEqual([]);
    expect(planPeers([moved], peers)).toEqual([
      { kind: 'remove', publicKey: two.publicKey },
      { kind: 'put', peer: moved },
    ]);
  });
});

describe('foreign VXLAN', () => {
  const config = (more: Partial<NodeConfig>): NodeConfig => ({
    ...NODE_CONFIG_DEFAULTS,
    ...{ family: 4, pools: [], interfacesOf: () => [], ...more },
  });
  const fate = (node: NodeConfig, more: Partial<Packet>) => {
    const state = { endpoints: new Map(), policies: new Map(), sets: new Map() };
    const ruleset = compile(state, node);
    const packet: Packet = {
      ...{ family: 4, in: 'eth0', src: mustIp('192.0.2.2'), dst: mustIp('192.0.2.1'), dstLocal: true },
      ...{ protocol: 17, sport: 5000, dport: 4789, ctState: 'NEW', mark: 0, ...more },
    };
    return evaluate(ruleset, lookupOf(ruleset.sets), packet, 'PREROUTING', 'raw').verdict;
  };

  it('is dropped before anything looks at it; what nodes send, other ports, and packets that only pass by are not', () => {
    const node = config({ vxlanPeers: [mustIp('192.0.2.2'), mustIp('2001:db8::2')] });
    expect(fate(node, {})).not.toBe('drop');
    expect(fate(node, { src: mustIp('198.51.100.9') })).toBe('drop');
    expect(fate(node, { src: mustIp('198.51.100.9'), dport: 53 })).not.toBe('drop');
    expect(fate(node, { src: mustIp('198.51.100.9'), dstLocal: false })).not.toBe('drop');
    expect(fate({ ...node, vxlanPort: 8472 }, { src: mustIp('198.51.100.9'), dport: 8472 })).toBe('drop');
  });

  it('is nobody’s business on a node that decapsulates nothing, and all of it is where no peer is known', () => {
    expect(fate(config({}), { src: mustIp('198.51.100.9') })).not.toBe('drop');
    expect(fate(config({ vxlanPeers: [] }), {})).toBe('drop');
  });

  it('has a brother in IP in IP from outside the cluster', () => {
    const inIp = { protocol: 4, dport: undefined as never, sport: undefined as never };
    const stranger = { ...inIp, src: mustIp('198.51.100.9') };
    const node = config({ ipipPeers: [mustIp('192.0.2.2')] });
    expect(fate(node, stranger)).toBe('drop');
    expect(fate(node, inIp)).not.toBe('drop');
    expect(fate(config({}), stranger)).not.toBe('drop');
  });
});
