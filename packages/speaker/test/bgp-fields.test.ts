import { crdOf, KINDS, type SchemaNode } from '@muslin/api';
import { describe, expect, test } from 'vitest';
import { desiredSpeaker } from '../src/core/desired-speaker.ts';
import type { SeenObject } from '../src/core/fact-store.ts';
import { claim, configuration, filter, node, object, peer, pool, service, slice, storeOf } from './facts.ts';

/** Two ways to write a field, and what else there is: the speaker must do something else. */
interface Row {
  readonly from: object;
  readonly to: object;
  readonly with?: readonly SeenObject[];
}

const ref = (name: string, key: string, more: object = {}) => ({
  password: { secretKeyRef: { name, key, ...more } },
});
const meshRef = (name: string, key: string, more: object = {}) => ({
  nodeMeshPassword: { secretKeyRef: { name, key, ...more } },
});
const TOR = { peerIP: '192.0.2.1', asNumber: 65_001 };
const tor = (from: object, to: object): Row => ({ from: { ...TOR, ...from }, to: { ...TOR, ...to } });
const reflectors = node('n3', ['10.0.0.3'], { labels: { role: 'rr' }, cluster: '244.0.0.1' });
const pod = (color: string): SeenObject =>
  ({
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'default', name: color, labels: { color } } },
    ...{ spec: { nodeName: 'n1' }, status: { podIP: '10.244.1.5' } },
  }) as SeenObject;
const POD_PEER = peer('pods', { localWorkloadSelector: 'all()', asNumber: 65_401 });
const balanced = [
  service('web', { type: 'LoadBalancer', externalTrafficPolicy: 'Cluster', externalIPs: ['198.51.100.7'] }, [
    '203.0.113.9',
  ]),
  slice('web-1', 'web', [{ node: 'n1', ready: true }]),
];
const cidrs = (field: string, cidr: string) => ({ [field]: [{ cidr }] });

const BGP_PEER: Readonly<Record<string, Row>> = {
  'spec.asNumber': tor({}, { asNumber: 65_002 }),
  'spec.filters[]': {
    ...tor({}, { filters: ['f'] }),
    with: [filter('f', { exportV4: [{ action: 'Reject' }] })],
  },
  'spec.keepOriginalNextHop': tor({}, { keepOriginalNextHop: true }),
  'spec.keepaliveTime': tor({}, { keepaliveTime: '7s' }),
  'spec.localASNumber': tor({}, { localASNumber: 65_100 }),
  'spec.localWorkloadSelector': {
    from: { localWorkloadSelector: "color == 'blue'", asNumber: 65_401 },
    to: { localWorkloadSelector: "color == 'red'", asNumber: 65_401 },
    with: [pod('red'), configuration({ localWorkloadPeeringIPV4: '169.254.0.179' })],
  },
  'spec.maxRestartTime': tor({}, { maxRestartTime: '30s' }),
  'spec.nextHopMode': tor({}, { nextHopMode: 'Self' }),
  'spec.node': tor({}, { node: 'n2' }),
  'spec.nodeSelector': tor({}, { nodeSelector: "rack == 'b'" }),
  'spec.numAllowedLocalASNumbers': tor({}, { numAllowedLocalASNumbers: 1 }),
  'spec.password.secretKeyRef.key': tor(ref('bgp', 'a'), ref('bgp', 'b')),
  'spec.password.secretKeyRef.name': tor(ref('bgp', 'a'), ref('tor', 'a')),
  'spec.password.secretKeyRef.optional': tor(ref('gone', 'a'), ref('gone', 'a', { optional: true })),
  'spec.peerIP': tor({}, { peerIP: '192.0.2.1:1179' }),
  'spec.peerSelector': {
    from: { peerSelector: "role == 'none'" },
    to: { peerSelector: "role == 'rr'" },
    with: [reflectors],
  },
  'spec.reachableBy': tor({}, { reachableBy: '10.0.0.254' }),
  'spec.reversePeering': {
    from: { peerSelector: "rack == 'a'", nodeSelector: "role == 'rr'" },
    to: { peerSelector: "rack == 'a'", nodeSelector: "role == 'rr'", reversePeering: 'Manual' },
    with: [reflectors],
  },
  'spec.sourceAddress': tor({}, { sourceAddress: 'None' }),
  'spec.ttlSecurity': tor({}, { ttlSecurity: 2 }),
};

const BGP_CONFIGURATION: Readonly<Record<string, Row>> = {
  'spec.asNumber': { from: {}, to: { asNumber: 64_600 } },
  'spec.bindMode': { from: {}, to: { bindMode: 'NodeIP' } },
  'spec.communities[].name': {
    from: {
      communities: [{ name: 'a', value: '65000:1' }],
      prefixAdvertisements: [{ cidr: '10.244.0.0/16', communities: ['65000:2'] }],
    },
    to: {
      communities: [{ name: 'a', value: '65000:1' }],
      prefixAdvertisements: [{ cidr: '10.244.0.0/16', communities: ['a'] }],
    },
  },
  'spec.communities[].value': {
    from: {
      communities: [{ name: 'a', value: '65000:1' }],
      prefixAdvertisements: [{ cidr: '10.244.0.0/16', communities: ['a'] }],
    },
    to: {
      communities: [{ name: 'a', value: '65000:1:2' }],
      prefixAdvertisements: [{ cidr: '10.244.0.0/16', communities: ['a'] }],
    },
  },
  'spec.ignoredInterfaces[]': { from: {}, to: { ignoredInterfaces: ['docker*'] } },
  'spec.ipv4NormalRoutePriority': { from: {}, to: { ipv4NormalRoutePriority: 2000 } },
  'spec.ipv6NormalRoutePriority': { from: {}, to: { ipv6NormalRoutePriority: 2000 } },
  'spec.listenPort': { from: {}, to: { listenPort: 1790 } },
  'spec.localWorkloadPeeringIPV4': {
    from: {},
    to: { localWorkloadPeeringIPV4: '169.254.0.179' },
    with: [POD_PEER, pod('red')],
  },
  'spec.localWorkloadPeeringIPV6': {
    from: { localWorkloadPeeringIPV4: '169.254.0.179', bindMode: 'NodeIP' },
    to: {
      localWorkloadPeeringIPV4: '169.254.0.179',
      localWorkloadPeeringIPV6: 'fd12::179',
      bindMode: 'NodeIP',
    },
    with: [POD_PEER, pod('red')],
  },
  'spec.logSeverityScreen': { from: {}, to: { logSeverityScreen: 'warning' } },
  'spec.nodeMeshMaxRestartTime': { from: {}, to: { nodeMeshMaxRestartTime: '30s' } },
  'spec.nodeMeshPassword.secretKeyRef.key': { from: meshRef('bgp', 'a'), to: meshRef('bgp', 'b') },
  'spec.nodeMeshPassword.secretKeyRef.name': { from: meshRef('bgp', 'a'), to: meshRef('tor', 'a') },
  'spec.nodeMeshPassword.secretKeyRef.optional': {
    from: meshRef('gone', 'a'),
    to: meshRef('gone', 'a', { optional: true }),
  },
  'spec.nodeToNodeMeshEnabled': { from: {}, to: { nodeToNodeMeshEnabled: false } },
  'spec.prefixAdvertisements[].cidr': {
    from: { prefixAdvertisements: [{ cidr: '10.244.0.0/16', communities: ['65000:1'] }] },
    to: { prefixAdvertisements: [{ cidr: '10.245.0.0/16', communities: ['65000:1'] }] },
  },
  'spec.prefixAdvertisements[].communities[]': {
    from: { prefixAdvertisements: [{ cidr: '10.244.0.0/16', communities: ['65000:1'] }] },
    to: { prefixAdvertisements: [{ cidr: '10.244.0.0/16', communities: ['65000:1', '65000:2'] }] },
  },
  'spec.programClusterRoutes': { from: {}, to: { programClusterRoutes: 'Disabled' } },
  'spec.serviceClusterIPs[].cidr': { from: {}, to: cidrs('serviceClusterIPs', '10.96.0.0/12') },
  'spec.serviceExternalIPs[].cidr': { from: {}, to: cidrs('serviceExternalIPs', '198.51.100.0/24') },
  'spec.serviceLoadBalancerAggregation': {
    from: cidrs('serviceLoadBalancerIPs', '203.0.113.0/24'),
    to: { ...cidrs('serviceLoadBalancerIPs', '203.0.113.0/24'), serviceLoadBalancerAggregation: 'Disabled' },
    with: balanced,
  },
  'spec.serviceLoadBalancerIPs[].cidr': { from: {}, to: cidrs('serviceLoadBalancerIPs', '203.0.113.0/24') },
};

/** Each alone changes what a rule means. */
const RULE: Readonly<Record<string, readonly [object, object]>> = {
  action: [{ action: 'Accept' }, { action: 'Reject' }],
  'asPathPrefix[]': [{}, { asPathPrefix: [65_001] }],
  cidr: [{}, { cidr: 'NET', matchOperator: 'In' }],
  'communities.values[]': [{}, { communities: { values: ['65000:1'] } }],
  interface: [{}, { interface: 'eth*' }],
  matchOperator: [
    { cidr: 'NET', matchOperator: 'In' },
    { cidr: 'NET', matchOperator: 'NotEqual' },
  ],
  'operations[].addCommunity.value': [{}, { operations: [{ addCommunity: { value: '65000:1:2' } }] }],
  'operations[].prependASPath.prefix[]': [{}, { operations: [{ prependASPath: { prefix: [65_001] } }] }],
  'operations[].setPriority.value': [{}, { operations: [{ setPriority: { value: 512 } }] }],
  peerType: [{}, { peerType: 'eBGP' }],
  'prefixLength.max': [
    { cidr: 'NET', matchOperator: 'In' },
    { cidr: 'NET', matchOperator: 'In', prefixLength: { max: 24 } },
  ],
  'prefixLength.min': [
    { cidr: 'NET', matchOperator: 'In' },
    { cidr: 'NET', matchOperator: 'In', prefixLength: { min: 24 } },
  ],
  priority: [{}, { priority: 512 }],
  source: [{}, { source: 'RemotePeers' }],
};
const LISTS = ['exportV4', 'importV4', 'exportV6', 'importV6'] as const;
const BGP_FILTER: Readonly<Record<string, Row>> = Object.fromEntries(
  LISTS.flatMap(list =>
    Object.entries(RULE).map(([field, [from, to]]): [string, Row] => {
      const net = list.endsWith('4') ? '10.0.0.0/8' : 'fd00::/8';
      const rule = (spec: object) => ({
        [list]: [JSON.parse(JSON.stringify({ action: 'Accept', ...spec }).replaceAll('NET', net))],
      });
      return [`spec.${list}[].${field}`, { from: rule(from), to: rule(to) }];
    }),
  ),
);

/** Paths of a schema's values: `spec.communities[].name`. */
function leaves(schema: SchemaNode, path: string): readonly string[] {
  if (schema.properties !== undefined)
    return Object.entries(schema.properties).flatMap(([name, part]) => leaves(part, `${path}.${name}`));
  return schema.items === undefined ? [path] : leaves(schema.items, `${path}[]`);
}

const n1 = node('n1', ['10.0.0.1', 'fd00::1'], { labels: { rack: 'a' } });
const AROUND = [
  n1,
  node('n2', ['10.0.0.2', 'fd00::2'], { labels: { rack: 'b' } }),
  pool('pods', { cidr: '10.244.0.0/16' }),
  pool('pods6', { cidr: 'fd10::/48' }),
  claim('n1', '10.244.1.0/26'),
  claim('n1', 'fd10::/122'),
];

/** What the speaker does, in words. */
function doing(objects: readonly SeenObject[]): string {
  const store = storeOf(objects);
  store.setPasswords(
    new Map(
      ['bgp/a', 'bgp/b', 'tor/a', 'gone/a'].map(name => [
        name,
        name === 'gone/a' ? { state: 'missing', message: 'no such Secret' } : { state: 'known' },
      ]),
    ),
  );
  expect(store.problems('n1')).toEqual([]);
  const links = [{ to: { ip: { family: 4, bits: 0 }, length: 0 }, interfaceName: 'eth0' }] as never;
  return JSON.stringify(desiredSpeaker({ ...store.facts, links }, 'n1'), (_, part: unknown) =>
    part instanceof Map ? [...part] : part,
  );
}

describe.each([
  ['BGPPeer', BGP_PEER, (spec: object) => [peer('p', spec)]],
  ['BGPConfiguration', BGP_CONFIGURATION, (spec: object) => [configuration(spec)]],
  ['BGPFilter', BGP_FILTER, (spec: object) => [filter('f', spec), peer('p', { ...TOR, filters: ['f'] })]],
] as const)('%s', (kindName, rows, made) => {
  test('has a row here for each of its fields, and no other', () => {
    const kind = KINDS.find(each => each.kind === kindName);
    if (kind === undefined) throw new Error('no such kind');
    const spec = crdOf(kind).spec.versions[0].schema.openAPIV3Schema.properties?.['spec'];
    expect(Object.keys(rows).toSorted()).toEqual([...leaves(spec as SchemaNode, 'spec')].toSorted());
  });

  test.each(Object.entries(rows))('%s changes what the speaker does', (_, row) => {
    const around = [...AROUND, ...(row.with ?? [])];
    const before = doing([...around, ...made(row.from)]);
    expect(before).not.toContain('"Invalid"');
    expect(doing([...around, ...made(row.to)])).not.toBe(before);
  });
});

test('filters are asked in the order in which a BGPPeer names them', () => {
  const both = [
    filter('a', { exportV4: [{ action: 'Accept' }] }),
    filter('b', { exportV4: [{ action: 'Reject' }] }),
  ];
  const of = (...filters: string[]) => doing([...AROUND, ...both, peer('p', { ...TOR, filters })]);
  expect(of('a', 'b')).not.toBe(of('b', 'a'));
});

describe('a Node', () => {
  const annotated = (annotations: object) =>
    ({ ...n1, metadata: { name: 'n1', labels: { rack: 'a' }, annotations } }) as SeenObject;
  test.each([
    ['projectcalico.org/IPv4Address', '10.0.0.9/24'],
    ['projectcalico.org/IPv6Address', 'fd00::9/64'],
    ['projectcalico.org/ASNumber', '64601'],
    ['projectcalico.org/RouteReflectorClusterID', '244.0.0.1'],
    ['muslin.dev/drain', 'true'],
    ['muslin.dev/drain', 'leave'],
  ])('%s: %s changes what the speaker does', (key, value) => {
    expect(doing([...AROUND, annotated({ [key]: value })])).not.toBe(doing(AROUND));
  });

  test('its label keeps it from advertising Services', () => {
    const labels = { rack: 'a', 'node.kubernetes.io/exclude-from-external-load-balancers': '' };
    const services = configuration(cidrs('serviceClusterIPs', '10.96.0.0/12'));
    const excluded = { ...n1, metadata: { name: 'n1', labels } } as SeenObject;
    expect(doing([...AROUND, services, excluded])).not.toBe(doing([...AROUND, services]));
  });
});

test('an object of an unknown kind changes nothing', () => {
  expect(doing([...AROUND, object('BGPOther', 'x', { a: 1 })])).toBe(doing(AROUND));
});
