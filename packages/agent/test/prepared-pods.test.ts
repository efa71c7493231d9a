import type { AnyObject } from '@muslin/kube';
import { formatIp, ip4, type Ip, mustIp, mustPrefix } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KeptHand } from '../src/ipam/kept-hand.ts';
import { unpreparable } from '../src/pod/preparable.ts';
import { PreparedPods } from '../src/pod/prepared-pods.ts';
import { coreOf, gone, here, local, NAMESPACE, object, podObject, policyObject } from './cluster-facts.ts';

/** A Pod that was bound to node n1 and has not begun. */
function bound(
  name: string,
  uid: string,
  more: { readonly annotations?: object; readonly spec?: object; readonly status?: object } = {},
): AnyObject {
  const { metadata, spec, ...pod } = podObject(name, uid);
  return {
    ...pod,
    metadata: { ...metadata, ...(more.annotations !== undefined && { annotations: more.annotations }) },
    spec: { ...spec, ...more.spec },
    status: { phase: 'Pending', ...more.status },
  } as unknown as AnyObject;
}

describe('who is prepared', () => {
  const others: readonly (readonly [why: string, pod: AnyObject])[] = [
    ['bound elsewhere', bound('a', 'u', { spec: { nodeName: 'n2' } })],
    ['not bound', bound('a', 'u', { spec: { nodeName: undefined } })],
    ['on the node’s network', bound('a', 'u', { spec: { hostNetwork: true } })],
    ['running', bound('a', 'u', { status: { phase: 'Running' } })],
    ['finished', bound('a', 'u', { status: { phase: 'Succeeded' } })],
    ['with an address', bound('a', 'u', { status: { podIP: '10.0.0.9' } })],
    [
      'with an address that the plugin told',
      bound('a', 'u', { annotations: { 'cni.projectcalico.org/podIP': '10.0.0.9/32' } }),
    ],
    [
      'with a wish of its own',
      bound('a', 'u', { annotations: { 'cni.projectcalico.org/ipAddrs': '["10.0.0.9"]' } }),
    ],
    ['of another network', bound('a', 'u', { annotations: { 'v1.multus-cni.io/default-network': 'other' } })],
    [
      'that ends',
      {
        ...bound('a', 'u'),
        metadata: { ...bound('a', 'u').metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
      },
    ],
  ];
  test.each(others)('not a pod %s', (_, pod) => {
    expect(unpreparable(pod, 'n1')).toEqual(expect.any(String));
  });
  test('a pod that is bound here and has not begun, with or without a phase', () => {
    expect(unpreparable(bound('a', 'u'), 'n1')).toBeUndefined();
    expect(unpreparable(bound('a', 'u', { status: { phase: undefined } }), 'n1')).toBeUndefined();
  });
});

describe('in the core', () => {
  const FACTS = [object(NAMESPACE), object(bound('web', 'u1')), object(policyObject('guard', 'web', 'db'))];
  const prepared = {
    key: 'pod/shop/web',
    uid: 'u1',
    hostInterface: 'msl-web',
    ips: [mustIp('10.0.0.1')],
  } as const;
  const plugged = here(local('web', 'u1', ['10.0.0.1']));

  test('a prepared pod has rules and no route, and is nobody’s to count', () => {
    const core = coreOf([...FACTS, { type: 'prepared', endpoint: prepared }]);
    const { state, routes, prepared: expected } = core.desired();
    expect(state.endpoints.get('pod/shop/web')?.ips.map(formatIp)).toEqual(['10.0.0.1']);
    expect([...expected]).toEqual(['pod/shop/web']);
    expect(core.locals.size).toBe(0);
    expect(routes).toEqual([]);
  });

  test('its ADD changes routes alone: rules and state are the very same values', () => {
    const core = coreOf([...FACTS, { type: 'prepared', endpoint: prepared }]);
    const before = core.desired();
    core.tell(plugged);
    core.tell({ type: 'not-prepared', key: 'pod/shop/web', uid: 'u1' });
    const after = core.desired();
    expect(after.rulesets).toBe(before.rulesets);
    expect(after.state).toBe(before.state);
    expect(after.routes).toHaveLength(1);
    expect(after.prepared.size).toBe(0);
  });

  test.each([
    ['other addresses', here(local('web', 'u1', ['10.0.0.2']))],
    ['another interface', here({ ...local('web', 'u1', ['10.0.0.1']), hostInterface: 'msl-other' })],
    [
      'ports of the node',
      here({
        ...local('web', 'u1', ['10.0.0.1']),
        ports: [{ protocol: 'tcp', hostIp: undefined, hostPort: 80, containerPort: 80 }],
      }),
    ],
  ] as const)('an ADD with %s gets rules of its own', (_, endpoint) => {
    const core = coreOf([...FACTS, { type: 'prepared', endpoint: prepared }]);
    const before = core.desired();
    core.tell(endpoint);
    expect(core.desired().rulesets).not.toBe(before.rulesets);
    const fresh = coreOf([...FACTS, endpoint]).desired();
    expect(core.desired().state).toEqual(fresh.state);
  });

  test('whatever is told in between: once it is taken back, nothing of it is left', () => {
    const inputs = [
      object(bound('web', 'u2')),
      gone(bound('web', 'u1')),
      object(podObject('web', 'u1', ['10.0.0.7'])),
      object(policyObject('more', 'web', 'x')),
      plugged,
      { type: 'not-local', key: 'pod/shop/web', containerId: 'c-u1', hostInterface: 'msl-web' },
      { type: 'prepared', endpoint: prepared },
      { type: 'not-prepared', key: 'pod/shop/web', uid: 'u1' },
      { type: 'not-prepared', key: 'pod/shop/web', uid: 'u2' },
    ] as const;
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...inputs), fc.boolean()), { maxLength: 12 }), told => {
        const core = coreOf(FACTS);
        for (const [input, asked] of told) {
          core.tell(input);
          if (asked) core.desired();
        }
        core.tell({ type: 'not-prepared', key: 'pod/shop/web', uid: 'u1' });
        const never = coreOf([
          ...FACTS,
          ...told.map(([input]) => input).filter(({ type }) => type !== 'prepared'),
        ]);
        const [is, would] = [core.desired(), never.desired()];
        expect(is.state).toEqual(would.state);
        expect(is.routes).toEqual(would.routes);
        expect(is.prepared.size).toBe(0);
        expect(
          is.rulesets.map(rules =>
            [...rules.tables.keys()].map(table =>
              [...(rules.tables.get(table)?.chains.keys() ?? [])].toSorted(),
            ),
          ),
        ).toEqual(
          would.rulesets.map(rules =>
            [...rules.tables.keys()].map(table =>
              [...(rules.tables.get(table)?.chains.keys() ?? [])].toSorted(),
            ),
          ),
        );
      }),
      { numRuns: 300 },
    );
  });
});

/** A hand of one block that this node keeps so many addresses of. */
function handOf(count: number): KeptHand {
  const hand = new KeptHand('n1');
  const kept = Array.from({ length: count }, (_, i) => i).join();
  const spec = {
    ...{ cidr: '10.0.0.0/28', affinity: 'host:n1', strictAffinity: false, deleted: false },
    allocations: Array.from({ length: 16 }, () => null),
    unallocated: Array.from({ length: 16 }, (_, i) => i),
    attributes: [],
  };
  const metadata = { name: '10-0-0-0-28', resourceVersion: '1', annotations: { 'muslin.dev/kept': kept } };
  hand.saw(
    { apiVersion: 'projectcalico.org/v3', kind: 'IPAMBlock', metadata, spec } as unknown as AnyObject,
    false,
  );
  return hand;
}

const ASK = {
  ...{ families: [4], use: 'Workload', reservations: [], namespace: undefined },
  node: { name: 'n1', labels: new Map() },
  pools: [
    {
      ...{ name: 'p', cidr: mustPrefix('10.0.0.0/24'), blockSize: 28, disabled: false },
      ...{
        allowedUses: new Set(['Workload']),
        assignmentMode: 'Automatic',
        nodeSelector: { op: 'all' },
      },
    },
  ],
} as unknown as Parameters<KeptHand['take']>[0];

describe('the hand', () => {
  test('gives what is reserved only to whom it was promised', () => {
    const hand = handOf(2);
    const [first] = hand.reserve(ASK) ?? [];
    expect(hand.size).toBe(1);
    const [other] = hand.take(ASK) ?? [];
    expect(formatIp(other?.ip as Ip)).not.toBe(formatIp(first as Ip));
    expect(hand.take(ASK)).toBeUndefined();
    expect(hand.isShort(ASK)).toBe(true);
    expect(hand.take(ASK, [first as Ip])?.map(({ ip }) => formatIp(ip))).toEqual([formatIp(first as Ip)]);
    expect(hand.isShort(ASK)).toBe(false);
    hand.letGo([first as Ip]);
    expect(hand.take(ASK), 'letting go of what was taken changes nothing').toBeUndefined();
  });
});

type Step =
  | {
      readonly kind: 'bound' | 'gone' | 'runs' | 'add' | 'fails' | 'del';
      readonly pod: number;
      readonly uid: number;
    }
  | { readonly kind: 'look' | 'hour' | 'short' | 'settle' | 'others' };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('bound', 'gone', 'runs', 'add', 'fails', 'del'),
      pod: fc.nat(4),
      uid: fc.nat(1),
    }) as fc.Arbitrary<Step>,
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('look', 'look', 'hour', 'short', 'settle', 'others'),
    }) as fc.Arbitrary<Step>,
  },
);

test('in every order of pods, ADDs, DELs, failures and rounds: no address has two owners, and nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { maxLength: 40 }), async steps => {
      const core = coreOf([object(NAMESPACE)]);
      const hand = handOf(4);
      let clock = 0;
      let rounds: (() => void)[] = [];
      const pods = new PreparedPods({
        ...{ node: 'n1', core, expect: () => {}, now: () => clock, most: 3 },
        addresses: { reserve: () => hand.reserve(ASK), letGo: ips => hand.letGo(ips) },
        enforce: () => new Promise(resolve => rounds.push(resolve)),
      });
      /** By UID: addresses of pods that have an interface. */
      const plugged = new Map<string, { readonly name: string; readonly ips: readonly Ip[] }>();
      const settle = async () => {
        const ended = rounds;
        rounds = [];
        for (const resolve of ended) resolve();
        await Promise.resolve();
      };
      const unplug = (uid: string) => {
        const pod = plugged.get(uid);
        if (pod === undefined) return;
        plugged.delete(uid);
        core.tell({
          type: 'not-local',
          key: `pod/shop/${pod.name}`,
          containerId: `c-${uid}`,
          hostInterface: `msl-${pod.name}`,
        });
        for (const ip of pod.ips) hand.putBack(ip);
      };
      for (const step of steps) {
        const name = 'pod' in step ? `p${step.pod}` : '';
        const uid = 'pod' in step ? `u${step.pod}-${step.uid}` : '';
        switch (step.kind) {
          case 'bound':
          case 'runs': {
            const pod = bound(name, uid, step.kind === 'runs' ? { status: { phase: 'Running' } } : {});
            core.tell(object(pod));
            pods.saw(pod, false);
            break;
          }
          case 'gone':
            core.tell(gone(bound(name, uid)));
            pods.saw(bound(name, uid), true);
            break;
          case 'add':
          case 'fails': {
            for (const [other, pod] of [...plugged]) if (pod.name === name) unplug(other);
            const claim = pods.claim(uid);
            const taken = hand.take(ASK, claim.ips)?.map(({ ip }) => ip);
            if (taken !== undefined && step.kind === 'add') {
              plugged.set(uid, { name, ips: taken });
              core.tell(here(local(name, uid, taken.map(formatIp))));
            } else for (const ip of taken ?? []) hand.putBack(ip);
            claim.end();
            claim.end();
            break;
          }
          case 'del':
            unplug(uid);
            break;
          case 'look':
            pods.look();
            break;
          case 'hour':
            clock += 3_600_000;
            break;
          case 'short':
            pods.yieldOne();
            break;
          case 'settle':
            await settle();
            break;
          case 'others':
            pods.learn(undefined);
            pods.learn({});
        }
        expect(pods.size).toBeLessThanOrEqual(3);
        const { state, prepared } = core.desired();
        const owners = [...state.endpoints.values()].flatMap(({ ips }) => ips.map(formatIp));
        expect(new Set(owners).size, 'owners of addresses').toBe(owners.length);
        for (const key of prepared) expect(core.locals.has(key)).toBe(false);
      }
      for (let pod = 0; pod < 5; pod++)
        for (let life = 0; life < 2; life++) pods.saw(bound(`p${pod}`, `u${pod}-${life}`), true);
      await settle();
      for (const uid of [...plugged.keys()]) unplug(uid);
      expect(pods.size).toBe(0);
      expect(core.desired().prepared.size).toBe(0);
      expect(hand.reserved, 'reserved addresses').toBe(0);
      expect(hand.size, 'addresses in hand').toBe(4);
    }),
    { numRuns: 400 },
  );
});

test('an address is let go only when a round has taken its rules away', async () => {
  const core = coreOf([object(NAMESPACE), object(bound('web', 'u1'))]);
  const free: string[] = [];
  let end = () => {};
  const pods = new PreparedPods({
    ...{ node: 'n1', core, expect: () => {}, now: () => 0 },
    addresses: { reserve: () => [ip4(0x0a00_0001)], letGo: ips => void free.push(...ips.map(formatIp)) },
    enforce: () => new Promise(resolve => (end = resolve)),
  });
  pods.saw(bound('web', 'u1'), false);
  expect(pods.look()).toBe(true);
  expect(pods.look(), 'once is enough').toBe(false);
  pods.saw(bound('web', 'u1'), true);
  await Promise.resolve();
  expect(core.desired().prepared.size).toBe(0);
  expect(free).toEqual([]);
  end();
  await Promise.resolve();
  expect(free).toEqual(['10.0.0.1']);
});
