import type { ActivePolicy, ActiveRule, MemberSet, NodeState, SetId } from '@muslin/api';
import { type Family, mustIp, portSet } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compile,
  desiredSets,
  evaluate,
  IPTABLES_LIMITS,
  LOOKUP_LIMITS,
  type LookupLimits,
  lookupOf,
  lower,
  Members,
  NFT_LIMITS,
  type NftListing,
  type NftTable,
  type NodeConfig,
  nftTable,
  type Packet,
  patchSets,
  planNft,
  planSets,
  type Ruleset,
} from '../src/index.ts';
import { meaning } from '../src/prove/meaning.ts';
import { members, unions } from './unions.ts';
import { ADDRESSES, COMMON_PORTS, configOf, EAGER, family, INTERFACES, SETS } from './world.ts';

const ROOMY: LookupLimits = { ...EAGER, membersPerSet: 4096, members: 65_536 };
const packetsOf = (f: Family, port: number): readonly Packet[] =>
  ADDRESSES[f].flatMap(peer =>
    [6, 17, 136].flatMap(protocol => {
      const both = { family: f, protocol, sport: 53, dport: port, ctState: 'NEW', mark: 0xffffffff } as const;
      const own = ADDRESSES[f][0] as Packet['src'];
      return [
        { ...both, src: peer, dst: own, in: 'eth0', out: INTERFACES[0] as string },
        { ...both, src: own, dst: peer, in: INTERFACES[0] as string, out: 'eth0' },
      ];
    }),
  );

const configs = (f: Family): readonly NodeConfig[] =>
  [undefined, EAGER, ROOMY, { ...ROOMY, fromRules: 2 }, LOOKUP_LIMITS].map(setLookups => ({
    ...configOf(f),
    setLookups,
  }));

/** Of each packet: by which rule it was let through, if it was. */
function decidedBy(ruleset: Ruleset, state: NodeState, packet: Packet): string {
  const { verdict, trace } = evaluate(ruleset, lookupOf(ruleset.sets, state.sets), packet, 'FORWARD');
  const sets = trace.flatMap(({ rule }) => rule.matches.flatMap(m => (m.kind === 'set' ? [m] : [])));
  const last = sets.at(-1);
  return `${verdict} ${last === undefined ? '' : `${/^muslin:[a-z-]+/.exec(last.set)?.[0]} ${last.key}`}`;
}

describe('policies that only allow, as look-ups', () => {
  it('mean what the policies mean, whatever fits and whatever does not', () => {
    const decided = new Map<string, number>();
    fc.assert(
      fc.property(unions, family, fc.constantFrom(...COMMON_PORTS), (state, f, port) => {
        for (const config of configs(f)) {
          const rules = compile(state, config);
          const ways = [rules, lower(rules, IPTABLES_LIMITS), lower(rules, NFT_LIMITS)];
          for (const packet of packetsOf(f, port)) {
            const expected = meaning(state, config, packet, 'FORWARD');
            for (const way of ways)
              expect(evaluate(way, lookupOf(way.sets, state.sets), packet, 'FORWARD').verdict).toBe(expected);
            const by = decidedBy(rules, state, packet);
            decided.set(by, (decided.get(by) ?? 0) + 1);
          }
        }
      }),
      { numRuns: 80 },
    );
    for (const key of ['ip-port src,dst', 'ip-port dst,dst', 'net src', 'net dst'])
      expect(decided.get(`accept muslin:${key}`) ?? 0, key).toBeGreaterThan(4);
  });

  it('follow their sources change by change, in both back ends, as if made anew', () => {
    const deltas = fc.array(
      fc.dictionary(fc.constantFrom(...SETS), fc.tuple(members, members), { minKeys: 1, maxKeys: 3 }),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(unions, unions, family, deltas, (first, other, f, list) => {
        const config = { ...configOf(f), setLookups: ROOMY };
        const table = (s: NodeState, c: NodeConfig, limits = IPTABLES_LIMITS) => lower(compile(s, c), limits);
        const added = { added: first.sets, changed: new Map(), removed: new Set<string>() };
        let state: NodeState = { ...first, sets: patchSets(new Map(), added) };
        let ipsets = desiredSets(state.sets, table(state, config));
        const kernel = new Map([...ipsets].map(([name, set]) => [name, new Set(set.members)]));
        let nft = nftTable(table(state, config, NFT_LIMITS), state.sets);
        for (const [i, delta] of list.entries()) {
          const changed = new Map(
            Object.entries(delta).map(([id, [more, less]]) => {
              const have = state.sets.get(id)?.members ?? new Set<string>();
              const add = new Set([...more].filter(m => !have.has(m)));
              return [id, { add, remove: new Set([...less].filter(m => have.has(m))) }];
            }),
          );
          const sets = patchSets(state.sets, { added: new Map(), changed, removed: new Set() });
          state = { ...state, sets, policies: (i % 2 === 0 ? other : first).policies };
          const now = desiredSets(state.sets, table(state, config));
          const plan = planSets(now, ipsets);
          for (const set of plan.create) kernel.set(set.name, new Set(set.members));
          for (const { set, add, remove } of plan.change) {
            for (const m of add) kernel.get(set.name)?.add(m);
            for (const m of remove) expect(kernel.get(set.name)?.delete(m)).toBe(true);
          }
          for (const name of plan.destroy) kernel.delete(name);
          const plainSets = new Map(
            [...state.sets].map(([id, s]) => [id, { ...s, members: new Set(s.members) }]),
          );
          const anew = { ...state, sets: plainSets };
          const fresh = { ...config };
          const wanted = desiredSets(plainSets, table(anew, fresh));
          expect(kernel).toEqual(new Map([...wanted].map(([name, set]) => [name, new Set(set.members)])));
          const next = nftTable(table(state, config, NFT_LIMITS), state.sets);
          const steps = planNft(next, listed(nft));
          const freshNft = nftTable(table(anew, fresh, NFT_LIMITS), plainSets);
          for (const [name, set] of freshNft.sets) {
            const anewInKernel = steps.recreateSets.some(one => one.name === name);
            const held = new Set(anewInKernel ? [] : nft.sets.get(name)?.members);
            for (const { name: of, add, remove } of steps.elements)
              if (of === name) {
                for (const m of remove) held.delete(m);
                for (const m of add) held.add(m);
              }
            expect(held, name).toEqual(new Set(set.members));
          }
          ipsets = now;
          nft = next;
        }
      }),
      { numRuns: 80 },
    );
  });
});

/** What the kernel would list after the table was written. */
const listed = (table: NftTable): NftListing => ({
  chains: table.chains,
  sets: table.sets,
  maps: table.maps,
});

const rule = (set: string, ...ports: readonly number[]): ActiveRule => ({
  action: 'Allow',
  protocol: 6,
  source: { inSets: [set] },
  destination: { ports: portSet(ports.map(port => ({ first: port, last: port }))) },
  path: 'spec.ingress[0]',
});
const policy = (key: string, ...ingress: readonly ActiveRule[]): ActivePolicy => ({
  key,
  source: { kind: 'NetworkPolicy', name: key },
  ingress,
  egress: [],
  staged: false,
});
const stateOf = (policies: readonly ActivePolicy[], sets: ReadonlyMap<SetId, MemberSet>): NodeState => ({
  policies: new Map(policies.map(p => [p.key, p])),
  sets,
  endpoints: new Map([
    [
      'pod/a/one',
      {
        key: 'pod/a/one',
        namespace: 'a',
        name: 'one',
        ips: [mustIp('10.0.0.1')],
        tiers: {
          ingress: [{ tier: 'default', policies: policies.map(p => p.key), defaultAction: 'Deny' }],
          egress: [],
        },
      },
    ],
  ]),
});
const pods = (n: number): MemberSet => ({
  kind: 'net',
  members: Members.of(
    Array.from({ length: n }, (_, i) => `10.${(i >> 16) + 1}.${(i >> 8) & 255}.${i & 255}/32`),
  ),
});
const chainNames = (rules: Ruleset) =>
  [...(rules.tables.get('filter')?.chains.keys() ?? [])].filter(name => /^msl-[pt]i-/.test(name));
const tierRules = (rules: Ruleset) =>
  [...(rules.tables.get('filter')?.chains.values() ?? [])].find(c => c.name.startsWith('msl-ti-'))?.rules;

describe('the shape of look-ups', () => {
  it('is one rule for any number of policies with exact ports, that names them', () => {
    const many = Array.from({ length: 50 }, (_, i) => policy(`knp/a/policy-${i}`, rule('web', 80 + i)));
    const rules = tierRules(compile(stateOf(many, new Map([['web', pods(3)]])), configOf(4)));
    expect(rules).toMatchObject([
      {
        matches: [{ kind: 'set', key: 'src,dst' }],
        action: { kind: 'accept' },
        comment: expect.stringMatching(/^knp\/a\/policy-0, knp\/a\/policy-1, .* and \d+ more$/),
      },
      { matches: [], action: { kind: 'drop' } },
    ]);
  });
  it('keeps what denies, passes or logs in its place', () => {
    const deny = policy('np/a/deny', { ...rule('web', 81), action: 'Deny' });
    const [a, b] = [
      policy('knp/a/a', rule('web', 80, 81), rule('web', 82)),
      policy('knp/a/b', rule('db', 83)),
    ];
    const config = { ...configOf(4), setLookups: EAGER };
    const rules = tierRules(compile(stateOf([a, deny, b], new Map([['web', pods(1)]])), config));
    expect(rules?.map(({ action }) => ('chain' in action ? action.chain : action.kind))).toEqual([
      'accept',
      'msl-pi-np/a/deny',
      'accept',
      'drop',
    ]);
  });
  it('changes one operation per port and nothing else when a pod joins a selector', () => {
    const config = configOf(4);
    const list = ['a', 'b', 'c'].map((n, i) => policy(`knp/a/${n}`, rule('web', 80 + i)));
    const state = stateOf(list, new Map([['web', pods(2000)]]));
    const before = lower(compile(state, config), IPTABLES_LIMITS);
    const held = desiredSets(state.sets, before);
    const delta = { add: new Set(['10.9.9.9/32']), remove: new Set(['10.1.0.0/32']) };
    const sets = patchSets(state.sets, {
      added: new Map(),
      changed: new Map([['web', delta]]),
      removed: new Set(),
    });
    const after = lower(compile({ ...state, sets }, config), IPTABLES_LIMITS);
    expect(after.tables.get('filter')?.chains.get('msl-to-msl00000000001')).toBe(
      before.tables.get('filter')?.chains.get('msl-to-msl00000000001'),
    );
    expect(tierRules(after)).toBe(tierRules(before));
    const { change, ...rest } = planSets(desiredSets(sets, after), held);
    expect(rest).toEqual({ create: [], replace: [], destroy: [] });
    expect(change.map(({ set, add, remove }) => [set.type, add, remove])).toEqual([
      [
        'hash:ip,port',
        [80, 81, 82].map(port => `10.9.9.9,tcp:${port}`),
        [80, 81, 82].map(port => `10.1.0.0,tcp:${port}`),
      ],
    ]);
  });
  it('changes members and no rule when a policy gets another port', () => {
    const config = configOf(4);
    const list = ['a', 'b', 'c'].map((n, i) => policy(`knp/a/${n}`, rule('web', 80 + i)));
    const state = stateOf(list, new Map([['web', pods(2)]]));
    const before = lower(compile(state, config), IPTABLES_LIMITS);
    const changed = new Map(state.policies).set('knp/a/b', policy('knp/a/b', rule('web', 8080, 82)));
    const after = lower(compile({ ...state, policies: changed }, config), IPTABLES_LIMITS);
    expect(tierRules(after)).toEqual(tierRules(before));
    const { change, ...rest } = planSets(desiredSets(state.sets, after), desiredSets(state.sets, before));
    expect(rest).toEqual({ create: [], replace: [], destroy: [] });
    expect(change.map(({ add, remove }) => [add, remove])).toEqual([
      [
        ['10.1.0.0,tcp:8080', '10.1.0.1,tcp:8080'],
        ['10.1.0.0,tcp:81', '10.1.0.1,tcp:81'],
      ],
    ]);
  });
  it('falls back to chains beyond the limits, whatever was before, and keeps the smallest', () => {
    const config = { ...configOf(4), setLookups: { ...LOOKUP_LIMITS, membersPerSet: 64, members: 64 } };
    const list = ['a', 'b', 'c'].map((n, i) => policy(`knp/a/${n}`, rule('web', 80 + i)));
    const names = (n: number) =>
      chainNames(compile(stateOf(list, new Map([['web', pods(n)]])), config)).toSorted();
    expect(names(8)).toHaveLength(1);
    // Nine are more than an eighth of 64: rules that look into the pods' own set.
    expect(names(9)).toHaveLength(1);
    const tight = { ...config, setLookups: { ...config.setLookups, members: 23 } };
    expect(chainNames(compile(stateOf(list, new Map([['web', pods(8)]])), tight))).toEqual([
      expect.stringMatching(/^msl-ti-/),
      'msl-pi-knp/a/a',
      'msl-pi-knp/a/b',
      'msl-pi-knp/a/c',
    ]);
    expect(names(8)).toHaveLength(1);
  });
});
