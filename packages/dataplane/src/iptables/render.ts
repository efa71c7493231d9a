import type { Family } from '@muslin/net';
import type { Counted } from '../counters/counted.ts';
import { digest } from '../digest.ts';
import { iptablesAction } from '../ir/action.ts';
import { iptablesMatch } from '../ir/match.ts';
import { word } from '../ir/match-row.ts';
import type { Chain, HookName, Rule, Ruleset, TableName } from '../ir/ruleset.ts';
import { isPlain } from './plain.ts';

/** Begins the comment of every rule of ours that is not plain; a hash follows, then words for people. */
export const COMMENT_PREFIX = 'msl:';

/** Characters of the hash in a rule's comment: 96 bits. */
export const RULE_HASH_LENGTH = 16;

/** A rule as iptables-restore reads it after `-A <chain>`. */
export interface RenderedRule {
  /** What it is known by: the hash in its comment, or, if it is plain, its text. */
  readonly hash: string;
  readonly text: string;
  /** What its counter counts. */
  readonly counts?: Counted | undefined;
}

/** A chain as text. Two chains with the same `hash` are the same. */
export interface RenderedChain {
  readonly name: string;
  readonly hash: string;
  readonly rules: readonly RenderedRule[];
}

/** One table as it should be: our chains, and the jump that stands first in each hook's built-in chain. */
export interface RenderedTable {
  readonly family: Family;
  readonly table: TableName;
  readonly chains: ReadonlyMap<string, RenderedChain>;
  readonly hooks: ReadonlyMap<HookName, RenderedRule>;
}

const caches: Readonly<Record<Family, WeakMap<Chain, RenderedChain>>> = {
  4: new WeakMap(),
  6: new WeakMap(),
};

/** Renders one table of a lowered ruleset. Unchanged chains are the same objects from call to call. */
export function renderTable(ruleset: Ruleset, table: TableName): RenderedTable {
  const { family } = ruleset;
  const rules = ruleset.tables.get(table);
  const chains = new Map<string, RenderedChain>();
  for (const [name, chain] of rules?.chains ?? []) chains.set(name, renderChain(chain, family));
  const hooks = new Map<HookName, RenderedRule>();
  for (const [hook, chain] of rules?.hooks ?? [])
    hooks.set(hook, renderRule(hook, { matches: [], action: { kind: 'jump', chain } }, family, ''));
  return { family, table, chains, hooks };
}

/** Renders every table of a lowered ruleset. */
export function renderTables(ruleset: Ruleset): readonly RenderedTable[] {
  return [...ruleset.tables.keys()].map(table => renderTable(ruleset, table));
}

/** Renders one lowered chain. */
function renderChain(chain: Chain, family: Family): RenderedChain {
  let rendered = caches[family].get(chain);
  if (rendered === undefined) {
    const rules: RenderedRule[] = [];
    let previous = '';
    for (const rule of chain.rules) {
      const next = renderRule(chain.name, rule, family, previous);
      rules.push(next);
      previous = next.hash;
    }
    rendered = { name: word(chain.name), hash: chainHash(rules.map(rule => rule.hash)), rules };
    caches[family].set(chain, rendered);
  }
  return rendered;
}

/** Stands for the hash of a rule that nothing of ours could be. */
export const NO_HASH = '?';

/**
 * What identifies a chain's content: each rule's hash covers the rule and all before it, so the number of rules
 * and the last hash say it all, unless somebody put a rule of his own in the place of one of ours. Where rules are known
 * by their texts, all that is known is compared.
 */
export function chainHash(hashes: readonly string[]): string {
  if (hashes.includes(NO_HASH)) return NO_HASH;
  return hashes.some(isText) ? hashes.join('\n') : `${hashes.length}:${hashes.at(-1) ?? ''}`;
}

/** No hash has a space, and no text lacks one. */
export function isText(hash: string): boolean {
  return hash.includes(' ');
}

function renderRule(chain: string, rule: Rule, family: Family, previous: string): RenderedRule {
  const matches = rule.matches.flatMap(match => iptablesMatch(match, family));
  const action = iptablesAction(rule.action);
  if (isPlain(rule)) {
    const text = [...matches, ...action].join(' ');
    return { hash: text, text };
  }
  const comment = safeComment(rule.comment ?? '');
  const hash = digest(JSON.stringify([chain, previous, family, matches, action, comment]), RULE_HASH_LENGTH);
  const note = `${COMMENT_PREFIX}${hash}${comment === '' ? '' : ` ${comment}`}`;
  const text = [...matches, '-m', 'comment', '--comment', `"${note}"`, ...action].join(' ');
  return { hash, text, counts: rule.counts };
}

/**
 * Text from the API as it may stand between quotes in a restore line: no quote, backslash, dollar, newline or
 * anything beyond ASCII, and short enough for XT_MAX_COMMENT_LEN (256).
 */
export function safeComment(text: string): string {
  return text
    .replace(/[^A-Za-z0-9 ._/:=,@[\]-]/g, '_')
    .slice(0, 160)
    .trim();
}
