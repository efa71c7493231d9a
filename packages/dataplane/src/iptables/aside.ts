import type { MemberSet, SetId } from '@muslin/api';
import { CHAIN_PREFIX } from '../chain-name.ts';
import type { Match } from '../ir/match.ts';
import type { Chain, Rule, Ruleset, TableRules } from '../ir/ruleset.ts';

/**
 * ipset has no transaction: members of several sets change one after the other, and rules at another moment. Where a
 * packet could see a mixture of before and after that neither means, the changed sets are made anew under their other
 * name, and the rules move there in their one commit.
 */
const ASIDE = ' (aside)';

/** A set's other name, as an id. */
export function asideId(id: SetId): SetId {
  return `${id}${ASIDE}`;
}

/** The id that rules have before `setAside`. */
export function plainId(id: SetId): SetId {
  return id.endsWith(ASIDE) ? id.slice(0, -ASIDE.length) : id;
}

/** The same rules, with the sets named looked up under their other names. Chains that use none stay the same objects. */
export function setAside(
  lowered: Ruleset,
  aside: ReadonlySet<SetId>,
  states: ReadonlyMap<SetId, MemberSet>,
): Ruleset {
  if (aside.size === 0) return lowered;
  const sets = new Map(lowered.sets);
  for (const id of aside) {
    const set = lowered.sets.get(id) ?? states.get(id);
    if (set !== undefined) sets.set(asideId(id), set);
  }
  const tables = new Map(
    [...lowered.tables].map(([name, table]): [typeof name, TableRules] => [
      name,
      { ...table, chains: new Map([...table.chains].map(([key, chain]) => [key, movedChain(chain, aside)])) },
    ]),
  );
  return { ...lowered, tables, sets };
}

const moved = new WeakMap<Chain, Map<string, Chain>>();

function movedChain(chain: Chain, aside: ReadonlySet<SetId>): Chain {
  const own = [...new Set(usesOf(chain).flatMap(({ sets }) => sets))].filter(id => aside.has(id));
  if (own.length === 0) return chain;
  let known = moved.get(chain);
  if (known === undefined) moved.set(chain, (known = new Map()));
  const key = own.toSorted().join('\n');
  let made = known.get(key);
  if (made === undefined) {
    const match = (m: Match): Match =>
      m.kind === 'set' && aside.has(m.set) ? { ...m, set: asideId(m.set) } : m;
    const rules = chain.rules.map((rule): Rule => {
      const { counts } = rule;
      const matches = rule.matches.map(match);
      return counts?.kind === 'members' && aside.has(counts.set)
        ? { ...rule, matches, counts: { ...counts, set: asideId(counts.set) } }
        : { ...rule, matches };
    });
    known.set(key, (made = { name: chain.name, rules }));
  }
  return made;
}

/** What a rule asks of sets. */
interface Use {
  readonly sets: readonly SetId[];
  /** It only lets packets through whose key is a member: more members let more through, never less. */
  readonly opens: boolean;
}

const uses = new WeakMap<Chain, readonly Use[]>();

function usesOf(chain: Chain): readonly Use[] {
  let known = uses.get(chain);
  if (known === undefined) uses.set(chain, (known = chain.rules.flatMap(rule => useOf(chain, rule))));
  return known;
}

/** Where Allow goes after an egress policy. */
const ALLOW = `${CHAIN_PREFIX}allow`;

function useOf(chain: Chain, { matches, action }: Rule): readonly Use[] {
  const asked = matches.filter(match => match.kind === 'set');
  if (asked.length === 0) return [];
  const final = action.kind === 'accept' || (action.kind === 'goto' && action.chain === ALLOW);
  // Helper chains of `lower` say parts of a rule, which may stand for its opposite.
  const opens = final && asked.every(({ not }) => !not) && !chain.name.startsWith(`${CHAIN_PREFIX}x-`);
  return [{ sets: asked.map(({ set }) => set), opens }];
}

/**
 * Whether members of these sets may come before others go, one by one, with the rules as they are: each packet that is
 * let through in between is let through before or afterwards.
 */
export function mayMix(lowered: Ruleset, changed: ReadonlySet<SetId>): boolean {
  for (const table of lowered.tables.values())
    for (const chain of table.chains.values())
      for (const { sets, opens } of usesOf(chain)) {
        const count = sets.filter(id => changed.has(id)).length;
        if (count > 1 || (count === 1 && !opens)) return false;
      }
  return true;
}
