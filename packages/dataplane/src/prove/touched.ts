import type { EndpointPlan, MemberSet, NodeState, SetId } from '@muslin/api';
import type { Family } from '@muslin/net';
import type { NodeConfig } from '../compile/config.ts';
import type { InterfaceMatch } from '../ir/matches/interface.ts';
import type { Chain, Rule, Ruleset, TableRules } from '../ir/ruleset.ts';
import { taken } from '../lookups/derived-set.ts';

/** What was looked at in a proof that found all of it equal. */
export interface Looked {
  readonly state: NodeState;
  readonly config: NodeConfig;
  readonly ruleset: Ruleset;
  /** The endpoint of each interface of a pod, then. */
  readonly plans: ReadonlyMap<string, EndpointPlan>;
}

/** Whether what is meant or done for packets of an interface may differ from what was proved. */
export type Touched = (name: string) => boolean;

/**
 * Compares what is to be proved with what was: inputs are immutable, so that identity says what is as it was. Undefined:
 * more than single interfaces may be touched, so look at everything.
 *
 * A way through the rules meets, of each chain, the rules that ask for no interface or for one of its own. So where
 * two versions of a chain differ in rules for certain interfaces, only ways of those can end otherwise. A chain that is new
 * can only be come to by such a rule.
 */
export function touchedSince(before: Looked, now: Looked): Touched | undefined {
  const [was, is] = [before.state, now.state];
  if (before.config !== now.config || was.policies !== is.policies || was.hosts !== is.hosts)
    return undefined;
  if (!sameAtoms(was.sets, is.sets, now.config.family) || !sameDefinitions(before.ruleset, now.ruleset))
    return undefined;
  const [old, fresh] = [before.ruleset, now.ruleset].map(ruleset => ruleset.tables.get('filter'));
  if (old === undefined || fresh === undefined || !sameEntries(old.hooks, fresh.hooks)) return undefined;
  const changed = changedRules(old, fresh);
  if (changed === undefined) return undefined;
  const names = new Set<string>();
  for (const [name, plan] of now.plans) if (before.plans.get(name) !== plan) names.add(name);
  return name => names.has(name) || changed(name);
}

/** Interfaces that rules differ for between two versions of a table; undefined: perhaps all. */
export function changedRules(old: TableRules, fresh: TableRules): Touched | undefined {
  const rules: Rule[] = [];
  const names = new Set<string>();
  const compare = (a: Chain, b: Chain): void => {
    const [gone, come] = differing(a, b, names);
    for (const [i, rule] of gone.entries()) {
      const [x, y] = [targetOf(rule), targetOf(come[i])];
      const [from, to] = [x && old.chains.get(x), y && fresh.chains.get(y)];
      // A tree of interfaces names its parts after what they hold: only what differs below counts.
      const moved = gone.length === come.length && sameButTarget(rule, come[i] as Rule);
      if (moved && from && to) compare(from, to);
      else rules.push(...[rule, come[i]].filter(each => each !== undefined));
    }
    rules.push(...come.slice(gone.length));
  };
  for (const [name, chain] of fresh.chains) {
    const earlier = old.chains.get(name);
    if (earlier !== undefined && earlier !== chain) compare(earlier, chain);
  }
  const asked = rules.map(interfacesOf);
  if (asked.some(matches => matches.length === 0)) return undefined;
  const matches = asked.flat();
  return name => names.has(name) || matches.some(match => meets(match, name));
}

/** The rules that only one of two versions of a chain has; adds interfaces that a dispatch of both sends elsewhere. */
function differing(old: Chain, now: Chain, names: Set<string>): readonly [readonly Rule[], readonly Rule[]] {
  const [a, b] = [old.rules, now.rules];
  let start = 0;
  while (start < a.length && start < b.length && sameRule(a[start], b[start], names)) start++;
  let end = 0;
  const rest = Math.min(a.length, b.length) - start;
  while (end < rest && sameRule(a[a.length - 1 - end], b[b.length - 1 - end], names)) end++;
  return [a.slice(start, a.length - end), b.slice(start, b.length - end)];
}

const targetOf = (rule: Rule | undefined) =>
  rule?.action.kind === 'goto' || rule?.action.kind === 'jump' ? rule.action.chain : undefined;

const sameButTarget = (a: Rule, b: Rule) =>
  a.action.kind === b.action.kind && JSON.stringify(a.matches) === JSON.stringify(b.matches);

function sameRule(a: Rule | undefined, b: Rule | undefined, names: Set<string>): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined || textOf(a) !== textOf(b)) return false;
  if (a.action.kind !== 'dispatch' || b.action.kind !== 'dispatch') return true;
  const [was, is] = [a.action.chains, b.action.chains];
  for (const [name, chain] of is) if (was.get(name) !== chain) names.add(name);
  for (const name of was.keys()) if (!is.has(name)) names.add(name);
  return true;
}

const texts = new WeakMap<Rule, string>();

/** All of a rule but where a dispatch leads. */
function textOf(rule: Rule): string {
  let text = texts.get(rule);
  if (text === undefined) {
    const { matches, action } = rule;
    const does = action.kind === 'dispatch' ? { kind: action.kind, by: action.by } : action;
    texts.set(rule, (text = JSON.stringify([matches, does])));
  }
  return text;
}

/** The interfaces that a rule is for: its packets meet one of these at least. None: it may be for all. */
function interfacesOf({ matches }: Rule): readonly InterfaceMatch[] {
  return matches.filter(
    (match): match is InterfaceMatch =>
      (match.kind === 'in-interface' || match.kind === 'out-interface') && match.not !== true,
  );
}

const meets = ({ name, wildcard }: InterfaceMatch, actual: string) =>
  wildcard ? actual.startsWith(name) : actual === name;

/** Whether all that a proof may know of the sets of a state is as it was: see `Assumptions`. */
function sameAtoms(
  was: ReadonlyMap<SetId, MemberSet>,
  is: ReadonlyMap<SetId, MemberSet>,
  family: Family,
): boolean {
  if (was === is) return true;
  const wide = (set: MemberSet) => set.kind === 'net' && taken(set.members, 'wide', family).size > 0;
  const same = (a: MemberSet | undefined, b: MemberSet) =>
    a === b || (a !== undefined && a.kind === b.kind && wide(a) === wide(b));
  return was.size === is.size && [...is].every(([id, set]) => same(was.get(id), set));
}

/** Whether sets that rules define themselves stand for the same. Members of derived ones follow from the state's. */
function sameDefinitions(was: Ruleset, is: Ruleset): boolean {
  return sameEntries(was.derived ?? NOTHING, is.derived ?? NOTHING) && sameFixed(was, is);
}

/** Whether the sets whose members are the rules' own hold the same. */
export function sameFixed(was: Ruleset, is: Ruleset): boolean {
  const count = ({ sets, derived }: Ruleset) => sets.size - (derived?.size ?? 0);
  if (count(was) !== count(is)) return false;
  for (const [id, set] of is.sets)
    if (!is.derived?.has(id) && was.sets.get(id)?.members !== set.members) return false;
  return true;
}

const NOTHING: NonNullable<Ruleset['derived']> = new Map();

export function sameEntries<K, V>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>): boolean {
  return a === b || (a.size === b.size && [...a].every(([key, value]) => b.get(key) === value));
}
