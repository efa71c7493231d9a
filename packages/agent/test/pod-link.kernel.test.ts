import { createServer, Socket } from 'node:net';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import {
  createLink,
  deleteLink,
  type KernelEvent,
  netlinkIn,
  tcpListenIn,
  tcpSocketIn,
  watchLinks,
  withNamespace,
} from '@muslin/linux';
import { mustIp } from '@muslin/net';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LinkRemover } from '../src/kernel/link-remover.ts';
import { LINK_LANES } from '../src/kernel/thread-pool.ts';
import { PeeringLinks } from '../src/kernel/peering-links.ts';
import { findOrphans } from '../src/pod/orphan-links.ts';
import { inspect } from '../src/pod/pod-inspection.ts';
import { examine, type PodLinkPlan, plugIn } from '../src/pod/pod-link.ts';
import { freshFolder } from './folder.ts';
import { makeSpace, must, type Space, until } from './spaces.ts';

const MAC = 'ee:ee:ee:ee:ee:ee';
const host = makeSpace();
const netlink = must(netlinkIn(host.namespace));
afterAll(() => {
  netlink.close();
  host.close();
});

let pod: Space;
beforeEach(() => {
  pod = makeSpace();
});
afterEach(() => {
  pod.close();
  for (const link of host.ip('link', 'show')) if (link.ifname !== 'lo') deleteLink(netlink, link.ifname);
});

const planOf = (ips: readonly string[], extra: Partial<PodLinkPlan> = {}): PodLinkPlan => ({
  ...{
    hostInterface: 'msl0123456789a',
    netns: pod.path,
    ifname: 'eth0',
    mtu: 1400,
    defaultRoute: true,
    ...extra,
  },
  ips: ips.map(mustIp),
});
/** As the agent does it, whose own namespace is the node's. */
const onHost = <T>(work: () => T): T => must(withNamespace(host.namespace, work));
const plug = (plan: PodLinkPlan) => onHost(() => plugIn(netlink, plan));
const look = (plan: PodLinkPlan, mac: string) => onHost(() => inspect(netlink, { ...plan, mac }));
const linkNames = (space: Space) => space.ip('link', 'show').map(link => link.ifname);
/** What the route plan makes. */
const addRoutes = (ips: readonly string[]) => {
  for (const ip of ips)
    host.run('ip', 'route', 'add', `${ip}/${ip.includes(':') ? 128 : 32}`, 'dev', 'msl0123456789a');
};

/** Connects from the node to a server in the pod; the value is what it says. */
async function reach(ip: string): Promise<string> {
  const server = createServer(socket => socket.end('hello'));
  server.listen({ fd: must(tcpListenIn(pod.namespace, mustIp(ip), 80)) });
  host.run('ip', 'addr', 'replace', ip.includes(':') ? '2001:db8::1/128' : '192.0.2.1/32', 'dev', 'lo');
  const socket = new Socket({ fd: must(tcpSocketIn(host.namespace, ip.includes(':') ? 6 : 4)) });
  socket.setTimeout(2000, () => socket.destroy(new Error('no answer')));
  socket.connect(80, ip);
  let said = '';
  for await (const chunk of socket) said += chunk;
  await new Promise(resolve => server.close(resolve));
  return said;
}

describe.each([
  ['IPv4', ['10.1.0.7'], [4]],
  ['IPv6', ['fd01::7'], [6]],
  ['both families', ['10.1.0.7', 'fd01::7'], [4, 6]],
] as const)('a pod with %s', (_, ips, families) => {
  test('gets its addresses, its gateway as a neighbour, default routes, MTU, and nothing else', () => {
    const { podMac } = must(plug(planOf(ips)));
    const [eth0] = pod.ip('-d', 'link', 'show', 'eth0');
    expect(eth0).toMatchObject({ mtu: 1400, address: podMac, operstate: 'UP' });
    const addresses = pod
      .ip('addr', 'show', 'eth0')[0]
      .addr_info.filter((a: { scope: string }) => a.scope === 'global');
    expect(addresses.map((a: { local: string; prefixlen: number }) => `${a.local}/${a.prefixlen}`)).toEqual(
      ips.map(ip => `${ip}/${ip.includes(':') ? 128 : 32}`),
    );
    const gateways = { 4: '169.254.1.1', 6: 'fe80::ecee:eeff:feee:eeee' };
    for (const family of [4, 6] as const) {
      const wanted = (families as readonly number[]).includes(family);
      const routes = pod.ip(`-${family}`, 'route', 'show', 'default');
      expect(routes.map(r => [r.gateway, r.dev])).toEqual(wanted ? [[gateways[family], 'eth0']] : []);
      const neighbours = pod.ip(`-${family}`, 'neigh', 'show', 'nud', 'permanent', 'dev', 'eth0');
      expect(neighbours.map(n => [n.dst, n.lladdr])).toEqual(wanted ? [[gateways[family], MAC]] : []);
    }
  });

  const neighboursOf = () =>
    [4, 6]
      .flatMap(family => host.ip(`-${family}`, 'neigh', 'show', 'dev', 'msl0123456789a'))
      .filter(n => ips.some(ip => ip === n.dst))
      .map(n => [n.dst, n.lladdr]);

  test('is found again by its node when a later plugin gives it another MAC', async () => {
    must(plug(planOf(ips)));
    // The kernel tells once, and drops what is sent before it has noticed that there is a carrier.
    await until(
      () => pod.ip('link', 'show', 'eth0')[0].operstate,
      state => state === 'UP',
      'the link is up',
    );
    pod.run('ip', 'link', 'set', 'eth0', 'address', '02:00:00:00:00:77');
    const moved = ips.map(ip => [ip, '02:00:00:00:00:77']);
    await until(
      neighboursOf,
      now => JSON.stringify(now) === JSON.stringify(moved),
      'the pod has told its node',
    );
  });

  test('has a host end with the common MAC, its addresses as neighbours and a router’s settings', () => {
    const { podMac, hostIndex } = must(plug(planOf(ips)));
    const [end] = host.ip('-d', 'link', 'show', 'msl0123456789a');
    expect(end).toMatchObject({ ifindex: hostIndex, mtu: 1400, address: MAC, operstate: 'UP' });
    expect(neighboursOf()).toEqual(ips.map(ip => [ip, podMac]));
    const setting = (key: string) =>
      host.run('cat', `/proc/sys/net/${key.replace('IF', 'msl0123456789a')}`).trim();
    expect([setting('ipv4/conf/IF/rp_filter'), setting('ipv4/conf/IF/forwarding')]).toEqual(['1', '1']);
    expect([setting('ipv6/conf/IF/accept_ra'), setting('ipv6/conf/IF/forwarding')]).toEqual(['0', '1']);
    expect([setting('ipv4/conf/IF/proxy_arp'), setting('ipv6/conf/IF/proxy_ndp')]).toEqual(['1', '1']);
    expect([setting('ipv4/neigh/IF/proxy_delay'), setting('ipv6/conf/IF/accept_dad')]).toEqual(['0', '0']);
    expect(setting('ipv4/conf/IF/route_localnet')).toBe('1');
  });

  test('reaches its node once the host route is there', async () => {
    must(plug(planOf(ips)));
    addRoutes(ips);
    for (const ip of ips) expect(await reach(ip)).toBe('hello');
  });

  test('is found as it was made, and each thing that is taken away is named', () => {
    const plan = planOf(ips);
    const { podMac } = must(plug(plan));
    addRoutes(ips);
    expect(look(plan, podMac)).toEqual([]);
    const damage = (work: () => void) => {
      work();
      return look(plan, podMac);
    };
    expect(damage(() => pod.run('ip', 'neigh', 'flush', 'all', 'nud', 'permanent'))).toEqual(
      families.map(
        f =>
          `the pod lacks its gateway ${f === 4 ? '169.254.1.1' : 'fe80::ecee:eeff:feee:eeee'} as a neighbour`,
      ),
    );
    const [first = ''] = ips;
    const length = first.includes(':') ? 128 : 32;
    expect(damage(() => host.run('ip', 'route', 'del', `${first}/${length}`))).toContain(
      `the node has no route to ${first} by msl0123456789a`,
    );
    expect(damage(() => pod.run('ip', 'addr', 'del', `${first}/${length}`, 'dev', 'eth0'))).toContain(
      `interface eth0 of the pod lacks address ${first}`,
    );
    expect(damage(() => pod.run('ip', 'link', 'set', 'eth0', 'down'))).toEqual(
      expect.arrayContaining([
        'interface eth0 of the pod is down',
        `the pod lacks an IPv${families[0]} default route`,
      ]),
    );
    expect(damage(() => pod.run('ip', 'link', 'set', 'eth0', 'address', '02:00:00:00:00:99'))).toContain(
      `interface eth0 of the pod has MAC 02:00:00:00:00:99, not ${podMac}`,
    );
    expect(damage(() => host.run('ip', 'link', 'set', 'msl0123456789a', 'mtu', '1300'))).toContain(
      'interface msl0123456789a has MTU 1300, not 1400',
    );
    expect(damage(() => host.run('ip', 'link', 'del', 'msl0123456789a'))).toEqual([
      'the node lacks interface msl0123456789a',
      'the pod lacks interface eth0',
    ]);
  });
});

describe('nothing is left behind', () => {
  const faultOf = (plan: PodLinkPlan) => {
    const before = [linkNames(host), linkNames(pod)];
    const early = onHost(() => examine(plan));
    const made = plug(plan);
    expect([linkNames(host), linkNames(pod)]).toEqual(before);
    if (made.ok || early.ok) throw new Error('expected a fault');
    expect(early.fault).toEqual(made.fault);
    return made.fault;
  };

  test('by a name that is taken in the pod', () => {
    pod.run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'x0');
    expect(faultOf(planOf(['10.1.0.7']))).toEqual({
      code: 'interface-exists',
      message: `interface eth0 already exists in ${pod.path}`,
    });
  });

  test('by a namespace that is not there, is none, or is the node’s own', () => {
    expect(faultOf(planOf(['10.1.0.7'], { netns: '/run/netns/msl-t-ag-none' })).code).toBe('bad-namespace');
    expect(faultOf(planOf(['10.1.0.7'], { netns: '/etc/hostname' })).code).not.toBe('interface-exists');
    expect(faultOf(planOf(['10.1.0.7'], { netns: host.path }))).toEqual({
      code: 'bad-namespace',
      message: `${host.path} is the node's own network namespace`,
    });
  });

  test('by an address that the kernel refuses, after the cable was made', () => {
    const made = plug(planOf(['10.1.0.7', '::']));
    expect(made.ok).toBe(false);
    expect([linkNames(host), linkNames(pod)]).toEqual([['lo'], ['lo']]);
  });
});

test('the interface of an older sandbox of the same pod gives way', () => {
  const older = makeSpace();
  must(plug(planOf(['10.1.0.7'], { netns: older.path })));
  must(plug(planOf(['10.1.0.8'])));
  expect(linkNames(older)).toEqual(['lo']);
  expect(linkNames(pod)).toContain('eth0');
  older.close();
});

test('a runtime that switched IPv6 off in the namespace does not keep it off', () => {
  pod.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
  must(plug(planOf(['fd01::7'])));
  expect(pod.ip('-6', 'addr', 'show', 'eth0')[0].addr_info.map((a: { local: string }) => a.local)).toContain(
    'fd01::7',
  );
});

describe('removing cables', () => {
  const remover = LinkRemover.open(host.path);
  afterAll(() => remover.close());
  const dummies = (names: readonly string[]) => {
    for (const name of names) must(createLink(netlink, { kind: 'veth', name, peer: { name: `${name}p` } }));
  };

  test('many at once go in one piece, and those that are gone already are fine', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `msl-r${i}`);
    dummies(names);
    expect((await remover.remove('msl-r0')).ok).toBe(true);
    using _ = must(watchLinks(hear, host.namespace));
    const gone = new Set<string>();
    const groups = new Set<number>();
    function hear(events: readonly KernelEvent[]) {
      for (const event of events)
        if (event.topic === 'link' && event.change === 'gone') {
          gone.add(event.value.name);
          groups.add(event.value.group);
        }
    }
    const done = await Promise.all([...names, 'msl-r5', 'msl-none'].map(name => remover.remove(name)));
    expect(done.every(result => result.ok)).toBe(true);
    expect(linkNames(host)).toEqual(['lo']);
    await until(
      () => names.slice(1).filter(name => !gone.has(name)),
      left => left.length === 0,
      'the kernel told of each',
    );
    expect([...groups].filter(group => group !== 0)).toHaveLength(1);
  });

  test('those that are asked for one after the other wait for no acknowledgement of the ones before', async () => {
    const groups: number[] = [];
    using _ = must(
      watchLinks(events => {
        for (const event of events)
          if (event.topic === 'link' && event.change === 'gone' && event.value.group !== 0)
            groups.push(event.value.group);
      }, host.namespace),
    );
    for (let turn = 0; turn < LINK_LANES; turn++) {
      dummies(['msl-x', 'msl-y']);
      const gone = await Promise.all([remover.remove('msl-x'), remover.remove('msl-y')]);
      expect(gone.every(result => result.ok)).toBe(true);
    }
    await until(
      () => new Set(groups),
      each => each.size === LINK_LANES,
      'each went by a lane of its own',
    );
  });

  test('a link that is made anew under the name of one that is going stays', async () => {
    dummies(['msl-again']);
    expect((await remover.remove('msl-again')).ok).toBe(true);
    dummies(['msl-again']);
    // Whatever the first one's removal still waits for has ended when the next is acknowledged.
    dummies(['msl-next']);
    expect((await remover.remove('msl-next')).ok).toBe(true);
    expect(linkNames(host)).toContain('msl-again');
    expect((await remover.remove('msl-again')).ok).toBe(true);
    expect(linkNames(host)).toEqual(['lo']);
  });

  test('touches no other link', async () => {
    dummies(['msl-a', 'other0', 'msl-b']);
    await Promise.all([remover.remove('msl-a'), remover.remove('msl-b')]);
    expect(
      linkNames(host)
        .filter(name => !name.startsWith('lo'))
        .sort(),
    ).toEqual(['other0', 'other0p']);
  });
});

describe('an interface that no sandbox owns', () => {
  const find = (owned: readonly string[], folder?: string) =>
    onHost(() => findOrphans(netlink, new Set(owned), folder));

  test('stays while a namespace holds its other end, and is nobody’s business when it is owned or not a pod’s', () => {
    must(plug(planOf(['10.1.0.7'])));
    must(createLink(netlink, { kind: 'veth', name: 'mslshort', peer: { name: 'x0' } }));
    expect(find(['msl0123456789a'])).toEqual([]);
    expect(find([])).toEqual([
      { name: 'msl0123456789a', removable: false, because: `namespace ${pod.name} holds its other end` },
    ]);
  });

  test('may go when every namespace was searched in vain', () => {
    const folder = freshFolder();
    must(plug(planOf(['10.1.0.7'])));
    symlinkSync(host.path, `${folder}/other`);
    expect(find([], folder)).toEqual([
      { name: 'msl0123456789a', removable: true, because: 'no namespace holds its other end' },
    ]);
  });

  test('stays when the namespaces can’t be listed, or one of them can’t be searched', () => {
    const folder = freshFolder();
    must(plug(planOf(['10.1.0.7'])));
    expect(find([], `${folder}/none`)[0]).toMatchObject({ removable: false });
    mkdirSync(`${folder}/some`);
    writeFileSync(`${folder}/some/broken`, 'no namespace');
    expect(find([], `${folder}/some`)[0]).toMatchObject({ removable: false });
  });
});

test('the address at which a pod calls its node by BGP is put and taken away, and others’ addresses beside it stay', async () => {
  must(plug(planOf(['10.0.0.9', 'fd00::9'])));
  const [name, dev] = ['msl0123456789a', 'dev'];
  addRoutes(['10.0.0.9', 'fd00::9']);
  host.run('ip', 'addr', 'replace', '192.0.2.1/32', dev, 'lo');
  host.run('ip', 'addr', 'replace', '2001:db8::1/128', dev, 'lo');
  // As a plugin does that made the interface.
  host.run('ip', 'addr', 'add', '203.0.113.7/32', dev, name);
  host.run('ip', 'addr', 'add', '2001:db8::7/128', dev, name, 'nodad');
  const complaints: string[] = [];
  const links = new PeeringLinks(netlink, line => complaints.push(line), 50);
  const there = () =>
    host
      .ip('addr', 'show', dev, name)
      .flatMap(({ addr_info }) => addr_info)
      .map(({ local, scope }) => `${local} ${scope}`)
      .filter((text: string) => !text.startsWith('fe80'));
  const foreign = ['203.0.113.7 global', '2001:db8::7 global'];
  const wanted = ['169.254.0.179', 'fd12::179'].map(ip => ({ interfaceName: name, ip: mustIp(ip) }));
  links.keep([...wanted, { interfaceName: 'msl00000000000', ip: mustIp('169.254.0.179') }]);
  const all = [...foreign, '169.254.0.179 host', 'fd12::179 global'].toSorted();
  expect(there().toSorted()).toEqual(all);
  links.keep(wanted);
  expect(there().toSorted()).toEqual(all);
  host.run('ip', 'addr', 'del', '2001:db8::7/128', dev, name);
  expect(host.run('ip', 'route', 'get', 'fd00::9')).not.toContain('fd12::179');
  // A later life of the agent knows them, and pods hear the end of their sessions before they go.
  const later = new PeeringLinks(netlink, line => complaints.push(line), 50);
  later.keep([]);
  expect(there()).toContain('169.254.0.179 host');
  await until(there, seen => seen.join() === '203.0.113.7 global', 'both are gone');
  expect(complaints).toEqual([]);
  later.stop();
});
