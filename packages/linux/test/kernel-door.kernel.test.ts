import {
  ipsetOf,
  planOf,
  planRoutes,
  planSets,
  type Route,
  ROUTE_PROTOCOL_MUSLIN,
  TABLE_MAIN,
  type TablePlan,
} from '@muslin/dataplane';
import { openKernel } from '@muslin/linux';
import { mustIp, mustPrefix } from '@muslin/net';
import { afterAll, describe, expect, test } from 'vitest';
import { faultOf, join, must, rooms } from './sandbox.ts';

const [[node, other], close] = rooms(2);
join(node, other);
afterAll(close);

const route = (destination: string): Route => ({
  destination: mustPrefix(destination),
  kind: 'unicast',
  gateway: mustIp('10.0.0.2'),
  interfaceName: 'v0',
  scope: 'universe',
  protocol: ROUTE_PROTOCOL_MUSLIN,
  metric: 0,
  table: TABLE_MAIN,
});

describe.each(['nft', 'legacy'] as const)('a plan of sets, rules and routes (%s)', backend => {
  const kernel = must(openKernel({ backend, namespace: node.namespace }));
  afterAll(() => kernel.close());
  const set = ipsetOf('pods', { kind: 'net', members: new Set(['10.1.0.0/24']) }, 4);
  const chain = (name: string, text: string): TablePlan => ({
    family: 4,
    table: 'filter',
    rewrite: [{ name, hash: '', rules: [{ hash: '', text }] }],
    hooks: [],
    remove: [],
  });

  test('is performed in order: the rule finds its set, and the set goes only after the rule', async () => {
    const rule = `-m set --match-set ${set.name} src -j ACCEPT`;
    must(
      await kernel.apply(
        planOf({
          sets: planSets(new Map([[set.name, set]]), new Map()),
          tables: [chain('msl-x', rule)],
          routes: planRoutes([route('10.1.0.0/24')], [], ROUTE_PROTOCOL_MUSLIN),
        }),
      ),
    );
    expect(node.run(`iptables-${backend}`, '-S', 'msl-x')).toContain(rule);
    expect(node.run('ip', 'route', 'show', '10.1.0.0/24')).toContain('proto 109');
    const actual = { sets: must(await kernel.sets.read()), routes: must(await kernel.routes.read()) };
    must(
      await kernel.apply(
        planOf({
          sets: planSets(new Map(), actual.sets),
          tables: [{ ...chain('', ''), rewrite: [], remove: ['msl-x'] }],
          routes: planRoutes([], actual.routes, ROUTE_PROTOCOL_MUSLIN),
        }),
      ),
    );
    expect(must(await kernel.sets.read()).size).toBe(0);
    expect(must(await kernel.tables[4].read('filter'))).not.toContain('msl-x');
    expect(node.run('ip', 'route', 'show', 'proto', '109')).toBe('');
  });

  test('stops at the first fault, and the fault names its step', async () => {
    const plan = planOf({
      tables: [chain('msl-x', '-m set --match-set msl4-nosuchset src -j ACCEPT')],
      routes: planRoutes([route('10.2.0.0/24')], [], ROUTE_PROTOCOL_MUSLIN),
    });
    expect(faultOf(await kernel.apply(plan))).toMatchObject({ code: 'refused', op: { kind: 'iptables' } });
    expect(node.run('ip', 'route', 'show', 'proto', '109')).toBe('');
  });
});
