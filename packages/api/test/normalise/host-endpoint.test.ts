import { formatIp, mustPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { effectiveHostLabels, type FelixFacts, type HostEndpoint, normalise } from '../../src/index.ts';

const object = (kind: string, spec: object, name = 'eth0') => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata: { name, labels: { role: 'edge', 'projectcalico.org/namespace': 'fake' } },
  spec,
});
const hep = (spec: object) => normalise(object('HostEndpoint', { node: 'n1', ...spec }));
const felix = (spec: object) => normalise(object('FelixConfiguration', spec, 'default'));

test('a HostEndpoint is interfaces of a node with labels, addresses, ports and profiles', () => {
  const { facts, findings } = hep({
    interfaceName: 'eth0',
    expectedIPs: ['192.0.2.1', '2001:db8::1'],
    ports: [{ name: 'api', protocol: 'TCP', port: 6443 }],
    profiles: ['projectcalico-default-allow'],
  });
  expect(findings).toEqual([]);
  const [fact] = facts;
  expect(fact).toMatchObject({
    type: 'hostEndpoint',
    key: 'host/n1/eth0',
    value: {
      node: 'n1',
      interfaceName: 'eth0',
      ports: [{ name: 'api', protocol: 6, port: 6443 }],
      profiles: ['projectcalico-default-allow'],
    },
  });
  const host = fact?.value as HostEndpoint;
  expect(host.ips.map(formatIp)).toEqual(['192.0.2.1', '2001:db8::1']);
  expect([...host.labels]).toEqual([['role', 'edge']]);
});

test.each([
  ['no node', { node: '', interfaceName: '*' }, 'spec.node'],
  ['neither interface nor addresses', {}, 'spec.interfaceName'],
  ['an interface name that the kernel does not take', { interfaceName: 'a b' }, 'spec.interfaceName'],
  ['an interface name of 16 characters', { interfaceName: 'abcdefghijklmnop' }, 'spec.interfaceName'],
  ['an address that is none', { expectedIPs: ['192.0.2.256'] }, 'spec.expectedIPs[0]'],
  [
    'a port without a name',
    { interfaceName: '*', ports: [{ protocol: 'TCP', port: 1 }] },
    'spec.ports[0].name',
  ],
])('a HostEndpoint with %s is absent', (_, spec, path) => {
  const { facts, findings } = hep(spec);
  expect(facts).toEqual([]);
  expect(findings.map(finding => finding.path)).toContain(path);
});

test('a profile that no Kubernetes cluster has is told and allows nothing', () => {
  const { facts, findings } = hep({ interfaceName: '*', profiles: ['kns.shop', 'mine'] });
  expect(facts).toMatchObject([{ value: { profiles: ['kns.shop', 'mine'] } }]);
  expect(findings).toMatchObject([{ severity: 'warning', path: 'spec.profiles[1]' }]);
});

test('profiles hand the labels of a namespace and of a service account down', () => {
  const { facts } = hep({ interfaceName: '*', profiles: ['kns.shop', 'ksa.shop.robot.2'] });
  const labels = effectiveHostLabels(
    facts[0]?.value as HostEndpoint,
    name => ({ name, labels: new Map([['team', 'one']]) }),
    key => ({ namespace: 'shop', name: key.slice(5), labels: new Map([['role', 'r']]) }),
  );
  expect(Object.fromEntries(labels)).toEqual({
    role: 'edge',
    'pcns.team': 'one',
    'pcns.projectcalico.org/name': 'shop',
    'pcsa.role': 'r',
    'pcsa.projectcalico.org/name': 'robot.2',
  });
});

describe('failsafe ports of a FelixConfiguration', () => {
  const read = (spec: object) => felix(spec).facts[0]?.value as FelixFacts;

  test('are unknown when it does not speak of them, and none when the list is empty', () => {
    expect(read({})).toMatchObject({ failsafeInbound: undefined, failsafeOutbound: undefined });
    expect(read({ failsafeInboundHostPorts: [] }).failsafeInbound).toEqual([]);
  });

  test('have a protocol, TCP when it is left out, and may be for one prefix', () => {
    const ports = [{ port: 22 }, { protocol: 'udp', port: 68, net: '10.0.0.0/8' }];
    expect(read({ failsafeInboundHostPorts: ports }).failsafeInbound).toEqual([
      { protocol: 6, port: 22, net: undefined },
      { protocol: 17, port: 68, net: mustPrefix('10.0.0.0/8') },
    ]);
  });

  test('stand beside what it says of tunnels that pods send', () => {
    expect(read({ allowIPIPPacketsFromWorkloads: true, vxlanPort: 8472 })).toMatchObject({
      ipipFromPods: true,
      vxlanPort: 8472,
    });
    expect(read({ vxlanPort: 0 })).not.toHaveProperty('vxlanPort');
  });

  test('that can not be read make the whole object absent, so that the defaults hold', () => {
    const { facts, findings } = felix({ failsafeInboundHostPorts: [{ port: 70_000 }] });
    expect(facts).toEqual([]);
    expect(findings.map(finding => finding.path)).toEqual(['spec.failsafeInboundHostPorts[0].port']);
  });
});
