import {
  changeLink,
  createLink,
  deleteLink,
  deleteLinkGroup,
  deleteNeighbour,
  addRule,
  deleteAddress,
  deleteRule,
  findLink,
  listAddresses,
  listLinks,
  listNeighbours,
  listRules,
  netlinkIn,
  putAddress,
  putNeighbour,
} from '@muslin/linux';
import { formatIp, mustIp, mustPrefix } from '@muslin/net';
import { afterAll, describe, expect, test } from 'vitest';
import { faultOf, must, rooms } from './sandbox.ts';

const [[node, pod], close] = rooms(2);

const socket = must(netlinkIn(node.namespace));
const inPod = must(netlinkIn(pod.namespace));
afterAll(() => {
  socket.close();
  inPod.close();
  close();
});

const indexOf = (name: string) => must(findLink(socket, name))?.index ?? expect.fail(`no ${name}`);

describe('links', () => {
  test('a veth is born with its peer already in the pod, with the wanted name, MAC and MTU', () => {
    must(
      createLink(socket, {
        kind: 'veth',
        name: 'msl1',
        mac: 'ee:ee:ee:ee:ee:ee',
        mtu: 1400,
        group: 9,
        up: true,
        peer: { name: 'eth0', mac: '02:00:00:00:00:01', mtu: 1400, namespaceFd: pod.namespace.fd },
      }),
    );
    expect(node.ip('link', 'show', 'msl1')[0]).toMatchObject({
      address: 'ee:ee:ee:ee:ee:ee',
      mtu: 1400,
      group: '9',
      link_index: 2,
      linkinfo: { info_kind: 'veth' },
    });
    expect(pod.ip('link', 'show', 'eth0')[0]).toMatchObject({
      ifindex: 2,
      address: '02:00:00:00:00:01',
      mtu: 1400,
    });
    expect(must(findLink(socket, 'msl1'))).toMatchObject({
      kind: 'veth',
      lower: 2,
      up: true,
      carrier: false,
      group: 9,
    });
    must(changeLink(inPod, 'eth0', { up: true }));
    expect(must(findLink(socket, 'msl1'))).toMatchObject({ carrier: true });
  });

  test('a vxlan device is what ip shows (RFC 7348)', () => {
    must(
      createLink(socket, {
        kind: 'vxlan',
        name: 'vxlan.msl',
        mac: '66:00:00:00:00:01',
        mtu: 1350,
        vxlan: { vni: 4096, port: 4789, local: mustIp('192.0.2.1'), learning: false },
      }),
    );
    expect(node.ip('link', 'show', 'vxlan.msl')[0]).toMatchObject({
      mtu: 1350,
      address: '66:00:00:00:00:01',
      linkinfo: {
        info_kind: 'vxlan',
        info_data: { id: 4096, port: 4789, local: '192.0.2.1', learning: false },
      },
    });
    expect(must(findLink(socket, 'vxlan.msl'))?.vxlan).toEqual({
      vni: 4096,
      port: 4789,
      local: mustIp('192.0.2.1'),
      learning: false,
    });
    must(
      createLink(socket, {
        kind: 'vxlan',
        name: 'vxlan6.msl',
        vxlan: { vni: 7, port: 4790, local: mustIp('fd00::1'), learning: true },
      }),
    );
    expect(node.ip('link', 'show', 'vxlan6.msl')[0].linkinfo.info_data).toMatchObject({
      id: 7,
      local6: 'fd00::1',
    });
    expect(must(findLink(socket, 'vxlan6.msl'))?.vxlan).toMatchObject({
      local: mustIp('fd00::1'),
      learning: true,
    });
  });

  test('a link joins and leaves a bridge, changes its MTU, its alias and its name', () => {
    must(createLink(socket, { kind: 'bridge', name: 'br0', up: true }));
    must(createLink(socket, { kind: 'ifb', name: 'ifb7' }));
    const bridge = indexOf('br0');
    must(createLink(socket, { kind: 'veth', name: 'a0', peer: { name: 'a1' } }));
    must(changeLink(socket, 'a0', { master: bridge, mtu: 1300, alias: 'hello' }));
    expect(node.ip('link', 'show', 'a0')[0]).toMatchObject({ master: 'br0', mtu: 1300, ifalias: 'hello' });
    expect(must(findLink(socket, 'a0'))).toMatchObject({ master: bridge, alias: 'hello' });
    must(changeLink(socket, indexOf('a0'), { name: 'a9', master: 0 }));
    expect(must(findLink(socket, 'a9'))).not.toHaveProperty('master');
    expect(must(findLink(socket, 'a0'))).toBeUndefined();
    must(changeLink(socket, 'a9', { namespaceFd: pod.namespace.fd }));
    expect(pod.ip('link', 'show', 'a9')).toHaveLength(1);
    expect(must(listLinks(socket)).map(link => link.name)).toEqual(
      node.ip('link', 'show').map((link: { ifname: string }) => link.ifname),
    );
  });

  test('fifty links of a group go in one request', () => {
    for (let i = 0; i < 50; i++)
      must(createLink(socket, { kind: 'veth', name: `g${i}`, group: 4242, peer: { name: `h${i}` } }));
    must(deleteLinkGroup(socket, 4242));
    expect(must(listLinks(socket)).filter(link => /^[gh]\d/.test(link.name))).toEqual([]);
    expect(() => deleteLinkGroup(socket, 0)).toThrow('group 0');
  });

  test('refusals carry the errno and the words of the kernel', () => {
    expect(faultOf(createLink(socket, { kind: 'bridge', name: 'br0' }))).toMatchObject({
      code: 'EEXIST',
      call: 'create bridge link br0',
    });
    expect(faultOf(changeLink(socket, 'nope', { up: true }))).toMatchObject({ code: 'ENODEV', errno: 19 });
    expect(faultOf(deleteLink(socket, 'nope'))).toMatchObject({ code: 'ENODEV' });
    expect(faultOf(changeLink(socket, 'msl1', { mtu: 1 }))).toMatchObject({
      code: 'EINVAL',
      reason: 'mtu less than device minimum',
      message: 'change link msl1: mtu less than device minimum (EINVAL)',
    });
    expect(faultOf(createLink(socket, { kind: 'dummy', name: 'd0' }))).toMatchObject({
      code: 'EOPNOTSUPP',
      reason: 'Unknown device type',
    });
  });

  test('deleting one end deletes both', () => {
    must(deleteLink(socket, 'msl1'));
    expect(must(findLink(inPod, 'eth0'))).toBeUndefined();
  });
});

describe('addresses', () => {
  test('are set with their flags, listed and removed', () => {
    const link = indexOf('br0');
    must(putAddress(socket, { link, ip: mustIp('10.9.0.1'), length: 24, noPrefixRoute: true }));
    must(putAddress(socket, { link, ip: mustIp('10.9.0.1'), length: 24, noPrefixRoute: true }));
    must(putAddress(socket, { link, ip: mustIp('fd09::1'), length: 128, noDad: true }));
    const shown = node.ip('addr', 'show', 'br0')[0].addr_info;
    expect(shown).toContainEqual(
      expect.objectContaining({ local: '10.9.0.1', prefixlen: 24, noprefixroute: true }),
    );
    expect(shown).toContainEqual(expect.objectContaining({ local: 'fd09::1', prefixlen: 128, nodad: true }));
    const listed = must(listAddresses(socket, link));
    expect(listed).toContainEqual({
      link,
      ip: mustIp('10.9.0.1'),
      length: 24,
      scope: 0,
      noPrefixRoute: true,
    });
    expect(listed.every(address => address.link === link)).toBe(true);
    must(deleteAddress(socket, { link, ip: mustIp('10.9.0.1'), length: 24 }));
    expect(faultOf(deleteAddress(socket, { link, ip: mustIp('10.9.0.1'), length: 24 }))).toMatchObject({
      code: 'EADDRNOTAVAIL',
    });
    expect(must(listAddresses(socket)).map(address => formatIp(address.ip))).toContain('fd09::1');
  });
});

describe('neighbours', () => {
  test('permanent entries of both families, proxies and forwarding entries are what ip and bridge show', () => {
    const link = indexOf('vxlan.msl');
    must(changeLink(socket, link, { up: true }));
    const entries = [
      { kind: 'neighbour', link, ip: mustIp('10.7.0.1'), mac: '66:00:00:00:00:02', permanent: true },
      { kind: 'neighbour', link, ip: mustIp('fd07::1'), mac: '66:00:00:00:00:02', permanent: true },
      { kind: 'forwarding', link, ip: mustIp('192.0.2.2'), mac: '66:00:00:00:00:02', permanent: true },
      { kind: 'proxy', link, ip: mustIp('10.7.0.9') },
    ] as const;
    for (const entry of entries) must(putNeighbour(socket, entry));
    expect(node.ip('neigh', 'show', 'dev', 'vxlan.msl')).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ dst: '10.7.0.1', lladdr: '66:00:00:00:00:02', state: ['PERMANENT'] }),
        expect.objectContaining({ dst: 'fd07::1', state: ['PERMANENT'] }),
      ]),
    );
    expect(node.run('bridge', 'fdb', 'show', 'dev', 'vxlan.msl')).toContain(
      '66:00:00:00:00:02 dst 192.0.2.2 self permanent',
    );
    expect(node.run('ip', 'neigh', 'show', 'proxy')).toContain('10.7.0.9 dev vxlan.msl');
    expect(must(listNeighbours(socket, 4))).toContainEqual(entries[0]);
    expect(must(listNeighbours(socket, 6))).toContainEqual(entries[1]);
    expect(must(listNeighbours(socket, 'forwarding'))).toContainEqual(entries[2]);
    expect(must(listNeighbours(socket, 'proxy4'))).toEqual([entries[3]]);
    for (const entry of entries) must(deleteNeighbour(socket, entry));
    expect(faultOf(deleteNeighbour(socket, entries[0]))).toMatchObject({ code: 'ENOENT' });
    expect(must(listNeighbours(socket, 4)).filter(entry => entry.link === link)).toEqual([]);
  });
});

describe('rules', () => {
  test('are what ip rule shows, once each', () => {
    const rules = [
      { family: 4, priority: 99, table: 1000, mark: 0x100, mask: 0xff00, protocol: 109 },
      {
        family: 6,
        priority: 98,
        table: 77,
        from: mustPrefix('fd00::/64'),
        inputLink: 'lo',
        not: true,
        protocol: 109,
      },
    ] as const;
    for (const rule of rules) must(addRule(socket, rule));
    expect(faultOf(addRule(socket, rules[0]))).toMatchObject({ code: 'EEXIST' });
    expect(node.ip('rule', 'show', 'pref', '99')[0]).toMatchObject({
      fwmark: '0x100',
      fwmask: '0xff00',
      table: '1000',
    });
    expect(must(listRules(socket, 4)).find(rule => rule.priority === 99)).toEqual(rules[0]);
    expect(must(listRules(socket, 6)).find(rule => rule.priority === 98)).toEqual(rules[1]);
    for (const rule of rules) must(deleteRule(socket, rule));
    expect(faultOf(deleteRule(socket, rules[0]))).toMatchObject({ code: 'ENOENT' });
  });
});
