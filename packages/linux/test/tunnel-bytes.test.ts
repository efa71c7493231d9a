import type { WireguardPeerOp } from '@muslin/dataplane';
import { mustIp, mustPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { findFamilyRequest } from '../src/genetlink/generic-family.ts';
import { decodeFeatures, setFeatureRequest } from '../src/genetlink/link-features.ts';
import {
  decodeWireguard,
  getWireguardRequest,
  joinWireguard,
  partsOf,
  setWireguardRequest,
} from '../src/genetlink/wireguard.ts';
import { readMessages } from '../src/netlink/message-reader.ts';
import { createLinkRequest, decodeLink } from '../src/rtnetlink/links.ts';
import { bytesOf, fromHex, shapeOf } from './wire-shape.ts';

const messageOf = (bytes: Uint8Array) => [...readMessages(bytes)][0] ?? expect.fail('no message');
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** iproute2 6.1, `ip link add ipip1 mtu 1480 type ipip local 192.0.2.1 ttl 64 pmtudisc`. */
const IPIP =
  '9c00000010000506974d016b00000000000000000000000000000000000000000800' +
  '0400c80500000a0003006970697031000000680012000800010069706970' +
  '5c000200050009000000000008000200c00002010500' +
  '0a0001000000050005000000000005000400400000000800010000000000' +
  '080014000000000006000f00000000000600100000000000' +
  '06001100000000000600120000000000';
/** iproute2 6.1, `ip link add wg9 mtu 1440 type wireguard`. */
const WIREGUARD =
  '4400000010000506974d016b0000000000000000000000000000000000000000' +
  '08000400a005000008000300776739001400120' +
  '00d000100776972656775617264000000';

describe('IP in IP', () => {
  test('is read from what ip sends', () => {
    expect(decodeLink(messageOf(fromHex(IPIP)))).toMatchObject({
      name: 'ipip1',
      mtu: 1480,
      kind: 'ipip',
      ipip: { local: mustIp('192.0.2.1'), ttl: 64, pathMtuDiscovery: true },
    });
  });

  test('is asked for by nothing that ip would not say', () => {
    const ours = bytesOf(
      createLinkRequest({
        ...{ kind: 'ipip', name: 'ipip1', mtu: 1480 },
        ipip: { local: mustIp('192.0.2.1'), ttl: 64, pathMtuDiscovery: true },
      }),
    );
    expect(decodeLink(messageOf(ours))).toEqual(decodeLink(messageOf(fromHex(IPIP))));
    // IFLA_IPTUN_LOCAL, TTL, PMTUDISC, each as in the recording.
    for (const attribute of ['08000200c0000201', '0500040040000000', '05000a0001000000']) {
      expect(hex(ours)).toContain(attribute);
      expect(IPIP).toContain(attribute);
    }
  });
});

test('a WireGuard device is asked for as ip does', () => {
  const ours = createLinkRequest({ kind: 'wireguard', name: 'wg9', mtu: 1440 });
  expect(shapeOf(bytesOf(ours), 16)).toEqual(shapeOf(fromHex(WIREGUARD), 16));
});

describe('generic netlink, by the layout of its headers', () => {
  test('a family is found by its name (CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME)', () => {
    expect(shapeOf(bytesOf(findFamilyRequest('wireguard')), 4)).toEqual({
      ...{ type: 16, flags: 5, header: '03020000' },
      attributes: [`2=${hex(new TextEncoder().encode('wireguard\0'))}`],
    });
  });

  test('one offload is named without its value to turn it off, and with it to turn it on', () => {
    const name = hex(new TextEncoder().encode('tx-checksum-ip-generic\0'));
    const bits = (on: boolean) =>
      shapeOf(bytesOf(setFeatureRequest(21, 'vx', 'tx-checksum-ip-generic', on)), 4);
    expect(bits(false)).toEqual({
      ...{ type: 21, flags: 5, header: '0c010000' },
      attributes: ['8001=[2=767800]', `8003=[8003=[8001=[2=${name}]]]`],
    });
    expect(bits(true).attributes[1]).toBe(`8003=[8003=[8001=[2=${name} 3=]]]`);
  });

  test('offloads that are on are those that the answer lists under ACTIVE', () => {
    // Header, HW { BITS { BIT { NAME "b" } } }, ACTIVE { NOMASK, SIZE, BITS { BIT { INDEX, NAME "a" } } }.
    const bits = (name: string) => `18000380${'14000180'}${'0800010007000000'}${`06000200${name}000000`}`;
    const answer = `0b010000${`1c000280${bits('62')}`}${`28000480${'04000100'}${'0800020040000000'}${bits('61')}`}`;
    expect([...decodeFeatures(fromHex(answer))]).toEqual(['a']);
  });
});

/**
 * wireguard-tools 1.0.20210914, as it sends them to a kernel that gives `wireguard` the number 30. The kernel of this machine has
 * none, so a preloaded library answered its look-up and its requests.
 */
const WG = {
  /** `wg set wg.muslin private-key KEY listen-port 51820 fwmark 0x8000000 peer B endpoint 192.0.2.2:51820 persistent-keepalive 25 allowed-ips 10.0.2.0/24,10.0.2.7/32`. */
  device:
    'e40000001e000500d811026b00000000010100000e00020077672e6d75736c696e000000240003000000000000000000' +
    '000000000000000000000000000000000000000000000001060006006cca000008000700000000088c00088088000080' +
    '240001000410410410410410410410410410410410410410410410410410410410410411140004000200ca6cc0000202' +
    '0000000000000000060005001900000008000300020000003c0009801c0000800600010002000000080002000a000200' +
    '05000300180000001c0000800600010002000000080002000a0002070500030020000000',
  /** `wg set wg-v6.muslin listen-port 51821 peer B endpoint [2001:db8::2]:51821 persistent-keepalive 0 allowed-ips fd00:2::/64`. */
  overIpv6:
    'b80000001e000500d811026b00000000010100001100020077672d76362e6d75736c696e00000000060006006dca0000' +
    '880008808400008024000100041041041041041041041041041041041041041041041041041041041041041120000400' +
    '0a00ca6d0000000020010db800000000000000000000000200000000060005000000000008000300020000002c000980' +
    '28000080060001000a00000014000200fd0000020000000000000000000000000500030040000000',
  /** `wg set wg.muslin peer B remove`. */
  removal:
    '580000001e000500d811026b00000000010100000e00020077672e6d75736c696e000000340008803000008024000100' +
    '04104104104104104104104104104104104104104104104104104104104104110800030001000000',
  /** `wg showconf wg.muslin`. */
  question: '240000001e000503d811026b00000000000100000e00020077672e6d75736c696e000000',
};

describe('WireGuard, beside what wg sends', () => {
  const [a, b] = [`${'A'.repeat(42)}E=`, `${'B'.repeat(42)}E=`];
  const peer = (endpoint: string, port: number, keepAlive: number, ...allowed: readonly string[]) =>
    ({
      kind: 'put',
      peer: {
        ...{ publicKey: b, endpoint: { ip: mustIp(endpoint), port }, keepAlive },
        allowedIps: allowed.map(mustPrefix),
      },
    }) as const;
  test.each([
    [
      'a device with its key, port, mark and a peer',
      WG.device,
      setWireguardRequest(30, 'wg.muslin', {
        ...{ privateKey: a, port: 51_820, mark: 0x0800_0000 },
        peers: [peer('192.0.2.2', 51_820, 25, '10.0.2.0/24', '10.0.2.7/32')],
      }),
    ],
    [
      'a peer over IPv6',
      WG.overIpv6,
      setWireguardRequest(30, 'wg-v6.muslin', {
        ...{ port: 51_821, peers: [peer('2001:db8::2', 51_821, 0, 'fd00:2::/64')] },
      }),
    ],
    [
      'a peer that goes',
      WG.removal,
      setWireguardRequest(30, 'wg.muslin', { peers: [{ kind: 'remove', publicKey: b }] }),
    ],
  ])('%s', (_, recorded, ours) => {
    expect(shapeOf(bytesOf(ours), 4)).toEqual(shapeOf(fromHex(recorded), 4));
  });

  test('the question for a device', () => {
    const flags = 0x305;
    const ours = bytesOf(getWireguardRequest(30, 'wg.muslin'), flags);
    expect(shapeOf(ours, 4)).toEqual(shapeOf(fromHex(WG.question), 4));
  });

  test('is read as it was meant', () => {
    expect(decodeWireguard(messageOf(fromHex(WG.device)).payload)).toEqual({
      ...{ port: 51_820, mark: 0x0800_0000 },
      peers: [peer('192.0.2.2', 51_820, 25, '10.0.2.0/24', '10.0.2.7/32').peer],
    });
    expect(decodeWireguard(messageOf(fromHex(WG.overIpv6)).payload).peers).toEqual([
      peer('2001:db8::2', 51_821, 0, 'fd00:2::/64').peer,
    ]);
  });
});

describe('WireGuard, by the layout of uapi/linux/wireguard.h', () => {
  const [a, b] = [`${'A'.repeat(42)}E=`, `${'B'.repeat(42)}E=`];
  const keyHex = (key: string) => hex(new Uint8Array(Buffer.from(key, 'base64')));
  const put: WireguardPeerOp = {
    kind: 'put',
    peer: {
      publicKey: b,
      endpoint: { ip: mustIp('192.0.2.2'), port: 51_820 },
      allowedIps: [mustPrefix('10.0.2.0/24'), mustPrefix('fd00:2::/64')],
      keepAlive: 25,
    },
  };

  test('a device gets its key, port, mark and peers; a peer’s addresses replace those that it had', () => {
    const request = setWireguardRequest(30, 'wg', { privateKey: a, port: 51_820, mark: 8, peers: [put] });
    expect(shapeOf(bytesOf(request), 4)).toEqual({
      ...{ type: 30, flags: 5, header: '01010000' },
      attributes: [
        '2=776700',
        `3=${keyHex(a)}`,
        '6=6cca',
        '7=08000000',
        `8008=[8000=[1=${keyHex(b)} 3=02000000 4=0200ca6cc00002020000000000000000 5=1900 8009=[${[
          '8000=[1=0200 2=0a000200 3=18]',
          '8000=[1=0a00 2=fd000002000000000000000000000000 3=40]',
        ].join(' ')}]]]`,
      ],
    });
  });

  test('an IPv6 endpoint has flow and scope around its address (struct sockaddr_in6)', () => {
    const peer = { ...put.peer, endpoint: { ip: mustIp('2001:db8::2'), port: 1 }, allowedIps: [] };
    const [text] = shapeOf(
      bytesOf(setWireguardRequest(30, 'wg', { peers: [{ kind: 'put', peer }] })),
      4,
    ).attributes.slice(1);
    expect(text).toContain('4=0a0000010000000020010db8000000000000000000000002' + '00000000 ');
  });

  test('a peer goes by its key alone', () => {
    const request = setWireguardRequest(30, 'wg', { peers: [{ kind: 'remove', publicKey: b }] });
    expect(shapeOf(bytesOf(request), 4).attributes[1]).toBe(`8008=[8000=[1=${keyHex(b)} 3=01000000]]`);
  });

  test('what is written is read back, joined over the messages of one answer', () => {
    const sent = bytesOf(setWireguardRequest(30, 'wg', { port: 51_820, mark: 8, peers: [put] }));
    const first = decodeWireguard(messageOf(sent).payload);
    expect(first).toEqual({ port: 51_820, mark: 8, peers: [put.peer] });
    const more = { ...first, peers: [{ ...put.peer, allowedIps: [mustPrefix('10.0.9.0/24')] }] };
    expect(joinWireguard([first, more])?.peers).toEqual([
      { ...put.peer, allowedIps: [...put.peer.allowedIps, mustPrefix('10.0.9.0/24')] },
    ]);
    expect(joinWireguard([])).toBeUndefined();
  });

  test('many peers go in several messages, the device’s own settings in the first', () => {
    const parts = partsOf({ port: 1, peers: Array.from({ length: 400 }, () => put) });
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.map(part => part.port)).toEqual([1, ...parts.slice(1).map(() => undefined)]);
    expect(parts.flatMap(part => part.peers ?? [])).toHaveLength(400);
    expect(partsOf({ mark: 1 })).toEqual([{ mark: 1 }]);
    for (const part of parts)
      expect(bytesOf(setWireguardRequest(30, 'wg', part)).length).toBeLessThan(0xffff);
  });

  test('no byte string makes the reader throw', () => {
    const whole = messageOf(bytesOf(setWireguardRequest(30, 'wg', { port: 1, peers: [put] }))).payload;
    for (let length = 0; length <= whole.length; length++)
      expect(() => decodeWireguard(whole.subarray(0, length))).not.toThrow();
  });
});
