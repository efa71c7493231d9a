import type { ActiveMatch, ActiveRule } from '@muslin/api';
import { type Family, familyOf } from '@muslin/net';
import type { Action } from '../ir/action.ts';
import type { Match } from '../ir/match.ts';
import type { Rule } from '../ir/ruleset.ts';

/** What each rule action is in the chains of a direction. */
export type RuleActions = Readonly<Record<ActiveRule['action'], Action>>;

/** One rule of a policy as a rule of the kernel; undefined when it can't match a packet of this family. */
export function compileRule(
  rule: ActiveRule,
  family: Family,
  actions: RuleActions,
  comment: string,
): Rule | undefined {
  if (rule.family !== undefined && rule.family !== family) return undefined;
  const source = sideMatches(rule.source, family, 'src');
  const destination = sideMatches(rule.destination, family, 'dst');
  if (source === undefined || destination === undefined) return undefined;
  const matches: Match[] = [];
  if (rule.protocol !== undefined) matches.push({ kind: 'protocol', protocol: rule.protocol });
  if (rule.notProtocol !== undefined)
    matches.push({ kind: 'protocol', protocol: rule.notProtocol, not: true });
  if (rule.icmp !== undefined) matches.push({ kind: 'icmp', ...rule.icmp });
  if (rule.notIcmp !== undefined) matches.push({ kind: 'icmp', ...rule.notIcmp, not: true });
  matches.push(...source, ...destination);
  return { matches, action: actions[rule.action], comment };
}

const FIELDS = {
  src: { address: 'source', ports: 'source-ports', port: 'src,src' },
  dst: { address: 'destination', ports: 'destination-ports', port: 'dst,dst' },
} as const;

/** The conditions of one side; undefined when nothing can meet them. */
function sideMatches(side: ActiveMatch, family: Family, end: 'src' | 'dst'): Match[] | undefined {
  const field = FIELDS[end];
  const matches: Match[] = [];
  if (side.nets !== undefined) {
    const nets = side.nets.filter(net => familyOf(net) === family);
    if (nets.length === 0) return undefined;
    matches.push({ kind: field.address, nets });
  }
  const notNets = side.notNets?.filter(net => familyOf(net) === family) ?? [];
  if (notNets.length > 0) matches.push({ kind: field.address, nets: notNets, not: true });
  for (const set of side.inSets ?? []) matches.push({ kind: 'set', set, key: end });
  for (const set of side.notInSets ?? []) matches.push({ kind: 'set', set, key: end, not: true });
  if (side.ports !== undefined || side.portSets !== undefined) {
    const ways: Match[] = (side.portSets ?? []).map(set => ({ kind: 'set', set, key: field.port }));
    if (side.ports !== undefined && side.ports.length > 0)
      ways.unshift({ kind: field.ports, ports: side.ports });
    const [only, ...more] = ways;
    if (only === undefined) return undefined;
    matches.push(more.length === 0 ? only : { kind: 'any', of: ways.map(way => [way]) });
  }
  if (side.notPorts !== undefined && side.notPorts.length > 0)
    matches.push({ kind: field.ports, ports: side.notPorts, not: true });
  for (const set of side.notPortSets ?? []) matches.push({ kind: 'set', set, key: field.port, not: true });
  return matches;
}
