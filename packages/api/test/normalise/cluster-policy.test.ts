import { type Fact, formatSelector, normalise, type Policy } from '@muslin/api';
import { formatPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';

const SUBJECT = { namespaces: {} };
const cnp = (spec: object) => ({
  apiVersion: 'policy.networking.k8s.io/v1alpha2',
  kind: 'ClusterNetworkPolicy',
  metadata: { name: 'p' },
  spec: { tier: 'Admin', priority: 5, subject: SUBJECT, ...spec },
});
const anp = (spec: object, kind = 'AdminNetworkPolicy', name = 'p') => ({
  apiVersion: 'policy.networking.k8s.io/v1alpha1',
  kind,
  metadata: { name },
  spec: { priority: 5, subject: SUBJECT, ...spec },
});

function policy(object: unknown): Policy {
  return onlyPolicy(normalise(object).facts);
}

function onlyPolicy([fact]: readonly Fact[]): Policy {
  if (fact?.type !== 'policy') throw new Error('no policy');
  return fact.value;
}

const anyone = [{ namespaces: {} }];
const PODS = 'has(projectcalico.org/namespace) && projectcalico.org/orchestrator == "k8s"';

describe('ClusterNetworkPolicy v1alpha2', () => {
  test('its tier and priority place it before or after NetworkPolicy', () => {
    expect(policy(cnp({}))).toMatchObject({ key: 'cnp/p', tier: 'kube-admin', order: 5 });
    expect(policy(cnp({ tier: 'Baseline', priority: 0 }))).toMatchObject({ tier: 'kube-baseline', order: 0 });
  });

  test('a direction without rules is left alone', () => {
    expect(policy(cnp({})).directions.size).toBe(0);
    const rules = [{ action: 'Deny', to: anyone }];
    expect(policy(cnp({ egress: rules, ingress: [] })).directions).toEqual(new Set(['egress']));
  });

  test('its subject is pods, by namespace or by both', () => {
    expect(formatSelector(policy(cnp({})).selector)).toBe(PODS);
    const pods = {
      namespaceSelector: { matchLabels: { team: 'x' } },
      podSelector: { matchLabels: { a: 'y' } },
    };
    expect(formatSelector(policy(cnp({ subject: { pods } })).selector)).toBe(
      'a == "y" && pcns.team == "x" && projectcalico.org/orchestrator == "k8s"',
    );
  });

  test('Accept, Deny and Pass keep their order, one rule per peer and protocol', () => {
    const { ingress } = policy(
      cnp({
        ingress: [
          {
            action: 'Pass',
            from: [{ namespaces: {} }, { pods: { namespaceSelector: {}, podSelector: {} } }],
          },
          {
            action: 'Accept',
            from: anyone,
            protocols: [
              { tcp: { destinationPort: { number: 80 } } },
              { udp: { destinationPort: { range: { start: 1, end: 9 } } } },
              { sctp: {} },
            ],
          },
          { action: 'Deny', from: anyone, protocols: [{ destinationNamedPort: 'web' }] },
        ],
      }),
    );
    expect(ingress.map(r => [r.action, r.protocol, r.destination.ports, r.path])).toEqual([
      ['Pass', undefined, undefined, 'spec.ingress[0].from[0]'],
      ['Pass', undefined, undefined, 'spec.ingress[0].from[1]'],
      ['Allow', 6, [{ first: 80, last: 80 }], 'spec.ingress[1].from[0]'],
      ['Allow', 17, [{ first: 1, last: 9 }], 'spec.ingress[1].from[0]'],
      ['Allow', 132, undefined, 'spec.ingress[1].from[0]'],
      ['Deny', 6, [{ name: 'web' }], 'spec.ingress[2].from[0]'],
      ['Deny', 17, [{ name: 'web' }], 'spec.ingress[2].from[0]'],
      ['Deny', 132, [{ name: 'web' }], 'spec.ingress[2].from[0]'],
    ]);
  });

  test('networks are prefixes, for egress only', () => {
    const { egress } = policy(
      cnp({ egress: [{ action: 'Deny', to: [{ networks: ['10.0.0.0/8', 'fd00::/8'] }] }] }),
    );
    expect(egress[0]?.destination.nets?.map(formatPrefix)).toEqual(['10.0.0.0/8', 'fd00::/8']);
  });

  test('nodes are found by their own labels, for egress only', () => {
    const to = [{ nodes: { matchLabels: { zone: 'a' } } }, { nodes: {} }];
    const { egress } = policy(cnp({ egress: [{ action: 'Deny', to }] }));
    expect(egress.map(({ destination: { nodes } }) => nodes && formatSelector(nodes))).toEqual([
      'zone == "a"',
      'all()',
    ]);
    const { facts } = normalise(cnp({ ingress: [{ action: 'Accept', from: to }] }));
    expect(onlyPolicy(facts).ingress).toEqual([]);
  });

  test.each([
    ['domainNames', { domainNames: ['example.com'] }],
    ['an unknown peer', { moons: ['io'] }],
    ['an empty peer', {}],
  ])('%s fails closed: Accept matches nothing with it, Deny and Pass deny all', (_, peer) => {
    const to = [...anyone, peer];
    const { facts, findings } = normalise(
      cnp({
        egress: [
          { action: 'Accept', to },
          { action: 'Pass', to },
          { action: 'Deny', to: [peer] },
        ],
      }),
    );
    const { egress } = onlyPolicy(facts);
    expect(egress).toMatchObject([
      { action: 'Allow', path: 'spec.egress[0].to[0]' },
      { action: 'Deny', path: 'spec.egress[1]', source: {}, destination: {} },
      { action: 'Deny', path: 'spec.egress[2]' },
    ]);
    expect(findings).toMatchObject([
      { severity: 'error', path: 'spec.egress[0].to[1]' },
      { severity: 'error', path: 'spec.egress[1].to[1]' },
      { severity: 'error', path: 'spec.egress[2].to[0]' },
    ]);
  });

  test('an unknown protocol fails closed in the same way', () => {
    const protocols = [{ tcp: {} }, { dccp: {} }];
    const { egress } = policy(
      cnp({
        egress: [
          { action: 'Accept', to: anyone, protocols },
          { action: 'Deny', to: anyone, protocols },
        ],
      }),
    );
    expect(egress.map(r => [r.action, r.protocol, r.path])).toEqual([
      ['Allow', 6, 'spec.egress[0].to[0]'],
      ['Deny', undefined, 'spec.egress[1]'],
    ]);
  });

  test.each<[string, object, string]>([
    ['no tier', { tier: undefined }, 'spec.tier'],
    ['an unknown tier', { tier: 'admin' }, 'spec.tier'],
    ['no priority', { priority: undefined }, 'spec.priority'],
    ['priority 1001', { priority: 1001 }, 'spec.priority'],
    ['an empty subject', { subject: {} }, 'spec.subject'],
    ['a subject of both kinds', { subject: { namespaces: {}, pods: {} } }, 'spec.subject'],
    [
      'pods without namespaceSelector',
      { ingress: [{ action: 'Accept', from: [{ pods: { podSelector: {} } }] }] },
      'spec.ingress[0].from[0].pods.namespaceSelector',
    ],
    ['no peers', { ingress: [{ action: 'Deny', from: [] }] }, 'spec.ingress[0].from'],
    ['the action Allow', { ingress: [{ action: 'Allow', from: anyone }] }, 'spec.ingress[0].action'],
    ['no action', { ingress: [{ from: anyone }] }, 'spec.ingress[0].action'],
    [
      'a range that is none',
      {
        egress: [
          {
            action: 'Deny',
            to: anyone,
            protocols: [{ tcp: { destinationPort: { range: { start: 9, end: 9 } } } }],
          },
        ],
      },
      'spec.egress[0].protocols[0].tcp.destinationPort.range',
    ],
    [
      'a bad network',
      { egress: [{ action: 'Deny', to: [{ networks: ['10.0.0.0'] }] }] },
      'spec.egress[0].to[0].networks[0]',
    ],
  ])('%s makes it invalid', (_, spec, path) => {
    const { facts, findings } = normalise(cnp(spec));
    expect(facts).toEqual([]);
    expect(findings.map(finding => finding.path)).toContain(path);
  });
});

describe('AdminNetworkPolicy and BaselineAdminNetworkPolicy v1alpha1', () => {
  test('ports are numbers, ranges and names, TCP unless written', () => {
    const ports = [
      { portNumber: { port: 80 } },
      { portNumber: { protocol: 'UDP', port: 53 } },
      { portRange: { start: 1, end: 2 } },
    ];
    const { ingress, ...rest } = policy(anp({ ingress: [{ action: 'Allow', from: anyone, ports }] }));
    expect(rest).toMatchObject({ key: 'anp/p', tier: 'kube-admin', order: 5 });
    expect(ingress.map(r => [r.action, r.protocol, r.destination.ports])).toEqual([
      ['Allow', 6, [{ first: 80, last: 80 }]],
      ['Allow', 17, [{ first: 53, last: 53 }]],
      ['Allow', 6, [{ first: 1, last: 2 }]],
    ]);
  });

  test('the baseline one is called default, comes last and cannot pass', () => {
    const banp = (name: string, action: string) =>
      anp({ ingress: [{ action, from: anyone }] }, 'BaselineAdminNetworkPolicy', name);
    expect(policy(banp('default', 'Deny'))).toMatchObject({
      key: 'banp/default',
      tier: 'kube-baseline',
      order: 1001,
    });
    expect(normalise(banp('other', 'Deny'))).toMatchObject({
      facts: [],
      findings: [{ path: 'metadata.name' }],
    });
    expect(normalise(banp('default', 'Pass'))).toMatchObject({ facts: [] });
  });
});
