import { applyPolicy, type PathAttributes, type PolicyRoute } from '@muslin/bgp';
import { ROUTE_PROTOCOL_BGP, type Route } from '@muslin/dataplane';
import { mustIp, mustPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { exportPolicy, importPolicy, localPrefOf } from '../src/core/export-policy.ts';
import { linkWays } from '../src/core/link-way.ts';
import { configuration, factsOf, filter, node, pool } from './facts.ts';

const n1 = node('n1', ['10.0.0.1']);
const pods = pool('pods', { cidr: '10.244.0.0/16' });
const pods6 = pool('pods6', { cidr: 'fd00:244::/48' });

function route(prefix: string, about: Partial<PolicyRoute> = {}): PolicyRoute {
  const attributes: PathAttributes = { origin: 'igp', asPath: [], ...about.attributes };
  return { prefix: mustPrefix(prefix), source: 'own', peerType: 'ebgp', ...about, attributes };
}

function told(
  objects: Parameters<typeof factsOf>,
  prefix: string,
  about: Partial<PolicyRoute> = {},
  filters: string[] = [],
) {
  return applyPolicy(exportPolicy(factsOf(...objects), 'n1', filters), route(prefix, about));
}

test('a metric is told as Calico tells it: 1024 is LOCAL_PREF 2147482623', () => {
  expect(localPrefOf(1024)).toBe(2_147_482_623);
});

describe('without filters, a node tells', () => {
  const remote = { source: 'remote' } as const;

  test('its own routes, with no MED', () => {
    const { accepted, attributes } = told([n1, pods], '10.244.1.0/26');
    expect(accepted).toBe(true);
    expect(attributes.med).toBeUndefined();
  });

  test('its own routes outside all pools, such as those to Services', () => {
    expect(told([n1, pods], '10.96.0.0/12').accepted).toBe(true);
  });

  test('what it learned inside a pool, to other ASes as second choice (docs/decisions/0005)', () => {
    expect(told([n1, pods], '10.244.2.0/26', remote)).toMatchObject({
      accepted: true,
      attributes: { med: 100 },
    });
    expect(told([n1, pods6], 'fd00:244:0:1::/64', remote).attributes.med).toBe(100);
    const inside = told([n1, pods], '10.244.2.0/26', { ...remote, peerType: 'ibgp' });
    expect(inside.accepted).toBe(true);
    expect(inside.attributes.med).toBeUndefined();
  });

  test('nothing else that it learned', () => {
    expect(told([n1, pods], '0.0.0.0/0', remote).accepted).toBe(false);
    expect(told([n1, pods], '10.0.0.0/8', remote).accepted).toBe(false);
    expect(
      told([n1, pool('pods', { cidr: '10.244.0.0/16', disabled: true })], '10.244.2.0/26', remote).accepted,
    ).toBe(false);
  });

  test('nothing of a pool with disableBGPExport, be it its own', () => {
    const silent = pool('silent', { cidr: '10.245.0.0/16', disableBGPExport: true });
    expect(told([n1, pods, silent], '10.245.1.0/26').accepted).toBe(false);
    expect(told([n1, pods, silent], '10.245.1.0/26', remote).accepted).toBe(false);
    expect(told([n1, pods, silent], '10.244.1.0/26').accepted).toBe(true);
  });

  test('as a route reflector also what is inside external and load balancer CIDRs', () => {
    const services = configuration({
      serviceLoadBalancerIPs: [{ cidr: '192.0.2.0/24' }],
      serviceClusterIPs: [{ cidr: '10.96.0.0/12' }],
    });
    const reflector = node('n1', ['10.0.0.1'], { cluster: '244.0.0.1' });
    expect(told([n1, services], '192.0.2.7/32', remote).accepted).toBe(false);
    expect(told([reflector, services], '192.0.2.7/32', remote).accepted).toBe(true);
    expect(told([reflector, services], '10.96.0.7/32', remote).accepted).toBe(false);
  });
});

describe('communities of prefixAdvertisements', () => {
  const marked = configuration({
    communities: [{ name: 'blue', value: '65000:7' }],
    prefixAdvertisements: [{ cidr: '10.244.0.0/16', communities: ['blue', '1:2:3'] }],
  });

  test('go on every route inside the prefix, standard and large', () => {
    const { accepted, attributes } = told([n1, pods, marked], '10.244.1.0/26');
    expect(accepted).toBe(true);
    expect(attributes.communities).toEqual([65000 * 65536 + 7]);
    expect(attributes.largeCommunities).toEqual([[1, 2, 3]]);
    expect(told([n1, pods, marked], '10.244.2.0/26', { source: 'remote' }).attributes).toMatchObject({
      communities: [65000 * 65536 + 7],
      med: 100,
    });
  });

  test('go on no other route', () => {
    expect(told([n1, pods, marked], '10.96.0.0/12').attributes.communities).toBeUndefined();
  });
});

describe('a BGPFilter', () => {
  const f = (rules: object) => filter('f', rules);
  const silent = pool('silent', { cidr: '10.245.0.0/16', disableBGPExport: true });

  test('comes first: its Accept overrides disableBGPExport, its Reject our own routes', () => {
    const accept = f({ exportV4: [{ action: 'Accept', matchOperator: 'In', cidr: '10.245.0.0/16' }] });
    expect(told([n1, silent, accept], '10.245.1.0/26', {}, ['f']).accepted).toBe(true);
    const reject = f({ exportV4: [{ action: 'Reject', matchOperator: 'In', cidr: '10.244.0.0/16' }] });
    expect(told([n1, pods, reject], '10.244.1.0/26', {}, ['f']).accepted).toBe(false);
    expect(told([n1, pods, reject], '10.244.1.0/26').accepted).toBe(true);
  });

  test('is asked in the order of the names', () => {
    const a = filter('a', { exportV4: [{ action: 'Accept' }] });
    const b = filter('b', { exportV4: [{ action: 'Reject' }] });
    expect(told([n1, a, b], '10.244.1.0/26', {}, ['a', 'b']).accepted).toBe(true);
    expect(told([n1, a, b], '10.244.1.0/26', {}, ['b', 'a']).accepted).toBe(false);
  });

  test('for IPv4 says nothing about IPv6, and the other way round', () => {
    const v4 = f({ exportV4: [{ action: 'Reject' }] });
    expect(told([n1, v4], 'fd00:244::/122', {}, ['f']).accepted).toBe(true);
    const v6 = f({ exportV6: [{ action: 'Reject' }] });
    expect(told([n1, v6], '10.244.1.0/26', {}, ['f']).accepted).toBe(true);
    expect(told([n1, v6], 'fd00:244::/122', {}, ['f']).accepted).toBe(false);
  });

  test.each([
    [{ cidr: '10.1.0.0/16', matchOperator: 'Equal' }, '10.1.0.0/16', '10.1.1.0/24'],
    [{ cidr: '10.1.0.0/16', matchOperator: 'NotEqual' }, '10.1.1.0/24', '10.1.0.0/16'],
    [{ cidr: '10.1.0.0/16', matchOperator: 'In' }, '10.1.1.0/24', '10.2.0.0/16'],
    [{ cidr: '10.1.0.0/16', matchOperator: 'NotIn' }, '10.2.0.0/16', '10.1.1.0/24'],
    [{ cidr: '10.1.0.0/16', matchOperator: 'In', prefixLength: { min: 24 } }, '10.1.1.0/24', '10.1.0.0/23'],
    [{ cidr: '10.1.0.0/16', matchOperator: 'In', prefixLength: { max: 24 } }, '10.1.1.0/24', '10.1.1.0/25'],
  ])('with %j matches %s and not %s', (match, yes, no) => {
    const objects: Parameters<typeof factsOf> = [n1, f({ exportV4: [{ action: 'Reject', ...match }] })];
    expect(told(objects, yes, {}, ['f']).accepted).toBe(false);
    expect(told(objects, no, {}, ['f']).accepted).toBe(true);
  });

  const matching = (rule: object, about: Partial<PolicyRoute>) =>
    !told([n1, pods, f({ exportV4: [{ action: 'Reject', ...rule }] })], '10.244.1.0/26', about, ['f'])
      .accepted;

  test('matches by source, kind of session, community and start of the AS path', () => {
    expect(matching({ source: 'RemotePeers' }, { source: 'remote' })).toBe(true);
    expect(matching({ source: 'RemotePeers' }, {})).toBe(false);
    expect(matching({ peerType: 'eBGP' }, { peerType: 'ebgp' })).toBe(true);
    expect(matching({ peerType: 'iBGP' }, { peerType: 'ebgp' })).toBe(false);
    const community = { communities: { values: ['65000:7'] } };
    expect(matching(community, { attributes: { communities: [65000 * 65536 + 7] } })).toBe(true);
    expect(matching(community, { attributes: { communities: [1] } })).toBe(false);
    const large = { communities: { values: ['1:2:3'] } };
    expect(matching(large, { attributes: { largeCommunities: [[1, 2, 3]] } })).toBe(true);
    const path = { asPath: [{ kind: 'sequence', asNumbers: [65001, 65002] }] } as const;
    expect(matching({ asPathPrefix: [65001] }, { attributes: path })).toBe(true);
    expect(matching({ asPathPrefix: [65002] }, { attributes: path })).toBe(false);
  });

  test('matches by the interface that leads to the next hop, told by the narrowest way of the kernel', () => {
    const way = (to: string, more: Partial<Route>): Route => ({
      ...{
        destination: mustPrefix(to),
        kind: 'unicast',
        scope: 'universe',
        protocol: 2,
        metric: 0,
        table: 254,
      },
      ...more,
    });
    const links = linkWays([
      way('0.0.0.0/0', { gateway: mustIp('192.0.2.1'), interfaceName: 'eth0' }),
      way('192.0.2.0/24', { interfaceName: 'eth0' }),
      way('198.51.100.0/24', { interfaceName: 'bond1.7' }),
      way('198.51.100.9/32', { gateway: mustIp('192.0.2.1'), interfaceName: 'eth0' }),
      way('10.244.1.7/32', { interfaceName: 'msl0' }),
      way('203.0.113.0/24', { interfaceName: 'bgp9', protocol: ROUTE_PROTOCOL_BGP }),
    ]);
    expect(links.map(({ interfaceName }) => interfaceName)).toEqual(['eth0', 'eth0', 'bond1.7', 'eth0']);
    const taken = (pattern: string, hop: string | undefined, own?: string) => {
      const facts = { ...factsOf(n1, f({ importV4: [{ action: 'Reject', interface: pattern }] })), links };
      const attributes = hop === undefined ? {} : { nextHop: { ip: mustIp(hop) } };
      return applyPolicy(
        importPolicy(facts, ['f'], own),
        route('0.0.0.0/0', { source: 'remote', attributes }),
      ).accepted;
    };
    expect(taken('eth*', '192.0.2.9')).toBe(false);
    expect(taken('bond1.7', '198.51.100.8')).toBe(false);
    expect(taken('bond1?7', '198.51.100.8')).toBe(true);
    expect(taken('bond*', '198.51.100.9')).toBe(true);
    expect(taken('*', '2001:db8::1')).toBe(true);
    expect(taken('*', undefined)).toBe(true);
    expect(taken('up*', 'fe80::1', 'up0')).toBe(false);
    expect(taken('eth*', 'fe80::1', 'up0')).toBe(true);
    // Our own routes have none, as blackholes of BIRD have none.
    expect(matching({ interface: '*' }, {})).toBe(false);
  });

  test('that asks for a metric matches the LOCAL_PREF that stands for it in the cluster, and no other', () => {
    const localPref = 2_147_483_647 - 512;
    expect(matching({ priority: 512 }, { attributes: { localPref } })).toBe(true);
    expect(matching({ priority: 512 }, { attributes: { localPref: localPref - 1 } })).toBe(false);
    expect(matching({ priority: 512 }, {})).toBe(false);
  });

  test('adds communities, prepends and sets the metric', () => {
    const operations = [
      { addCommunity: { value: '65000:1' } },
      { prependASPath: { prefix: [65001, 65002] } },
      { setPriority: { value: 512 } },
    ];
    const rule = { action: 'Accept', operations };
    const { attributes } = told([n1, f({ exportV4: [rule] })], '10.244.1.0/26', {}, ['f']);
    expect(attributes).toMatchObject({
      communities: [65000 * 65536 + 1],
      asPath: [{ kind: 'sequence', asNumbers: [65001, 65002] }],
      localPref: 2_147_483_647 - 512,
    });
  });

  test('on import decides alone; what it does not reject is taken', () => {
    const facts = factsOf(
      n1,
      f({ importV4: [{ action: 'Reject', matchOperator: 'Equal', cidr: '0.0.0.0/0' }] }),
    );
    const policy = importPolicy(facts, ['f']);
    expect(applyPolicy(policy, route('0.0.0.0/0', { source: 'remote' })).accepted).toBe(false);
    expect(applyPolicy(policy, route('192.0.2.0/24', { source: 'remote' })).accepted).toBe(true);
    expect(importPolicy(facts, [])).toEqual({ rules: [], otherwise: 'accept' });
  });
});
