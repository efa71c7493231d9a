import { fileURLToPath } from 'node:url';
import type { ActivePolicy, NodeState } from '@muslin/api';
import { type Family, formatIp, mustPrefix } from '@muslin/net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Chain,
  compile,
  desiredSets,
  emptyTable,
  evaluate,
  IPTABLES_LIMITS,
  ipsetBeforeRules,
  type Limits,
  type LookupLimits,
  lookupOf,
  lower,
  NFT_LIMITS,
  nftScript,
  nftTable,
  parseNftList,
  planNft,
  type Packet,
  parseSave,
  planSets,
  planTable,
  renderTable,
  restoreInput,
  type Ruleset,
} from '../src/index.ts';
import { depthOf } from './depth.ts';
import { KernelRoom } from './kernel-room.ts';
import { rulesetIn } from './rules.ts';
import { unions } from './unions.ts';
import { ADDRESSES, configOf, EAGER, INTERFACES, PORTS } from './world.ts';

const SENDER = fileURLToPath(new URL('./send-datagrams.ts', import.meta.url));

/** Three interfaces and a fan-out of two make a tree. */
const LIMITS: Limits = { ...IPTABLES_LIMITS, dispatchFanout: 2 };

/** The first two addresses are the node's own; each other one is routed over a device of its own. */
const DEVICES = [...INTERFACES, 'eth0', 'mslffffffffff'];

const packetsOf = (family: Family): fc.Arbitrary<readonly Packet[]> => {
  const [own, far] = [ADDRESSES[family].slice(0, 2), ADDRESSES[family].slice(2, 7)];
  const packet = fc
    .record({
      src: fc.constantFrom(...own),
      to: fc.nat(far.length - 1),
      sport: fc.constantFrom(...PORTS),
      dport: fc.constantFrom(...PORTS, 1000, 1057),
    })
    .map(
      ({ to, ...rest }): Packet => ({
        ...rest,
        family,
        dst: far[to] as Packet['dst'],
        out: DEVICES[to] as string,
        protocol: 17,
        ctState: 'NEW',
        mark: 0,
        srcLocal: true,
      }),
    );
  return fc.array(packet, { minLength: 40, maxLength: 40 });
};

describe.each(['iptables-nft', 'iptables-legacy', 'nft'] as const)('packets through %s', variant => {
  let room: KernelRoom;
  beforeAll(() => {
    room = new KernelRoom(`p-${variant}`, variant === 'iptables-legacy' ? 'legacy' : 'nft');
    const lines = ['link set lo up'];
    for (const device of DEVICES) lines.push(`link add ${device} type bridge`, `link set ${device} up`);
    for (const family of [4, 6] as const) {
      const width = family === 4 ? 32 : 128;
      ADDRESSES[family].slice(0, 2).forEach(ip => {
        lines.push(`addr add ${formatIp(ip)}/${width} dev lo${family === 6 ? ' nodad' : ''}`);
      });
      ADDRESSES[family].slice(2, 7).forEach((ip, i) => {
        lines.push(`route add ${formatIp(ip)}/${width} dev ${DEVICES[i]}`);
      });
    }
    room.run(['ip', '-batch', '-'], `${lines.join('\n')}\n`);
  });
  afterAll(() => room.close());

  const load = (ruleset: Ruleset, states: NodeState['sets'] = new Map()) => {
    if (variant === 'nft') {
      const table = nftTable(lower(ruleset, NFT_LIMITS), states);
      room.nft(nftScript(planNft(table, parseNftList(room.nftList(table.family)))));
      return;
    }
    const rules = lower(ruleset, LIMITS);
    room.ipset(ipsetBeforeRules(planSets(desiredSets(states, rules), new Map())));
    const saved = parseSave(room.save(rules.family)).get('filter') ?? emptyTable('filter');
    room.restore(rules.family, restoreInput(planTable(renderTable(rules, 'filter'), saved)));
  };
  const send = (packets: readonly Packet[]): readonly string[] => {
    const datagrams = packets.map(p => ({
      src: formatIp(p.src),
      sport: p.sport,
      dst: formatIp(p.dst),
      dport: p.dport,
    }));
    return JSON.parse(
      room.run(
        [process.execPath, '--disable-warning=ExperimentalWarning', SENDER],
        JSON.stringify(datagrams),
      ),
    );
  };

  it.each([4, 6] as const)('meet the fate that evaluate foretells, for any rules (IPv%i)', family => {
    const telling = fc
      .sample(fc.tuple(rulesetIn('OUTPUT'), packetsOf(family)), { numRuns: 500, seed: 7 })
      .map(([any, packets]) => {
        const ruleset = { ...any, family };
        const sets = lookupOf(ruleset.sets);
        const foretold = packets.map(p =>
          evaluate(ruleset, sets, p, 'OUTPUT').verdict === 'drop' ? 'EPERM' : 'sent',
        );
        return { ruleset, packets, foretold };
      })
      // nf_tables, and so iptables-nft, refuses chains that nest deeper than 16 (NFT_JUMP_STACK_SIZE).
      .filter(({ ruleset }) => depthOf(ruleset, LIMITS) <= 15)
      .filter(({ foretold }) => ['EPERM', 'sent'].every(fate => foretold.filter(f => f === fate).length > 3))
      .slice(0, 10);
    expect(telling).toHaveLength(10);
    for (const { ruleset, packets, foretold } of telling) {
      load(ruleset);
      expect(send(packets)).toEqual(foretold);
    }
  });

  it.each([4, 6] as const)('are let through by look-ups as by the rules they stand for (IPv%i)', family => {
    const limits: LookupLimits = { ...EAGER, membersPerSet: 4096, members: 65_536 };
    const telling = fc
      .sample(fc.tuple(unions, packetsOf(family)), { numRuns: 300, seed: 11 })
      .map(([state, packets]) => {
        const udp = { ...state, policies: new Map([...state.policies].map(([key, p]) => [key, overUdp(p)])) };
        const compiled = compile(udp, { ...configOf(family), setLookups: limits });
        const ruleset = onlyIngress(compiled);
        const sets = lookupOf(ruleset.sets, state.sets);
        const fates = packets.map(p => evaluate(ruleset, sets, p, 'OUTPUT'));
        const foretold = fates.map(({ verdict }) => (verdict === 'drop' ? 'EPERM' : 'sent'));
        const derived = fates.filter(({ trace }) =>
          trace.at(-1)?.rule.matches.some(m => m.kind === 'set' && m.set.startsWith('muslin:ip-port:')),
        );
        return { ruleset, packets, foretold, derived: derived.length, states: state.sets };
      })
      .filter(({ foretold, derived }) => derived > 1 && foretold.filter(f => f === 'EPERM').length > 3)
      .slice(0, 8);
    expect(telling).toHaveLength(8);
    for (const { ruleset, packets, foretold, states } of telling) {
      load(ruleset, states);
      expect(send(packets)).toEqual(foretold);
    }
  });
});

const overUdp = (policy: ActivePolicy): ActivePolicy => ({
  ...policy,
  ingress: policy.ingress.map(rule => (rule.protocol === 6 ? { ...rule, protocol: 17 } : rule)),
});

/** Asks the one tier for everything that the node sends, as if it all went to the pod. */
function onlyIngress(compiled: Ruleset): Ruleset {
  const all = compiled.tables.get('filter')?.chains ?? new Map<string, Chain>();
  const tier = [...all.keys()].find(name => name.startsWith('msl-ti-')) as string;
  const entry: Chain = {
    name: 'msl-OUTPUT',
    rules: [
      { matches: [{ kind: 'destination', nets: [LOCAL[compiled.family]] }], action: { kind: 'return' } },
      { matches: [], action: { kind: 'jump', chain: tier } },
    ],
  };
  const hooks = new Map([['OUTPUT', entry.name]] as const);
  const chains = new Map(all).set(entry.name, entry);
  return { ...compiled, tables: new Map([['filter', { hooks, chains }]]) };
}

/** What the sender's own process needs. */
const LOCAL = { 4: mustPrefix('127.0.0.0/8'), 6: mustPrefix('::1/128') } as const;
