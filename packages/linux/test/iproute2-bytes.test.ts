import { mustIp, mustPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { readMessages } from '../src/netlink/message-reader.ts';
import type { NetlinkRequest } from '../src/netlink/netlink-socket.ts';
import { decodeAddress, putAddressRequest } from '../src/rtnetlink/addresses.ts';
import {
  changeLinkRequest,
  createLinkRequest,
  decodeLink,
  deleteLinkRequest,
} from '../src/rtnetlink/links.ts';
import { decodeNeighbour, putNeighbourRequest } from '../src/rtnetlink/neighbours.ts';
import {
  addRouteRequest,
  decodeRoute,
  deleteRouteRequest,
  replaceRouteRequest,
} from '../src/rtnetlink/routes.ts';
import { addRuleRequest, decodeRule } from '../src/rtnetlink/rules.ts';
import { bytesOf, fromHex, shapeOf } from './wire-shape.ts';

/** Bytes that iproute2 6.1 sent for the command, and the request that must mean the same. */
interface Vector {
  readonly command: string;
  readonly hex: string;
  readonly header: number;
  readonly request: NetlinkRequest;
  /** What the recorded bytes decode to, where the object has a decoder that reads requests. */
  readonly decoded?: unknown;
  readonly decode?: (hex: string) => unknown;
}

const decoding =
  <T>(decode: (message: never) => T) =>
  (hex: string) =>
    decode([...readMessages(fromHex(hex))][0] as never);

const plain = {
  destination: mustPrefix('10.1.0.0/24'),
  type: 'unicast' as const,
  hops: [{ via: mustIp('10.0.0.2') }],
  protocol: 80,
  table: 254,
};
const preferred = {
  destination: mustPrefix('10.2.0.0/24'),
  type: 'unicast' as const,
  hops: [{ via: mustIp('192.0.2.1'), link: 3, onlink: true }],
  protocol: 3,
  table: 254,
  metric: 7,
  source: mustIp('10.0.0.1'),
};
const multipath = {
  destination: mustPrefix('10.3.0.0/24'),
  type: 'unicast' as const,
  hops: [
    { via: mustIp('10.0.0.2'), link: 3, weight: 2 },
    { via: mustIp('10.0.0.3'), link: 3 },
  ],
  protocol: 3,
  table: 254,
};
const blackhole = {
  destination: mustPrefix('10.4.0.0/26'),
  type: 'blackhole' as const,
  hops: [],
  protocol: 109,
  table: 254,
};
const via6 = {
  destination: mustPrefix('10.5.0.0/24'),
  type: 'unicast' as const,
  hops: [{ via: mustIp('fe80::2'), link: 3 }],
  protocol: 3,
  table: 254,
};
const table1000 = {
  destination: mustPrefix('fd01::/64'),
  type: 'unicast' as const,
  hops: [{ via: mustIp('fd00::2'), link: 3 }],
  protocol: 186,
  table: 1000,
};
const unreachable6 = {
  destination: mustPrefix('fd02::/64'),
  type: 'unreachable' as const,
  hops: [],
  protocol: 3,
  table: 254,
};
const route = decoding(decodeRoute);
const scope = { scope: 0 };

const VECTORS: readonly Vector[] = [
  {
    command: 'ip route add 10.1.0.0/24 via 10.0.0.2 proto 80',
    hex: '2c00000018000506a413016b0000000002180000fe50000100000000080001000a010000080005000a000002',
    header: 12,
    request: addRouteRequest(plain),
    decode: route,
    decoded: { ...plain, ...scope },
  },
  {
    command: 'ip route replace 10.2.0.0/24 via 192.0.2.1 dev v0 onlink metric 7 src 10.0.0.1',
    hex: '4400000018000505a413016b0000000002180000fe03000104000000080001000a02000008000500c00002010800060007000000080007000a0000010800040003000000',
    header: 12,
    request: replaceRouteRequest(preferred),
    decode: route,
    decoded: { ...preferred, ...scope },
  },
  {
    command: 'ip route add 10.3.0.0/24 nexthop via 10.0.0.2 dev v0 weight 2 nexthop via 10.0.0.3 dev v0',
    hex: '4800000018000506a413016b0000000002180000fe03000100000000080001000a030000240009001000000103000000080005000a0000021000000003000000080005000a000003',
    header: 12,
    request: addRouteRequest(multipath),
    decode: route,
    decoded: { ...multipath, ...scope },
  },
  {
    command: 'ip route add blackhole 10.4.0.0/26 proto 109',
    hex: '2400000018000506a413016b00000000021a0000fe6d000600000000080001000a040000',
    header: 12,
    request: addRouteRequest(blackhole),
    decode: route,
    decoded: { ...blackhole, ...scope },
  },
  {
    command: 'ip route add 10.5.0.0/24 via inet6 fe80::2 dev v0 (RFC 8950)',
    hex: '4400000018000506a413016b0000000002180000fe03000100000000080001000a050000160012000a00fe80000000000000000000000000000200000800040003000000',
    header: 12,
    request: addRouteRequest(via6),
    decode: route,
    decoded: { ...via6, ...scope },
  },
  {
    command: 'ip -6 route add fd01::/64 via fd00::2 dev v0 proto 186 table 1000',
    hex: '5400000018000506a413016b000000000a40000000ba00010000000014000100fd01000000000000000000000000000014000500fd00000000000000000000000000000208000f00e80300000800040003000000',
    header: 12,
    request: addRouteRequest(table1000),
    decode: route,
    decoded: { ...table1000, metric: 0 },
  },
  {
    command: 'ip -6 route add unreachable fd02::/64',
    hex: '3000000018000506a413016b000000000a400000fe0300070000000014000100fd020000000000000000000000000000',
    header: 12,
    request: addRouteRequest(unreachable6),
    decode: route,
    decoded: { ...unreachable6, metric: 0 },
  },
  {
    command: 'ip route del unicast 10.1.0.0/24 proto 80',
    hex: '2400000019000500e413016b0000000002180000fe50ff0100000000080001000a010000',
    header: 12,
    request: deleteRouteRequest(plain),
  },
  {
    command: 'ip addr replace 10.9.0.1/32 dev v0 noprefixroute',
    hex: '3000000014000505e413016b000000000220000003000000080002000a0900010800080000020000080001000a090001',
    header: 8,
    request: putAddressRequest({ link: 3, ip: mustIp('10.9.0.1'), length: 32, noPrefixRoute: true }),
    decode: decoding(decodeAddress),
    decoded: { link: 3, ip: mustIp('10.9.0.1'), length: 32, scope: 0, noPrefixRoute: true },
  },
  {
    command: 'ip -6 addr replace fd09::1/128 dev v0 nodad',
    hex: '4000000014000505e413016b000000000a8002000300000014000200fd09000000000000000000000000000114000100fd090000000000000000000000000001',
    header: 8,
    request: putAddressRequest({ link: 3, ip: mustIp('fd09::1'), length: 128, noDad: true }),
    decode: decoding(decodeAddress),
    decoded: { link: 3, ip: mustIp('fd09::1'), length: 128, scope: 0, noDad: true },
  },
  {
    command: 'ip neigh replace 169.254.1.1 lladdr ee:ee:ee:ee:ee:ee dev v0 nud permanent',
    hex: '300000001c000505a513016b0000000002000000030000008000000008000100a9fe01010a000200eeeeeeeeeeee0000',
    header: 12,
    request: putNeighbourRequest({
      kind: 'neighbour',
      link: 3,
      ip: mustIp('169.254.1.1'),
      mac: 'ee:ee:ee:ee:ee:ee',
      permanent: true,
    }),
    decode: decoding(decodeNeighbour),
    decoded: {
      kind: 'neighbour',
      link: 3,
      ip: mustIp('169.254.1.1'),
      mac: 'ee:ee:ee:ee:ee:ee',
      permanent: true,
    },
  },
  {
    command: 'ip neigh replace proxy 10.0.0.77 dev v0',
    hex: '240000001c000505e513016b00000000020000000300000080000800080001000a00004d',
    header: 12,
    request: putNeighbourRequest({ kind: 'proxy', link: 3, ip: mustIp('10.0.0.77') }),
    decode: decoding(decodeNeighbour),
    decoded: { kind: 'proxy', link: 3, ip: mustIp('10.0.0.77') },
  },
  {
    command: 'bridge fdb replace 02:00:00:00:00:09 dev vx dst 10.0.0.9 self permanent',
    hex: '300000001c000505a613016b000000000700000006000000c00002000a0002000200000000090000080001000a000009',
    header: 12,
    request: putNeighbourRequest({
      kind: 'forwarding',
      link: 6,
      ip: mustIp('10.0.0.9'),
      mac: '02:00:00:00:00:09',
      permanent: true,
    }),
    decode: decoding(decodeNeighbour),
    decoded: {
      kind: 'forwarding',
      link: 6,
      ip: mustIp('10.0.0.9'),
      mac: '02:00:00:00:00:09',
      permanent: true,
    },
  },
  {
    command: 'ip rule add pref 99 fwmark 0x100/0xff00 lookup 1000',
    hex: '3c00000020000506a413016b00000000020000000000000100000000080006006300000008000a00000100000800100000ff000008000f00e8030000',
    header: 12,
    request: addRuleRequest({ family: 4, priority: 99, table: 1000, mark: 0x100, mask: 0xff00 }),
    decode: decoding(decodeRule),
    decoded: { family: 4, priority: 99, table: 1000, mark: 0x100, mask: 0xff00 },
  },
  {
    command: 'ip -6 rule add from fd00::/64 not iif lo pref 100 lookup 1000 proto 80',
    hex: '5000000020000506a413016b000000000a004000000000010200000014000200fd000000000000000000000000000000070003006c6f0000080006006400000008000f00e80300000500150050000000',
    header: 12,
    request: addRuleRequest({
      family: 6,
      priority: 100,
      table: 1000,
      from: mustPrefix('fd00::/64'),
      not: true,
      inputLink: 'lo',
      protocol: 80,
    }),
    decode: decoding(decodeRule),
    decoded: {
      family: 6,
      priority: 100,
      table: 1000,
      from: mustPrefix('fd00::/64'),
      not: true,
      inputLink: 'lo',
      protocol: 80,
    },
  },
  {
    command: 'ip link add msl0 mtu 1400 address ee:ee:ee:ee:ee:ee type veth peer name eth7 mtu 1400',
    hex: '7800000010000506a513016b000000000000000000000000000000000000000008000400780500000a000100eeeeeeeeeeee0000090003006d736c30000000003800120008000100766574682c00020028000100000000000000000000000000000000000800040078050000090003006574683700000000',
    header: 16,
    request: createLinkRequest({
      kind: 'veth',
      name: 'msl0',
      mtu: 1400,
      mac: 'ee:ee:ee:ee:ee:ee',
      peer: { name: 'eth7', mtu: 1400 },
    }),
    decode: hex => decoding(decodeLink)(hex)?.kind,
    decoded: 'veth',
  },
  {
    command: 'ip link add vx type vxlan id 4096 dstport 4789 local 10.0.0.1 dev v0 nolearning',
    hex: '6400000010000506a513016b000000000000000000000000000000000000000007000300767800003c0012000900010076786c616e0000002c00020008000300030000000800010000100000080004000a000001050007000000000006000f0012b50000',
    header: 16,
    request: createLinkRequest({
      kind: 'vxlan',
      name: 'vx',
      vxlan: { vni: 4096, port: 4789, local: mustIp('10.0.0.1'), device: 3, learning: false },
    }),
    decode: hex => decoding(decodeLink)(hex)?.vxlan,
    decoded: { vni: 4096, port: 4789, local: mustIp('10.0.0.1'), device: 3, learning: false },
  },
  {
    command: 'ip link add br0 type bridge',
    hex: '3800000010000506a513016b00000000000000000000000000000000000000000800030062723000100012000a0001006272696467650000',
    header: 16,
    request: createLinkRequest({ kind: 'bridge', name: 'br0' }),
  },
  {
    command: 'ip link set v0 up mtu 1450',
    hex: '2800000010000500a513016b000000000000000003000000010000000100000008000400aa050000',
    header: 16,
    request: changeLinkRequest(3, { up: true, mtu: 1450 }),
  },
  {
    command: 'ip link del msl0',
    hex: '2000000011000500a513016b0000000000000000050000000000000000000000',
    header: 16,
    request: deleteLinkRequest(5),
  },
];

describe('requests are what iproute2 sends', () => {
  test.each(VECTORS)('$command', ({ hex, header, request }) => {
    expect(shapeOf(bytesOf(request), header)).toEqual(shapeOf(fromHex(hex), header));
  });
});

describe('recorded bytes decode to the value that makes them', () => {
  test.each(VECTORS.filter(({ decode }) => decode !== undefined))('$command', ({ hex, decode, decoded }) => {
    expect(decode?.(hex)).toEqual(decoded);
  });
});

test('a name beside an ifindex would rename, so a link is renamed by its index only', () => {
  expect(() => changeLinkRequest('v0', { name: 'v9' })).toThrow('rename a link by its ifindex');
});
