import { mustIp, mustPrefix, prefix } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  blackholeRoute,
  isEmptyRoutePlan,
  planRoutes,
  type Route,
  ROUTE_PROTOCOL_BGP,
  ROUTE_PROTOCOL_MUSLIN,
  routeKey,
  routeText,
  sameRoute,
  workloadInterfaceName,
  workloadRoute,
} from '../src/index.ts';

const OWNER = ROUTE_PROTOCOL_MUSLIN;

describe('routes', () => {
  it('read like ip-route(8)', () => {
    expect(routeText(workloadRoute(mustIp('10.0.0.1'), 'msl1'))).toBe(
      'unicast 10.0.0.1/32 dev msl1 table 254 proto 109 scope link metric 0',
    );
    expect(routeText(blackholeRoute(mustPrefix('10.0.0.0/26')))).toBe(
      'blackhole 10.0.0.0/26 table 254 proto 109 scope universe metric 0',
    );
    expect(routeText(workloadRoute(mustIp('fd00::1'), 'msl1'))).toBe(
      'unicast fd00::1/128 dev msl1 table 254 proto 109 metric 1024',
    );
  });
  it('are the same whatever the order of next hops, weight 1 and IPv6 metric 0 as the kernel shows them', () => {
    const hops = [
      { gateway: mustIp('fe80::1'), interfaceName: 'a' },
      { gateway: mustIp('fe80::2'), interfaceName: 'b', weight: 1 },
    ];
    const base: Route = { ...blackholeRoute(mustPrefix('fd00::/64')), kind: 'unicast', nextHops: hops };
    expect(
      sameRoute(base, {
        ...base,
        metric: 1024,
        scope: 'link',
        nextHops: [
          { ...hops[1], weight: 1 },
          { ...hops[0], weight: 1 },
        ] as const,
      }),
    ).toBe(true);
    expect(sameRoute(base, { ...base, nextHops: [{ ...hops[0], weight: 2 }, { ...hops[1] }] as const })).toBe(
      false,
    );
  });
});

describe('planRoutes', () => {
  const pod = workloadRoute(mustIp('10.0.0.1'), 'msl1');
  it('adds, replaces in place and removes, only what has the owner’s protocol number', () => {
    const moved = workloadRoute(mustIp('10.0.0.1'), 'msl2');
    const gone = workloadRoute(mustIp('10.0.0.2'), 'msl3');
    const bgp: Route = { ...blackholeRoute(mustPrefix('10.1.0.0/26')), protocol: ROUTE_PROTOCOL_BGP };
    const block = blackholeRoute(mustPrefix('10.0.0.0/26'));
    expect(planRoutes([moved, block], [pod, gone, bgp], OWNER)).toEqual({
      add: [block],
      replace: [moved],
      remove: [gone],
      conflicts: [],
    });
  });
  it('reports a route of another owner in the way, and leaves it', () => {
    const holder: Route = { ...pod, protocol: 4 };
    const plan = planRoutes([pod], [holder], OWNER);
    expect(isEmptyRoutePlan(plan)).toBe(true);
    expect(plan.conflicts[0]?.message).toBe(
      '10.0.0.1/32 (table 254, metric 0) is held by a route of protocol 4; remove that route or change its metric',
    );
  });
  it('removes routes of others by interfaces where nobody else may have any, but the kernel’s own', () => {
    const route = (text: string, interfaceName: string, protocol: number): Route => ({
      ...workloadRoute(mustIp('10.0.0.1'), interfaceName),
      ...{ destination: mustPrefix(text), protocol },
    });
    const there = [
      route('10.1.0.0/24', 'msl1', 3),
      route('10.2.0.0/24', 'msl1', 2),
      route('10.3.0.0/24', 'eth0', 3),
    ];
    const remove = (alone?: ReadonlySet<string>) => planRoutes([], there, OWNER, alone).remove;
    expect(remove(new Set(['msl1']))).toEqual([there[0]]);
    expect(remove()).toEqual([]);
  });
  it('leads from any routes to any others', () => {
    const route = fc
      .record({
        ip: fc.nat(3),
        length: fc.constantFrom(30, 32),
        metric: fc.nat(1),
        kind: fc.constantFrom('unicast', 'blackhole'),
        dev: fc.constantFrom('a', 'b'),
        protocol: fc.constantFrom(OWNER, OWNER, 186),
      })
      .map(
        ({ ip, length, dev, ...rest }): Route => ({
          ...rest,
          destination: prefix(mustIp(`10.0.0.${ip}`), length),
          interfaceName: dev,
          scope: 'link',
          table: 254,
        }),
      );
    const table = fc
      .array(route, { maxLength: 6 })
      .map(list => [...new Map(list.map(r => [routeKey(r), r])).values()]);
    fc.assert(
      fc.property(table, table, (want, actual) => {
        const desired = want.map(r => ({ ...r, protocol: OWNER }));
        const plan = planRoutes(desired, actual, OWNER);
        const after = new Map(actual.map(r => [routeKey(r), r]));
        for (const r of plan.remove) after.delete(routeKey(r));
        for (const r of [...plan.replace, ...plan.add]) after.set(routeKey(r), r);
        expect(isEmptyRoutePlan(planRoutes(desired, after.values(), OWNER))).toBe(true);
        for (const r of actual) if (r.protocol !== OWNER) expect(after.get(routeKey(r))).toBe(r);
      }),
    );
  });
});

describe('links of pods', () => {
  it('are named by SHA-1 of namespace.pod', () => {
    // $ printf default.web-0 | sha1sum
    expect(workloadInterfaceName('default', 'web-0')).toBe('msl0d7763386da');
    expect(workloadInterfaceName('default', 'web-0', 'cali')).toHaveLength(15);
    expect(() => workloadInterfaceName('a', 'b', 'toolong')).toThrow(/longer/);
  });
});
