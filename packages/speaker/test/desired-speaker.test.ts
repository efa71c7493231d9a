import { formatIp, formatPrefix, mustIp } from '@muslin/net';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DesiredSpeaker, desiredSpeaker } from '../src/core/desired-speaker.ts';
import { keepLastGood } from '../src/core/last-good.ts';
import {
  claim,
  configuration,
  factsOf,
  filter,
  node,
  object,
  peer,
  pool,
  service,
  slice,
  storeOf,
} from './facts.ts';

const n1 = node('n1', ['10.0.0.1', 'fd00::1']);
const n2 = node('n2', ['10.0.0.2']);

function wanted(...objects: Parameters<typeof factsOf>): DesiredSpeaker {
  const made = desiredSpeaker(factsOf(...objects), 'n1');
  if (made === undefined) throw new Error('nothing is desired');
  return made;
}
const prefixes = (...objects: Parameters<typeof factsOf>) =>
  wanted(...objects).advertisements.map(({ prefix }) => formatPrefix(prefix));

describe('the speaker of a node', () => {
  test('waits until its Node is known and has an address', () => {
    expect(desiredSpeaker(factsOf(), 'n1')).toBeUndefined();
    expect(desiredSpeaker(factsOf(node('n1', [])), 'n1')).toBeUndefined();
  });

  test('is called by its IPv4 address, or by a number of its IPv6 address that is never 0', () => {
    expect(formatIp(wanted(n1).routerId)).toBe('10.0.0.1');
    const six = (ip: string) => wanted(node('n1', [ip])).routerId;
    expect(six('fd00::1')).toEqual(six('fd00::1'));
    expect(six('fd00::1')).not.toEqual(six('fd00::2'));
    expect(six('fd00::1').family).toBe(4);
    expect(six('fd00::1').bits).not.toBe(0);
  });

  test('has its AS number from the Node, then from its own configuration, then from the default', () => {
    const general = configuration({ asNumber: 64600 });
    const own = configuration({ asNumber: 64601 }, 'node.n1');
    expect(wanted(n1).asNumber).toBe(64512);
    expect(wanted(n1, general).asNumber).toBe(64600);
    expect(wanted(n1, general, own).asNumber).toBe(64601);
    expect(wanted(node('n1', ['10.0.0.1'], { as: 64602 }), general, own).asNumber).toBe(64602);
  });

  test('listens everywhere, or on its own addresses with bindMode NodeIP', () => {
    expect(wanted(n1).listen).toEqual({ ips: [mustIp('0.0.0.0'), mustIp('::')], port: 179 });
    expect(wanted(n1, configuration({ bindMode: 'NodeIP', listenPort: 1179 })).listen).toEqual({
      ips: [mustIp('10.0.0.1'), mustIp('fd00::1')],
      port: 1179,
    });
  });

  test('tells metrics as LOCAL_PREF, and uses them for what it learns', () => {
    const made = wanted(n1, claim('n1', '10.244.1.0/26'), configuration({ ipv4NormalRoutePriority: 500 }));
    expect(made.metrics).toEqual({ 4: 500, 6: 1024 });
    expect(made.advertisements).toMatchObject([{ localPref: 2_147_483_647 - 500 }]);
  });

  test('reads those Secrets that its own sessions need', () => {
    const password = (name: string) => ({ password: { secretKeyRef: { name, key: 'k' } } });
    const { passwords } = wanted(
      n1,
      configuration({ nodeMeshPassword: { secretKeyRef: { name: 'mesh', key: 'm' } } }),
      peer('a', { peerIP: '192.0.2.1', asNumber: 1, node: 'n1', ...password('mine') }),
      peer('b', { peerIP: '192.0.2.1', asNumber: 1, node: 'n2', ...password('theirs') }),
      peer('c', { peerSelector: 'all()', nodeSelector: 'has(x)', ...password('answering') }),
    );
    expect([...passwords]).toEqual([
      ['answering', ['k']],
      ['mesh', ['m']],
      ['mine', ['k']],
    ]);
  });
});

describe('a node tells', () => {
  test('blocks that it holds, not those of others', () => {
    expect(prefixes(n1, n2, claim('n1', '10.244.1.0/26'), claim('n2', '10.244.2.0/26'))).toEqual([
      '10.244.1.0/26',
    ]);
  });

  test.each([
    ['confirmed', 1],
    ['', 1],
    ['pending', 0],
    ['pendingDeletion', 0],
  ])('a block whose claim is "%s" %i times', (state, times) => {
    expect(prefixes(n1, claim('n1', '10.244.1.0/26', state))).toHaveLength(times);
  });

  test('no block of a virtual owner, and none that is being deleted', () => {
    const spec = { cidr: '10.244.1.0/26', node: 'n1', state: 'confirmed' };
    expect(prefixes(n1, object('BlockAffinity', 'a', { ...spec, type: 'virtual' }))).toEqual([]);
    expect(prefixes(n1, object('BlockAffinity', 'a', { ...spec, deleted: 'true' }))).toEqual([]);
    expect(prefixes(n1, object('BlockAffinity', 'a', { ...spec, deleted: true }))).toEqual([]);
    expect(
      prefixes(n1, object('BlockAffinity', 'a', { ...spec, type: 'host', deleted: false })),
    ).toHaveLength(1);
  });

  test('addresses that its pods have out of blocks of others, while they have them', () => {
    const attributes = [
      { secondary: { node: 'n1' } },
      { secondary: { node: 'n2' } },
      { secondary: { node: 'n1' }, releasedAt: '2026-01-01T00:00:00Z' },
    ];
    const block = (affinity: string) =>
      object('IPAMBlock', 'b', { cidr: '10.244.2.0/30', affinity, allocations: [1, 0, 2, null], attributes });
    expect(prefixes(n1, block('host:n2'))).toEqual(['10.244.2.1/32']);
    expect(prefixes(n1, block('host:n1'))).toEqual([]);
  });

  test('its podCIDRs where an annotation of the BGPConfiguration says so', () => {
    const ranges = { ...n1, spec: { podCIDRs: ['10.99.1.0/24', 'fd99:1::/64'] } };
    const said = (word: string, name = 'default') => ({
      ...configuration({}, name),
      metadata: { name, annotations: { 'muslin.dev/pod-cidrs': word } },
    });
    expect(prefixes(ranges)).toEqual([]);
    expect(prefixes(ranges, said('advertise'))).toEqual(['10.99.1.0/24', 'fd99:1::/64']);
    expect(prefixes(ranges, said('advertise'), said('keep', 'node.n1'))).toEqual([]);
    expect(prefixes(ranges, said('yes'))).toEqual([]);
  });
});

describe('of Services a node tells', () => {
  const cidrs = configuration({
    serviceClusterIPs: [{ cidr: '10.96.0.0/12' }],
    serviceExternalIPs: [{ cidr: '198.51.100.0/24' }],
    serviceLoadBalancerIPs: [{ cidr: '192.0.2.0/24' }],
  });
  const apart = configuration({
    serviceLoadBalancerIPs: [{ cidr: '192.0.2.0/24' }],
    serviceLoadBalancerAggregation: 'Disabled',
  });
  const web = (spec: object = {}) =>
    service('web', { type: 'LoadBalancer', clusterIP: '10.96.0.7', externalIPs: ['198.51.100.7'], ...spec }, [
      '192.0.2.7',
    ]);
  const local = web({ externalTrafficPolicy: 'Local' });
  const all = ['10.96.0.0/12', '192.0.2.0/24', '198.51.100.0/24'];
  const hosts = ['10.96.0.7/32', '192.0.2.7/32', '198.51.100.7/32'];

  test('the CIDRs, without a look at Services', () => {
    expect(prefixes(n1, cidrs)).toEqual(all);
    expect(prefixes(n1, cidrs, web(), slice('s', 'web', [{ node: 'n1' }]))).toEqual(all);
  });

  test('nothing when it is excluded from load balancing', () => {
    const excluded = node('n1', ['10.0.0.1'], {
      labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' },
    });
    expect(prefixes(excluded, cidrs, local, slice('s', 'web', [{ node: 'n1' }]))).toEqual([]);
  });

  test('with policy Local each address of its own, if it has an endpoint', () => {
    expect(prefixes(n1, cidrs, local, slice('s', 'web', [{ node: 'n1', ready: true }]))).toEqual(
      [...all, ...hosts].sort(),
    );
    expect(prefixes(n1, cidrs, local, slice('s', 'web', [{ node: 'n2', ready: true }]))).toEqual(all);
    expect(prefixes(n1, cidrs, local)).toEqual(all);
  });

  test('such an address while one endpoint of many slices is ready: one that is not takes nothing away', () => {
    const made = prefixes(
      ...[n1, cidrs, local],
      slice('a', 'web', [{ node: 'n1', ready: true }]),
      slice('b', 'web', [{ node: 'n1', ready: false }]),
    );
    expect(made).toContain('192.0.2.7/32');
  });

  test.each([
    [{ ready: false, serving: true }, true],
    [{ ready: false, serving: false }, false],
    [{ ready: false }, false],
    [{}, true],
  ])('with an endpoint of conditions %j: %s', (conditions, yes) => {
    const made = prefixes(n1, cidrs, local, slice('s', 'web', [{ node: 'n1', ...conditions }]));
    expect(made.includes('192.0.2.7/32')).toBe(yes);
  });

  test('without aggregation each load balancer address that some node can answer for', () => {
    expect(prefixes(n1, apart, web(), slice('s', 'web', [{ node: 'n2' }]))).toEqual(['192.0.2.7/32']);
    expect(prefixes(n1, apart, web(), slice('s', 'web', [{ node: 'n2', ready: false }]))).toEqual([]);
    expect(prefixes(n1, apart, web())).toEqual([]);
  });

  test('a CIDR of one address, unless a Service with policy Local has it and no endpoint is here', () => {
    const single = configuration({ serviceLoadBalancerIPs: [{ cidr: '192.0.2.7/32' }] });
    expect(prefixes(n1, single)).toEqual(['192.0.2.7/32']);
    expect(prefixes(n1, single, local, slice('s', 'web', [{ node: 'n2' }]))).toEqual([]);
    expect(prefixes(n1, single, local, slice('s', 'web', [{ node: 'n1' }]))).toEqual(['192.0.2.7/32']);
  });

  test('no address outside the CIDRs, and none of a Service without a load balancer', () => {
    const other = service('web', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }, ['203.0.113.7']);
    expect(prefixes(n1, cidrs, other, slice('s', 'web', [{ node: 'n1' }]))).toEqual(all);
    const plain = service('web', { type: 'ClusterIP', externalTrafficPolicy: 'Local' }, ['192.0.2.7']);
    expect(prefixes(n1, cidrs, plain, slice('s', 'web', [{ node: 'n1' }]))).toEqual(all);
  });
});

describe('what is desired', () => {
  const objects = [
    ...[n1, n2, node('n3', ['10.0.0.3'], { cluster: '244.0.0.1' })],
    configuration({ asNumber: 64600, serviceLoadBalancerIPs: [{ cidr: '192.0.2.0/24' }] }),
    configuration({ listenPort: 1179 }, 'node.n1'),
    configuration({ listenPort: 2179 }, 'node.n2'),
    peer('a', { peerIP: '192.0.2.1', asNumber: 65000, filters: ['f', 'gone'] }),
    peer('b', { peerIP: '192.0.2.1', asNumber: 65001 }),
    peer('c', { peerSelector: 'all()', nodeSelector: 'all()' }),
    filter('f', { exportV4: [{ action: 'Reject', matchOperator: 'In', cidr: '10.0.0.0/8' }] }),
    pool('p', { cidr: '10.244.0.0/16' }),
    pool('q', { cidr: '10.245.0.0/16', disableBGPExport: true }),
    claim('n1', '10.244.1.0/26'),
    claim('n1', '10.244.0.0/26'),
    service('web', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }, ['192.0.2.7']),
    slice('s1', 'web', [{ node: 'n1' }]),
    slice('s2', 'web', [{ node: 'n2', ready: false }]),
  ];
  const text = (made: DesiredSpeaker | undefined) =>
    JSON.stringify({
      ...made,
      peers: [...(made?.peers ?? [])].sort(),
      passwords: [...(made?.passwords ?? [])],
    });

  test('does not depend on the order of objects, nor on repeats and comings and goings', () => {
    const right = text(desiredSpeaker(factsOf(...objects), 'n1'));
    const steps = fc.array(fc.record({ at: fc.nat(objects.length - 1), gone: fc.boolean() }), {
      maxLength: 30,
    });
    const shuffled = fc.shuffledSubarray(objects, { minLength: objects.length });
    fc.assert(
      fc.property(steps, shuffled, (before, order) => {
        const store = storeOf([]);
        for (const { at, gone } of before) store.set(objects[at] as (typeof objects)[number], gone);
        for (const each of order) store.set(each, false);
        expect(text(desiredSpeaker(store.facts, 'n1'))).toBe(right);
      }),
    );
  });

  test('keeps the policies that a session had when a filter that it names goes', () => {
    const store = storeOf([
      n1,
      peer('a', { peerIP: '192.0.2.1', asNumber: 65000, filters: ['f'] }),
      filter('f', {}),
    ]);
    const good = desiredSpeaker(store.facts, 'n1')?.peers ?? new Map();
    store.set(filter('f', {}), true);
    const closed = desiredSpeaker(store.facts, 'n1')?.peers ?? new Map();
    expect(closed.get('192.0.2.1')?.config.exportPolicy.otherwise).toBe('reject');
    expect(closed.get('192.0.2.1')?.config.exportPolicy.rules).toEqual([]);
    const kept = keepLastGood(closed, good);
    expect(kept.get('192.0.2.1')?.config.exportPolicy).toEqual(good.get('192.0.2.1')?.config.exportPolicy);
    expect(keepLastGood(kept, kept)).toEqual(kept);
    expect(keepLastGood(closed, new Map())).toEqual(closed);
  });
});
