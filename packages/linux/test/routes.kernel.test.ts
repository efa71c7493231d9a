import {
  isEmptyRoutePlan,
  planRoutes,
  type Route,
  ROUTE_PROTOCOL_BGP,
  ROUTE_PROTOCOL_MUSLIN,
  type RoutePlan,
  routeText,
  TABLE_MAIN,
} from '@muslin/dataplane';
import { changeLink, createLink, deleteLink, netlinkIn, RouteDriver, type RouteOp } from '@muslin/linux';
import { ip4, mustIp, mustPrefix, prefix } from '@muslin/net';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { faultOf, join, must, rooms } from './sandbox.ts';

const [[node, other], close] = rooms(2);
join(node, other);
const driver = must(RouteDriver.open(node.namespace));
const socket = must(netlinkIn(node.namespace));
afterAll(() => {
  driver.close();
  socket.close();
  close();
});

const route = (destination: string, rest: Partial<Route> = {}): Route => ({
  destination: mustPrefix(destination),
  kind: 'unicast',
  scope: 'universe',
  protocol: ROUTE_PROTOCOL_MUSLIN,
  metric: 0,
  table: TABLE_MAIN,
  ...rest,
});
const via = mustIp('10.0.0.2');
const via6 = mustIp('fd00::2');
const steps = ({ remove, replace, add }: RoutePlan): RouteOp[] => [
  ...remove.map(each => ({ kind: 'route', action: 'remove', route: each }) as const),
  ...replace.map(each => ({ kind: 'route', action: 'replace', route: each }) as const),
  ...add.map(each => ({ kind: 'route', action: 'add', route: each }) as const),
];
const read = async (table: number | 'all' = TABLE_MAIN) => must(await driver.read({ table }));

/** Makes the kernel hold exactly these routes of ours; what a second plan would do is the answer. */
async function settle(desired: readonly Route[]): Promise<RoutePlan> {
  must(await driver.apply(steps(planRoutes(desired, await read('all'), ROUTE_PROTOCOL_MUSLIN))));
  return planRoutes(desired, await read('all'), ROUTE_PROTOCOL_MUSLIN);
}

test('ten thousand routes cost less than a second of CPU, are all there, and read back as they were wanted', async () => {
  const desired = Array.from({ length: 10_000 }, (_, i) => ({
    ...route('10.1.0.0/24', { gateway: via, interfaceName: 'v0' }),
    destination: prefix(ip4(0x0a010000 + (i << 8)), 24),
  }));
  const before = process.cpuUsage();
  expect(isEmptyRoutePlan(await settle(desired))).toBe(true);
  const { user, system } = process.cpuUsage(before);
  expect(user + system).toBeLessThan(1_000_000);
  expect(node.run('ip', 'route', 'show', 'proto', '109').trim().split('\n')).toHaveLength(10_000);
  expect(isEmptyRoutePlan(await settle([]))).toBe(true);
  expect(node.run('ip', 'route', 'show', 'proto', '109')).toBe('');
});

const KINDS: readonly Route[] = [
  route('10.2.0.1/32', { interfaceName: 'v0', scope: 'link' }),
  route('10.2.0.2/32', { gateway: via, interfaceName: 'v0', source: mustIp('10.0.0.1'), metric: 512 }),
  route('10.2.0.2/32', { gateway: via, interfaceName: 'v0' }),
  route('10.2.0.3/32', { gateway: mustIp('192.0.2.1'), interfaceName: 'v0', onlink: true }),
  route('10.2.1.0/26', { kind: 'blackhole' }),
  route('10.2.2.0/24', { kind: 'unreachable' }),
  route('10.2.3.0/24', { kind: 'prohibit', table: 1000 }),
  route('10.2.4.0/24', { kind: 'throw', table: 7 }),
  route('10.2.5.0/24', {
    nextHops: [
      { gateway: via, interfaceName: 'v0', weight: 2 },
      { gateway: mustIp('10.0.0.3'), interfaceName: 'v0' },
    ],
  }),
  route('10.2.6.0/24', { gateway: mustIp('fe80::2'), interfaceName: 'v0' }),
  route('0.0.0.0/0', { gateway: via, interfaceName: 'v0', table: 1000 }),
  route('fd02::1/128', { interfaceName: 'v0' }),
  route('fd02::2/128', { gateway: via6, interfaceName: 'v0', metric: 7 }),
  route('fd02:0:0:1::/64', { kind: 'blackhole' }),
  route('fd02:0:0:2::/64', { kind: 'unreachable', table: 1000 }),
  route('fd02:0:0:3::/64', {
    nextHops: [
      { gateway: via6, interfaceName: 'v0' },
      { gateway: mustIp('fd00::3'), interfaceName: 'v0', weight: 5 },
    ],
  }),
  route('fd02::3/128', { gateway: mustIp('2001:db8::1'), interfaceName: 'v0', onlink: true }),
  route('::/0', { gateway: via6, interfaceName: 'v0', table: 1000 }),
];

test.each(KINDS.map(each => [routeText(each), each] as const))(
  'set, read and removed: %s',
  async (_, wanted) => {
    const plan = await settle([wanted]);
    expect(plan).toEqual({ add: [], replace: [], remove: [], conflicts: [] });
    expect(isEmptyRoutePlan(await settle([]))).toBe(true);
  },
);

test('any set of routes can follow any other', async () => {
  const some = fc.subarray([...KINDS]);
  const gateways = fc.constantFrom(mustIp('10.0.0.2'), mustIp('10.0.0.3'));
  const changing = fc
    .tuple(gateways, fc.integer({ min: 1, max: 3 }))
    .map(([gateway, count]): Route[] =>
      Array.from({ length: count }, (__, i) => route(`10.6.${i}.0/24`, { gateway, interfaceName: 'v0' })),
    );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(some, changing), { minLength: 1, maxLength: 5 }), async rounds => {
      for (const [fixed, moving] of rounds) {
        const plan = await settle([...fixed, ...moving]);
        expect([plan.add, plan.replace, plan.remove].flat().map(routeText)).toEqual([]);
      }
    }),
    { numRuns: 60 },
  );
  await settle([]);
});

test('ECMP shrinks to one hop, changes kind, and grows again by replacement alone', async () => {
  for (const [net, first, second] of [
    ['10.7.0.0/24', via, mustIp('10.0.0.3')],
    ['fd07::/64', via6, mustIp('fd00::3')],
  ] as const) {
    const both = route(net, { nextHops: [first, second].map(gateway => ({ gateway, interfaceName: 'v0' })) });
    const one = route(net, { gateway: second, interfaceName: 'v0' });
    const none = route(net, { kind: 'blackhole' });
    for (const wanted of [both, one, none, one, both, none]) {
      expect(steps(await settle([wanted])).map(step => routeText(step.route))).toEqual([]);
    }
    await settle([]);
  }
});

test("another owner's routes are read, and neither replaced nor removed", async () => {
  node.run('ip', 'route', 'add', '10.8.0.0/24', 'via', '10.0.0.2', 'proto', 'bgp');
  const wanted = route('10.8.0.0/24', { gateway: mustIp('10.0.0.3'), interfaceName: 'v0' });
  const plan = planRoutes([wanted], await read(), ROUTE_PROTOCOL_MUSLIN);
  expect(plan.conflicts).toHaveLength(1);
  expect(must(await driver.read({ protocol: ROUTE_PROTOCOL_BGP }))).toMatchObject([{ protocol: 186 }]);
  expect(must(await driver.read({ protocol: ROUTE_PROTOCOL_MUSLIN }))).toEqual([]);
  const refused = faultOf(await driver.apply([{ kind: 'route', action: 'add', route: wanted }]));
  expect(refused).toMatchObject({ code: 'refused', refused: [{ fault: { code: 'EEXIST' } }] });
  must(await driver.apply([{ kind: 'route', action: 'remove', route: wanted }]));
  expect(node.run('ip', 'route', 'show', '10.8.0.0/24')).toContain('proto bgp');
  node.run('ip', 'route', 'del', '10.8.0.0/24');
});

test('one route that cannot be set keeps no other out, and the kernel says why', async () => {
  const bad = route('10.9.1.0/24', { gateway: mustIp('198.51.100.1') });
  const missing = route('10.9.2.0/24', { interfaceName: 'nope', scope: 'link' });
  const good = route('10.9.3.0/24', { gateway: via });
  const fault = faultOf(
    await driver.apply(
      [bad, missing, good].map(each => ({ kind: 'route', action: 'add', route: each }) as const),
    ),
  );
  expect(fault.refused.map(({ fault: each }) => each)).toMatchObject([
    { code: 'no-link', link: 'nope', message: 'interface nope does not exist' },
    { code: 'ENETUNREACH', reason: 'Nexthop has invalid gateway' },
  ]);
  expect(must(await driver.read({ protocol: ROUTE_PROTOCOL_MUSLIN }))).toHaveLength(1);
  await settle([]);
});

test('an interface made anew under its old name is found again', async () => {
  const make = () =>
    must(createLink(socket, { kind: 'veth', name: 'pod1', up: true, peer: { name: 'pod1p' } }));
  make();
  must(changeLink(socket, 'pod1p', { up: true }));
  const wanted = route('10.10.0.1/32', { interfaceName: 'pod1', scope: 'link' });
  expect(isEmptyRoutePlan(await settle([wanted]))).toBe(true);
  must(deleteLink(socket, 'pod1'));
  make();
  must(changeLink(socket, 'pod1p', { up: true }));
  expect(isEmptyRoutePlan(await settle([wanted]))).toBe(true);
  expect(node.run('ip', 'route', 'show', '10.10.0.1')).toContain('dev pod1');
  await settle([]);
});
