import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Rig, startRig } from './rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.close());

const POLICIES = '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies';
const stored = (spec: object) => ({ podSelector: {}, policyTypes: ['Ingress'], ...spec });
const ports = (...list: object[]) => ({ podSelector: {}, ingress: [{ ports: list }] });
const block = (cidr: string, ...except: string[]) => ({
  podSelector: {},
  ingress: [{ from: [{ ipBlock: { cidr, ...(except.length === 0 ? {} : { except }) } }] }],
});
const from = (...peers: object[]) => ({ podSelector: {}, ingress: [{ from: peers }] });
const storedPorts = (port: object) => stored({ ingress: [{ ports: [port] }] });
const select = (selector: object) => ({ podSelector: selector });
const expression = (item: object) => select({ matchExpressions: [{ key: 'k', ...item }] });

const CIDR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
const SUBSET = 'must be a strict subset of `cidr`';
const RANGE = 'must be between 1 and 65535, inclusive';
const PORT = 'spec.ingress[0].ports[0].port: Invalid value';
const END = 'spec.ingress[0].ports[0].endPort: Invalid value';
const BLOCK = 'spec.ingress[0].from[0].ipBlock';
const LABEL =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an " +
  "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const KEY =
  "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
  "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an " +
  "optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
const CHARACTERS = 'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)';
const LETTER = 'must contain at least one letter (a-z)';

/** What a Kubernetes 1.36 server answered: the spec it stored, or its complaint. */
const CASES: readonly (readonly [sentence: string, spec: object, answer: object | string])[] = [
  ['an empty spec selects all pods', {}, stored({})],
  ['a pod selector alone isolates ingress', { podSelector: {} }, stored({})],
  [
    'egress rules imply both types',
    { egress: [{}] },
    stored({ egress: [{}], policyTypes: ['Ingress', 'Egress'] }),
  ],
  ['an empty list of egress rules is none', { egress: [] }, stored({})],
  [
    'an empty list of egress rules with the type isolates',
    { egress: [], policyTypes: ['Egress'] },
    stored({ policyTypes: ['Egress'] }),
  ],
  ['an empty rule stays', { ingress: [{}] }, stored({ ingress: [{}] })],
  ['an empty list of peers is none', { ingress: [{ from: [] }] }, stored({ ingress: [{}] })],
  ['an empty list of types is defaulted', { policyTypes: [] }, stored({})],
  [
    'a type may come twice',
    { policyTypes: ['Ingress', 'Ingress'] },
    stored({ policyTypes: ['Ingress', 'Ingress'] }),
  ],
  [
    'three types are too many',
    { policyTypes: ['Ingress', 'Egress', 'Ingress'] },
    'spec.policyTypes: Invalid value: ["Ingress","Egress","Ingress"]: may not specify more than two policyTypes',
  ],
  [
    'types are spelled with a capital',
    { policyTypes: ['ingress'] },
    'spec.policyTypes[0]: Unsupported value: "ingress": supported values: "Ingress", "Egress"',
  ],
  [
    'egress rules may be without their type',
    { egress: [{}], policyTypes: ['Ingress'] },
    stored({ egress: [{}] }),
  ],
  ['a peer says something', from({}), 'spec.ingress[0].from[0]: Required value: must specify a peer'],
  [
    'an ipBlock stands alone',
    from({ ipBlock: { cidr: '10.0.0.0/8' }, podSelector: {} }),
    'spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer',
  ],
  [
    'an exception lies inside',
    block('10.0.0.0/8', '10.1.0.0/16'),
    stored(block('10.0.0.0/8', '10.1.0.0/16')),
  ],
  [
    'an exception is smaller',
    block('10.0.0.0/8', '10.0.0.0/8'),
    `${BLOCK}.except[0]: Invalid value: "10.0.0.0/8": ${SUBSET}`,
  ],
  [
    'an exception is not elsewhere',
    block('10.0.0.0/8', '11.0.0.0/16'),
    `${BLOCK}.except[0]: Invalid value: "11.0.0.0/16": ${SUBSET}`,
  ],
  [
    'an exception is of the family',
    block('10.0.0.0/8', 'fd00::/16'),
    `${BLOCK}.except[0]: Invalid value: "fd00::/16": ${SUBSET}`,
  ],
  ['33 bits are too many', block('10.0.0.0/33'), `${BLOCK}.cidr: Invalid value: "10.0.0.0/33": ${CIDR}`],
  [
    'host bits are refused',
    block('10.1.2.3/8'),
    `${BLOCK}.cidr: Invalid value: "10.1.2.3/8": must not have bits set beyond the prefix length`,
  ],
  [
    'leading zeros are refused',
    block('010.0.0.0/8'),
    `${BLOCK}.cidr: Invalid value: "010.0.0.0/8": must not have leading 0s in IP or prefix length`,
  ],
  ['an address is no block', block('10.0.0.1'), `${BLOCK}.cidr: Invalid value: "10.0.0.1": ${CIDR}`],
  ['a block is not empty', block(''), `${BLOCK}.cidr: Required value`],
  ['IPv6 has exceptions too', block('fd00::/8', 'fd00:1::/32'), stored(block('fd00::/8', 'fd00:1::/32'))],
  [
    'nothing can be excepted from itself',
    block('0.0.0.0/0', '0.0.0.0/0'),
    `${BLOCK}.except[0]: Invalid value: "0.0.0.0/0": ${SUBSET}`,
  ],
  [
    'mapped addresses are refused',
    block('::ffff:10.0.0.0/104'),
    `${BLOCK}.cidr: Invalid value: "::ffff:10.0.0.0/104": must not have an IPv4-mapped IPv6 address`,
  ],
  ['an empty port is all of TCP', ports({}), storedPorts({ protocol: 'TCP' })],
  ['port 0 is none', ports({ port: 0 }), `${PORT}: 0: ${RANGE}`],
  ['port 65536 is none', ports({ port: 65536 }), `${PORT}: 65536: ${RANGE}`],
  ['port -1 is none', ports({ port: -1 }), `${PORT}: -1: ${RANGE}`],
  ['port 80 is of TCP', ports({ port: 80 }), storedPorts({ protocol: 'TCP', port: 80 })],
  ['a name has a letter', ports({ port: '80' }), `${PORT}: "80": ${LETTER}`],
  ['a port may be named', ports({ port: 'http' }), storedPorts({ protocol: 'TCP', port: 'http' })],
  [
    'a name is short',
    ports({ port: 'this-name-is-too-long' }),
    `${PORT}: "this-name-is-too-long": must be no more than 15 characters`,
  ],
  [
    'a name is in lower case',
    ports({ port: 'HTTP' }),
    `[${PORT}: "HTTP": ${CHARACTERS}, ${PORT}: "HTTP": ${LETTER}]`,
  ],
  ['a name is not empty', ports({ port: '' }), `[${PORT}: "": ${CHARACTERS}, ${PORT}: "": ${LETTER}]`],
  ['a protocol may stand alone', ports({ protocol: 'TCP' }), storedPorts({ protocol: 'TCP' })],
  [
    'protocols are in capitals',
    ports({ protocol: 'tcp' }),
    'spec.ingress[0].ports[0].protocol: Unsupported value: "tcp": supported values: "TCP", "UDP", "SCTP"',
  ],
  [
    'ICMP has no ports',
    ports({ protocol: 'ICMP' }),
    'spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"',
  ],
  ['SCTP has ports', ports({ protocol: 'SCTP', port: 80 }), storedPorts({ protocol: 'SCTP', port: 80 })],
  [
    'an end needs a start',
    ports({ endPort: 90 }),
    `${END}: 90: may not be specified when \`port\` is not specified`,
  ],
  [
    'a range of ports',
    ports({ port: 80, endPort: 90 }),
    storedPorts({ protocol: 'TCP', port: 80, endPort: 90 }),
  ],
  [
    'a range of one',
    ports({ port: 80, endPort: 80 }),
    storedPorts({ protocol: 'TCP', port: 80, endPort: 80 }),
  ],
  [
    'a range goes up',
    ports({ port: 80, endPort: 79 }),
    `${END}: 80: must be greater than or equal to \`port\``,
  ],
  [
    'a range is of numbers',
    ports({ port: 'http', endPort: 90 }),
    `${END}: 90: may not be specified when \`port\` is non-numeric`,
  ],
  ['a range ends at 65535', ports({ port: 80, endPort: 70000 }), `${END}: 70000: ${RANGE}`],
  ['null is absent', ports({ port: 80, protocol: null }), storedPorts({ protocol: 'TCP', port: 80 })],
  [
    'In needs values',
    expression({ operator: 'In' }),
    "spec.podSelector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
  ],
  [
    'Exists takes no values',
    expression({ operator: 'Exists', values: ['x'] }),
    "spec.podSelector.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
  ],
  [
    'operators are four',
    expression({ operator: 'Gt', values: ['x'] }),
    'spec.podSelector.matchExpressions[0].operator: Invalid value: "Gt": not a valid selector operator',
  ],
  [
    'label values have no blanks',
    select({ matchLabels: { a: 'b c' } }),
    `spec.podSelector.matchLabels: Invalid value: "b c": ${LABEL}`,
  ],
  [
    'label keys have one slash',
    select({ matchLabels: { 'a/b/c': 'x' } }),
    `spec.podSelector.matchLabels: Invalid value: "a/b/c": ${KEY}`,
  ],
];

describe('a NetworkPolicy is answered as by Kubernetes 1.36', () => {
  it.each(CASES)('%s', async (_sentence, spec, expected) => {
    const body = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'p' }, spec };
    const answer = await rig.call('POST', `${POLICIES}?dryRun=All`, body);
    if (typeof expected === 'string') {
      expect(answer.body.message).toBe(`NetworkPolicy.networking.k8s.io "p" is invalid: ${expected}`);
      expect(answer.code).toBe(422);
    } else {
      expect(answer.body.spec).toEqual(expected);
      expect(answer.code).toBe(201);
    }
  });
});
