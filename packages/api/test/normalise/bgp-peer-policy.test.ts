import { readBgpPeerPolicy } from '@muslin/api';
import { formatPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';

const read = (spec: unknown) =>
  readBgpPeerPolicy({
    apiVersion: 'muslin.dev/v1alpha1',
    kind: 'BGPPeerPolicy',
    metadata: { name: 'x' },
    spec,
  });

describe('a BGPPeerPolicy', () => {
  test('says nothing where it says nothing', () => {
    const { value, findings } = read({ nodeMesh: true });
    expect(findings).toEqual([]);
    expect(value).toMatchObject({ order: 1000, nodeSelector: undefined, nodeMesh: true, interfaces: [] });
    expect(new Set(Object.values(value?.traits ?? {}))).toEqual(new Set([undefined]));
  });

  test('has defaults for what is begun', () => {
    const { value } = read({
      peerNames: ['tor'],
      bfd: {},
      prefixLimits: [{ family: 'IPv6', most: 10 }],
      listenRanges: [{ cidr: '192.0.2.0/24', remoteAS: 'External' }],
      interfaces: [{ name: 'eth0', asNumbers: [65001, 65002], filters: ['a'] }],
    });
    expect(value?.traits.bfd).toEqual({
      interval: 300,
      detectMultiplier: 3,
      multihop: false,
      minimumTtl: undefined,
    });
    expect(value?.traits.prefixLimits).toEqual([
      { family: 6, most: 10, action: 'TearDown', restartAfter: undefined },
    ]);
    const [range] = value?.listenRanges ?? [];
    expect(range && formatPrefix(range.cidr)).toBe('192.0.2.0/24');
    expect(range).toMatchObject({ most: 100, remoteAs: 'External', filters: [] });
    expect(value?.interfaces).toEqual([
      { interfaceName: 'eth0', remoteAs: [65001, 65002], password: undefined, filters: ['a'] },
    ]);
  });

  test.each<[string, unknown, string]>([
    ['about no session', { holdTimeSeconds: 9 }, 'spec.peerNames'],
    ['a hold time of two seconds', { nodeMesh: true, holdTimeSeconds: 2 }, 'spec.holdTimeSeconds'],
    [
      'keepalives that do not fit',
      { nodeMesh: true, holdTimeSeconds: 9, keepaliveTimeSeconds: 4 },
      'spec.keepaliveTimeSeconds',
    ],
    [
      'BFD faster than anybody can',
      { nodeMesh: true, bfd: { intervalMilliseconds: 1 } },
      'spec.bfd.intervalMilliseconds',
    ],
    ['a TTL on one link', { nodeMesh: true, bfd: { minimumTTL: 250 } }, 'spec.bfd.minimumTTL'],
    [
      'two limits for a family',
      {
        nodeMesh: true,
        prefixLimits: [
          { family: 'IPv4', most: 1 },
          { family: 'IPv4', most: 2 },
        ],
      },
      'spec.prefixLimits[1].family',
    ],
    [
      'a limit without a number',
      { nodeMesh: true, prefixLimits: [{ family: 'IPv4' }] },
      'spec.prefixLimits[0].most',
    ],
    [
      'a return after a warning',
      {
        nodeMesh: true,
        prefixLimits: [{ family: 'IPv4', most: 1, action: 'Warn', restartAfterSeconds: 5 }],
      },
      'spec.prefixLimits[0].restartAfterSeconds',
    ],
    [
      'a range of nobody in particular',
      { listenRanges: [{ cidr: '10.0.0.0/8' }] },
      'spec.listenRanges[0].asNumbers',
    ],
    ['a range of no place', { listenRanges: [{ remoteAS: 'External' }] }, 'spec.listenRanges[0].cidr'],
    [
      'an interface twice',
      {
        interfaces: [
          { name: 'eth0', remoteAS: 'External' },
          { name: 'eth0', remoteAS: 'Internal' },
        ],
      },
      'spec.interfaces[1].name',
    ],
    [
      'an address as interface',
      { interfaces: [{ name: 'fe80::1%eth0', remoteAS: 'External' }] },
      'spec.interfaces[0].name',
    ],
    ['strictness without a role', { nodeMesh: true, strictRole: true }, 'spec.strictRole'],
    [
      'a farewell of too many octets',
      { nodeMesh: true, shutdown: { message: 'ö'.repeat(128) } },
      'spec.shutdown.message',
    ],
    ['an unknown role', { nodeMesh: true, role: 'Boss' }, 'spec.role'],
  ])('%s is refused', (_, spec, path) => {
    const { value, findings } = read(spec);
    expect(value).toBeUndefined();
    expect(findings.map(finding => finding.path)).toContain(path);
  });
});
