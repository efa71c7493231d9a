import type { MemberSet, SetId } from '@muslin/api';
import { familyOf, formatPrefix, type Prefix } from '@muslin/net';
import type { Rule } from '../ir/ruleset.ts';
import type { NodeConfig } from './config.ts';

/** Addresses of Services; the colon keeps it apart from a `NodeState`'s ids. */
const SERVICE_LOOP: SetId = 'muslin:service-loop';

/**
 * What is still for a Service when it is forwarded was translated by nobody: it would follow the default route to the router
 * that sent it here, and come back (FelixConfiguration `serviceLoopPrevention`).
 */
export function serviceLoopRules(config: NodeConfig): readonly Rule[] {
  if (serviceLoopPrefixes(config).length === 0) return [];
  return [
    {
      matches: [{ kind: 'set', set: SERVICE_LOOP, key: 'dst' }],
      action:
        config.serviceLoop?.action === 'Reject'
          ? { kind: 'reject', family: config.family }
          : { kind: 'drop' },
      comment: 'Service that nothing serves',
    },
  ];
}

/** Prefixes of the family whose packets go no further. */
export function serviceLoopPrefixes({ serviceLoop, family }: NodeConfig): readonly Prefix[] {
  return (serviceLoop?.cidrs ?? []).filter(cidr => familyOf(cidr) === family);
}

/** The set that `serviceLoopRules` looks into. */
export function serviceLoopSet(config: NodeConfig): ReadonlyMap<SetId, MemberSet> {
  const members = serviceLoopPrefixes(config).map(formatPrefix);
  return members.length === 0
    ? new Map()
    : new Map([[SERVICE_LOOP, { kind: 'net', members: new Set(members) }]]);
}
