import type {
  ActiveMatch,
  ActivePolicy,
  ActiveRule,
  EndpointPlan,
  MemberSet,
  NodeState,
  SetId,
  TierPlan,
} from '@muslin/api';
import {
  type Family,
  formatIp,
  formatPrefix,
  type Ip,
  mustIp,
  mustPrefix,
  type PortSet,
  portSet,
  prefix,
} from '@muslin/net';
import fc from 'fast-check';
import {
  type HostPort,
  ICMP_PROTOCOL,
  type LookupLimits,
  NODE_CONFIG_DEFAULTS,
  type NodeConfig,
  type Packet,
  PORT_PROTOCOLS,
} from '../src/index.ts';

/** A small world, so that random rules and random packets meet. */
export const ADDRESSES: Readonly<Record<Family, readonly Ip[]>> = {
  4: ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.1.1', '10.9.0.1', '192.0.2.1', '203.0.113.200'].map(mustIp),
  6: ['fd00::1', 'fd00::2', 'fd00::3', 'fd00:0:0:1::1', 'fd00:9::1', '2001:db8::1', 'fe80::1'].map(mustIp),
};
export const PORTS = [1, 53, 80, 81, 443, 8080, 4789, 30000, 65535];
/** Those that plain rules speak of. */
export const COMMON_PORTS = [53, 80, 443];
export const SETS = ['all()', "app == 'web'", '!has(app)', 'long '.repeat(30)];
const PORT_SETS = ['web;tcp', 'dns;udp'];
export const INTERFACES = ['msl00000000001', 'msl00000000002', 'msl0a000000003', 'msl0a000000004'];
/** The third pod has two. */
const INTERFACES_OF = [['msl00000000001'], ['msl00000000002'], ['msl0a000000003', 'msl0a000000004']];
const ENDPOINTS = ['pod/a/one', 'pod/a/two', 'pod/b/three'];

const optional = <T extends object>(shape: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(shape, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;

export const family = fc.constantFrom<Family>(4, 6);
const address = family.chain(f => fc.constantFrom(...ADDRESSES[f]));
export const net = address.chain(ip =>
  fc
    .constantFrom(0, 1, 8, 16, 24, 30, 31, 32, 64, 126, 128)
    .map(n => prefix(ip, Math.min(n, ip.family === 4 ? 32 : 128))),
);
export const ports: fc.Arbitrary<PortSet> = fc.oneof(
  fc.subarray(PORTS).map(list => portSet(list.map(p => ({ first: p, last: p })))),
  fc
    .tuple(fc.constantFrom(...PORTS), fc.nat(400))
    .map(([p, n]) => portSet([{ first: p, last: Math.min(p + n, 65535) }])),
  fc
    .array(fc.constantFrom(...PORTS), { maxLength: 4 })
    .map(extra =>
      portSet([
        ...Array.from({ length: 20 }, (_, i) => ({ first: 1000 + 3 * i, last: 1000 + 3 * i + (i & 1) })),
        ...extra.map(p => ({ first: p, last: p })),
      ]),
    ),
);
export const protocol = fc.constantFrom(6, 6, 6, 17, 132, 136, 1, 58, 4);
export const icmp = optional<{ type: number; code: number }>({
  type: fc.constantFrom(3, 8, 128),
  code: fc.constantFrom(0, 4),
}).map(i => ({ type: i.type ?? 8, ...(i.code === undefined ? {} : { code: i.code }) }));

const side: fc.Arbitrary<ActiveMatch> = optional<Required<ActiveMatch>>({
  nets: fc.array(net, { maxLength: 4 }),
  notNets: fc.array(net, { maxLength: 3 }),
  inSets: fc.subarray(SETS, { maxLength: 2 }),
  notInSets: fc.subarray(SETS, { maxLength: 1 }),
  ports,
  portSets: fc.subarray(PORT_SETS),
  notPorts: ports,
  notPortSets: fc.subarray(PORT_SETS),
}) as fc.Arbitrary<ActiveMatch>;

/** Sides with few conditions, so that rules match often enough. */
const sparse: fc.Arbitrary<ActiveMatch> = side.chain(all =>
  fc
    .subarray(Object.keys(all), { maxLength: Math.min(2, Object.keys(all).length) })
    .map(keys => Object.fromEntries(Object.entries(all).filter(([k]) => keys.includes(k)))),
);

const rule: fc.Arbitrary<ActiveRule> = fc
  .tuple(
    fc.constantFrom('Allow', 'Allow', 'Deny', 'Pass', 'Log'),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant({}) },
      { weight: 1, arbitrary: optional({ family, protocol, notProtocol: protocol, icmp, notIcmp: icmp }) },
      { weight: 2, arbitrary: fc.record({ protocol }) },
    ),
    sparse,
    sparse,
  )
  .map(
    ([action, head, source, destination]) =>
      ({ action, ...head, source, destination, path: 'spec.x[0]' }) as ActiveRule,
  );

/** What most policies consist of: one peer, a protocol, a port or two. */
export const plainRule: fc.Arbitrary<ActiveRule> = fc
  .tuple(
    fc.oneof(
      fc.constantFrom(...SETS).map((set): ActiveMatch => ({ inSets: [set] })),
      fc.array(net, { minLength: 1, maxLength: 2 }).map((nets): ActiveMatch => ({ nets })),
      fc.constant<ActiveMatch>({}),
    ),
    fc.constantFrom(6, 6, 6, 17, 132, 136),
    fc.option(fc.constantFrom(...COMMON_PORTS), { nil: undefined, freq: 8 }),
    fc.nat(40),
  )
  .map(([peer, number, port, more]): [ActiveMatch, number, ActiveMatch] => [
    peer,
    number,
    port === undefined
      ? {}
      : { ports: [{ first: port, last: Math.min(65535, port + (more > 30 ? more : 0)) }] },
  ])
  .map(
    ([peer, number, ports]) =>
      [peer, { action: 'Allow', protocol: number, path: 'spec.y[0]' }, ports] as const,
  )
  .chain(([peer, head, ports]) =>
    fc.constantFrom<ActiveRule>(
      { ...head, source: peer, destination: ports },
      { ...head, source: {}, destination: { ...peer, ...ports } },
    ),
  );
const ruleList = fc.oneof(
  fc.array(rule, { maxLength: 4 }),
  fc.array(plainRule, { minLength: 1, maxLength: 5 }),
  fc.array(
    fc.oneof(
      plainRule,
      rule.map((r): ActiveRule => ({ ...r, action: 'Allow' })),
    ),
    {
      minLength: 1,
      maxLength: 5,
    },
  ),
);

const policyKeys = [
  'knp/a/one',
  'np/b/default.two',
  `gnp/${'long.name-'.repeat(12)}`,
  'snp/a/staged',
  'cnp/five',
];
const policies: fc.Arbitrary<ReadonlyMap<string, ActivePolicy>> = fc
  .tuple(
    ...policyKeys.map(key =>
      fc
        .tuple(ruleList, ruleList, fc.boolean())
        .map(([ingress, egress, there]): [string, ActivePolicy] | undefined =>
          there || key !== 'cnp/five'
            ? [key, { key, source: { kind: 'K', name: key }, ingress, egress, staged: key.startsWith('snp') }]
            : undefined,
        ),
    ),
  )
  .map(list => new Map(list.filter(entry => entry !== undefined)));

/** Lists of tiers of one direction. */
export const tiers: fc.Arbitrary<readonly TierPlan[]> = fc.array(
  fc.record({
    tier: fc.constantFrom('security', 'default', 'baseline'),
    policies: fc.shuffledSubarray(policyKeys, { minLength: 1, maxLength: 3 }),
    defaultAction: fc.constantFrom('Deny', 'Pass'),
  }),
  { maxLength: 3 },
);

const netMembers = fc.array(net, { maxLength: 5 }).map(list => new Set(list.map(formatPrefix)));
const portMembers = (name: string) =>
  fc
    .array(fc.tuple(address, fc.constantFrom(...PORTS)), { maxLength: 8 })
    .map(list => new Set(list.map(([ip, port]) => `${formatIp(ip)},${name}:${port}`)));
const sets: fc.Arbitrary<ReadonlyMap<SetId, MemberSet>> = fc
  .tuple(
    fc.array(netMembers, { minLength: SETS.length, maxLength: SETS.length }),
    portMembers('tcp'),
    portMembers('udp'),
  )
  .map(
    ([netSets, tcp, udp]) =>
      new Map<SetId, MemberSet>([
        ...netSets.map((members, i): [SetId, MemberSet] => [SETS[i] as string, { kind: 'net', members }]),
        ['web;tcp', { kind: 'ip-port', members: tcp }],
        ['dns;udp', { kind: 'ip-port', members: udp }],
      ]),
  );

/** Endpoints one and two; three has an interface but no plan yet. Two has IPv4 only. */
export const nodeState: fc.Arbitrary<NodeState> = fc
  .record({ policies, sets, tiers: fc.array(tiers, { minLength: 4, maxLength: 4 }) })
  .map(({ policies, sets, tiers: lists }) => ({
    policies,
    sets,
    endpoints: new Map(
      [0, 1].map((i): [string, EndpointPlan] => [
        ENDPOINTS[i] as string,
        {
          key: ENDPOINTS[i] as string,
          namespace: 'a',
          name: `pod-${i}`,
          ips:
            i === 0 ? ([ADDRESSES[4][0], ADDRESSES[4][3], ADDRESSES[6][0]] as Ip[]) : [ADDRESSES[4][1] as Ip],
          tiers: { ingress: lists[2 * i] ?? [], egress: lists[2 * i + 1] ?? [] },
        },
      ]),
    ),
  }));

/** A packet of one family as it can occur in a hook. */
export function packetIn(hook: 'FORWARD' | 'INPUT' | 'OUTPUT', f: Family): fc.Arbitrary<Packet> {
  const device = fc.constantFrom(...INTERFACES, 'eth0', 'mslffffffffff');
  return fc
    .record({
      in: device,
      out: device,
      src: fc.constantFrom(...ADDRESSES[f]),
      dst: fc.constantFrom(...ADDRESSES[f]),
      protocol: fc.constantFrom(6, 6, 17, 132, 136, 4, ICMP_PROTOCOL[f]),
      sport: fc.constantFrom(...PORTS),
      dport: fc.constantFrom(...PORTS, 1000, 1057),
      icmp: fc.record({ type: fc.constantFrom(3, 8, 128, 135), code: fc.constantFrom(0, 4) }),
      ctState: fc.constantFrom('NEW', 'NEW', 'NEW', 'NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'),
      mark: fc.constantFrom(0, 0xffffffff, 0x10000000, 0x4000),
    })
    .map(p => {
      const { in: inside, out, sport, dport, icmp: type, ...rest } = p;
      return {
        family: f,
        ...rest,
        ...(hook === 'OUTPUT' ? {} : { in: inside }),
        ...(hook === 'INPUT' ? {} : { out }),
        ...(PORT_PROTOCOLS.has(p.protocol) ? { sport, dport } : {}),
        ...(p.protocol === ICMP_PROTOCOL[f] ? { icmp: type } : {}),
      };
    });
}

/** Lookups wherever they can be, and a few small sets of the world do not fit. */
export const EAGER: LookupLimits = {
  ...{ fromRules: 1, portsPerRule: 16, membersPerSet: 32, members: 120, countedMembers: 40 },
};

const hostPort = (protocol: number, pod: string, hostPort: number, hostIp?: string): HostPort => ({
  ...{ protocol, hostPort, podPort: 80, pod: mustIp(pod) },
  hostIp: hostIp === undefined ? undefined : mustIp(hostIp),
});
const HOST_PORTS = {
  4: [hostPort(6, '10.0.0.1', 8080), hostPort(17, '10.0.0.1', 53, '192.0.2.1')],
  6: [hostPort(6, 'fd00::1', 8080), hostPort(17, 'fd00::1', 53, '2001:db8::1')],
} as const;

const FLOATING_IPS = {
  4: [{ ip: mustIp('10.9.0.1'), pod: mustIp('10.0.0.1') }],
  6: [{ ip: mustIp('fd00:9::1'), pod: mustIp('fd00::1') }],
} as const;

/** The configuration of the world; a new object for each family. */
export function configOf(
  f: Family,
  action: NodeConfig['endpointToHostAction'] = 'Accept',
  setLookups: NodeConfig['setLookups'] = NODE_CONFIG_DEFAULTS.setLookups,
): NodeConfig {
  return {
    ...NODE_CONFIG_DEFAULTS,
    setLookups,
    family: f,
    endpointToHostAction: action,
    pools: ['10.0.0.0/16', 'fd00::/48'].map(text => ({
      cidr: prefix(mustIp(text.split('/')[0] as string), Number(text.split('/')[1])),
      natOutgoing: true,
    })),
    natPorts: { first: 20_000, last: 29_999 },
    natAddress: mustIp('fd00:9::1'),
    // One address of packets each.
    serviceLoop: { action: 'Reject', cidrs: ['203.0.113.192/26', 'fd00:9::/64'].map(mustPrefix) },
    hostPorts: () => HOST_PORTS[f],
    floatingIps: () => FLOATING_IPS[f],
    interfacesOf: key => INTERFACES_OF[ENDPOINTS.indexOf(key)] ?? [],
  };
}
