import { describe, expect, it } from 'vitest';
import { planFabric } from '../src/fabric.ts';
import { namespacePrefix, planTopology } from '../src/topology.ts';

describe('the plan of a lab', () => {
  it('gives every machine a namespace with the lab’s prefix and an address of its own', () => {
    const topology = planTopology('x', 50);
    const hosts = [topology.control, topology.tor, topology.outside, ...topology.nodes];
    expect(new Set(hosts.map(host => host.ip)).size).toBe(53);
    expect(new Set(hosts.map(host => host.netns)).size).toBe(53);
    for (const host of hosts) expect(host.netns).toBe(`ml-x-${host.name}`);
    expect(topology.nodes.at(-1)).toEqual({ name: 'node50', netns: 'ml-x-node50', ip: '172.30.0.60' });
  });

  it('never lets one lab’s prefix cover another’s, so that a sweep takes only its own', () => {
    expect(namespacePrefix('ab').startsWith(namespacePrefix('a'))).toBe(false);
    expect(planTopology('a', 1).wire.startsWith(namespacePrefix('ab'))).toBe(false);
  });

  it('says to ip(8) exactly this for one node', () => {
    const { machine, inside } = planFabric(planTopology('x', 1));
    expect(machine).toEqual([
      'netns add ml-x-wire',
      'netns add ml-x-control',
      'netns add ml-x-node1',
      'netns add ml-x-tor',
      'netns add ml-x-outside',
      'link add eth0 netns ml-x-control type veth peer name control netns ml-x-wire',
      'link add eth0 netns ml-x-node1 type veth peer name node1 netns ml-x-wire',
      'link add eth0 netns ml-x-tor type veth peer name tor netns ml-x-wire',
      'link add out0 netns ml-x-tor type veth peer name eth0 netns ml-x-outside',
    ]);
    expect(inside.get('ml-x-wire')).toEqual([
      'link set lo up',
      'link add br0 type bridge',
      'link set br0 up',
      'link set control master br0',
      'link set control up',
      'link set node1 master br0',
      'link set node1 up',
      'link set tor master br0',
      'link set tor up',
    ]);
    expect(inside.get('ml-x-node1')).toEqual([
      'link set lo up',
      'link set eth0 up',
      'address add 172.30.0.11/24 dev eth0',
      'route add default via 172.30.0.254',
    ]);
    expect(inside.get('ml-x-tor')).toEqual([
      'link set lo up',
      'link set eth0 up',
      'address add 172.30.0.254/24 dev eth0',
      'link set out0 up',
      'address add 203.0.113.1/24 dev out0',
    ]);
    expect(inside.get('ml-x-outside')?.at(-1)).toBe('route add default via 203.0.113.1');
  });

  it('gives every machine an address of each family, and the default routes for them, where both are asked for', () => {
    const topology = planTopology('x', 2, false, true);
    const hosts = [topology.control, topology.tor, topology.outside, ...topology.nodes];
    expect(new Set(hosts.map(host => host.ip6)).size).toBe(5);
    const { inside } = planFabric(topology);
    expect(inside.get('ml-x-node2')).toEqual([
      'link set lo up',
      'link set eth0 up',
      'address add 172.30.0.12/24 dev eth0',
      'route add default via 172.30.0.254',
      'address add fd00:30::12/64 dev eth0 nodad',
      'route add default via fd00:30::254',
    ]);
    expect(inside.get('ml-x-tor')?.at(-1)).toBe('address add 2001:db8:113::1/64 dev out0 nodad');
    expect(inside.get('ml-x-outside')?.slice(-2)).toEqual([
      'address add 2001:db8:113::10/64 dev eth0 nodad',
      'route add default via 2001:db8:113::1',
    ]);
  });

  it('touches nothing on the machine itself: every line names a namespace of the lab', () => {
    const { machine, inside } = planFabric(planTopology('x', 5));
    for (const line of machine) expect(line).toMatch(/netns (add )?ml-x-/);
    for (const netns of inside.keys()) expect(netns).toMatch(/^ml-x-/);
  });

  it('keeps interface names within 15 characters (IFNAMSIZ)', () => {
    const { machine } = planFabric(planTopology('labnames', 50));
    for (const line of machine)
      for (const [, name = ''] of line.matchAll(/(?:link add|peer name) (\S+)/g))
        expect(name.length).toBeLessThanOrEqual(15);
  });
});
