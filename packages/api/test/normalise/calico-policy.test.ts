import {
  type Fact,
  formatSelector,
  type Labels,
  matchesSelector,
  normalise,
  type PeerMatch,
  type Policy,
  type PolicyRule,
  type Selector,
} from '@muslin/api';
import { formatPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';

const np = (spec: unknown, kind = 'NetworkPolicy') => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata: { namespace: 'ns', name: 'p' },
  spec,
});
const gnp = (spec: unknown) => np(spec, 'GlobalNetworkPolicy');

function policy(object: unknown): Policy {
  return onlyPolicy(normalise(object).facts);
}

function onlyPolicy([fact]: readonly Fact[]): Policy {
  if (fact?.type !== 'policy') throw new Error('no policy');
  return fact.value;
}

const rule = (object: unknown): PolicyRule => policy(object).ingress[0] as PolicyRule;
const labels = (record: Record<string, string>): Labels => new Map(Object.entries(record));
const text = (selector: Selector | undefined) => selector && formatSelector(selector);

test('without tier, order and selector it is last in tier default, for all of its namespace', () => {
  const p = policy(np({}));
  expect(p).toMatchObject({
    key: 'np/ns/p',
    tier: 'default',
    order: Number.POSITIVE_INFINITY,
    staged: false,
  });
  expect(text(p.selector)).toBe('projectcalico.org/namespace == "ns"');
  expect(text(policy(gnp({})).selector)).toBe('all()');
  expect(policy(gnp({})).key).toBe('gnp/p');
});

describe('types that are not written', () => {
  const allow = [{ action: 'Allow' }];
  test.each([
    ['no rules: ingress', {}, ['ingress']],
    ['ingress rules: ingress', { ingress: allow }, ['ingress']],
    ['egress rules: egress only, unlike Kubernetes', { egress: allow }, ['egress']],
    ['both: both', { ingress: allow, egress: allow }, ['egress', 'ingress']],
    ['written: what is written', { types: ['Egress'], ingress: allow }, ['egress']],
  ])('%s', (_, spec, directions) => {
    expect([...policy(np(spec)).directions].sort()).toEqual(directions);
  });
});

describe('whom it selects', () => {
  test('selector, namespaceSelector and serviceAccountSelector must all hold', () => {
    const { selector } = policy(
      gnp({ selector: 'has(a)', namespaceSelector: "team == 'x'", serviceAccountSelector: "role != 'y'" }),
    );
    const pod = {
      'projectcalico.org/namespace': 'ns',
      'projectcalico.org/serviceaccount': 's',
      a: '',
      'pcns.team': 'x',
    };
    expect(matchesSelector(selector, labels(pod))).toBe(true);
    expect(matchesSelector(selector, labels({ ...pod, 'pcsa.role': 'y' }))).toBe(false);
    expect(matchesSelector(selector, labels({ ...pod, 'pcns.team': 'y' }))).toBe(false);
  });

  test('a namespaceSelector never selects what has no namespace, even a negative one', () => {
    for (const namespaceSelector of ['all()', "team != 'x'", '!has(team)']) {
      const { selector } = policy(gnp({ namespaceSelector }));
      expect(matchesSelector(selector, labels({}))).toBe(false);
      expect(matchesSelector(selector, labels({ 'projectcalico.org/namespace': 'ns' }))).toBe(true);
    }
  });

  test('global() is not for the policy itself', () => {
    expect(normalise(gnp({ namespaceSelector: 'global()' }))).toMatchObject({
      facts: [],
      findings: [{ path: 'spec.namespaceSelector' }],
    });
  });
});

describe('one side of a rule', () => {
  const source = (entity: unknown, make = np): PeerMatch =>
    rule(make({ ingress: [{ action: 'Allow', protocol: 'TCP', source: entity }] })).source;

  test.each<[string, unknown, string | undefined]>([
    ['nothing means anyone', {}, undefined],
    [
      'a selector means the own namespace',
      { selector: 'has(a)' },
      'has(a) && projectcalico.org/namespace == "ns"',
    ],
    [
      'a notSelector means the own namespace',
      { notSelector: 'has(a)' },
      'projectcalico.org/namespace == "ns"',
    ],
    [
      'a namespaceSelector reaches others',
      { selector: 'has(a)', namespaceSelector: "team == 'x'" },
      'has(a) && pcns.team == "x"',
    ],
    [
      'global() means what has no namespace',
      { namespaceSelector: 'global()' },
      '!has(projectcalico.org/namespace)',
    ],
    [
      'service accounts by name and by label must both hold',
      { serviceAccounts: { names: ['b', 'a'], selector: "role == 'y'" } },
      'pcsa.role == "y" && projectcalico.org/namespace == "ns" && projectcalico.org/serviceaccount in {"a", "b"}',
    ],
  ])('%s', (_, entity, expected) => {
    expect(text(source(entity).selector)).toBe(expected);
  });

  test('in a global policy a selector means everywhere', () => {
    expect(text(source({ selector: 'has(a)' }, gnp).selector)).toBe('has(a)');
    expect(source({ notSelector: 'has(a)' }, gnp)).toEqual({ notSelector: { op: 'has', key: 'a' } });
  });

  test('nets are prefixes or addresses; an empty list is absent', () => {
    expect(source({ nets: ['10.0.0.1', '10.0.0.0/8'] }).nets?.map(formatPrefix)).toEqual([
      '10.0.0.1/32',
      '10.0.0.0/8',
    ]);
    expect(source({ nets: [], ports: [] })).toEqual({});
  });

  test('ports are numbers, ranges or names', () => {
    expect(source({ ports: [80, '81:90', '91', 'web'], notPorts: [0] })).toEqual({
      ports: [{ first: 80, last: 80 }, { first: 81, last: 90 }, { first: 91, last: 91 }, { name: 'web' }],
      notPorts: [{ first: 0, last: 0 }],
    });
  });

  test('a Service without namespace is one of the own namespace', () => {
    expect(source({ services: { name: 'web' } })).toEqual({ service: 'ns/web' });
    expect(source({ services: { name: 'web', namespace: 'other' } }, gnp)).toEqual({ service: 'other/web' });
  });
});

test('a rule keeps its protocol, family, ICMP and place', () => {
  const rules = policy(
    gnp({
      ingress: [
        { action: 'Log', ipVersion: 4 },
        { action: 'Deny', protocol: 'ICMP', icmp: { type: 8, code: 0 } },
        { action: 'Pass', protocol: 'ICMPv6', notICMP: { type: 128 } },
        { action: 'Allow', protocol: 47 },
        { action: 'Allow', notProtocol: 'UDPLite' },
        { action: 'Allow', source: { notNets: ['fd00::/8'] } },
      ],
    }),
  ).ingress;
  expect(rules).toMatchObject([
    { action: 'Log', family: 4, path: 'spec.ingress[0]' },
    { action: 'Deny', protocol: 1, icmp: { type: 8, code: 0 } },
    { action: 'Pass', protocol: 58, notIcmp: { type: 128 } },
    { action: 'Allow', protocol: 47 },
    { action: 'Allow', notProtocol: 136, path: 'spec.ingress[4]' },
    { action: 'Allow', family: 6 },
  ]);
});

describe('what is refused, and where', () => {
  const one = (part: object) => gnp({ ingress: [{ action: 'Allow', ...part }] });
  const RULE = 'spec.ingress[0]';
  test.each<[string, unknown, string]>([
    ['an unknown action', one({ action: 'allow' }), `${RULE}.action`],
    ['a missing action', gnp({ egress: [{}] }), 'spec.egress[0].action'],
    ['an unknown protocol', one({ protocol: 'tcp' }), `${RULE}.protocol`],
    ['protocol 0', one({ protocol: 0 }), `${RULE}.protocol`],
    ['ports without protocol', one({ destination: { ports: [80] } }), `${RULE}.destination.ports`],
    ['ports of ICMP', one({ protocol: 'ICMP', source: { notPorts: [80] } }), `${RULE}.source.notPorts`],
    [
      'a reversed range',
      one({ protocol: 'TCP', destination: { ports: ['9:8'] } }),
      `${RULE}.destination.ports[0]`,
    ],
    ['icmp without protocol', one({ icmp: { type: 8 } }), `${RULE}.icmp`],
    ['an ICMP code without type', one({ protocol: 'ICMP', icmp: { code: 0 } }), `${RULE}.icmp.code`],
    ['two families', one({ source: { nets: ['10.0.0.0/8'] }, destination: { nets: ['fd00::/8'] } }), RULE],
    ['IPv6 addresses with ipVersion 4', one({ ipVersion: 4, source: { nets: ['fd00::/8'] } }), RULE],
    ['ICMP with IPv6 addresses', one({ protocol: 'ICMP', source: { nets: ['fd00::/8'] } }), RULE],
    ['notNets of everything', one({ source: { notNets: ['0.0.0.0/0'] } }), `${RULE}.source.notNets`],
    ['a bad net', one({ source: { nets: ['10.0.0.0/33'] } }), `${RULE}.source.nets[0]`],
    ['a bad selector', one({ source: { selector: 'a = b' } }), `${RULE}.source.selector`],
    ['global() as selector', one({ source: { selector: 'global()' } }), `${RULE}.source.selector`],
    [
      'a Service as destination of ingress',
      one({ destination: { services: { name: 'a', namespace: 'b' } } }),
      `${RULE}.destination.services`,
    ],
    [
      'a Service beside nets',
      one({ source: { services: { name: 'a', namespace: 'b' }, nets: ['10.0.0.0/8'] } }),
      `${RULE}.source.nets`,
    ],
    [
      'a Service without namespace in a global policy',
      one({ source: { services: { name: 'a' } } }),
      `${RULE}.source.services.namespace`,
    ],
    ['http on a Deny', one({ action: 'Deny', http: {} }), `${RULE}.http`],
    ['an order that is text', gnp({ order: '1' }), 'spec.order'],
    ['an order without end, as YAML can write it', gnp({ order: Number.POSITIVE_INFINITY }), 'spec.order'],
    ['an order that is no number', gnp({ order: Number.NaN }), 'spec.order'],
    ['doNotTrack without applyOnForward', gnp({ doNotTrack: true }), 'spec.doNotTrack'],
    ['an unknown type', gnp({ types: ['ingress'] }), 'spec.types[0]'],
  ])('%s', (_, object, path) => {
    const { facts, findings } = normalise(object);
    expect(facts).toEqual([]);
    expect(findings.map(finding => finding.path)).toContain(path);
  });
});

test('a rule with http matches nothing, says so, and leaves the others in effect', () => {
  const { facts, findings } = normalise(
    np({ ingress: [{ action: 'Allow', http: { methods: ['GET'] } }, { action: 'Deny' }] }),
  );
  expect(onlyPolicy(facts).ingress).toMatchObject([{ action: 'Deny', path: 'spec.ingress[1]' }]);
  expect(findings).toMatchObject([{ severity: 'error', path: 'spec.ingress[0].http' }]);
});

test.each([
  [{}, undefined],
  [{ applyOnForward: false }, undefined],
  [{ applyOnForward: true }, 'forwarded'],
  [{ applyOnForward: true, preDNAT: true }, 'pre-dnat'],
  [{ applyOnForward: true, doNotTrack: true }, 'untracked'],
])('a global policy with %j is asked about host endpoints as %s', (spec, hosts) => {
  expect(policy(gnp({ selector: 'all()', ...spec })).hosts).toBe(hosts);
});

test.each([
  ['egress rules', { egress: [{ action: 'Allow' }] }, 'spec.egress'],
  ['the type Egress', { types: ['Ingress', 'Egress'] }, 'spec.types'],
  ['doNotTrack', { doNotTrack: true }, 'spec.preDNAT'],
])('a policy before translation may not have %s', (_, spec, path) => {
  const { facts, findings } = normalise(gnp({ preDNAT: true, applyOnForward: true, ...spec }));
  expect(facts).toEqual([]);
  expect(findings.map(finding => finding.path)).toContain(path);
});

test('a policy before connection tracking must say that it is for forwarded traffic', () => {
  expect(normalise(gnp({ doNotTrack: true })).findings).toMatchObject([
    { path: 'spec.doNotTrack', message: 'needs applyOnForward: true' },
  ]);
});

test('staged kinds are staged under their own keys; Delete names what would be gone, Ignore says nothing', () => {
  expect(policy(np({}, 'StagedNetworkPolicy'))).toMatchObject({ key: 'snp/ns/p', staged: true });
  expect(policy(np({ stagedAction: 'Set' }, 'StagedGlobalNetworkPolicy'))).toMatchObject({
    key: 'sgnp/p',
    staged: true,
  });
  const ignored = normalise(np({ stagedAction: 'Ignore' }, 'StagedNetworkPolicy'));
  expect(ignored).toEqual({ facts: [], findings: [] });
  const none = { staged: true, ingress: [], egress: [], directions: new Set() };
  expect(policy(np({ stagedAction: 'Delete', tier: 't' }, 'StagedNetworkPolicy'))).toMatchObject({
    ...{ ...none, key: 'snp/ns/p', tier: 't', removes: 'np/ns/p' },
  });
  expect(policy(np({ stagedAction: 'Delete' }, 'StagedGlobalNetworkPolicy'))).toMatchObject({
    ...{ ...none, key: 'sgnp/p', tier: 'default', removes: 'gnp/p' },
  });
});
