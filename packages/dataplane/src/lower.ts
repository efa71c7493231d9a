import type { MemberSet, SetId } from '@muslin/api';
import type { Family } from '@muslin/net';
import { CHAIN_PREFIX, CHAIN_NAME_MAX } from './chain-name.ts';
import { digest } from './digest.ts';
import type { Action } from './ir/action.ts';
import { type Chain, reachable, type Rule, type Ruleset, type TableRules } from './ir/ruleset.ts';
import { dispatchRules } from './lower/dispatch.ts';
import { expand, type Way } from './lower/expand.ts';
import type { Limits } from './lower/limits.ts';

/** A chain that a back end can render, with the chains and sets that it needs besides. */
interface LoweredChain {
  readonly chain: Chain;
  readonly extra: readonly Chain[];
  readonly sets: ReadonlyMap<SetId, MemberSet>;
}

const caches = new WeakMap<Limits, Readonly<Record<Family, WeakMap<Chain, LoweredChain>>>>();

/**
 * Rewrites what a back end can't say in one rule: choices, long port lists, lists of prefixes, ports without a
 * protocol, dispatch. Means the same: `evaluate(lower(r), …)` equals `evaluate(r, …)` in verdict, mark and log
 * (property test). Chains that need nothing stay the same objects.
 */
export function lower(ruleset: Ruleset, limits: Limits): Ruleset {
  let cache = caches.get(limits);
  if (cache === undefined) caches.set(limits, (cache = { 4: new WeakMap(), 6: new WeakMap() }));
  const known = cache[ruleset.family];
  const sets = new Map(ruleset.sets);
  const tables = new Map(
    [...ruleset.tables].map(([name, table]): [typeof name, TableRules] => {
      const chains = new Map<string, Chain>();
      for (const chain of table.chains.values()) {
        let lowered = known.get(chain);
        if (lowered === undefined) known.set(chain, (lowered = lowerChain(chain, ruleset.family, limits)));
        chains.set(chain.name, lowered.chain);
        for (const extra of lowered.extra) if (!chains.has(extra.name)) chains.set(extra.name, extra);
        for (const [id, set] of lowered.sets) sets.set(id, set);
      }
      return [name, { hooks: table.hooks, chains: reachable(table.hooks, chains) }];
    }),
  );
  return { ...ruleset, tables, sets };
}

/** One chain; helper chains are named after what they hold, so equal ones are one. */
function lowerChain(chain: Chain, family: Family, limits: Limits): LoweredChain {
  const extra = new Map<string, Chain>();
  const sets = new Map<SetId, MemberSet>();

  const keep = (rules: readonly Rule[]): string => {
    const chain = helperChain(rules, family);
    extra.set(chain.name, chain);
    return chain.name;
  };

  /** Rules from the last to the first, so that `out` (reversed) always is what would be asked next. */
  const lowerRules = (rules: readonly Rule[]): readonly Rule[] => {
    const out: Rule[] = [];
    const next = (): Action => {
      const rest = out.toReversed();
      const [first] = rest;
      if (first === undefined) return { kind: 'return' };
      return first.matches.length === 0 && leaves(first.action) && first.counts === undefined
        ? first.action
        : { kind: 'goto', chain: keep(rest) };
    };
    /** Puts a rule in front of `out`; an exception goes on to what comes next. */
    const put = (way: Way, rule: Rule, action: Action) => {
      const { counts, ...leading } = rule;
      const acting = actingRule(action, counts);
      if (way.except.length === 0) {
        if (way.matches.length === 0 && leaves(action)) out.length = 0;
        out.push({ ...rule, matches: way.matches, action });
        return;
      }
      if (isFinal(action)) {
        const back = way.except.map((matches): Rule => ({ matches, action: { kind: 'return' } }));
        const chain = keep([...back, acting]);
        out.push({ ...leading, matches: way.matches, action: { kind: 'jump', chain } });
        return;
      }
      const miss = next();
      const body = [
        ...way.except.map(matches => ({ matches, action: miss })),
        acting,
        ...(leaves(action) ? [] : [{ matches: [], action: miss }]),
      ];
      if (way.matches.length === 0) out.length = 0;
      else out.splice(0, out.length, { matches: [], action: miss });
      out.push({ ...leading, matches: way.matches, action: { kind: 'goto', chain: keep(body) } });
    };
    for (const rule of rules.toReversed()) {
      const ways = expand(rule.matches, family, limits, sets);
      let { action } = rule;
      if (action.kind === 'dispatch' && Number.isFinite(limits.dispatchFanout)) {
        if (action.shortcut) continue;
        const tree = dispatchRules(action.by, action.chains, limits.dispatchFanout, next(), keep);
        if (rule.matches.length === 0) {
          out.push(...tree.toReversed());
          continue;
        }
        action = { kind: 'goto', chain: keep([...tree, { matches: [], action: next() }]) };
      }
      const single = ways.length === 1 && ways[0]?.except.length === 0;
      if (leaves(action) || action.kind === 'dispatch' || single)
        for (const way of ways.toReversed()) put(way, rule, action);
      else if (ways.length > 0) {
        const { counts: _, ...leading } = rule;
        out.push({ ...leading, matches: [], action: { kind: 'jump', chain: once(action, rule) } });
      }
    }
    return out.toReversed();
  };

  /** A chain that does what the rule does exactly once, then comes back. */
  const once = (action: Action, rule: Rule): string => {
    const leaving: Action =
      action.kind === 'jump'
        ? { kind: 'goto', chain: action.chain }
        : { kind: 'goto', chain: keep([actingRule(action, rule.counts)]) };
    return keep(lowerRules([{ matches: rule.matches, action: leaving }]));
  };

  const rules = lowerRules((limits.inOrder ? chain.inOrder : undefined) ?? chain.rules);
  const same =
    rules.length === chain.rules.length && rules.every((rule, i) => sameRule(rule, chain.rules[i]));
  return { chain: same ? chain : { name: chain.name, rules }, extra: [...extra.values()], sets };
}

/** What a rule does, where its conditions are known to hold. */
function actingRule(action: Action, counts: Rule['counts']): Rule {
  return counts === undefined ? { matches: [], action } : { matches: [], action, counts };
}

/** Helper chains by what they hold. A pod that comes or goes changes a branch of its dispatch; the others stay as rendered. */
const helpers = { 4: new Map<string, Chain>(), 6: new Map<string, Chain>() } as const;
const MOST_HELPERS = 20_000;

function helperChain(rules: readonly Rule[], family: Family): Chain {
  const known = helpers[family];
  const text = JSON.stringify(rules, mapsAsLists);
  let chain = known.get(text);
  if (chain === undefined) {
    const head = `${CHAIN_PREFIX}x-_`;
    chain = { name: head + digest(text, CHAIN_NAME_MAX - head.length), rules };
    // Those that are in use are made anew, and all are the same again afterwards.
    if (known.size >= MOST_HELPERS) known.clear();
    known.set(text, chain);
  }
  return chain;
}

/** After these the rules that follow in the chain are not asked. */
function leaves(action: Action): boolean {
  return isFinal(action) || action.kind === 'return' || action.kind === 'goto';
}

const FINAL: ReadonlySet<Action['kind']> = new Set(['accept', 'drop', 'masquerade', 'snat', 'dnat']);

/** After these nothing of ours is asked any more. */
function isFinal(action: Action): boolean {
  const { kind } = action;
  return FINAL.has(kind);
}

function sameRule(a: Rule, b: Rule | undefined): boolean {
  return (
    a.action === b?.action &&
    a.matches.length === b.matches.length &&
    a.matches.every((m, i) => m === b.matches[i])
  );
}

const mapsAsLists = (_key: string, value: unknown) => (value instanceof Map ? [...value] : value);
