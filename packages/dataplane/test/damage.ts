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
  type Ip,
  mustIp,
  mustPrefix,
  portSet,
  type PortSet,
  sameIp,
} from '@muslin/net';
import {
  compile,
  evaluate,
  type HookName,
  ICMP_PROTOCOL,
  IPTABLES_LIMITS,
  lookupOf,
  lower,
  NFT_LIMITS,
  type NodeConfig,
  nftTable,
  type Packet,
  PORT_PROTOCOLS,
  type Proof,
  Prover,
  readBack,
  renderTables,
  type Ruleset,
  type TableName,
} from '../src/index.ts';
import { FILTER, type Mutation, type Where } from './mutations.ts';
import { ADDRESSES, INTERFACES } from './world.ts';

const ports = (...list: readonly (number | readonly [number, number])[]): PortSet =>
  portSet(list.map(p => (typeof p === 'number' ? { first: p, last: p } : { first: p[0], last: p[1] })));
const nets = (...list: readonly string[]) => list.map(mustPrefix);
const rule = (
  action: ActiveRule['action'],
  peer: ActiveMatch,
  target: ActiveMatch,
  rest: Partial<ActiveRule> = {},
): ActiveRule => ({ action, source: peer, destination: target, path: 'spec.ingress[0]', ...rest });
const turned = (rules: readonly ActiveRule[]): readonly ActiveRule[] =>
  rules.map(({ source, destination, ...rest }) => {
    const { ports: sourcePorts, portSets: sourceSets, ...peer } = source;
    const { ports: own, portSets, ...target } = destination;
    const back = { ...(own && { ports: own }), ...(portSets && { portSets }) };
    const there = { ...(sourcePorts && { ports: sourcePorts }), ...(sourceSets && { portSets: sourceSets }) };
    return { ...rest, source: { ...target, ...there }, destination: { ...peer, ...back } };
  });
const policy = (key: string, ingress: readonly ActiveRule[], staged = false): ActivePolicy => ({
  key,
  source: { kind: 'NetworkPolicy', name: key },
  ingress,
  egress: turned(ingress),
  staged,
});
const tcp = { protocol: 6 };

const POLICIES: readonly ActivePolicy[] = [
  policy('gnp/guard', [
    rule('Deny', { nets: nets('192.0.2.0/24', '203.0.113.0/25', '2001:db8::/33') }, {}),
    rule('Pass', { inSets: ['all()'] }, { ports: ports(53) }, { protocol: 17 }),
    rule('Log', {}, {}, tcp),
    rule('Deny', { notInSets: ["app == 'web'"] }, { ports: ports([8000, 8100], 443) }, tcp),
    rule('Pass', {}, { notPorts: ports(81) }, tcp),
    rule('Allow', {}, {}, { family: 4, icmp: { type: 8 } }),
    rule('Allow', {}, {}, { family: 6, icmp: { type: 128, code: 0 } }),
    rule('Deny', {}, {}, { family: 6, icmp: { type: 128 } }),
    rule('Pass', {}, {}, { notProtocol: 132 }),
  ]),
  policy('snp/tried', [rule('Deny', {}, {})], true),
  policy('knp/one', [
    rule('Allow', { inSets: ["app == 'web'"] }, { ports: ports(80, 443) }, tcp),
    rule('Allow', { inSets: ['!has(app)'] }, { ports: ports(53) }, { protocol: 17 }),
    rule(
      'Allow',
      { nets: nets('10.0.0.0/30', '10.9.0.0/16', 'fd00::/126'), notNets: nets('10.0.0.2/32', 'fd00::2/128') },
      { ports: ports(80) },
      tcp,
    ),
  ]),
  policy('knp/two', [
    rule('Allow', { inSets: ["app == 'web'"] }, { portSets: ['web;tcp'] }, tcp),
    rule(
      'Allow',
      {},
      { ports: ports(...Array.from({ length: 20 }, (_, i) => 1000 + 3 * i), [30000, 32767]) },
      tcp,
    ),
    rule('Allow', { inSets: ['all()'] }, {}, { protocol: 132 }),
  ]),
  policy('np/ordered', [
    rule(
      'Allow',
      { inSets: ["app == 'web'"], notNets: nets('10.0.1.0/24', 'fd00:0:0:1::/64') },
      { ports: ports(8080) },
      tcp,
    ),
    rule('Deny', { ports: ports([1, 1023]) }, {}, { protocol: 17 }),
    rule('Allow', { nets: nets('0.0.0.0/1', 'fc00::/7') }, { ports: ports(5353) }, { protocol: 17 }),
    rule('Allow', {}, {}, { notIcmp: { type: 3 }, notProtocol: 6 }),
  ]),
];

const host = (...list: readonly string[]) => new Set(list.map(ip => `${ip}/${ip.includes(':') ? 128 : 32}`));
const SETS: ReadonlyMap<SetId, MemberSet> = new Map<SetId, MemberSet>([
  [
    'all()',
    { kind: 'net', members: host('10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd00::1', 'fd00::2', 'fd00::3') },
  ],
  ["app == 'web'", { kind: 'net', members: host('10.0.0.2', '10.0.1.1', 'fd00::2', 'fd00:0:0:1::1') }],
  [
    '!has(app)',
    { kind: 'net', members: new Set([...host('10.0.0.3', 'fd00::3'), '10.9.0.0/24', 'fd00:9::/64']) },
  ],
  [
    'web;tcp',
    { kind: 'ip-port', members: new Set(['10.0.0.1,tcp:8080', 'fd00::1,tcp:8080', '10.0.0.2,tcp:81']) },
  ],
]);

const TIERS: readonly TierPlan[] = [
  { tier: 'security', policies: ['gnp/guard', 'snp/tried'], defaultAction: 'Deny' },
  { tier: 'default', policies: ['knp/one', 'knp/two'], defaultAction: 'Pass' },
  { tier: 'late', policies: ['np/ordered'], defaultAction: 'Deny' },
];
const endpoint = (i: number, tiers: readonly TierPlan[]): EndpointPlan => ({
  key: ['pod/a/one', 'pod/a/two'][i] as string,
  namespace: 'a',
  name: `pod-${i}`,
  ips: [ADDRESSES[4][i], ADDRESSES[6][i]].filter(ip => ip !== undefined),
  tiers: { ingress: tiers, egress: tiers },
});

/** Two pods, three tiers, every kind of match: small enough to damage everywhere. */
export const WORLD: NodeState = {
  policies: new Map(POLICIES.map(one => [one.key, one])),
  sets: SETS,
  endpoints: new Map(
    [
      endpoint(0, TIERS),
      endpoint(
        1,
        TIERS.slice(1, 2).map(tier => ({ ...tier, defaultAction: 'Deny' })),
      ),
    ].map(one => [one.key, one]),
  ),
};

const LISTED = { ingress: TIERS, egress: TIERS };
const BRIEF: readonly TierPlan[] = [{ tier: 'early', policies: ['np/ordered'], defaultAction: 'Deny' }];

/** The same with a host endpoint that is asked everywhere, and failsafe ports of every kind. */
export const HOST_WORLD: NodeState = {
  ...WORLD,
  hosts: {
    plans: new Map([
      [
        'host/n/eth0',
        {
          key: 'host/n/eth0',
          source: { kind: 'HostEndpoint', name: 'eth0' },
          name: 'eth0',
          interfaceName: 'eth0',
          ips: [],
          local: LISTED,
          forwarded: { ingress: TIERS.slice(1, 2), egress: TIERS.slice(1) },
          preDnat: BRIEF,
          untracked: { ingress: BRIEF, egress: TIERS.slice(1, 2) },
          open: undefined,
        },
      ],
    ]),
    failsafe: {
      inbound: [
        { protocol: 6, port: 22, net: undefined },
        { protocol: 6, port: 8080, net: mustPrefix('10.0.0.0/30') },
        { protocol: 17, port: 4789, net: mustPrefix('fd00::/126') },
      ],
      outbound: [
        { protocol: 6, port: 443, net: undefined },
        { protocol: 17, port: 53, net: undefined },
      ],
    },
  },
};

/** The two pods of the world, a third that nobody knows, and the rest of the world. */
const LINKS = [...INTERFACES.slice(0, 2), 'eth0'];

/** Packets that between them ask every rule of the world. */
export function packetsOf(family: Family): readonly Packet[] {
  const out: Packet[] = [];
  const add = (way: Pick<Packet, 'in' | 'out'>) => {
    for (const src of ADDRESSES[family])
      for (const dst of ADDRESSES[family].slice(0, 3))
        for (const [protocol, dport] of [
          [6, 80],
          [6, 443],
          [6, 8050],
          [6, 8080],
          [6, 1057],
          [17, 53],
          [17, 5353],
          [17, 4789],
          [132, 80],
          [ICMP_PROTOCOL[family], 0],
        ] as const)
          for (const ctState of ['NEW', 'ESTABLISHED', 'INVALID'] as const) {
            if (ctState !== 'NEW' && dport !== 80) continue;
            out.push({
              family,
              src,
              dst,
              protocol,
              ctState,
              mark: 0x10000000,
              ...way,
              ...(PORT_PROTOCOLS.has(protocol)
                ? { sport: 40_000, dport }
                : { icmp: { type: family === 4 ? 8 : 128, code: 0 } }),
            });
          }
  };
  for (const link of LINKS) {
    add({ in: link, out: link === 'eth0' ? (LINKS[0] as string) : 'eth0' });
    add({ in: link });
  }
  return out;
}

/** Packets for and from the node itself, and past its host endpoint: few, as each is asked of every damage. */
export function hostPacketsOf(family: Family): readonly Packet[] {
  const [pod = '', stranger = ''] = LINKS;
  const node = mustIp(family === 4 ? '192.0.2.1' : '2001:db8::1');
  const ways = [
    { in: 'eth0', dst: node, dstLocal: true },
    { out: 'eth0', src: node, srcLocal: true },
    { out: 'eth0', srcLocal: true, dst: node, dstLocal: true },
    { in: 'eth0', out: pod },
    { in: stranger, out: 'eth0' },
    { in: stranger, out: 'eth0', reversePath: false },
  ];
  return ways.flatMap(way =>
    packetsOf(family)
      .filter(packet => packet.in === 'eth0' && packet.out === pod)
      // What a pod sends from an address of its own that is not routed to it may pass or not.
      .filter(({ src }) => !('reversePath' in way && sameIp(src, ADDRESSES[family][1] as Ip)))
      .map(({ in: _, out: __, ...packet }) => ({ ...packet, ...way })),
  );
}

/** The hook of the filter table that a packet meets. */
export function hookOf({ in: inside, out }: Packet): 'INPUT' | 'OUTPUT' | 'FORWARD' {
  return inside === undefined ? 'OUTPUT' : out === undefined ? 'INPUT' : 'FORWARD';
}

/** A damaged ruleset, as a back end would hear it, and whether it can be heard at all. */
function* damaged(
  mutation: Mutation,
  state: NodeState,
  config: NodeConfig,
  where: Where,
): Generator<Ruleset | 'unreadable'> {
  const rules = compile(state, config);
  if ('rules' in mutation) {
    for (const limits of [IPTABLES_LIMITS, NFT_LIMITS]) yield* mutation.rules(lower(rules, limits), where);
    return;
  }
  const lowered = lower(rules, 'nft' in mutation ? NFT_LIMITS : IPTABLES_LIMITS);
  const read = (rendered: Parameters<typeof readBack>[1]) => {
    const heard = readBack(lowered, rendered);
    return heard.ok ? heard.value : 'unreadable';
  };
  if ('nft' in mutation) {
    for (const table of mutation.nft(nftTable(lowered, state.sets), where)) yield read(table);
    return;
  }
  const tables = renderTables(lowered);
  for (const [i, table] of tables.entries())
    if (table.table === where.table)
      for (const other of mutation.iptables(table, where)) yield read(tables.with(i, other));
}

/** What the proof made of one kind of damage. */
export interface Catch {
  readonly places: number;
  readonly caught: number;
  /** A packet that a proof should have found. */
  readonly missed: Packet | undefined;
}

/** Hooks that a packet meets in a table. */
const HOOKS: Readonly<Partial<Record<TableName, readonly HookName[]>>> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'POSTROUTING'],
  nat: ['PREROUTING', 'OUTPUT', 'POSTROUTING'],
};

/** What evaluating comes to for each packet at each hook of a table: verdict, what later tables see, new addresses. */
function* fatesOf(
  ruleset: Ruleset,
  state: NodeState,
  packets: readonly Packet[],
  table: TableName,
): Generator<{ readonly packet: Packet; readonly fate: string }> {
  const sets = lookupOf(ruleset.sets, state.sets);
  for (const packet of packets)
    for (const hook of HOOKS[table] ?? [hookOf(packet)]) {
      const { verdict, mark, trace } = evaluate(ruleset, sets, seenIn(hook, packet), hook, table);
      const last = trace.at(-1)?.rule.action;
      const target = last?.kind === 'dnat' || last?.kind === 'snat' ? formatIp(last.ip) : '';
      const port = last?.kind === 'dnat' ? last.port : '';
      const untracked = trace.some(({ rule }) => rule.action.kind === 'notrack');
      const told = verdict === 'return' ? [mark & ~OWN_BITS, untracked] : [];
      yield { packet, fate: [verdict, target, port, ...told].join() };
    }
}

/** Bits with which chains of one table speak to each other. */
const OWN_BITS = 0x30000000;

/** Does the damage in every place and asks the proof; where it sees no difference, `packets` must show none. */
export function tryMutation(
  mutation: Mutation,
  state: NodeState,
  config: NodeConfig,
  packets: readonly Packet[],
  believed = 1,
  where: Where = FILTER,
): Catch {
  const prover = new Prover(config.family);
  const meant = [...fatesOf(compile(state, config), state, packets, where.table)];
  let [places, caught, checked] = [0, 0, 0];
  for (const rules of damaged(mutation, state, config, where)) {
    places++;
    const proof: Proof['outcome'] | 'unreadable' =
      rules === 'unreadable' ? rules : prover.prove(state, config, rules).outcome;
    if (proof !== 'equal') caught++;
    else if (rules !== 'unreadable' && checked++ < believed) {
      let i = 0;
      for (const { packet, fate } of fatesOf(rules, state, packets, where.table))
        if (fate !== meant[i++]?.fate) return { places, caught, missed: packet };
    }
  }
  return { places, caught, missed: undefined };
}

/** What a hook knows of a packet's interfaces. */
function seenIn(hook: HookName, { in: inside, out, ...packet }: Packet): Packet {
  const comes = hook !== 'OUTPUT' && hook !== 'POSTROUTING' && inside !== undefined;
  const goes = hook !== 'PREROUTING' && hook !== 'INPUT' && out !== undefined;
  return { ...packet, ...(comes && { in: inside }), ...(goes && { out }) };
}

/** What host endpoints alone have in the filter table. */
export const HOST_CHAINS: Where = { table: 'filter', chains: /^msl-(h[lf][ie]-|from-host|to-host-out)/ };

/** Tables before, after and beside the filter table. */
export const OTHER_TABLES = ['raw', 'mangle', 'nat'] as const;
