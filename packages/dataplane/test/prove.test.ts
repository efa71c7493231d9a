import type { MemberSet, NodeState, SetId } from '@muslin/api';
import { bitOf, type Ip, mustIp } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compile,
  differenceText,
  evaluate,
  IPTABLES_LIMITS,
  lookupOf,
  lower,
  meaning,
  NFT_LIMITS,
  type NodeConfig,
  nftTable,
  type Packet,
  type Proof,
  Prover,
  readBack,
  renderTables,
  type Ruleset,
  type TableName,
} from '../src/index.ts';
import { reachable } from '../src/ir/ruleset.ts';
import { LEVEL, Space } from '../src/prove/space.ts';
import { Walker } from '../src/prove/walk.ts';
import { HOST_LINKS, hostedState } from './host-world.ts';
import { rulesetIn } from './rules.ts';
import { unions } from './unions.ts';
import { configOf, EAGER, family, nodeState, packetIn } from './world.ts';

/** What a proof's variables are for a packet. */
function bitsOf(
  packet: Packet,
  space: Space,
  sets: ReadonlyMap<SetId, MemberSet>,
): (level: number) => boolean {
  const values = new Map<number, boolean>();
  const put = (level: number, width: number, value: number) => {
    for (let i = 0; i < width; i++) values.set(level + i, Math.floor(value / 2 ** (width - 1 - i)) % 2 === 1);
  };
  const address = (level: number, ip: Ip) => {
    for (let i = 0; i < (ip.family === 4 ? 32 : 128); i++) values.set(level + i, bitOf(ip, i) === 1);
  };
  put(LEVEL.state, 3, ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'].indexOf(packet.ctState));
  put(LEVEL.protocol, 8, packet.protocol);
  put(LEVEL.dport, 16, packet.dport ?? 0);
  put(LEVEL.sport, 16, packet.sport ?? 0);
  put(LEVEL.icmpType, 8, packet.icmp?.type ?? 0);
  put(LEVEL.icmpCode, 8, packet.icmp?.code ?? 0);
  address(LEVEL.src, packet.src);
  address(LEVEL.dst, packet.dst);
  for (let bit = 0; bit < 32; bit++) values.set(LEVEL.mark + bit, ((packet.mark >>> bit) & 1) === 1);
  const only = (set: SetId, host: boolean) => {
    const members = [...(sets.get(set)?.members ?? [])].filter(m => /\/(32|128)$/.test(m) === host);
    return lookupOf(new Map([[set, { kind: 'net' as const, members: new Set(members) }]]));
  };
  for (const { level, atom } of space.atoms) {
    const at = 'side' in atom && atom.side === 'dst' ? packet.dst : packet.src;
    if (atom.kind === 'host' || atom.kind === 'wide')
      values.set(level, only(atom.set, atom.kind === 'host').hasIp(atom.set, at));
    else if (atom.kind === 'port') {
      const [ip, port] = atom.key.split(',');
      const number = port === 'src' ? packet.sport : packet.dport;
      const held = lookupOf(sets).hasIpPort(
        atom.set,
        ip === 'src' ? packet.src : packet.dst,
        packet.protocol,
        number ?? -1,
      );
      values.set(level, held);
    } else if (atom.kind === 'local')
      values.set(level, (atom.side === 'src' ? packet.srcLocal : packet.dstLocal) ?? false);
    else if (atom.kind === 'translated') values.set(level, packet.translated ?? false);
    else values.set(level, packet.reversePath ?? true);
  }
  return level => values.get(level) ?? false;
}

describe('walking all packets through chains at once', () => {
  it.each(['FORWARD', 'INPUT'] as const)('ends for each packet of %s as evaluate says', hook => {
    const ends = new Map<string, number>();
    fc.assert(
      fc.property(
        rulesetIn(hook).chain(rules =>
          fc.tuple(
            fc.constant(rules),
            fc.array(packetIn(hook, rules.family), { minLength: 10, maxLength: 10 }),
          ),
        ),
        ([rules, packets]) => {
          const space = new Space(rules.family, 1_000_000);
          const table = rules.tables.get('filter');
          if (table === undefined) throw new Error('no filter table');
          const walk = new Walker(space).over(table, { derived: new Map(), fixed: new Map() });
          for (const packet of packets) {
            const exits = walk(`msl-${hook}`, { in: packet.in ?? '', out: packet.out ?? '' });
            const { verdict, mark } = evaluate(rules, lookupOf(rules.sets), packet, hook);
            const bit = bitsOf(packet, space, rules.sets);
            const found = (['accept', 'drop', 'back'] as const).filter(end =>
              space.diagram.holds(exits[end], bit),
            );
            expect(found).toEqual([verdict === 'return' ? 'back' : verdict]);
            if (verdict === 'return')
              for (const [at, node] of exits.marks)
                expect(space.diagram.holds(node, bit)).toBe(((mark >>> at) & 1) === 1);
            ends.set(verdict, (ends.get(verdict) ?? 0) + 1);
          }
        },
      ),
      { numRuns: 300 },
    );
    expect(Math.min(...['accept', 'drop', 'return'].map(end => ends.get(end) ?? 0))).toBeGreaterThan(100);
  });
});

/** Of a node that takes tunnels' packets, and masquerades at one interface alone. */
const TUNNELS = {
  vxlanPeers: ['192.0.2.1', '2001:db8::1'].map(mustIp),
  ipipPeers: [mustIp('192.0.2.1')],
  natOutgoingInterface: { name: 'eth0', wildcard: false },
  natExcludes: [mustIp('203.0.113.200')],
  natAddress: mustIp('192.0.2.100'),
};

/** What a node's settings may become: tunnels, other nodes, what is translated, and what is not. */
const OTHER_SETTINGS: readonly Partial<NodeConfig>[] = [
  {},
  TUNNELS,
  { ...TUNNELS, vxlanPeers: ['192.0.2.1', '192.0.2.9', '2001:db8::9'].map(mustIp) },
  { ...TUNNELS, ipipPeers: [mustIp('192.0.2.9')], natExcludes: [] },
  { ...TUNNELS, natPorts: { first: 1024, last: 1024 } },
  { ...TUNNELS, natPorts: undefined, natAddress: mustIp('fd00:9::2') },
  { pools: [], serviceLoop: undefined, hostPorts: () => [], floatingIps: () => [] },
];

/** Rules as compiled, as lowered for either back end, and as read from the text that either back end is told. */
function forms(state: NodeState, config: NodeConfig): ReadonlyMap<string, Ruleset> {
  const rules = compile(state, config);
  const [iptables, nft] = [lower(rules, IPTABLES_LIMITS), lower(rules, NFT_LIMITS)];
  const must = (read: ReturnType<typeof readBack>): Ruleset => {
    if (!read.ok) throw new Error(`${read.fault.rule}: ${read.fault.message}`);
    return read.value;
  };
  return new Map([
    ['compiled', rules],
    ['lowered for iptables', iptables],
    ['lowered for nft', nft],
    ['iptables text', must(readBack(iptables, renderTables(iptables)))],
    ['nft text', must(readBack(nft, nftTable(nft, state.sets)))],
  ]);
}

const told = (proof: Proof) =>
  proof.outcome === 'different' ? differenceText(proof.difference) : proof.outcome;

/** The ruleset without one rule of a table, whichever the numbers name. */
function damaged(ruleset: Ruleset, name: TableName, chainAt: number, ruleAt: number): Ruleset {
  const table = ruleset.tables.get(name);
  const all = [...(table === undefined ? [] : reachable(table.hooks, table.chains).values())].filter(
    ({ rules }) => rules.length > 0,
  );
  const chain = all[chainAt % all.length];
  if (table === undefined || chain === undefined) return ruleset;
  const rules = chain.rules.filter((_, i) => i !== ruleAt % chain.rules.length);
  const chains = new Map(table.chains).set(chain.name, { ...chain, rules });
  return { ...ruleset, tables: new Map(ruleset.tables).set(name, { ...table, chains }) };
}

describe('a proof', () => {
  it('knows of a node that joins, although no rule changes: a set holds whose tunnels are taken', () => {
    const state: NodeState = { endpoints: new Map(), policies: new Map(), sets: new Map() };
    const prover = new Prover(4);
    for (const last of [1, 2, 9]) {
      const config = { ...configOf(4), vxlanPeers: [mustIp(`192.0.2.${last}`)] };
      expect(told(prover.prove(state, config, lower(compile(state, config), IPTABLES_LIMITS)))).toBe('equal');
    }
  });

  it.each([
    ['any policies', nodeState],
    ['policies that only allow', unions],
    ['policies at host endpoints', hostedState],
  ])('finds %s equal to their rules, as compiled, as lowered and as rendered', (_, states) => {
    const actions = fc.constantFrom('Accept' as const, 'Drop' as const, 'Return' as const);
    fc.assert(
      fc.property(states, family, actions, fc.boolean(), (state, f, action, tunnels) => {
        for (const lookups of [undefined, EAGER, configOf(f).setLookups]) {
          const config = { ...configOf(f, action, lookups), links: HOST_LINKS, ...(tunnels && TUNNELS) };
          for (const [form, rules] of forms(state, config))
            expect(told(new Prover(f).prove(state, config, rules)), form).toBe('equal');
        }
      }),
      { numRuns: 40 },
    );
  });

  it('sees every difference that a packet shows, with a packet that shows it, between two states', () => {
    let different = 0;
    fc.assert(
      fc.property(
        nodeState,
        nodeState,
        family.chain(f =>
          fc.tuple(fc.constant(f), fc.array(packetIn('FORWARD', f), { minLength: 60, maxLength: 60 })),
        ),
        (state, other, [f, packets]) => {
          const config = configOf(f);
          // The same endpoints and sets under other policies: rules of one, meaning of the other.
          const meant: NodeState = { ...other, sets: state.sets, endpoints: state.endpoints };
          const rules = compile(state, config);
          const proof = new Prover(f).prove(meant, config, rules);
          const sets = lookupOf(rules.sets, state.sets);
          const shown = packets.find(
            packet =>
              evaluate(rules, sets, packet, 'FORWARD').verdict !== meaning(meant, config, packet, 'FORWARD'),
          );
          if (shown !== undefined) expect(proof.outcome).toBe('different');
          if (proof.outcome !== 'different') return;
          different++;
          const { hook, in: inside, out, packet, meant: should, rules: does } = proof.difference;
          expect(does).not.toBe(should);
          if (packet.in.length > 0 || hook === 'OUTPUT') return;
          const { in: _, ...fields } = packet;
          const exact: Packet = { family: f, ...fields, ...(inside && { in: inside }), ...(out && { out }) };
          // Nobody was in any set: then the packet is one that can be tried as it is.
          const nobody = new Map(
            [...state.sets].map(([id, set]) => [id, { ...set, members: new Set<string>() }]),
          );
          const fate = (verdict: string) => (verdict === 'return' ? 'back' : verdict);
          const bare = { ...configOf(f), setLookups: undefined };
          const empty = compile({ ...state, sets: nobody }, bare);
          expect(fate(evaluate(empty, lookupOf(empty.sets), exact, hook).verdict)).toBe(does);
          expect(fate(meaning({ ...meant, sets: nobody }, config, exact, hook as 'FORWARD' | 'INPUT'))).toBe(
            should,
          );
        },
      ),
      { numRuns: 80 },
    );
    expect(different).toBeGreaterThan(20);
  });

  it('costs only what changed', () => {
    const [state] = fc.sample(nodeState, { numRuns: 1, seed: 7 }) as [NodeState];
    const config = configOf(4);
    const prover = new Prover(4);
    const rules = () => lower(compile(state, config), IPTABLES_LIMITS);
    expect(prover.prove(state, config, rules())).toMatchObject({
      outcome: 'equal',
      proved: expect.any(Number),
    });
    expect(prover.prove(state, config, rules())).toEqual({ outcome: 'equal', proved: 0 });
  });

  it('that looks only at what changed since the last finds what one that looks at everything finds', () => {
    const counts = { equal: 0, different: 0 };
    const trees = { ...IPTABLES_LIMITS, dispatchFanout: 1 };
    const step = fc.record({
      pods: fc.subarray([0, 1, 2], { minLength: 1 }),
      world: fc.constantFrom(0, 0, 1),
      settings: fc.nat(OTHER_SETTINGS.length - 1),
      damage: fc.option(fc.tuple(fc.constantFrom('filter', 'filter', 'raw', 'nat'), fc.nat(), fc.nat()), {
        nil: undefined,
        freq: 2,
      }),
    });
    fc.assert(
      fc.property(
        fc.tuple(nodeState, fc.oneof(nodeState, hostedState)),
        family,
        fc.boolean(),
        fc.array(step, { maxLength: 6 }),
        (states, f, nft, steps) => {
          let here = new Set<string>();
          const whole = configOf(f);
          const configs = OTHER_SETTINGS.map(settings => ({
            ...{ ...whole, links: HOST_LINKS, ...settings },
            interfacesOf: (key: string) => (here.has(key) ? whole.interfacesOf(key) : []),
          }));
          const prover = new Prover(f);
          for (const { pods, world, settings, damage } of steps) {
            const [state, config] = [states[world] as NodeState, configs[settings] as NodeConfig];
            const endpoints = new Map([...state.endpoints].filter((_, i) => pods.includes(i)));
            here = new Set(endpoints.keys());
            const now = { ...state, endpoints };
            const lowered = lower(compile(now, config), nft ? NFT_LIMITS : trees);
            const read = readBack(lowered, nft ? nftTable(lowered, now.sets) : renderTables(lowered));
            if (!read.ok) throw new Error(read.fault.message);
            const rules = damage === undefined ? read.value : damaged(read.value, ...damage);
            const { outcome } = prover.prove(now, config, rules);
            expect(outcome).toBe(new Prover(f).prove(now, config, rules).outcome);
            if (outcome === 'equal' || outcome === 'different') counts[outcome]++;
          }
        },
      ),
      { numRuns: 60 },
    );
    expect(Math.min(...Object.values(counts))).toBeGreaterThan(20);
  });

  it('says that there was no room, and has room again afterwards', () => {
    const states = fc.sample(nodeState, { numRuns: 20, seed: 7 });
    const outcomes = states.map(state =>
      new Prover(6, 600).prove(state, configOf(6), compile(state, configOf(6))),
    );
    expect(outcomes.some(({ outcome }) => outcome === 'too-large')).toBe(true);
    expect(outcomes.some(({ outcome }) => outcome === 'different')).toBe(false);
  });
});
