import {
  bgpConfiguration,
  bgpPeer,
  globalNetworkPolicy,
  ipPool,
  type Kind,
  normalise,
  readBgpConfiguration,
  readBgpPeer,
  readIpPool,
  schemaOf,
  tier,
} from '@muslin/api';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { brokenRules } from './cel.ts';

const maybe = <T>(...values: readonly T[]) => fc.option(fc.constantFrom(...values), { nil: undefined });
const record = (shape: Readonly<Record<string, fc.Arbitrary<unknown>>>) =>
  fc
    .record(shape)
    .map(spec => Object.fromEntries(Object.entries(spec).filter(([, part]) => part !== undefined)));
/** Mostly absent, so that whole specs are often good. */
const rarely = <T>(...values: readonly T[]) =>
  fc.oneof(
    { weight: 5, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(...values) },
  );
const modes = rarely('Never', 'Always', 'CrossSubnet');
const selectors = maybe('all()', 'has(a)', "a == 'b' || !has(c)");

const side = fc.option(
  record({
    nets: maybe(['10.0.0.0/8'], []),
    selector: selectors,
    namespaceSelector: maybe('all()', 'global()', "a != 'b'"),
  }),
  { nil: undefined },
);
const rule = record({
  action: fc.constantFrom('Allow', 'Deny', 'Log', 'Pass'),
  protocol: maybe<unknown>('TCP', 'ICMP', 47),
  source: side,
  destination: side,
});

/** A kind, specs of it that people could write, and what the reader makes of an object. */
const CASES: readonly { kind: Kind; specs: fc.Arbitrary<object>; read: (object: object) => unknown }[] = [
  {
    kind: ipPool,
    specs: record({
      cidr: fc.constantFrom('10.0.0.0/16', '192.0.2.0/25', 'fd00::/64'),
      blockSize: maybe(0, 24, 26, 32, 116, 122),
      nodeSelector: selectors,
      namespaceSelector: selectors,
      allowedUses: rarely(
        ['Workload'],
        ['Workload', 'Tunnel'],
        ['LoadBalancer'],
        ['LoadBalancer', 'Tunnel'],
        [],
      ),
      assignmentMode: maybe('Automatic', 'Manual'),
      natOutgoing: fc.option(fc.boolean(), { nil: undefined }),
      disableBGPExport: fc.option(fc.boolean(), { nil: undefined }),
      ipipMode: modes,
      vxlanMode: modes,
    }),
    read: object => readIpPool(object).value,
  },
  {
    kind: tier,
    specs: record({ order: maybe(1, 1.5, 1_000), defaultAction: maybe('Deny', 'Pass') }),
    read: object => normalise(object).facts[0]?.value,
  },
  {
    kind: bgpPeer,
    specs: fc
      .tuple(
        fc.oneof(
          record({
            peerIP: fc.constantFrom('192.0.2.1', '192.0.2.1:1179', '[fd00::1]:179'),
            asNumber: maybe(1, 4_200_000_000),
          }),
          record({ peerSelector: fc.constant('has(a)'), asNumber: maybe(0, 1) }),
          record({ localWorkloadSelector: fc.constant('all()'), asNumber: maybe(1) }),
        ),
        record({
          node: maybe('a', ''),
          nodeSelector: rarely('all()', 'has(a)'),
          peerIP: rarely('192.0.2.2', ''),
          peerSelector: rarely('has(b)', ''),
          nextHopMode: rarely('Auto', 'Self', 'Keep'),
          keepOriginalNextHop: rarely(true, false),
          reversePeering: rarely('Auto', 'Manual'),
        }),
      )
      .map(([target, rest]) => ({ ...rest, ...target })),
    read: object => readBgpPeer(object).value,
  },
  {
    kind: bgpConfiguration,
    specs: record({
      logSeverityScreen: maybe('info', 'Debug', ''),
      nodeToNodeMeshEnabled: fc.option(fc.boolean(), { nil: undefined }),
      nodeMeshMaxRestartTime: maybe('90s'),
      asNumber: maybe(64_512, 4_200_000_000),
      serviceLoadBalancerAggregation: maybe('Enabled', 'Disabled'),
      ignoredInterfaces: maybe(['eth0', 'veth*'], ['*'], []),
    }),
    read: object => readBgpConfiguration(object).value,
  },
  {
    kind: globalNetworkPolicy,
    specs: record({
      tier: maybe('default', 'mine'),
      order: maybe(1, 2.5),
      selector: selectors,
      namespaceSelector: selectors,
      types: maybe(['Ingress'], ['Egress', 'Ingress']),
      ingress: fc.option(fc.array(rule, { maxLength: 2 }), { nil: undefined }),
      egress: fc.option(fc.array(rule, { maxLength: 2 }), { nil: undefined }),
    }),
    read: object => normalise(object).facts[0]?.value,
  },
];

describe.each(CASES)('$kind.kind', ({ kind, specs, read }) => {
  const object = (spec: unknown) => ({
    apiVersion: `${kind.group}/${kind.version}`,
    kind: kind.kind,
    metadata: { name: 'x' },
    spec,
  });

  test('what the API server takes, the reader understands', () => {
    let taken = 0;
    fc.assert(
      fc.property(specs, spec => {
        const accepted =
          kind.spec.safeParse(spec).success && brokenRules(schemaOf(kind), object(spec)).length === 0;
        if (!accepted) return;
        taken++;
        expect(read(object(spec))).toBeDefined();
      }),
      { numRuns: 500 },
    );
    expect(taken).toBeGreaterThan(50);
  });

  test('defaults that the API server fills in are those of the reader', () => {
    fc.assert(
      fc.property(specs, spec => {
        const filled = kind.spec.safeParse(spec);
        if (filled.success) expect(read(object(filled.data))).toEqual(read(object(spec)));
      }),
      { numRuns: 300 },
    );
  });
});
