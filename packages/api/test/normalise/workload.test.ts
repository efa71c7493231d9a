import { type Endpoint, type NodeFacts, normalise, readNode, type ServiceFacts } from '@muslin/api';
import { formatIp, formatPrefix, mustIp } from '@muslin/net';
import { describe, expect, test } from 'vitest';

const pod = (parts: { metadata?: object; spec?: object; status?: object }) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'ns', name: 'p', uid: 'u', ...parts.metadata },
  spec: parts.spec,
  status: parts.status,
});

function endpoint(parts: Parameters<typeof pod>[0]): Endpoint {
  const [fact] = normalise(pod(parts)).facts;
  if (fact?.type !== 'endpoint') throw new Error('no endpoint');
  return fact.value;
}

describe('a Pod', () => {
  test('is an endpoint with its own labels, node and service account', () => {
    const value = endpoint({
      metadata: { labels: { app: 'web', 'pcns.x': 'spoofed', 'projectcalico.org/namespace': 'kube-system' } },
      spec: { nodeName: 'n1', serviceAccountName: 'clerk' },
    });
    expect(value).toMatchObject({
      key: 'pod/ns/p',
      uid: 'u',
      node: 'n1',
      serviceAccount: 'clerk',
      hostNetwork: false,
    });
    expect([...value.labels]).toEqual([['app', 'web']]);
    expect(endpoint({})).toMatchObject({ node: undefined, serviceAccount: 'default', ips: [], ports: [] });
  });

  test('without a namespace is in default, as kubectl would put it', () => {
    expect(endpoint({ metadata: { namespace: undefined } })).toMatchObject({
      key: 'pod/default/p',
      namespace: 'default',
    });
  });

  test.each(['Succeeded', 'Failed'])(
    'in phase %s is no endpoint, though its address is still written (S30)',
    phase => {
      expect(normalise(pod({ status: { phase, podIP: '10.0.0.1' } }))).toEqual({ facts: [], findings: [] });
    },
  );

  test('that terminates stays one until it is gone (S31)', () => {
    const metadata = { deletionTimestamp: '2026-01-01T00:00:00Z' };
    expect(endpoint({ metadata, status: { phase: 'Running', podIP: '10.0.0.1' } }).ips).toHaveLength(1);
  });

  test.each<[string, object, object, string[]]>([
    [
      'status.podIPs',
      {},
      { podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] },
      ['10.0.0.1', 'fd00::1'],
    ],
    ['status.podIP', {}, { podIP: '10.0.0.1' }, ['10.0.0.1']],
    [
      'the annotation podIPs first',
      {
        'cni.projectcalico.org/podIPs': '10.0.0.2/32,fd00::2/128',
        'cni.projectcalico.org/podIP': '10.0.0.3/32',
      },
      { podIP: '10.0.0.1' },
      ['10.0.0.2', 'fd00::2'],
    ],
    [
      'the annotation podIP before status',
      { 'cni.projectcalico.org/podIP': '10.0.0.3/32' },
      { podIP: '10.0.0.1' },
      ['10.0.0.3'],
    ],
    ['an empty annotation: none any more', { 'cni.projectcalico.org/podIPs': '' }, { podIP: '10.0.0.1' }, []],
    ['nothing yet (S32)', {}, {}, []],
  ])('takes its addresses from %s', (_, annotations, status, ips) => {
    expect(endpoint({ metadata: { annotations }, status }).ips.map(formatIp)).toEqual(ips);
  });

  test('has the named ports of all containers, init and sidecar ones too (S10)', () => {
    const value = endpoint({
      spec: {
        initContainers: [{ restartPolicy: 'Always', ports: [{ name: 'mesh', containerPort: 15 }] }],
        containers: [
          { ports: [{ name: 'web', containerPort: 80 }, { containerPort: 81 }] },
          { ports: [{ name: 'web', containerPort: 80, protocol: 'UDP' }] },
          {},
        ],
      },
    });
    expect(value.ports).toEqual([
      { name: 'mesh', protocol: 6, port: 15 },
      { name: 'web', protocol: 6, port: 80 },
      { name: 'web', protocol: 17, port: 80 },
    ]);
    expect(value.declaredPorts).toHaveLength(4);
  });

  test('has the ports of its node that lead to it, of any protocol and of one address or all', () => {
    const ports = [
      { containerPort: 80, hostPort: 8080 },
      { containerPort: 53, hostPort: 53, protocol: 'UDP', hostIP: '0.0.0.0' },
      { containerPort: 81, hostPort: 8081, hostIP: 'fd00::1' },
      { containerPort: 82, hostPort: 0 },
      { containerPort: 83 },
    ];
    expect(endpoint({ spec: { containers: [{ ports }] } }).hostPorts).toEqual([
      { protocol: 6, hostPort: 8080, hostIp: undefined, port: 80 },
      { protocol: 17, hostPort: 53, hostIp: undefined, port: 53 },
      { protocol: 6, hostPort: 8081, hostIp: mustIp('fd00::1'), port: 81 },
    ]);
    const onHost = { hostNetwork: true, containers: [{ ports: [{ containerPort: 80, hostPort: 80 }] }] };
    expect(endpoint({ spec: onHost }).hostPorts).toBeUndefined();
  });

  test('on the host network says so (S18)', () => {
    expect(endpoint({ spec: { hostNetwork: true } }).hostNetwork).toBe(true);
  });

  test('with an address that is none is in effect without it, with a finding', () => {
    expect(normalise(pod({ status: { podIP: 'x' } }))).toMatchObject({
      facts: [{ value: { ips: [] } }],
      findings: [{ severity: 'error', path: 'status.podIP' }],
    });
  });
});

describe('a Node', () => {
  const read = (annotations: object, parts: object = {}) =>
    readNode({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n', annotations }, ...parts });
  const status = {
    addresses: [
      { type: 'InternalIP', address: '192.0.2.1' },
      { type: 'Hostname', address: 'n' },
      { type: 'InternalIP', address: '2001:db8::1' },
      { type: 'ExternalIP', address: '198.51.100.1' },
    ],
  };
  const ips = (facts: NodeFacts | undefined) => facts?.ips.map(formatIp);

  test('has its InternalIPs, IPv4 first', () => {
    expect(ips(read({}, { status }).value)).toEqual(['192.0.2.1', '2001:db8::1']);
  });

  test('has the addresses of its annotations instead, per family', () => {
    expect(ips(read({ 'projectcalico.org/IPv4Address': '192.0.2.7/24' }, { status }).value)).toEqual([
      '192.0.2.7',
      '2001:db8::1',
    ]);
  });

  test('keeps its InternalIP when the annotation is no address, with a finding', () => {
    const { value, findings } = read({ 'projectcalico.org/IPv4Address': 'fd00::1' }, { status });
    expect(ips(value)).toEqual(['192.0.2.1', '2001:db8::1']);
    expect(findings).toMatchObject([{ path: 'metadata.annotations[projectcalico.org/IPv4Address]' }]);
  });

  test.each([
    ['64512', 64512],
    ['1.10', 65546],
    ['4294967295', 4294967295],
    ['0', undefined],
    ['70000.1', undefined],
    ['x', undefined],
  ])('reads AS number %s as %s', (text, asNumber) => {
    const { value, findings } = read({ 'projectcalico.org/ASNumber': text });
    expect(value?.asNumber).toBe(asNumber);
    expect(findings).toHaveLength(asNumber === undefined ? 1 : 0);
  });

  test('has pod CIDRs and a route reflector cluster', () => {
    const { value } = read(
      { 'projectcalico.org/RouteReflectorClusterID': '244.0.0.1' },
      { spec: { podCIDR: '10.0.0.0/24', podCIDRs: ['10.0.0.0/24', 'fd00::/64'] } },
    );
    expect(value?.podCidrs.map(formatPrefix)).toEqual(['10.0.0.0/24', 'fd00::/64']);
    expect(value?.routeReflectorClusterId).toBe('244.0.0.1');
    expect(read({}, { spec: { podCIDR: '10.0.0.0/24' } }).value?.podCidrs).toHaveLength(1);
  });
});

test('a headless Service has no cluster address; the others have all of theirs', () => {
  const service = (spec: object) =>
    normalise({ apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'ns', name: 's' }, spec }).facts[0]
      ?.value as unknown as ServiceFacts;
  expect(service({ clusterIP: 'None', clusterIPs: ['None'] }).clusterIps).toEqual([]);
  const both = service({ clusterIPs: ['10.96.0.1', 'fd00::1'], ports: [{ port: 53, protocol: 'UDP' }] });
  expect(both.clusterIps.map(formatIp)).toEqual(['10.96.0.1', 'fd00::1']);
  expect(both.ports).toEqual([{ name: '', protocol: 17, port: 53 }]);
});

test('a Namespace has the label with its name, whatever is written there (S39)', () => {
  const labelled = (labels: object) =>
    normalise({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns', labels } }).facts;
  for (const labels of [{}, { 'kubernetes.io/metadata.name': 'kube-system' }])
    expect(labelled(labels)).toMatchObject([
      { value: { labels: new Map([['kubernetes.io/metadata.name', 'ns']]) } },
    ]);
});

test('network sets hold prefixes and addresses; the global one has no namespace', () => {
  const set = (kind: string) =>
    normalise({
      apiVersion: 'projectcalico.org/v3',
      kind,
      metadata: { namespace: 'ns', name: 's', labels: { a: 'b' } },
      spec: { nets: ['10.0.0.1', '10.1.2.3/16'] },
    });
  expect(set('NetworkSet').facts).toMatchObject([
    { type: 'networkSet', key: 'ns/s', value: { namespace: 'ns' } },
  ]);
  expect(set('GlobalNetworkSet').facts).toMatchObject([{ key: 's', value: { namespace: undefined } }]);
  expect(set('GlobalNetworkSet').findings).toMatchObject([{ severity: 'warning', path: 'spec.nets[1]' }]);
});

test('what is no Kubernetes object says so, and other kinds say nothing', () => {
  expect(normalise('x').findings).toHaveLength(1);
  expect(normalise({ kind: 'Pod' }).findings).toHaveLength(1);
  expect(normalise({ apiVersion: 'apps/v1', kind: 'Deployment' })).toEqual({ facts: [], findings: [] });
});

test('a name that could be taken for another object is refused', () => {
  expect(normalise(pod({ metadata: { name: 'a/b' } }))).toMatchObject({
    facts: [],
    findings: [{ path: 'metadata.name' }],
  });
});
