import { formatPrefix } from '@muslin/net';
import {
  effectiveLabels,
  type Endpoint,
  formatSelector,
  matchesSelector,
  normalise,
  type PeerMatch,
  type Policy,
  type Selector,
} from '@muslin/api';
import { describe, expect, test } from 'vitest';

const object = (spec: unknown) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { namespace: 'ns', name: 'p' },
  spec,
});

function policy(spec: unknown): Policy {
  const { facts, findings } = normalise(object(spec));
  const [fact] = facts;
  if (fact?.type !== 'policy') throw new Error(JSON.stringify(findings));
  return fact.value;
}

/** Labels of a pod in `namespace`, whose Namespace has the label `team`. */
function pod(namespace: string, own: Record<string, string>, team = 'x') {
  const endpoint = {
    namespace,
    labels: new Map(Object.entries(own)),
    serviceAccount: 'default',
  } as unknown as Endpoint;
  return effectiveLabels(endpoint, { name: namespace, labels: new Map([['team', team]]) }, undefined);
}

const selects = (selector: Selector | undefined, ...on: Parameters<typeof pod>) =>
  matchesSelector(selector as Selector, pod(...on));

const peerOf = (peer: unknown): PeerMatch =>
  policy({ ingress: [{ from: [peer] }] }).ingress[0]?.source as PeerMatch;

describe('which directions a policy isolates', () => {
  test.each([
    ['an empty spec isolates ingress (S1)', {}, ['ingress']],
    ['egress rules isolate both (S1)', { egress: [{}] }, ['egress', 'ingress']],
    ['an empty egress list does not isolate egress (S1)', { egress: [] }, ['ingress']],
    ['policyTypes Egress alone leaves ingress open (S3)', { policyTypes: ['Egress'] }, ['egress']],
    ['policyTypes may repeat', { policyTypes: ['Ingress', 'Ingress'] }, ['ingress']],
    ['empty policyTypes are absent', { policyTypes: [] }, ['ingress']],
  ])('%s', (_, spec, directions) => {
    expect([...policy(spec).directions].sort()).toEqual(directions);
  });

  test('egress rules under policyTypes Ingress are ignored, with a warning (S2)', () => {
    const { facts, findings } = normalise(object({ policyTypes: ['Ingress'], egress: [{}] }));
    expect(facts[0]?.value).toMatchObject({ directions: new Set(['ingress']) });
    expect(findings).toMatchObject([{ severity: 'warning', path: 'spec.egress' }]);
  });
});

test('it stands in tier default with order 1000 under its kind, namespace and name', () => {
  expect(policy({})).toMatchObject({
    key: 'knp/ns/p',
    tier: 'default',
    order: 1000,
    staged: false,
    source: { kind: 'NetworkPolicy', namespace: 'ns', name: 'p' },
  });
});

describe('whom it selects', () => {
  test('an empty podSelector selects all pods of its namespace and no others (S6, S38)', () => {
    const { selector } = policy({ podSelector: {} });
    expect(selects(selector, 'ns', {})).toBe(true);
    expect(selects(selector, 'other', {})).toBe(false);
  });

  test('a network set is no pod, whatever its labels', () => {
    const { selector } = policy({ podSelector: {} });
    expect(matchesSelector(selector, new Map([['projectcalico.org/namespace', 'ns']]))).toBe(false);
  });
});

describe('peers', () => {
  test.each(['from: []', 'from missing', 'rule {}'])('%s means anyone (S4)', text => {
    const rule = text === 'from: []' ? { from: [], ports: [] } : text === 'rule {}' ? {} : { ports: [] };
    expect(policy({ ingress: [rule] }).ingress).toEqual([
      { action: 'Allow', source: {}, destination: {}, path: 'spec.ingress[0]' },
    ]);
  });

  test('podSelector alone means the own namespace (S5)', () => {
    const { selector } = peerOf({ podSelector: { matchLabels: { a: 'x' } } });
    expect(selects(selector, 'ns', { a: 'x' })).toBe(true);
    expect(selects(selector, 'other', { a: 'x' })).toBe(false);
  });

  test('namespaceSelector alone means all pods of those namespaces (S5)', () => {
    const { selector } = peerOf({ namespaceSelector: { matchLabels: { team: 'x' } } });
    expect(selects(selector, 'other', {}, 'x')).toBe(true);
    expect(selects(selector, 'ns', {}, 'y')).toBe(false);
  });

  test('both must hold together (S5)', () => {
    const { selector } = peerOf({
      podSelector: { matchLabels: { a: 'x' } },
      namespaceSelector: { matchLabels: { team: 'x' } },
    });
    expect(selects(selector, 'other', { a: 'x' }, 'x')).toBe(true);
    expect(selects(selector, 'other', { a: 'x' }, 'y')).toBe(false);
    expect(selects(selector, 'other', {}, 'x')).toBe(false);
  });

  test('an empty namespaceSelector is not a missing one (S5)', () => {
    expect(selects(peerOf({ namespaceSelector: {} }).selector, 'other', {})).toBe(true);
    expect(selects(peerOf({ podSelector: {} }).selector, 'other', {})).toBe(false);
  });

  test('NotIn on namespaces never selects what has no namespace (S7, S16)', () => {
    const { selector } = peerOf({
      namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['y'] }] },
    });
    expect(selects(selector, 'other', {}, 'x')).toBe(true);
    expect(selects(selector, 'other', {}, 'y')).toBe(false);
    expect(matchesSelector(selector as Selector, new Map([['projectcalico.org/orchestrator', 'k8s']]))).toBe(
      false,
    );
  });

  test('ipBlock is about addresses, with its exceptions, and never about pods (S15, S16)', () => {
    const peer = peerOf({ ipBlock: { cidr: '0.0.0.0/0', except: ['10.0.0.0/8', '10.1.0.0/16'] } });
    expect(peer.nets?.map(formatPrefix)).toEqual(['0.0.0.0/0']);
    expect(peer.notNets?.map(formatPrefix)).toEqual(['10.0.0.0/8', '10.1.0.0/16']);
    expect(peer.selector).toBeUndefined();
  });

  test.each([
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['010.0.0.0/8', '10.0.0.0/8'],
    ['010.000.020.0/024', '10.0.20.0/24'],
    ['fd00::1/8', 'fd00::/8'],
    ['::ffff:10.0.0.0/104', '10.0.0.0/8'],
  ])('%s, as old servers stored it, is %s with a warning (S17)', (cidr, meaning) => {
    const peer = { ipBlock: { cidr } };
    expect(peerOf(peer).nets?.map(formatPrefix)).toEqual([meaning]);
    expect(normalise(object({ ingress: [{ from: [peer] }] })).findings).toMatchObject([
      { severity: 'warning', path: 'spec.ingress[0].from[0].ipBlock.cidr' },
    ]);
  });

  test('each peer becomes a rule that knows its place', () => {
    const rules = policy({
      egress: [{}, { to: [{ podSelector: {} }, { ipBlock: { cidr: 'fd00::/8' } }], ports: [{ port: 53 }] }],
    }).egress;
    expect(rules.map(rule => rule.path)).toEqual([
      'spec.egress[0]',
      'spec.egress[1].to[0]',
      'spec.egress[1].to[1]',
    ]);
    expect(rules[2]).toMatchObject({
      protocol: 6,
      source: {},
      destination: { nets: [{ length: 8 }], ports: [{ first: 53, last: 53 }] },
    });
  });
});

describe('ports', () => {
  const rules = (ports: unknown) =>
    policy({ ingress: [{ ports }] }).ingress.map(({ protocol, destination }) => [
      protocol,
      destination.ports,
    ]);

  test('protocol is TCP unless written; without port all of that protocol (S12)', () => {
    expect(rules([{ port: 80 }])).toEqual([[6, [{ first: 80, last: 80 }]]]);
    expect(rules([{ protocol: 'UDP' }])).toEqual([[17, undefined]]);
    expect(rules([{}])).toEqual([[6, undefined]]);
    expect(rules([{ port: 80, protocol: null }])).toEqual([[6, [{ first: 80, last: 80 }]]]);
  });

  test('all ports of one protocol go into one rule (S13)', () => {
    expect(
      rules([
        { port: 1, endPort: 65535 },
        { port: 53, protocol: 'UDP' },
        { port: 'web' },
        { port: 8, endPort: 8 },
      ]),
    ).toEqual([
      [6, [{ first: 1, last: 65535 }, { name: 'web' }, { first: 8, last: 8 }]],
      [17, [{ first: 53, last: 53 }]],
    ]);
    expect(rules([{ port: 80 }, {}, { port: 81 }])).toEqual([[6, undefined]]);
  });

  test('SCTP never acts as TCP, and an unknown protocol still isolates (S14)', () => {
    expect(rules([{ port: 80, protocol: 'SCTP' }])).toEqual([[132, [{ first: 80, last: 80 }]]]);
    const { facts, findings } = normalise(object({ ingress: [{ ports: [{ protocol: 'DCCP', port: 80 }] }] }));
    expect(facts[0]?.value).toMatchObject({ ingress: [], directions: new Set(['ingress']) });
    expect(findings).toMatchObject([{ severity: 'error', path: 'spec.ingress[0].ports[0].protocol' }]);
  });
});

/** What a Kubernetes 1.36 server answers: where it sees an error, we do; what it takes is in effect without one. */
const from = (peer: unknown) => ({ ingress: [{ from: [peer] }] });
const block = (cidr: string, ...except: string[]) =>
  from({ ipBlock: except.length > 0 ? { cidr, except } : { cidr } });
const port = (value: unknown) => ({ ingress: [{ ports: [value] }] });
const expression = (value: unknown) => ({ podSelector: { matchExpressions: [value] } });
const EXCEPT = 'spec.ingress[0].from[0].ipBlock.except[0]';
const CIDR = 'spec.ingress[0].from[0].ipBlock.cidr';
const PORT = 'spec.ingress[0].ports[0].port';

describe('the answers of the real server', () => {
  test.each<[string, unknown, string | undefined]>([
    ['policyTypes 3', { policyTypes: ['Ingress', 'Egress', 'Ingress'] }, 'spec.policyTypes'],
    ['policyTypes bad', { policyTypes: ['ingress'] }, 'spec.policyTypes[0]'],
    ['peer {}', from({}), 'spec.ingress[0].from[0]'],
    [
      'ipBlock+podSelector',
      from({ ipBlock: { cidr: '10.0.0.0/8' }, podSelector: {} }),
      'spec.ingress[0].from[0]',
    ],
    ['except inside', block('10.0.0.0/8', '10.1.0.0/16'), undefined],
    ['except equal', block('10.0.0.0/8', '10.0.0.0/8'), EXCEPT],
    ['except outside', block('10.0.0.0/8', '11.0.0.0/16'), EXCEPT],
    ['except of the other family', block('10.0.0.0/8', 'fd00::/16'), EXCEPT],
    ['except /0 of /0', block('0.0.0.0/0', '0.0.0.0/0'), EXCEPT],
    ['except v6', block('fd00::/8', 'fd00:1::/32'), undefined],
    ['cidr too long', block('10.0.0.0/33'), CIDR],
    ['cidr without length', block('10.0.0.1'), CIDR],
    ['cidr empty', block(''), CIDR],
    ['cidr missing', from({ ipBlock: {} }), CIDR],
    ['port 0', port({ port: 0 }), PORT],
    ['port 65536', port({ port: 65536 }), PORT],
    ['port -1', port({ port: -1 }), PORT],
    ['port 80', port({ port: 80 }), undefined],
    ['port "80"', port({ port: '80' }), PORT],
    ['port name', port({ port: 'http' }), undefined],
    ['port name too long', port({ port: 'this-name-is-too-long' }), PORT],
    ['port name upper case', port({ port: 'HTTP' }), PORT],
    ['port name empty', port({ port: '' }), PORT],
    ['protocol lower case', port({ protocol: 'tcp' }), 'spec.ingress[0].ports[0].protocol'],
    ['protocol ICMP', port({ protocol: 'ICMP' }), 'spec.ingress[0].ports[0].protocol'],
    ['endPort alone', port({ endPort: 90 }), 'spec.ingress[0].ports[0].endPort'],
    ['endPort', port({ port: 80, endPort: 90 }), undefined],
    ['endPort equal', port({ port: 80, endPort: 80 }), undefined],
    ['endPort less', port({ port: 80, endPort: 79 }), 'spec.ingress[0].ports[0].endPort'],
    ['endPort of a name', port({ port: 'http', endPort: 90 }), 'spec.ingress[0].ports[0].endPort'],
    ['endPort too big', port({ port: 80, endPort: 70000 }), 'spec.ingress[0].ports[0].endPort'],
    [
      'In without values',
      expression({ key: 'a', operator: 'In' }),
      'spec.podSelector.matchExpressions[0].values',
    ],
    [
      'Exists with values',
      expression({ key: 'a', operator: 'Exists', values: ['x'] }),
      'spec.podSelector.matchExpressions[0].values',
    ],
    [
      'bad operator',
      expression({ key: 'a', operator: 'Gt' }),
      'spec.podSelector.matchExpressions[0].operator',
    ],
    ['bad label value', { podSelector: { matchLabels: { a: 'b c' } } }, 'spec.podSelector.matchLabels[a]'],
    [
      'bad label key',
      { podSelector: { matchLabels: { 'a/b/c': 'd' } } },
      'spec.podSelector.matchLabels[a/b/c]',
    ],
  ])('%s', (_, spec, path) => {
    const errors = normalise(object(spec)).findings.filter(finding => finding.severity === 'error');
    expect(errors.map(finding => finding.path)).toEqual(path === undefined ? [] : [path]);
  });
});

test('a staged one is the same but staged; staged for deletion it names what would be gone', () => {
  const staged = (spec: unknown) =>
    normalise({ ...object(spec), apiVersion: 'projectcalico.org/v3', kind: 'StagedKubernetesNetworkPolicy' });
  expect(staged({ ingress: [{}] }).facts[0]).toMatchObject({
    key: 'sknp/ns/p',
    value: { staged: true, ingress: [{ action: 'Allow' }] },
  });
  expect(staged({ stagedAction: 'Ignore' })).toEqual({ facts: [], findings: [] });
  expect(staged({ stagedAction: 'Delete', ingress: [{}] })).toMatchObject({
    facts: [
      { key: 'sknp/ns/p', value: { staged: true, removes: 'knp/ns/p', ingress: [], directions: new Set() } },
    ],
    findings: [],
  });
});

test('selectors of equal meaning are written the same', () => {
  expect(formatSelector(policy({ podSelector: { matchLabels: { b: 'y', a: 'x' } } }).selector)).toBe(
    'a == "x" && b == "y" && projectcalico.org/namespace == "ns" && projectcalico.org/orchestrator == "k8s"',
  );
});
