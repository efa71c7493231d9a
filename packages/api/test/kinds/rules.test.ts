import { KINDS, type Kind, schemaOf } from '@muslin/api';
import { describe, expect, test } from 'vitest';
import { brokenRules } from './cel.ts';

function broken(kindName: string, spec: object, old?: object, name = 'x') {
  const kind = KINDS.find(({ kind }) => kind === kindName) as Kind;
  const object = (spec: object) => ({ metadata: { name }, spec });
  return brokenRules(schemaOf(kind), object(spec), old && object(old));
}

const CIDR = '10.0.0.0/16';
const operations = [{ setPriority: { value: 1 } }];

describe('the rules of a CRD let pass', () => {
  test.each<[string, string, object, object?]>([
    ['IPPool', 'a plain pool', { cidr: CIDR }],
    [
      'IPPool',
      'an IPv6 pool',
      { cidr: 'fd00::/64', blockSize: 122, vxlanMode: 'Always', namespaceSelector: 'has(a)' },
    ],
    ['IPPool', 'the usual block size written later', { cidr: CIDR, blockSize: 26 }, { cidr: CIDR }],
    ['IPPool', 'load balancer addresses', { cidr: CIDR, allowedUses: ['LoadBalancer'] }],
    ['Tier', 'a tier of ours', { order: 1.5, defaultAction: 'Pass' }],
    ['BGPPeer', 'a router with a 32-bit AS number', { peerIP: '192.0.2.1', asNumber: 4_200_000_000 }],
    ['BGPPeer', 'nodes', { peerSelector: 'all()', asNumber: 0 }],
    ['BGPPeer', 'pods', { localWorkloadSelector: 'all()', asNumber: 1 }],
    [
      'BGPPeer',
      'empty texts as absent ones',
      { node: '', nodeSelector: 'all()', peerIP: '192.0.2.1', peerSelector: '' },
    ],
    [
      'BGPPeerPolicy',
      'everything at once',
      {
        nodeMesh: true,
        holdTimeSeconds: 9,
        keepaliveTimeSeconds: 3,
        bfd: { intervalMilliseconds: 50, multihop: true, minimumTTL: 250 },
        prefixLimits: [{ family: 'IPv6', most: 1, restartAfterSeconds: 1 }],
        listenRanges: [{ cidr: CIDR, asNumbers: [1] }],
        interfaces: [{ name: 'eth0', remoteAS: 'External' }],
      },
    ],
    ['BGPPeerPolicy', 'no hold time', { peerSelector: 'all()', holdTimeSeconds: 0 }],
    ['BGPConfiguration', 'a mesh with settings', { nodeMeshPassword: {}, nodeMeshMaxRestartTime: '1s' }],
    [
      'BGPFilter',
      'a full rule',
      { exportV4: [{ action: 'Accept', cidr: CIDR, matchOperator: 'In', prefixLength: {}, operations }] },
    ],
    ['GlobalNetworkPolicy', 'a pre-DNAT policy', { preDNAT: true, applyOnForward: true, egress: [] }],
    [
      'NetworkPolicy',
      'services and http where they belong',
      {
        ingress: [{ action: 'Allow', http: {}, source: { services: { name: 'a' } } }],
        egress: [{ action: 'Deny', destination: { services: { name: 'a' } }, icmp: { type: 8, code: 0 } }],
      },
    ],
    ['HostEndpoint', 'an interface', { node: 'n', interfaceName: '*' }],
    ['HostEndpoint', 'addresses', { node: 'n', expectedIPs: ['192.0.2.1'] }],
  ])('%s: %s', (kind, _, spec, old) => {
    expect(broken(kind, spec, old)).toEqual([]);
  });

  test('built-in tiers as they are', () => {
    expect(broken('Tier', {}, undefined, 'default')).toEqual([]);
    expect(broken('Tier', { order: 1_000_000, defaultAction: 'Deny' }, undefined, 'default')).toEqual([]);
    expect(broken('Tier', { order: 1_000, defaultAction: 'Pass' }, undefined, 'kube-admin')).toEqual([]);
  });
});

const one = (rule: object) => ({ exportV6: [{ action: 'Accept', ...rule }] });

/** Each rule of each CRD once, by its message. */
const REFUSED: readonly (readonly [string, string, object, (object | undefined)?, string?])[] = [
  [
    'IPPool',
    'cidr can not be changed: make a new pool and disable this one',
    { cidr: '10.1.0.0/16' },
    { cidr: CIDR },
  ],
  [
    'IPPool',
    'blockSize can not be changed: make a new pool and disable this one',
    { cidr: CIDR, blockSize: 28 },
    { cidr: CIDR },
  ],
  ['IPPool', 'cidr must have no bits set beyond the prefix length', { cidr: '10.0.0.1/16' }],
  [
    'IPPool',
    'ipipMode and vxlanMode may not both be on',
    { cidr: CIDR, ipipMode: 'Always', vxlanMode: 'Always' },
  ],
  ['IPPool', 'ipipMode must be Never for IPv6', { cidr: 'fd00::/64', ipipMode: 'Always' }],
  [
    'IPPool',
    'blockSize must be from 20 to 32 for IPv4 and from 116 to 128 for IPv6',
    { cidr: CIDR, blockSize: 33 },
  ],
  [
    'IPPool',
    'cidr must hold at least one block: make blockSize greater or cidr wider',
    { cidr: '10.0.0.0/28' },
  ],
  ['IPPool', 'nodeSelector may not use global()', { cidr: CIDR, nodeSelector: 'global()' }],
  ['IPPool', 'namespaceSelector may not use global()', { cidr: CIDR, namespaceSelector: 'global()' }],
  ['IPPool', 'LoadBalancer must be the only use', { cidr: CIDR, allowedUses: ['LoadBalancer', 'Workload'] }],
  [
    'IPPool',
    'a pool for LoadBalancer addresses takes no encapsulation',
    { cidr: CIDR, allowedUses: ['LoadBalancer'], vxlanMode: 'Always' },
  ],
  [
    'IPPool',
    'a pool for LoadBalancer addresses must have nodeSelector all()',
    { cidr: CIDR, allowedUses: ['LoadBalancer'], nodeSelector: 'has(a)' },
  ],
  [
    'IPPool',
    'a pool for LoadBalancer addresses must be exported by BGP',
    { cidr: CIDR, allowedUses: ['LoadBalancer'], disableBGPExport: true },
  ],
  [
    'IPPool',
    'a pool for tunnel addresses may not have a namespaceSelector',
    { cidr: CIDR, allowedUses: ['Tunnel'], namespaceSelector: 'has(a)' },
  ],
  ['Tier', 'the name must have at most 63 characters and no dots', {}, undefined, 'a.b'],
  [
    'Tier',
    'the built-in tier kube-admin keeps order 1000 and defaultAction Pass',
    { order: 1, defaultAction: 'Pass' },
    undefined,
    'kube-admin',
  ],
  [
    'Tier',
    'the built-in tier default keeps order 1000000 and defaultAction Deny',
    { defaultAction: 'Pass' },
    undefined,
    'default',
  ],
  [
    'Tier',
    'the built-in tier kube-baseline keeps order 10000000 and defaultAction Pass',
    { order: 1, defaultAction: 'Pass' },
    undefined,
    'kube-baseline',
  ],
  ['BGPPeer', 'node and nodeSelector may not both be given', { node: 'a', nodeSelector: 'b' }],
  ['BGPPeer', 'peerIP and peerSelector may not both be given', { peerIP: 'a', peerSelector: 'b' }],
  [
    'BGPPeer',
    'peerIP and localWorkloadSelector may not both be given',
    { peerIP: 'a', localWorkloadSelector: 'b', asNumber: 1 },
  ],
  [
    'BGPPeer',
    'peerSelector and localWorkloadSelector may not both be given',
    { peerSelector: 'a', localWorkloadSelector: 'b' },
  ],
  [
    'BGPPeer',
    'asNumber must be left out with peerSelector: each node has its own',
    { peerSelector: 'a', asNumber: 1 },
  ],
  ['BGPPeer', 'asNumber must be given with localWorkloadSelector', { localWorkloadSelector: 'a' }],
  ['BGPPeer', 'reachableBy needs peerIP', { reachableBy: 'a' }],
  [
    'BGPPeer',
    'nextHopMode and keepOriginalNextHop may not both be given',
    { nextHopMode: 'Self', keepOriginalNextHop: true },
  ],
  [
    'BGPPeerPolicy',
    'one of peerNames, peerSelector, nodeMesh, listenRanges and interfaces must be given',
    { holdTimeSeconds: 9 },
  ],
  ['BGPPeerPolicy', 'must be 0 or at least 3', { nodeMesh: true, holdTimeSeconds: 2 }],
  [
    'BGPPeerPolicy',
    'three keepaliveTimeSeconds must fit into holdTimeSeconds (RFC 4271 §4.4)',
    { nodeMesh: true, holdTimeSeconds: 9, keepaliveTimeSeconds: 4 },
  ],
  ['BGPPeerPolicy', 'strictRole needs role', { nodeMesh: true, strictRole: true }],
  [
    'BGPPeerPolicy',
    'minimumTTL needs multihop: on one link only TTL 255 counts',
    { nodeMesh: true, bfd: { minimumTTL: 250 } },
  ],
  [
    'BGPPeerPolicy',
    'restartAfterSeconds needs action TearDown',
    { nodeMesh: true, prefixLimits: [{ family: 'IPv4', most: 1, action: 'Warn', restartAfterSeconds: 1 }] },
  ],
  [
    'BGPPeerPolicy',
    'either asNumbers or remoteAS must be given',
    { listenRanges: [{ cidr: CIDR, asNumbers: [1], remoteAS: 'External' }] },
  ],
  [
    'BGPQuestion',
    'peer must be given with Peer, Received and Advertised, and with nothing else',
    { about: 'Received' },
  ],
  [
    'BGPQuestion',
    'prefix must be given with Explain, and with nothing else',
    { about: 'Routes', prefix: CIDR },
  ],
  [
    'BGPQuestion',
    'after needs a list: Routes, Received or Advertised',
    { about: 'Explain', prefix: CIDR, after: CIDR },
  ],
  [
    'BGPConfiguration',
    'nodeMeshPassword needs the mesh',
    { nodeToNodeMeshEnabled: false, nodeMeshPassword: {} },
  ],
  [
    'BGPConfiguration',
    'nodeMeshMaxRestartTime needs the mesh',
    { nodeToNodeMeshEnabled: false, nodeMeshMaxRestartTime: '1s' },
  ],
  ['BGPFilter', 'cidr and matchOperator must be given together', one({ cidr: 'fd00::/8' })],
  ['BGPFilter', 'prefixLength needs cidr', one({ prefixLength: {} })],
  ['BGPFilter', 'operations need action Accept', one({ action: 'Reject', operations })],
  [
    'GlobalNetworkPolicy',
    'doNotTrack and preDNAT may not both be true',
    { preDNAT: true, doNotTrack: true, applyOnForward: true },
  ],
  ['GlobalNetworkPolicy', 'doNotTrack and preDNAT need applyOnForward: true', { doNotTrack: true }],
  [
    'GlobalNetworkPolicy',
    'a preDNAT policy may not have egress rules',
    { preDNAT: true, applyOnForward: true, egress: [{ action: 'Allow' }] },
  ],
  ['NetworkPolicy', 'http is only for rules that allow', { ingress: [{ action: 'Deny', http: {} }] }],
  ['NetworkPolicy', 'http is only for ingress rules', { egress: [{ action: 'Allow', http: {} }] }],
  [
    'NetworkPolicy',
    'services may only be the source of ingress',
    { ingress: [{ action: 'Allow', destination: { services: {} } }] },
  ],
  [
    'NetworkPolicy',
    'services may only be the destination of egress',
    { egress: [{ action: 'Allow', source: { services: {} } }] },
  ],
  [
    'NetworkPolicy',
    'services may not be combined with other fields',
    { ingress: [{ action: 'Allow', source: { services: {}, nets: [CIDR] } }] },
  ],
  ['NetworkPolicy', 'code needs type', { ingress: [{ action: 'Allow', icmp: { code: 1 } }] }],
  ['HostEndpoint', 'node must be given', { interfaceName: '*' }],
  ['HostEndpoint', 'interfaceName or expectedIPs must be given', { node: 'n', expectedIPs: [] }],
  [
    'FelixConfiguration',
    'routeTableRange and routeTableRanges may not both be given',
    { routeTableRange: { min: 1, max: 2 }, routeTableRanges: [] },
  ],
];

const examples = REFUSED.map(([kind, message, spec, old, name]) => ({ kind, message, spec, old, name }));

test.each(examples)('$kind: $message', ({ kind, message, spec, old, name }) => {
  expect(broken(kind, spec, old, name)).toContain(message);
});

test('no rule is without its example', () => {
  const known = new Set(REFUSED.map(([, message]) => message));
  const messages = JSON.stringify(KINDS.map(schemaOf)).matchAll(
    /"rule":"(?:[^"\\]|\\.)*","message":"((?:[^"\\]|\\.)*)"/g,
  );
  const found = new Set([...messages].map(match => match[1]));
  expect(found).toEqual(known);
});
