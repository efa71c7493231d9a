import {
  type Overlay,
  type OverlayInput,
  overlayOf,
  planTunnels,
  type Route,
  TUNNEL_DEFAULTS,
  type TunnelDevice,
  type TunnelEntry,
  vtepMac,
  WIREGUARD_NAMES,
} from '@muslin/dataplane';
import {
  LinkFeatures,
  netlinkIn,
  RouteDriver,
  TunnelDriver,
  WireguardDriver,
  WireguardKernel,
} from '@muslin/linux';
import { mustIp, mustPrefix } from '@muslin/net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { join, must, type Room, rooms, until } from './sandbox.ts';

const [[left, right, leftPod, rightPod], close] = rooms(4);
const drivers = [left, right].map(room => must(TunnelDriver.open(room.namespace)));
beforeAll(() => join(left, right));
afterAll(() => {
  for (const driver of drivers) driver.close();
  close();
});

/** The overlay of the first or second of two nodes. */
function overlayAt(i: 0 | 1, mtu = 1450): Pick<Overlay, 'devices' | 'entries'> {
  const devices: TunnelDevice[] = [];
  const entries: TunnelEntry[] = [];
  for (const family of [4, 6] as const) {
    const [under, inner] = family === 4 ? (['10.0.0.', '10.9.0.'] as const) : (['fd00::', 'fd09::'] as const);
    const device = family === 4 ? 'vxlan.muslin' : 'vxlan-v6.muslin';
    const other = 1 - i;
    devices.push({
      ...{ kind: 'vxlan', name: device, vni: 4096, port: 4789, local: mustIp(`${under}${i + 1}`) },
      ...{
        mac: vtepMac(`n${i}`, family),
        mtu,
        addresses: [mustIp(`${inner}${i + 1}`)],
        up: true,
        offload: false,
      },
    });
    const mac = vtepMac(`n${other}`, family);
    entries.push(
      { kind: 'forwarding', device, ip: mustIp(`${under}${other + 1}`), mac },
      { kind: 'neighbour', device, ip: mustIp(`${inner}${other + 1}`), mac },
    );
  }
  return { devices, entries };
}

function bring(i: 0 | 1, wanted: Pick<Overlay, 'devices' | 'entries'>): void {
  const driver = drivers[i] ?? expect.fail('no driver');
  expect(driver.apply(planTunnels(wanted, must(driver.read())))).toEqual([]);
  expect(planTunnels(wanted, must(driver.read())), 'nothing is left to do').toEqual([]);
}

/** A port where nobody listens says so; an address that nobody has says nothing. */
const reach = (room: Room, ip: string) =>
  room.run('bash', '-c', `timeout 2 bash -c 'echo > /dev/tcp/${ip}/9' 2>&1 || true`);

describe('VXLAN', () => {
  test('carries packets of both families between nodes that know each other, and reads back as it was written', () => {
    for (const i of [0, 1] as const) {
      bring(i, overlayAt(i));
      const room = i === 0 ? left : right;
      room.run('ip', 'route', 'add', `10.9.0.${2 - i}`, 'dev', 'vxlan.muslin');
      room.run('ip', 'route', 'add', `fd09::${2 - i}`, 'dev', 'vxlan-v6.muslin');
    }
    expect(reach(left, '10.9.0.2')).toContain('refused');
    expect(reach(right, 'fd09::1')).toContain('refused');
    expect(left.ip('link', 'show', 'vxlan.muslin')[0]).toMatchObject({
      address: vtepMac('n0', 4),
      mtu: 1450,
      linkinfo: { info_data: { id: 4096, port: 4789, local: '10.0.0.1', learning: false } },
    });
  });

  test('computes inner checksums itself', () => {
    using generic = must(netlinkIn(left.namespace, 'generic'));
    const features = must(LinkFeatures.of(generic));
    expect(must(features.active('vxlan.muslin')).has('tx-checksum-ip-generic')).toBe(false);
    must(features.set('vxlan.muslin', 'tx-checksum-ip-generic', true));
    expect(must(features.active('vxlan.muslin')).has('tx-checksum-ip-generic')).toBe(true);
    bring(0, overlayAt(0));
    expect(must(features.active('vxlan.muslin')).has('tx-checksum-ip-generic')).toBe(false);
  });

  test('is put right whatever somebody did to it, without a new device where that can be', () => {
    const index = left.ip('link', 'show', 'vxlan.muslin')[0].ifindex;
    for (const damage of [
      ['link', 'set', 'vxlan.muslin', 'mtu', '1300'],
      ['link', 'set', 'vxlan.muslin', 'address', '66:00:00:00:00:09'],
      ['address', 'add', '10.9.9.9/32', 'dev', 'vxlan.muslin'],
      ['address', 'del', '10.9.0.1/32', 'dev', 'vxlan.muslin'],
      ['neigh', 'del', '10.9.0.2', 'dev', 'vxlan.muslin'],
      ['neigh', 'add', '10.9.0.7', 'lladdr', '66:00:00:00:00:07', 'nud', 'permanent', 'dev', 'vxlan.muslin'],
    ]) {
      left.run('ip', ...damage);
      bring(0, overlayAt(0));
    }
    left.run('bridge', 'fdb', 'del', vtepMac('n1', 4), 'dev', 'vxlan.muslin', 'dst', '10.0.0.2', 'self');
    left.run('bridge', 'fdb', 'add', '66:00:00:00:00:08', 'dev', 'vxlan.muslin', 'dst', '10.0.0.9', 'self');
    bring(0, overlayAt(0));
    expect(left.ip('link', 'show', 'vxlan.muslin')[0].ifindex).toBe(index);
    left.run('ip', 'link', 'del', 'vxlan.muslin');
    bring(0, overlayAt(0));
    left.run('ip', 'route', 'replace', '10.9.0.2', 'dev', 'vxlan.muslin');
    expect(reach(left, '10.9.0.2')).toContain('refused');
  });

  test('carries pods of two nodes over IPv6, by the devices, entries and routes that a pool of IPv6 asks for', async () => {
    const node = (n: number) => ({
      ...{ name: `n${n - 1}`, labels: new Map(), ips: [mustIp(`fd00::${n}`)], podCidrs: [] },
      ...{ asNumber: undefined, routeReflectorClusterId: undefined },
      tunnels: { vxlan6: { ip: mustIp(`fd10:${n}::`), mac: vtepMac(`n${n - 1}`, 6) } },
    });
    const nodes: OverlayInput['nodes'] = new Map([1, 2].map(n => [`n${n - 1}`, node(n)]));
    const pool = {
      cidr: mustPrefix('fd10::/16'),
      vxlanMode: 'Always',
      ipipMode: 'Never',
    } as OverlayInput['pools'][number];
    const prefixes = [1, 2].map(n => ({ prefix: mustPrefix(`fd10:${n}::/64`), node: `n${n - 1}` }));
    for (const [i, room, pod] of [
      [0, left, leftPod],
      [1, right, rightPod],
    ] as const) {
      const overlay = overlayOf({
        ...{ node: `n${i}`, nodes, pools: [pool], prefixes, onLink: [], underlayMtu: 1500 },
        settings: TUNNEL_DEFAULTS,
      });
      expect(overlay.missing).toEqual([]);
      bring(i, overlay);
      // As BGP would have it: the end of the other's tunnel is reached past the tunnel until the overlay stands.
      room.run('ip', '-6', 'route', 'add', `fd10:${2 - i}::/64`, 'via', `fd00::${2 - i}`, 'proto', 'bgp');
      const routes = must(RouteDriver.open(room.namespace));
      const steps = overlay.routes.map((route: Route) => ({ kind: 'route', action: 'add', route }) as const);
      const done = await routes.apply(steps);
      routes.close();
      expect(done.ok ? '' : done.fault.message).toBe('');
      room.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1');
      room.run('ip', 'link', 'add', 'pod', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', pod.name);
      room.run('ip', 'link', 'set', 'pod', 'up');
      room.run('ip', 'addr', 'add', 'fd99::1/64', 'dev', 'pod', 'nodad');
      pod.run('ip', 'link', 'set', 'lo', 'up');
      pod.run('ip', 'link', 'set', 'eth0', 'up');
      pod.run('ip', 'addr', 'add', 'fd99::2/64', 'dev', 'eth0', 'nodad');
      pod.run('ip', 'addr', 'add', `fd10:${i + 1}::5/128`, 'dev', 'eth0', 'nodad');
      pod.run('ip', '-6', 'route', 'add', 'default', 'via', 'fd99::1');
      room.run('ip', '-6', 'route', 'add', `fd10:${i + 1}::5`, 'via', 'fd99::2', 'dev', 'pod');
    }
    // From the pods' own addresses, which are nearest to the others'.
    // The first packets may be lost while links find out whether their own addresses are free (RFC 4862 §5.4).
    await until(() => reach(leftPod, 'fd10:2::5').includes('refused'));
    expect(reach(rightPod, 'fd10:1::5')).toContain('refused');
    const sent = left.ip('-s', 'link', 'show', 'vxlan-v6.muslin')[0].stats64.tx.packets;
    expect(sent).toBeGreaterThan(1);
  });

  test('ends as it should wherever an agent was killed on the way, from nothing and from another overlay', () => {
    const driver = drivers[0] ?? expect.fail('no driver');
    const ofIpv4 = ({ devices, entries }: ReturnType<typeof overlayAt>) => ({
      devices: devices.filter(device => device.name === 'vxlan.muslin'),
      entries: entries.filter(entry => entry.device === 'vxlan.muslin'),
    });
    const [now, next] = [ofIpv4(overlayAt(0)), ofIpv4(overlayAt(0, 1400))];
    const moved = {
      devices: next.devices.map(device => (device.kind === 'vxlan' ? { ...device, vni: 5 } : device)),
      entries: next.entries.map(entry => ({ ...entry, mac: '66:00:00:00:00:05' })),
    };
    for (const [from, to] of [
      [{ devices: [], entries: [] }, now],
      [now, moved],
      [moved, { devices: [], entries: [] }],
    ] as const)
      for (let lives = 0; ; lives++) {
        bring(0, from);
        const ops = planTunnels(to, must(driver.read()));
        expect(driver.apply(ops.slice(0, lives))).toEqual([]);
        bring(0, to);
        if (lives >= ops.length) break;
      }
    // Between the messages of one step: a device that is there and nothing more.
    left.run(
      'ip',
      'link',
      'add',
      'vxlan.muslin',
      'type',
      'vxlan',
      'id',
      '4096',
      'dstport',
      '4789',
      'local',
      '10.0.0.1',
      'nolearning',
    );
    bring(0, now);
  });

  test('says who has its VNI and port, or its name, once, and carries the other family meanwhile', () => {
    const driver = drivers[0] ?? expect.fail('no driver');
    bring(0, { devices: [], entries: [] });
    const wanted = overlayAt(0);
    const attempt = () =>
      driver.apply(planTunnels(wanted, must(driver.read()))).map(({ message }) => message);
    left.run(
      'ip',
      'link',
      'add',
      'vxlan.calico',
      'type',
      'vxlan',
      'id',
      '4096',
      'dstport',
      '4789',
      'local',
      '10.0.0.1',
    );
    expect(attempt()).toEqual([
      'create link vxlan.muslin: vxlan.calico has VNI 4096 and port 4789 already: remove it (ip link del vxlan.calico), or set another vxlanVNI or vxlanPort',
    ]);
    expect(left.ip('link', 'show', 'vxlan-v6.muslin')).toHaveLength(1);
    left.run('ip', 'link', 'set', 'vxlan.calico', 'name', 'other');
    left.run('ip', 'link', 'add', 'vxlan.muslin', 'type', 'veth', 'peer', 'name', 'vm');
    expect(attempt()).toEqual([
      'create link vxlan.muslin: vxlan.muslin is there and is no VXLAN device: remove it (ip link del vxlan.muslin)',
    ]);
    left.run('ip', 'link', 'del', 'vxlan.muslin');
    left.run('ip', 'link', 'del', 'other');
    bring(0, wanted);
  });

  test('goes without a trace, and leaves devices of others alone', () => {
    left.run('ip', 'link', 'add', 'vxlan.calico', 'type', 'vxlan', 'id', '9', 'dstport', '4790');
    bring(0, { devices: [], entries: [] });
    const names = left.ip('link').map(link => link.ifname);
    expect(names).toContain('vxlan.calico');
    expect(names.filter(name => name.endsWith('.muslin'))).toEqual([]);
  });
});

describe('what this kernel lacks', () => {
  const has = (room: Room, type: string, name: string) => {
    try {
      room.run('ip', 'link', 'add', name, 'type', type);
      return true;
    } catch {
      return false;
    }
  };

  test('IP in IP stands, or is refused in words that say what to load', () => {
    const tunnel: TunnelDevice = {
      ...{ kind: 'ipip', name: 'tunl0', mtu: 1480, addresses: [mustIp('10.8.0.1')], up: true },
    };
    const driver = drivers[0] ?? expect.fail('no driver');
    const faults = driver.apply(planTunnels({ devices: [tunnel], entries: [] }, must(driver.read())));
    if (has(right, 'ipip', 'ipip9')) expect(must(driver.read()).devices).toEqual([tunnel]);
    else expect(faults[0]?.message).toMatch(/this kernel has no ipip devices: load the module 'ipip'/);
  });

  test('WireGuard is there, or is refused in words that say what to load', () => {
    using generic = must(netlinkIn(left.namespace, 'generic'));
    const driver = WireguardDriver.of(generic);
    if (has(right, 'wireguard', 'wg9')) expect(driver.ok).toBe(true);
    else expect(!driver.ok && driver.fault.message).toMatch(/this kernel has no WireGuard: load the module/);
  });

  test('WireGuard’s device, rules and routes are read where there are none, and a device is refused in the same words', async () => {
    using kernel = must(WireguardKernel.open(left.namespace));
    expect(must(await kernel.read(4))).toEqual({ device: undefined, rules: [], routes: [] });
    const rule = { family: 4, priority: 99, table: 241, mark: 0x0800_0000, mask: 0x0800_0000 } as const;
    must(await kernel.apply([{ kind: 'add-rule', rule }]));
    expect(left.run('ip', 'rule')).toContain('not from all fwmark 0x8000000/0x8000000 lookup 241');
    must(await kernel.apply([{ kind: 'add-rule', rule }]));
    expect(must(await kernel.read(4)).rules).toEqual([rule]);
    must(
      await kernel.apply([
        { kind: 'remove-rule', rule },
        { kind: 'remove-rule', rule },
      ]),
    );
    expect(must(await kernel.read(4)).rules).toEqual([]);
    const made = await kernel.apply([{ kind: 'create', name: WIREGUARD_NAMES[4], mtu: 1440 }]);
    if (has(right, 'wireguard', 'wg8')) expect(made.ok).toBe(true);
    else expect(!made.ok && made.fault.message).toMatch(/this kernel has no WireGuard: load the module/);
  });
});
