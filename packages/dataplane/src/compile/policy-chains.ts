import type { ActivePolicy, Direction } from '@muslin/api';
import { chainName } from '../chain-name.ts';
import type { Action } from '../ir/action.ts';
import type { Chain, Rule } from '../ir/ruleset.ts';
import type { Marks, NodeConfig } from './config.ts';
import { deniedNote } from './denied-note.ts';
import { compileRule, type RuleActions } from './rule.ts';

/** Chains that end a policy: mark the packet and return to whoever asked the policy. */
const ALLOW_CHAIN = 'msl-allow';
const PASS_CHAIN = 'msl-pass';

/** The two chains that say a verdict by mark bit. */
export function verdictChains(marks: Marks): readonly Chain[] {
  const marking = (name: string, bit: number): Chain => ({
    name,
    rules: [{ matches: [], action: { kind: 'mark', value: bit, mask: bit } }],
  });
  return [marking(ALLOW_CHAIN, marks.allow), marking(PASS_CHAIN, marks.pass)];
}

/**
 * What Allow does. Ingress is asked last, so it is final there; after egress the destination's ingress is still to
 * be asked, so it is a mark bit. `goto` keeps it to one kernel rule per policy rule.
 */
export function allowAction(direction: Direction): Action {
  return direction === 'ingress' ? { kind: 'accept' } : MARK_ALLOWED;
}

const MARK_ALLOWED: Action = { kind: 'goto', chain: ALLOW_CHAIN };

function actionsOf(allow: Action, logPrefix: string): RuleActions {
  return {
    Allow: allow,
    Deny: { kind: 'drop' },
    Pass: { kind: 'goto', chain: PASS_CHAIN },
    Log: { kind: 'log', prefix: `${logPrefix} ` },
  };
}

/** A policy's rules of one direction: one chain, shared by every endpoint of the node that it selects. */
export function policyChain(policy: ActivePolicy, direction: Direction, config: NodeConfig): Chain {
  return chainOf(policy, direction, config, direction === 'ingress' ? 'pi' : 'pe', allowAction(direction));
}

/** The same where Allow is never final, as at host endpoints: egress shares the chain of pods. */
export function markingPolicyChain(policy: ActivePolicy, direction: Direction, config: NodeConfig): Chain {
  return chainOf(policy, direction, config, direction === 'ingress' ? 'hpi' : 'pe', MARK_ALLOWED);
}

function chainOf(
  policy: ActivePolicy,
  direction: Direction,
  config: NodeConfig,
  role: string,
  allow: Action,
): Chain {
  const actions = actionsOf(allow, config.logPrefix);
  const rules: Rule[] = [];
  for (const rule of policy[direction]) {
    const compiled = compileRule(rule, config.family, actions, `${policy.key} ${rule.path}`);
    if (compiled === undefined) continue;
    if (rule.action === 'Deny') rules.push(...deniedNote(compiled, direction, config.deniedLog));
    const { action, path } = rule;
    rules.push({ ...compiled, counts: { kind: 'rule', policy: policy.key, path, direction, action } });
  }
  return { name: chainName(role, policy.key), rules };
}
