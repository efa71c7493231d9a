import type { PeerView } from '@muslin/bgp';
import { mustIp, mustPrefix, type Ip6 } from '@muslin/net';
import { expect, test } from 'vitest';
import type { DesiredSpeaker } from '../src/core/desired-speaker.ts';
import { routerAdvertisement } from '../src/router-advertisements.ts';
import { routerOn } from '../src/routers.ts';
import { Strangers } from '../src/strangers.ts';

const desired = {
  ranges: [{ cidr: mustPrefix('192.0.2.0/24'), most: 2, policy: 'racks', passwordKey: undefined }],
  unnumbered: ['up0'],
} as unknown as DesiredSpeaker;
const view = (id: string, about: Partial<PeerView>) =>
  ({ id, state: 'Idle', since: 0, families: [], ...about }) as unknown as PeerView;

test('strangers are admitted from a range up to its limit, and nowhere else', () => {
  const lines: string[] = [];
  const strangers = new Strangers(line => lines.push(line));
  const calls = (ip: string) => strangers.admit(desired, mustIp(ip), undefined);
  expect(['192.0.2.1', '198.51.100.1', '192.0.2.2', '192.0.2.3'].map(calls)).toEqual([
    true,
    false,
    true,
    false,
  ]);
  expect([...strangers.heard.callers.keys()]).toEqual(['192.0.2.1', '192.0.2.2']);
  expect(lines).toEqual([
    '192.0.2.3 calls from 192.0.2.0/24, where 2 are up already (BGPPeerPolicy racks): refused',
  ]);
});

test('a caller is forgotten when it is down for long and none of its routes is kept', () => {
  const strangers = new Strangers(() => {});
  for (const ip of ['192.0.2.1', '192.0.2.2']) strangers.admit(desired, mustIp(ip), undefined);
  const kept = [{ received: 3 }] as unknown as PeerView['families'];
  const peers = [view('192.0.2.1', { families: kept }), view('192.0.2.2', { state: 'Established' })];
  expect(strangers.forget(peers, 600_000)).toBe(false);
  const fallen = [view('192.0.2.1', {}), view('192.0.2.2', { since: 590_000 })];
  expect(strangers.forget(fallen, 600_000)).toBe(true);
  expect([...strangers.heard.callers.keys()]).toEqual(['192.0.2.2']);
  expect(strangers.admit(desired, mustIp('192.0.2.3'), undefined)).toBe(true);
});

test('a call over an interface without numbers tells who its router is', () => {
  const strangers = new Strangers(() => {});
  expect(strangers.admit(desired, mustIp('fe80::1'), 'eth9')).toBe(false);
  expect(strangers.admit(desired, mustIp('fe80::1'), 'up0')).toBe(true);
  expect(strangers.router('up0', mustIp('fe80::1') as Ip6)).toBe(false);
  expect(strangers.router('up0', mustIp('fe80::2') as Ip6)).toBe(true);
  expect(strangers.heard.routers.get('up0')).toEqual(mustIp('fe80::2'));
});

test('the router of a link is a neighbour that advertised itself, and stays the same while it is there', () => {
  const entry = (link: number, ip: string, router = true) => ({
    kind: 'neighbour' as const,
    link,
    ip: mustIp(ip),
    mac: '02:00:00:00:00:01',
    permanent: false,
    ...(router ? { router: true as const } : {}),
  });
  const table = [
    entry(3, 'fe80::7'),
    entry(2, 'fe80::5', false),
    entry(2, 'fd00::1'),
    entry(2, 'fe80::1'),
    entry(2, 'fe80::2'),
  ];
  expect(routerOn(table, 2, undefined)).toEqual(mustIp('fe80::1'));
  expect(routerOn(table, 2, mustIp('fe80::2') as Ip6)).toEqual(mustIp('fe80::2'));
  expect(routerOn(table, 4, undefined)).toBeUndefined();
});

test('an advertisement is for no traffic: lifetime 0, with the link-layer address (RFC 4861 §4.2)', () => {
  const bytes = routerAdvertisement('02:00:00:00:ab:cd');
  expect([...bytes.subarray(0, 8)]).toEqual([134, 0, 0, 0, 0, 0, 0, 0]);
  expect([...bytes.subarray(16)]).toEqual([1, 1, 2, 0, 0, 0, 0xab, 0xcd]);
  expect(routerAdvertisement(undefined)).toHaveLength(16);
});
