import type { ActiveMatch, ActiveRule, Direction, SetId } from '@muslin/api';
import { type Family, familyOf, formatPrefix, type PortSet } from '@muslin/net';
import { compileRule } from '../compile/rule.ts';
import type { Match } from '../ir/match.ts';
import { MEMBER_PROTOCOL } from '../ir/set-lookup.ts';

/** Whom a rule allows: the members of a set, or prefixes of the ruleset's family; undefined: whoever meets the rest. */
export type Peer = { readonly set: SetId } | { readonly nets: readonly string[] } | undefined;

/** An Allow rule of one family, taken apart into its peer and everything else. */
export interface AllowRule {
  readonly peer: Peer;
  /** Everything but the peer. */
  readonly head: readonly Match[];
  /** Endings of members, when the head is nothing but a protocol and exact destination ports. */
  readonly endings: ReadonlySet<string> | undefined;
}

/** Takes a rule apart; undefined when it can't match a packet of this family. */
export function takeApart(
  rule: ActiveRule,
  direction: Direction,
  family: Family,
  portsPerRule: number,
): AllowRule | undefined {
  const side = direction === 'ingress' ? 'source' : 'destination';
  const { peer, rest } = peerOf(rule[side], family);
  if (peer !== undefined && 'nets' in peer && peer.nets.length === 0) return undefined;
  const without: ActiveRule = { ...rule, [side]: rest };
  const head = compileRule(without, family, { Allow: ACCEPT, Deny: ACCEPT, Pass: ACCEPT, Log: ACCEPT }, '');
  if (head === undefined) return undefined;
  return { peer, head: head.matches, endings: endingsOf(head.matches, portsPerRule) };
}

const ACCEPT = { kind: 'accept' } as const;

/** A side's one set or its prefixes, and what else it asks for. Two conditions on the address stay with the rest. */
function peerOf(side: ActiveMatch, family: Family): { readonly peer: Peer; readonly rest: ActiveMatch } {
  const { nets, inSets, ...rest } = side;
  const [set, ...more] = inSets ?? [];
  if (nets === undefined && set !== undefined && more.length === 0) return { peer: { set }, rest };
  if (nets === undefined || set !== undefined) return { peer: undefined, rest: side };
  return { peer: { nets: nets.filter(net => familyOf(net) === family).map(formatPrefix) }, rest };
}

function endingsOf(head: readonly Match[], portsPerRule: number): ReadonlySet<string> | undefined {
  const [protocol, ports, ...more] = head;
  if (protocol?.kind !== 'protocol' || protocol.not || more.length > 0) return undefined;
  if (ports?.kind !== 'destination-ports' || ports.not) return undefined;
  const name = MEMBER_PROTOCOL.get(protocol.protocol);
  if (name === undefined || width(ports.ports) > portsPerRule) return undefined;
  const endings = new Set<string>();
  for (const { first, last } of ports.ports)
    for (let port = first; port <= last; port++) endings.add(`,${name}:${port}`);
  return endings;
}

const width = (ports: PortSet) => ports.reduce((sum, { first, last }) => sum + last - first + 1, 0);
