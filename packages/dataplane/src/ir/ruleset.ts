import type { MemberSet, SetId } from '@muslin/api';
import type { Family } from '@muslin/net';
import type { Counted } from '../counters/counted.ts';
import type { DerivedSet } from '../lookups/derived-set.ts';
import { type Action, chainsOf } from './action.ts';
import type { Match } from './match.ts';

/** All matches hold → the action. No matches: always. */
export interface Rule {
  readonly matches: readonly Match[];
  readonly action: Action;
  /** For people who read the kernel's rules; any text, made safe when rendered. */
  readonly comment?: string;
  /** Who wants to know how many packets met the rule. */
  readonly counts?: Counted;
}

/** Rules in order; past the last one the packet returns. An immutable value: renderings are cached by identity. */
export interface Chain {
  readonly name: string;
  readonly rules: readonly Rule[];
  /** Rules that mean the same and cost less where a rule's conditions are asked in their order: `lower` takes them there. */
  readonly inOrder?: readonly Rule[];
}

/** The kernel's tables. */
export type TableName = 'raw' | 'mangle' | 'nat' | 'filter';

/** The kernel's hooks, which are also the names of iptables' built-in chains. */
export type HookName = 'PREROUTING' | 'INPUT' | 'FORWARD' | 'OUTPUT' | 'POSTROUTING';

/** Our chains of one table, and which of them each hook jumps to first of all. */
export interface TableRules {
  readonly hooks: ReadonlyMap<HookName, string>;
  readonly chains: ReadonlyMap<string, Chain>;
}

/** Everything the kernel should hold for one family, before or after `lower`. */
export interface Ruleset {
  readonly family: Family;
  readonly tables: ReadonlyMap<TableName, TableRules>;
  /** Sets that the rules need and no `NodeState` has: pools, long lists of prefixes. */
  readonly sets: ReadonlyMap<SetId, MemberSet>;
  /** Of those the ones that follow from sets of the `NodeState`, and how. */
  readonly derived?: ReadonlyMap<SetId, DerivedSet>;
}

/** The chains that can be reached from the hooks, in the order of discovery. A missing chain is a bug. */
export function reachable(
  hooks: ReadonlyMap<HookName, string>,
  chains: ReadonlyMap<string, Chain>,
): ReadonlyMap<string, Chain> {
  const found = new Map<string, Chain>();
  const pending = [...hooks.values()].reverse();
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (found.has(name)) continue;
    const chain = chains.get(name);
    if (chain === undefined) throw new Error(`chain ${name} is referred to but not defined`);
    found.set(name, chain);
    for (const next of targetsOf(chain).toReversed()) if (!found.has(next)) pending.push(next);
  }
  return found;
}

const targets = new WeakMap<Chain, readonly string[]>();

function targetsOf(chain: Chain): readonly string[] {
  let names = targets.get(chain);
  if (names === undefined) targets.set(chain, (names = chain.rules.flatMap(rule => chainsOf(rule.action))));
  return names;
}

/** The sets that rules look into, with the kind that the look-up needs. */
export function setsUsed(ruleset: Ruleset): ReadonlyMap<SetId, MemberSet['kind']> {
  const used = new Map<SetId, MemberSet['kind']>();
  for (const table of ruleset.tables.values())
    for (const chain of table.chains.values()) for (const [id, kind] of lookupsOf(chain)) used.set(id, kind);
  return used;
}

const lookups = new WeakMap<Chain, ReadonlyMap<SetId, MemberSet['kind']>>();

function lookupsOf(chain: Chain): ReadonlyMap<SetId, MemberSet['kind']> {
  const known = lookups.get(chain);
  if (known !== undefined) return known;
  const used = new Map<SetId, MemberSet['kind']>();
  const visit = (matches: readonly Match[]) => {
    for (const match of matches) {
      if (match.kind === 'set') used.set(match.set, match.key.includes(',') ? 'ip-port' : 'net');
      else if (match.kind === 'any') match.of.forEach(visit);
    }
  };
  for (const rule of chain.rules) visit(rule.matches);
  lookups.set(chain, used);
  return used;
}
