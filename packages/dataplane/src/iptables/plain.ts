import type { Action } from '../ir/action.ts';
import type { Match } from '../ir/match.ts';
import type { Rule } from '../ir/ruleset.ts';

/** Said by iptables-save exactly as we say them, in every version. */
const ACTIONS: ReadonlySet<Action['kind']> = new Set(['accept', 'drop', 'return', 'jump', 'goto']);

/** States in the order in which libxt_conntrack prints them. */
const STATES: ReadonlySet<string> = new Set(['RELATED,ESTABLISHED', 'INVALID']);

const isLink = (match: Match | undefined) =>
  match?.kind === 'in-interface' || match?.kind === 'out-interface';
const isState = (match: Match | undefined) =>
  match?.kind === 'conntrack' && match.not === undefined && STATES.has(match.states.join());

/**
 * Whether a rule is known by its own text, as iptables-save prints it, and goes without a comment. A comment is a match of
 * 290 bytes that each packet which meets the rule pays for; these rules are the ones that all packets meet.
 */
export function isPlain({ matches, action, comment, counts }: Rule): boolean {
  if (comment !== undefined || counts !== undefined || !ACTIONS.has(action.kind)) return false;
  const rest = isLink(matches[0]) ? matches.slice(1) : matches;
  return rest.length === 0 || (rest.length === 1 && isState(rest[0]));
}
