import type { AnyObject } from '@muslin/kube';
import { formatIp, formatPrefix, mustIp, mustPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { advertisedServices } from '../src/core/advertised-services.ts';
import { bgpSettings } from '../src/core/bgp-settings.ts';
import { nodeRules, type RuleFacts } from '../src/core/node-rules.ts';
import { felixSettings, rulesIn } from '../src/felix-settings.ts';
import { felixFor } from '../src/felix-spec.ts';
import { workloadPrefixes } from '../src/tunnel/node-prefixes.ts';
import { tunnelSettings } from '../src/tunnel/tunnel-settings.ts';

const object = (kind: string, name: string, spec: object): AnyObject =>
  ({ apiVersion: 'projectcalico.org/v3', kind, metadata: { name }, spec }) as never;
const felix = (name: string, spec: object) => object('FelixConfiguration', name, spec);
const settingsOf = (spec: object) => felixSettings({ spec: { ...spec }, annotations: {} });

test('node.NAME wins over those whose selector picks the node, in the order of their names, and they over default', () => {
  const all = [
    felix('node.n1', { logPrefix: 'own' }),
    felix('b', { nodeSelector: "zone == 'x'", logPrefix: 'b', vxlanPort: 2, vxlanVNI: 2 }),
    felix('a', { nodeSelector: "zone == 'x'", logPrefix: 'a', vxlanPort: 1 }),
    felix('default', { logPrefix: 'default', vxlanPort: 9, vxlanVNI: 9, ipipMTU: 1400 }),
    felix('z', { nodeSelector: "zone == 'y'", ipipMTU: 1300 }),
    felix('bad', { nodeSelector: 'zone ==', ipipMTU: 1301 }),
    felix('none', { ipipMTU: 1302 }),
  ];
  const spec = (node: string, labels?: ReadonlyMap<string, string>) => felixFor(all, node, labels).spec;
  const inX = new Map([['zone', 'x']]);
  expect(spec('n1', inX)).toMatchObject({ logPrefix: 'own', vxlanPort: 1, vxlanVNI: 2, ipipMTU: 1400 });
  expect(spec('n2', inX)).toMatchObject({ logPrefix: 'a' });
  expect(spec('n2', undefined)).toMatchObject({ logPrefix: 'default', vxlanPort: 9 });
});

test('interfaces of unknown pods are held back unless an annotation lets them through', () => {
  const strangers = (word: string) =>
    felixSettings({ spec: {}, annotations: { 'muslin.dev/unknown-interfaces': word } }).strangers;
  expect(['', 'drop', 'open', 'Accept'].map(strangers)).toEqual(['drop', 'drop', 'drop', 'accept']);
});

test('words are taken in any case, and what makes no sense is as if it were not there', () => {
  expect(settingsOf({})).toMatchObject({
    ...{ serviceLoopPrevention: 'Drop', endpointToHostAction: 'Accept', routeSource: 'CalicoIPAM' },
    ...{ ipForwarding: true, logLevel: 'info', natExcludesNodes: false, removeExternalRoutes: false },
  });
  expect(
    settingsOf({
      ...{ serviceLoopPrevention: 'reject', defaultEndpointToHostAction: 'DROP', routeSource: 'workloadIPs' },
      ...{ ipForwarding: 'Disabled', logSeverityScreen: 'Warning', removeExternalRoutes: true },
      ...{ iptablesNATOutgoingInterfaceFilter: 'eth+', natOutgoingExclusions: 'IPPoolsAndHostIPs' },
      ...{ mtuIfacePattern: '^bond', deviceRouteSourceAddress: '192.0.2.1' },
      ...{ natOutgoingAddress: '192.0.2.9', natPortRange: '20000:29999' },
    }),
  ).toMatchObject({
    ...{ serviceLoopPrevention: 'Reject', endpointToHostAction: 'Drop', routeSource: 'WorkloadIPs' },
    ...{ ipForwarding: false, logLevel: 'warn', natExcludesNodes: true, removeExternalRoutes: true },
    natOutgoingInterface: { name: 'eth', wildcard: true },
    ...{ mtuPattern: /^bond/, routeSources: { 4: mustIp('192.0.2.1') } },
    ...{ natAddress: mustIp('192.0.2.9'), natPorts: { first: 20_000, last: 29_999 } },
  });
  const odd = settingsOf({
    ...{ serviceLoopPrevention: 5, iptablesNATOutgoingInterfaceFilter: 'a b', mtuIfacePattern: '(' },
    ...{ deviceRouteSourceAddress: 'fd00::1', deviceRouteSourceAddressIPv6: 'x', logSeverityScreen: {} },
    ...{ natOutgoingAddress: 'router', natPortRange: '90:80' },
  });
  expect(odd).toMatchObject({ serviceLoopPrevention: 'Drop', routeSources: {}, logLevel: 'info' });
  expect(odd).not.toHaveProperty('natOutgoingInterface');
  expect(odd).not.toHaveProperty('mtuPattern');
  expect(odd).not.toHaveProperty('natAddress');
  expect(odd).not.toHaveProperty('natPorts');
  const ports = (natPortRange: unknown) => settingsOf({ natPortRange }).natPorts;
  expect([5000, '0:0', '1:65536', '1:2:3', '20000-29999'].map(ports)).toEqual([
    { first: 5000, last: 5000 },
    ...[undefined, undefined, undefined, undefined],
  ]);
});

test.each([
  ['25s', 25],
  ['1m30s', 90],
  ['500ms', 1],
  ['100h', 65_535],
  ['soon', 0],
  [7, 0],
])('a keepalive of %j is %i seconds', (wireguardKeepAlive, seconds) => {
  expect(tunnelSettings({ spec: { wireguardKeepAlive } }).wireguard.keepAlive).toBe(seconds);
});

test.each([
  [undefined, { ipip: true, direct: false }],
  ['Enabled', { ipip: true, direct: true }],
  ['EnabledNoEncapOnly', { ipip: false, direct: true }],
  ['Disabled', { ipip: false, direct: false }],
])('programClusterRoutes %s says whose routes the agent sets', (programClusterRoutes, programs) => {
  expect(tunnelSettings({ spec: { programClusterRoutes } }).programs).toEqual(programs);
});

describe('rules of a node', () => {
  const facts: RuleFacts = {
    pools: new Map([
      ['lb', { cidr: mustPrefix('198.51.100.0/24'), allowedUses: new Set(['LoadBalancer']) }],
      ['pods', { cidr: mustPrefix('10.0.0.0/16'), allowedUses: new Set(['Workload']) }],
    ]) as never,
    nodes: new Map([['n1', { ips: [mustIp('192.0.2.1')] }]]) as never,
    services: [mustPrefix('10.96.0.0/12')],
  };
  const of = (spec: object, some = facts) => nodeRules(rulesIn(settingsOf(spec)), some);

  test('drop what is for advertised Services and pools of load balancers, and for no one else', () => {
    const { serviceLoop } = of({});
    expect(serviceLoop?.action).toBe('Drop');
    expect(serviceLoop?.cidrs.map(formatPrefix)).toEqual(['10.96.0.0/12', '198.51.100.0/24']);
    expect(of({ serviceLoopPrevention: 'Reject' }).serviceLoop?.action).toBe('Reject');
    expect(of({ serviceLoopPrevention: 'Disabled' }).serviceLoop).toBeUndefined();
    expect(of({}, { ...facts, pools: new Map(), services: [] }).serviceLoop).toBeUndefined();
  });

  test('leave packets to nodes their addresses when told to', () => {
    expect(of({}).natExcludes).toEqual([]);
    expect(of({ natOutgoingExclusions: 'IPPoolsAndHostIPs' }).natExcludes.map(formatIp)).toEqual([
      '192.0.2.1',
    ]);
  });
});

test('addresses of Services that a node advertises come from its own BGPConfiguration, then from default', () => {
  const cidrs = (...all: readonly string[]) => ({ serviceClusterIPs: all.map(cidr => ({ cidr })) });
  const bgp = (name: string, spec: object) => [name, object('BGPConfiguration', name, spec)] as const;
  const external = { serviceExternalIPs: [{ cidr: '198.51.100.0/24' }] };
  const all = new Map([
    bgp('default', { ...cidrs('10.96.0.0/12'), ...external }),
    bgp('node.n1', cidrs('10.97.0.0/16')),
    bgp('node.n3', cidrs('nonsense')),
  ]);
  const of = (node: string) => advertisedServices(bgpSettings(all, node)).map(formatPrefix);
  expect(of('n1')).toEqual(['10.97.0.0/16', '198.51.100.0/24']);
  expect(of('n2')).toEqual(['10.96.0.0/12', '198.51.100.0/24']);
  expect(of('n3')).toEqual(of('n2'));
  expect(advertisedServices(bgpSettings(new Map(), 'n1'))).toEqual([]);
});

test('routes by workloads lead to podCIDRs of Nodes and to pods outside of them', () => {
  const nodes = new Map([['n2', { name: 'n2', podCidrs: [mustPrefix('10.42.2.0/24')] }]]);
  const pod = (node: string | undefined, ...ips: readonly string[]) => ({ node, ips: ips.map(mustIp) });
  const endpoints = new Map([
    ['a', pod('n2', '10.42.2.9', '10.50.0.1')],
    ['b', pod('n3', '10.42.2.8')],
    ['c', pod(undefined, '10.50.0.9')],
  ]);
  const found = workloadPrefixes({ nodes, endpoints } as never);
  expect(found.map(({ prefix, node }) => `${formatPrefix(prefix)} ${node}`)).toEqual([
    '10.42.2.0/24 n2',
    '10.50.0.1/32 n2',
    '10.42.2.8/32 n3',
  ]);
});
