import { parseDuration, readBgpConfiguration, readBgpFilter, readBgpPeer, readIpPool } from '@muslin/api';
import { formatIp, formatPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';

const object = (kind: string, spec: unknown, name = 'x') => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata: { name },
  spec,
});
type Outcome = { readonly value: unknown; readonly findings: readonly { readonly path: string }[] };
function refused({ value, findings }: Outcome, path: string) {
  expect(value).toBeUndefined();
  expect(findings.map(finding => finding.path)).toContain(path);
}

describe('an IPPool', () => {
  const read = (spec: unknown) => readIpPool(object('IPPool', spec));

  test('has defaults for all but its cidr', () => {
    expect(read({ cidr: '10.0.0.0/16' })).toMatchObject({
      value: {
        name: 'x',
        blockSize: 26,
        natOutgoing: false,
        disabled: false,
        disableBgpExport: false,
        ipipMode: 'Never',
        vxlanMode: 'Never',
        nodeSelector: { op: 'all' },
        namespaceSelector: undefined,
        allowedUses: new Set(['Workload', 'Tunnel']),
        assignmentMode: 'Automatic',
      },
      findings: [],
    });
    expect(read({ cidr: 'fd00::/64', blockSize: 0 }).value?.blockSize).toBe(122);
  });

  test.each<[string, unknown, string]>([
    ['no cidr', {}, 'spec.cidr'],
    ['link-local', { cidr: '169.254.0.0/24' }, 'spec.cidr'],
    [
      'two encapsulations',
      { cidr: '10.0.0.0/16', ipipMode: 'Always', vxlanMode: 'CrossSubnet' },
      'spec.vxlanMode',
    ],
    ['IP-in-IP on IPv6', { cidr: 'fd00::/64', ipipMode: 'Always' }, 'spec.ipipMode'],
    ['blocks too big', { cidr: '10.0.0.0/8', blockSize: 19 }, 'spec.blockSize'],
    ['blocks that do not fit', { cidr: '10.0.0.0/28', blockSize: 26 }, 'spec.blockSize'],
    ['the usual block does not fit', { cidr: '10.0.0.0/28' }, 'spec.blockSize'],
    [
      'LoadBalancer beside others',
      { cidr: '10.0.0.0/16', allowedUses: ['LoadBalancer', 'Workload'] },
      'spec.allowedUses',
    ],
    ['an unknown use', { cidr: '10.0.0.0/16', allowedUses: ['Play'] }, 'spec.allowedUses[0]'],
    ['global()', { cidr: '10.0.0.0/16', nodeSelector: 'global()' }, 'spec.nodeSelector'],
  ])('%s is refused', (_, spec, path) => {
    refused(read(spec), path);
  });
});

describe('a BGPConfiguration', () => {
  const read = (
    spec: unknown,
    ...base: Parameters<typeof readBgpConfiguration> extends [unknown, ...infer B] ? B : never
  ) => readBgpConfiguration(object('BGPConfiguration', spec, 'default'), ...base);

  test('that says nothing means AS 64512, a full mesh and port 179', () => {
    expect(read({}).value).toMatchObject({
      asNumber: 64512,
      nodeToNodeMeshEnabled: true,
      listenPort: 179,
      bindMode: 'None',
    });
  });

  test('of one node fills its gaps from the default one', () => {
    const base = read({ asNumber: 65001, listenPort: 1179 }).value;
    expect(base && read({ listenPort: 2179 }, base).value).toMatchObject({
      asNumber: 65001,
      listenPort: 2179,
    });
  });

  test('looks up community names', () => {
    const { value } = read({
      communities: [{ name: 'east', value: '65001:1' }],
      prefixAdvertisements: [{ cidr: '10.0.0.0/16', communities: ['east', '1:2:3'] }],
      serviceClusterIPs: [{ cidr: '10.96.0.0/12' }],
    });
    expect(value?.prefixAdvertisements[0]?.communities).toEqual([
      [65001, 1],
      [1, 2, 3],
    ]);
    expect(value?.serviceClusterIps.map(formatPrefix)).toEqual(['10.96.0.0/12']);
  });

  test.each<[string, unknown, string]>([
    ['AS 0', { asNumber: 0 }, 'spec.asNumber'],
    [
      'a mesh password without mesh',
      { nodeToNodeMeshEnabled: false, nodeMeshPassword: {} },
      'spec.nodeMeshPassword',
    ],
    [
      'an unknown community',
      { prefixAdvertisements: [{ cidr: '10.0.0.0/16', communities: ['west'] }] },
      'spec.prefixAdvertisements[0].communities[0]',
    ],
    [
      'a community out of range',
      { communities: [{ name: 'a', value: '65536:1' }] },
      'spec.communities[0].value',
    ],
    ['every interface ignored', { ignoredInterfaces: ['*'] }, 'spec.ignoredInterfaces[0]'],
    ['a bad duration', { nodeMeshMaxRestartTime: '2 minutes' }, 'spec.nodeMeshMaxRestartTime'],
  ])('%s is refused', (_, spec, path) => {
    refused(read(spec), path);
  });
});

describe('a BGPPeer', () => {
  const read = (spec: unknown) => readBgpPeer(object('BGPPeer', spec));

  test.each<[string, string, number | undefined]>([
    ['192.0.2.1', '192.0.2.1', undefined],
    ['192.0.2.1:1179', '192.0.2.1', 1179],
    ['2001:db8::1', '2001:db8::1', undefined],
    ['[2001:db8::1]:1179', '2001:db8::1', 1179],
  ])('at %s is at %s, port %s', (peerIP, ip, port) => {
    const target = read({ peerIP, asNumber: 65001 }).value?.target;
    expect(target?.type === 'address' && [formatIp(target.ip), target.port]).toEqual([ip, port]);
  });

  test('has defaults', () => {
    expect(read({ peerIP: '192.0.2.1', asNumber: 65001, keepaliveTime: '20s' }).value).toMatchObject({
      scope: { type: 'all' },
      asNumber: 65001,
      nextHopMode: 'Auto',
      sourceAddress: 'UseNodeIP',
      keepaliveTime: 20_000,
      maxRestartTime: undefined,
      numAllowedLocalAsNumbers: 0,
      ttlSecurity: 0,
      filters: [],
      reversePeering: 'Auto',
    });
  });

  test('understands the old spelling of keeping the next hop', () => {
    expect(read({ peerIP: '192.0.2.1', keepOriginalNextHop: true }).value).toMatchObject({
      nextHopMode: 'Keep',
      keepOnExternalOnly: true,
    });
  });

  test('can be all nodes with a label, for one node', () => {
    expect(read({ node: 'n1', peerSelector: 'has(rr)' }).value).toMatchObject({
      scope: { type: 'node', name: 'n1' },
      target: { type: 'nodes', selector: { op: 'has', key: 'rr' } },
    });
  });

  test.each<[string, unknown, string]>([
    ['nobody', {}, 'spec.peerIP'],
    ['two targets', { peerIP: '192.0.2.1', peerSelector: 'all()' }, 'spec.peerIP'],
    ['two scopes', { peerIP: '192.0.2.1', node: 'a', nodeSelector: 'all()' }, 'spec.nodeSelector'],
    ['an AS number for nodes', { peerSelector: 'all()', asNumber: 1 }, 'spec.asNumber'],
    ['workloads without AS number', { localWorkloadSelector: 'all()' }, 'spec.asNumber'],
    ['a host name', { peerIP: 'tor1' }, 'spec.peerIP'],
    ['port 0', { peerIP: '192.0.2.1:0' }, 'spec.peerIP'],
    ['a gateway of the other family', { peerIP: '192.0.2.1', reachableBy: 'fd00::1' }, 'spec.reachableBy'],
    [
      'two next-hop settings',
      { peerIP: '192.0.2.1', nextHopMode: 'Self', keepOriginalNextHop: true },
      'spec.keepOriginalNextHop',
    ],
    [
      'a password without key',
      { peerIP: '192.0.2.1', password: { secretKeyRef: { name: 's' } } },
      'spec.password.secretKeyRef.key',
    ],
  ])('%s is refused', (_, spec, path) => {
    refused(read(spec), path);
  });
});

describe('a BGPFilter', () => {
  const read = (spec: unknown) => readBgpFilter(object('BGPFilter', spec));

  test('keeps its rules in order with all that they ask and do', () => {
    const { value } = read({
      exportV4: [
        {
          action: 'Accept',
          cidr: '10.0.0.0/8',
          matchOperator: 'In',
          prefixLength: { min: 16 },
          source: 'RemotePeers',
          interface: 'eth*',
          peerType: 'eBGP',
          communities: { values: ['1:2'] },
          asPathPrefix: [65001],
          priority: 100,
          operations: [
            { addCommunity: { value: '1:2:3' } },
            { prependASPath: { prefix: [1, 2] } },
            { setPriority: { value: 5 } },
          ],
        },
        { action: 'Reject' },
      ],
    });
    expect(value?.exportV4).toMatchObject([
      {
        match: { operator: 'In', least: 16, most: 32 },
        learned: true,
        interface: 'eth*',
        peerType: 'eBGP',
        community: [1, 2],
        asPathPrefix: [65001],
        priority: 100,
        operations: [
          { type: 'addCommunity', community: [1, 2, 3] },
          { type: 'prependAsPath', asNumbers: [1, 2] },
          { type: 'setPriority', priority: 5 },
        ],
      },
      { action: 'Reject', operations: [], path: 'spec.exportV4[1]' },
    ]);
    expect(value?.exportV4[1]).not.toHaveProperty('match');
  });

  const one = (rule: object) => ({ importV6: [{ action: 'Accept', ...rule }] });
  test.each<[string, unknown, string]>([
    ['a prefix without operator', one({ cidr: 'fd00::/8' }), 'spec.importV6[0].matchOperator'],
    ['an operator without prefix', one({ matchOperator: 'In' }), 'spec.importV6[0].matchOperator'],
    ['the other family', one({ cidr: '10.0.0.0/8', matchOperator: 'In' }), 'spec.importV6[0].cidr'],
    [
      'lengths that exclude each other',
      one({ cidr: 'fd00::/8', matchOperator: 'In', prefixLength: { min: 65, max: 64 } }),
      'spec.importV6[0].prefixLength',
    ],
    ['lengths without prefix', one({ prefixLength: { min: 1 } }), 'spec.importV6[0].prefixLength'],
    ['no action', { importV6: [{}] }, 'spec.importV6[0].action'],
    [
      'operations on Reject',
      one({ action: 'Reject', operations: [{ setPriority: { value: 1 } }] }),
      'spec.importV6[0].operations',
    ],
    [
      'two operations in one',
      one({ operations: [{ setPriority: { value: 1 }, addCommunity: { value: '1:1' } }] }),
      'spec.importV6[0].operations[0]',
    ],
    [
      'two communities',
      one({ communities: { values: ['1:1', '1:2'] } }),
      'spec.importV6[0].communities.values',
    ],
  ])('%s is refused', (_, spec, path) => {
    refused(read(spec), path);
  });
});

test.each<[string, number | undefined]>([
  ['90s', 90_000],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['500ms', 500],
  ['0', 0],
  ['', undefined],
  ['10', undefined],
  ['-5s', undefined],
  ['5 s', undefined],
])('the duration %j is %s ms', (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});
