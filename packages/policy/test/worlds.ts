import type {
  Direction,
  Endpoint,
  FactChange,
  NamedPort,
  PeerMatch,
  Policy,
  PolicyRule,
  PortMatch,
  Selector,
} from '@muslin/api';
import { mustIp, mustPrefix } from '@muslin/net';
import fc from 'fast-check';
import type { Flow } from '../src/index.ts';

/** A universe small enough that everything collides with everything. */
const NODES = ['n1', 'n2'];
const NAMESPACES = ['red', 'blue'];
const KEYS = ['a', 'b', 'projectcalico.org/namespace', 'pcns.team', 'pcsa.role'];
const VALUES = ['x', 'y', 'red', 'blue'];
const PORT_NAMES = ['http', 'dns'];
const NUMBERS = [53, 80, 81];
const ADDRESSES = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.1.1', '192.168.0.1', '192.168.0.2'].concat([
  '203.0.113.9',
  '10.96.0.1',
  'fd00::1',
  'fd00::2',
  'fd00::9',
  '2001:db8::9',
]);
const NETS = [
  '10.0.0.0/24',
  '10.0.0.2/32',
  '0.0.0.0/0',
  '203.0.113.0/24',
  'fd00::/64',
  '::/0',
  '192.168.0.1/32',
];

const pick = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const name = pick('p', 'q', 'r', 's');
const protocol = pick(6, 17, 132, 1, 58, 47);
/** What a packet of ICMP may be; rules may leave the code open. */
const icmp = fc.record({ type: pick(8, 8, 128, 128, 3), code: pick(0, 1) });
const labels = fc
  .dictionary(pick('a', 'b', 'team', 'role'), pick('x', 'y'), { maxKeys: 3 })
  .map(record => new Map(Object.entries(record)));
const ips = fc
  .uniqueArray(pick(...ADDRESSES), { minLength: 1, maxLength: 2 })
  .chain(list => pick(list, list, list, []))
  .map(list => list.map(mustIp));

const leaf: fc.Arbitrary<Selector> = fc.oneof(
  fc.constant<Selector>({ op: 'all' }),
  fc.constant<Selector>({ op: 'global' }),
  fc.record({ op: pick('has' as const), key: pick(...KEYS) }),
  fc.record({
    op: pick('eq' as const, 'eq' as const, 'ne' as const, 'contains' as const, 'startsWith' as const),
    key: pick(...KEYS),
    value: pick(...VALUES),
  }),
  fc.record({
    op: pick('in' as const, 'notIn' as const),
    key: pick(...KEYS),
    values: fc.array(pick(...VALUES), { maxLength: 3 }),
  }),
);

const branch: fc.Arbitrary<Selector> = fc.oneof(
  { arbitrary: leaf, weight: 4 },
  fc.record({ op: pick('not' as const), of: leaf }),
  fc.record({ op: pick('and' as const, 'or' as const), of: fc.array(leaf, { maxLength: 3 }) }),
);

/** Labels as an index sees them, reserved ones among them. */
export const labelMaps = fc
  .dictionary(pick(...KEYS), pick(...VALUES), { maxKeys: 4 })
  .map(record => new Map(Object.entries(record)));

export const selectors: fc.Arbitrary<Selector> = fc.oneof(
  { arbitrary: branch, weight: 4 },
  fc.record({ op: pick('and' as const, 'or' as const), of: fc.array(branch, { maxLength: 3 }) }),
);

const portMatch: fc.Arbitrary<PortMatch> = fc.oneof(
  pick(...NUMBERS).map(first => ({ first, last: first })),
  fc.constant({ first: 50, last: 80 }),
  pick(...PORT_NAMES).map(name => ({ name })),
);

const sparse = { requiredKeys: [] };
const nets = fc.array(
  pick(...NETS).map(net => mustPrefix(net)),
  { maxLength: 2 },
);
const portMatches = fc.array(portMatch, { maxLength: 2 });

const peers: fc.Arbitrary<PeerMatch> = fc.oneof(
  { arbitrary: fc.constant({}), weight: 2 },
  fc.record({ selector: selectors, ports: portMatches }, sparse),
  fc.record({ nets, notNets: nets, ports: portMatches, notPorts: portMatches }, sparse),
  fc.record({ selector: selectors, notSelector: selectors, notPorts: portMatches }, sparse),
  fc.record({ service: pick('red/web', 'blue/web') }),
  fc.record({ nodes: selectors }),
);

const icmpMatch = fc.oneof(
  icmp,
  icmp.map(({ type }) => ({ type })),
);

const rules: fc.Arbitrary<PolicyRule> = fc
  .tuple(
    fc.record(
      {
        family: pick(4 as const, 6 as const),
        protocol,
        notProtocol: protocol,
        icmp: icmpMatch,
        notIcmp: icmpMatch,
      },
      sparse,
    ),
    pick('Allow' as const, 'Deny' as const, 'Pass' as const, 'Log' as const),
    peers,
    peers,
  )
  // Most rules must be able to match something, or every trace ends in the tier's default.
  .map(([header, action, source, destination]) => ({
    ...(header.protocol === undefined ? {} : header),
    action,
    source,
    destination,
    path: '',
  }));

const ruleLists = fc.array(rules, { maxLength: 3 });
const directions = pick<readonly Direction[]>(['ingress'], ['egress'], ['ingress', 'egress'], []);

const policies: fc.Arbitrary<FactChange> = fc
  .record({
    kind: pick('np/red', 'np/blue', 'gnp'),
    name,
    tier: pick('default', 'default', 'early', 'late'),
    order: pick(1, 2, Number.POSITIVE_INFINITY),
    selector: selectors,
    directions,
    ingress: ruleLists,
    egress: ruleLists,
    staged: pick(false, false, false, true),
    hosts: pick<Policy['hosts']>(undefined, undefined, 'forwarded', 'forwarded', 'pre-dnat', 'untracked'),
  })
  .map(({ kind, name, directions, hosts, ...rest }) => {
    const key = `${kind}/${name}`;
    const numbered = (direction: Direction) =>
      rest[direction].map((rule, i) => ({ ...rule, path: `spec.${direction}[${i}]` }));
    const value: Policy = {
      ...rest,
      key,
      source: { kind: 'NetworkPolicy', name },
      directions: new Set(directions),
      ingress: numbered('ingress'),
      egress: numbered('egress'),
      ...(kind === 'gnp' && hosts !== undefined && { hosts }),
    };
    return { type: 'policy', key, value };
  });

/** Staged policies that would delete one; or, of the same key, one that would stand in its place. */
const deletions: fc.Arbitrary<FactChange> = fc
  .record({
    kind: pick('np/red', 'np/blue', 'gnp'),
    name,
    instead: pick(false, false, true),
    selector: selectors,
  })
  .map(({ kind, name, instead, selector }) => {
    const key = `s${kind}/${name}`;
    const source = { kind: 'StagedNetworkPolicy', name };
    const value: Policy = {
      ...{ key, source, tier: 'default', order: 1, ingress: [], egress: [], staged: true },
      ...(instead
        ? { selector, directions: new Set<Direction>(['ingress']) }
        : { selector: { op: 'not', of: { op: 'all' } }, directions: new Set(), removes: `${kind}/${name}` }),
    };
    return { type: 'policy', key, value };
  });

const namedPorts: fc.Arbitrary<readonly NamedPort[]> = fc.array(
  fc.record({ name: pick(...PORT_NAMES), protocol: pick(6, 17), port: pick(...NUMBERS) }),
  { maxLength: 2 },
);

const endpoints: fc.Arbitrary<FactChange> = fc
  .record({
    namespace: pick(...NAMESPACES),
    name,
    node: pick<string | undefined>('n1', 'n1', 'n1', 'n1', 'n2', 'n2', undefined),
    labels,
    serviceAccount: pick('default', 'robot'),
    ips,
    ports: namedPorts,
    hostNetwork: pick(false, false, false, false, true),
  })
  .map(facts => {
    const key = `pod/${facts.namespace}/${facts.name}`;
    const source = { kind: 'Pod', namespace: facts.namespace, name: facts.name };
    const value: Endpoint = { ...facts, key, source, uid: key, declaredPorts: [] };
    return { type: 'endpoint', key, value };
  });

const networkSets: fc.Arbitrary<FactChange> = fc
  .record({ namespace: pick<string | undefined>('red', undefined), name, labels, nets })
  .map(({ name, ...facts }) => {
    const key = facts.namespace === undefined ? name : `${facts.namespace}/${name}`;
    return { type: 'networkSet', key, value: { ...facts, key, source: { kind: 'NetworkSet', name } } };
  });

const backends = fc.array(
  fc.record({
    ip: pick(...ADDRESSES).map(mustIp),
    protocol: pick(6, 6, 17),
    port: pick(...NUMBERS),
    portName: pick('http', 'dns'),
    ready: fc.boolean(),
  }),
  { maxLength: 3 },
);

const services: fc.Arbitrary<FactChange> = fc
  .record({ namespace: pick(...NAMESPACES), headless: fc.boolean(), backends })
  .map(({ namespace, headless, backends }) => {
    const key = `${namespace}/web`;
    const ports = [{ name: 'http', protocol: 6, port: 80 }];
    const clusterIps = headless ? [] : [mustIp('10.96.0.1'), mustIp('fd00::2')];
    return { type: 'service', key, value: { key, clusterIps, ports, backends } };
  });

const namespaces: fc.Arbitrary<FactChange> = fc
  .record({ name: pick(...NAMESPACES), labels })
  .map(value => ({ type: 'namespace', key: value.name, value }));

const serviceAccounts: fc.Arbitrary<FactChange> = fc
  .record({ namespace: pick(...NAMESPACES), name: pick('default', 'robot'), labels })
  .map(value => ({ type: 'serviceAccount', key: `${value.namespace}/${value.name}`, value }));

const tiers: fc.Arbitrary<FactChange> = fc
  .record({
    name: pick('default', 'early', 'late'),
    order: pick(1, 2, 3, Number.POSITIVE_INFINITY),
    defaultAction: pick('Deny' as const, 'Pass' as const),
  })
  .map(value => ({ type: 'tier', key: value.name, value }));

const nodes: fc.Arbitrary<FactChange> = fc.tuple(pick(...NODES), labels).map(([name, labels]) => {
  const ips = (name === 'n1' ? ['192.168.0.1', 'fd00::9'] : ['192.168.0.2']).map(mustIp);
  const rest = { podCidrs: [], asNumber: undefined, routeReflectorClusterId: undefined };
  return { type: 'node', key: name, value: { name, labels, ips, ...rest } };
});

const hostEndpoints: fc.Arbitrary<FactChange> = fc
  .record({
    node: pick('n1', 'n1', 'n2'),
    name: pick('eth', 'all'),
    labels,
    interfaceName: pick(undefined, 'eth0', '*', '*'),
    ips: fc.subarray(['192.168.0.1', '192.168.0.2', 'fd00::9']).map(list => list.map(mustIp)),
    ports: namedPorts,
    profiles: fc.subarray(['projectcalico-default-allow', 'kns.red', 'ksa.red.robot', 'absent'], {
      maxLength: 2,
    }),
  })
  .map(facts => {
    const key = `host/${facts.node}/${facts.name}`;
    const source = { kind: 'HostEndpoint', name: facts.name };
    return { type: 'hostEndpoint', key, value: { ...facts, key, source } };
  });

const failsafe = fc.option(
  fc.subarray([
    { protocol: 6, port: 80, net: undefined },
    { protocol: 17, port: 53, net: mustPrefix('10.0.0.0/24') },
  ]),
  { nil: undefined, freq: 3 },
);
const felix: fc.Arbitrary<FactChange> = fc
  .record({
    name: pick('default', 'node.n1', 'some', 'other'),
    nodeSelector: fc.option(selectors, { nil: undefined }),
    failsafeInbound: failsafe,
    failsafeOutbound: failsafe,
  })
  .map(value => ({ type: 'felix', key: value.name, value }));

const facts: fc.Arbitrary<FactChange> = fc.oneof(
  { arbitrary: endpoints, weight: 8 },
  { arbitrary: policies, weight: 6 },
  deletions,
  { arbitrary: networkSets, weight: 2 },
  services,
  namespaces,
  serviceAccounts,
  tiers,
  nodes,
  { arbitrary: hostEndpoints, weight: 2 },
  felix,
);

/** A fact set, or (one in four) removed, whether it was there or not. */
export const changes: fc.Arbitrary<FactChange> = fc
  .tuple(facts, fc.integer({ min: 0, max: 3 }))
  .map(([change, dice]) => (dice === 0 ? ({ ...change, value: undefined } as FactChange) : change));

/** Facts enough for a busy little cluster. */
export const worlds: fc.Arbitrary<readonly FactChange[]> = fc.array(facts, {
  minLength: 20,
  maxLength: 60,
  size: 'max',
});

/** The same with many host endpoints, and policies that select them. */
export const hostWorlds: fc.Arbitrary<readonly FactChange[]> = fc
  .tuple(
    worlds,
    fc.array(
      policies.filter(({ key }) => key.startsWith('gnp')),
      { minLength: 4, maxLength: 12 },
    ),
    fc.array(hostEndpoints, { minLength: 4, maxLength: 8 }),
  )
  .map(lists => lists.flat());

const ends = fc.oneof(
  {
    arbitrary: fc.tuple(pick(...NAMESPACES), name).map(([ns, n]) => ({ endpoint: `pod/${ns}/${n}` })),
    weight: 3,
  },
  pick(...ADDRESSES).map(text => ({ ip: mustIp(text) })),
);

export const flows: fc.Arbitrary<Flow> = fc
  .record(
    {
      from: ends,
      to: fc.oneof(
        { arbitrary: ends, weight: 4 },
        pick('red/web', 'blue/web').map(service => ({ service })),
      ),
      protocol: fc.oneof({ arbitrary: pick(6, 17), weight: 4 }, protocol),
      port: pick(...NUMBERS),
      sourcePort: pick(...NUMBERS),
      family: pick(4 as const, 6 as const),
      icmp,
    },
    { requiredKeys: ['from', 'to', 'protocol'] },
  )
  .map(({ icmp, ...flow }) => ({
    ...flow,
    ...(icmp !== undefined && (flow.protocol === 1 || flow.protocol === 58) && { icmp }),
  }));
