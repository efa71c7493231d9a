import type { ActivePolicy, Direction, PolicyKey } from '@muslin/api';
import type { Family } from '@muslin/net';
import { type AllowRule, takeApart } from './allow-rule.ts';

/** A rule of a group, and where it stands. */
export interface NamedRule extends AllowRule {
  readonly policy: PolicyKey;
  readonly path: string;
  readonly name: string;
}

/** Policies that follow one another in a tier and only allow, in one direction: a union, in which order means nothing. */
export interface AllowGroup {
  readonly key: string;
  readonly policies: readonly ActivePolicy[];
  readonly rules: readonly NamedRule[];
}

/** Whether a policy can stand in a group. One without rules can: it allows nothing. */
export function onlyAllows(policy: ActivePolicy, direction: Direction): boolean {
  return policy[direction].every(rule => rule.action === 'Allow');
}

/** Names a group; with the same policies behind the keys it is the same group. */
export function groupKey(policies: readonly ActivePolicy[], direction: Direction): string {
  return `${direction} ${policies.map(policy => policy.key).join(' ')}`;
}

/** Makes a group of policies whose rules were taken apart. */
export function allowGroup(
  key: string,
  policies: readonly ActivePolicy[],
  rulesOf: (policy: ActivePolicy) => readonly NamedRule[],
): AllowGroup {
  return { key, policies, rules: policies.flatMap(rulesOf) };
}

/** Takes the rules of a policy apart. */
export function namedRules(
  policy: ActivePolicy,
  direction: Direction,
  family: Family,
  portsPerRule: number,
): readonly NamedRule[] {
  const rules: NamedRule[] = [];
  for (const rule of policy[direction]) {
    const apart = takeApart(rule, direction, family, portsPerRule);
    if (apart !== undefined)
      rules.push({ ...apart, policy: policy.key, path: rule.path, name: `${policy.key} ${rule.path}` });
  }
  return rules;
}
