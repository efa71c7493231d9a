import type { NodeState, SetId } from '@muslin/api';
import { type Family, formatIp, mustPrefix, prefixHas } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compile,
  evaluate,
  type IptablesPlan,
  IPTABLES_LIMITS,
  isEmptySetPlan,
  lower,
  type LookupLimits,
  type Packet,
  parseSave,
  emptyTable,
  planIptables,
  type Ruleset,
  setName,
} from '../src/index.ts';
import { setAside } from '../src/iptables/aside.ts';
import { afterTablePlan, isEmptyTablePlan } from '../src/iptables/plan.ts';
import { MEMBER_PROTOCOL, type SetLookup } from '../src/ir/set-lookup.ts';
import { unions } from './unions.ts';
import { ADDRESSES, configOf, EAGER, family, INTERFACES, nodeState } from './world.ts';

/** ipset, member by member. */
class Sets {
  readonly #held = new Map<string, Set<string>>();

  /** Performs the plan's part before or after the rules; tells of every instant in between. */
  perform({ setPlan }: IptablesPlan, phase: 'before' | 'after', instant: () => void): void {
    const { create, replace, change, destroy } = setPlan;
    if (phase === 'before') {
      for (const set of [...create, ...replace]) this.#held.set(set.name, new Set(set.members));
      for (const { set, add } of change)
        for (const member of add) {
          this.#held.get(set.name)?.add(member);
          instant();
        }
      return;
    }
    for (const { set, remove } of change)
      for (const member of remove) {
        this.#held.get(set.name)?.delete(member);
        instant();
      }
    for (const name of destroy) this.#held.delete(name);
  }

  lookup(f: Family): SetLookup {
    const members = (id: SetId) => this.#held.get(setName(id, f)) ?? expect.fail(`no set ${id}`);
    return {
      hasIp: (id, ip) => [...members(id)].some(member => prefixHas(mustPrefix(member), ip)),
      hasIpPort: (id, ip, protocol, port) =>
        members(id).has(`${formatIp(ip)},${MEMBER_PROTOCOL.get(protocol)}:${port}`),
    };
  }
}

/** Packets that sets and rules of the world may mean. */
function packetsOf(f: Family): readonly Packet[] {
  const [own] = ADDRESSES[f] as [Packet['src']];
  return ADDRESSES[f].flatMap(peer =>
    [53, 80, 443].flatMap(dport =>
      [6, 17].flatMap(protocol => {
        const both = { family: f, protocol, sport: 53, dport, ctState: 'NEW', mark: 0 } as const;
        return [
          { ...both, src: peer, dst: own, in: 'eth0', out: INTERFACES[0] as string },
          { ...both, src: own, dst: peer, in: INTERFACES[0] as string, out: 'eth0' },
        ];
      }),
    ),
  );
}

/** Goes through the states, and holds every instant on the way against the state before and after. */
function walk(states: readonly NodeState[], f: Family, limits: LookupLimits | undefined) {
  const config = configOf(f, 'Accept', limits);
  const packets = packetsOf(f);
  const sets = new Sets();
  const saved = new Map<string, ReturnType<typeof emptyTable>>();
  let plan: IptablesPlan | undefined;
  let rules: Ruleset | undefined;
  let aside = 0;
  for (const { sets: members, ...state } of states) {
    const lowered = lower(compile({ ...state, sets: members }, config), IPTABLES_LIMITS);
    const savedOf = ({ table }: { readonly table: Parameters<typeof emptyTable>[0] }) =>
      saved.get(table) ?? emptyTable(table);
    const actual = { sets: plan?.sets ?? new Map(), saved: savedOf };
    const next = planIptables([lowered], members, actual, plan?.aside ?? new Set());
    const fates = (now: Ruleset) =>
      packets.map(packet => evaluate(now, sets.lookup(f), packet, 'FORWARD').verdict);
    const before = rules && fates(rules);
    const instants: string[][] = [];
    if (rules !== undefined) {
      const old = rules;
      sets.perform(next, 'before', () => instants.push(fates(old)));
    } else sets.perform(next, 'before', () => {});
    rules = setAside(lowered, next.aside, members);
    const now = rules;
    instants.push(fates(now));
    sets.perform(next, 'after', () => instants.push(fates(now)));
    const after = fates(now);
    if (before !== undefined)
      for (const fate of instants)
        fate.forEach((verdict, i) => {
          if (before[i] === after[i]) expect(verdict, JSON.stringify(packets[i])).toBe(after[i]);
        });
    for (const table of next.tablePlans) saved.set(table.table, afterTablePlan(table, savedOf(table)));
    plan = next;
    aside += next.aside.size;
    const again = planIptables([lowered], members, { sets: next.sets, saved: savedOf }, next.aside);
    expect(isEmptySetPlan(again.setPlan) && again.tablePlans.every(isEmptyTablePlan)).toBe(true);
  }
  return aside;
}

describe('iptables on the way from one state to the next', () => {
  it.each([
    ['policies that only allow', unions, undefined],
    ['policies that only allow, as look-ups', unions, EAGER],
    ['policies of all kinds', nodeState, undefined],
    ['policies of all kinds, as look-ups', nodeState, EAGER],
  ] as const)(
    'cuts nothing that stays allowed and lets nothing through that stays denied: %s',
    (_, any, limits) => {
      let aside = 0;
      fc.assert(
        fc.property(fc.array(any, { minLength: 2, maxLength: 4 }), family, (states, f) => {
          aside += walk(states, f, limits);
        }),
        { numRuns: 60 },
      );
      expect(aside).toBeGreaterThan(10);
    },
  );

  it('takes members one by one where only members change, and they only open', () => {
    const [state] = fc.sample(unions, { numRuns: 1, seed: 5 }) as [NodeState];
    const lowered = lower(compile(state, configOf(4, 'Accept', EAGER)), IPTABLES_LIMITS);
    const nothing = {
      sets: new Map(),
      saved: (table: { readonly table: 'filter' | 'raw' | 'nat' | 'mangle' }) =>
        parseSave('').get(table.table) ?? emptyTable(table.table),
    };
    expect(planIptables([lowered], state.sets, nothing, new Set()).aside.size).toBe(0);
  });
});
