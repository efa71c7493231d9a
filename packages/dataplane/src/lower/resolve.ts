import { type Family, familyOf } from '@muslin/net';
import type { Match } from '../ir/match.ts';
import type { InterfaceMatch } from '../ir/matches/interface.ts';
import { type ConntrackState, ICMP_PROTOCOL, PORT_PROTOCOLS } from '../ir/packet.ts';
import { MEMBER_PROTOCOL } from '../ir/set-lookup.ts';
import { outermost } from '../outermost.ts';

/** The matches of a rule with what can be known beforehand taken out; undefined when they can never all hold. */
export function resolve(matches: readonly Match[], family: Family): readonly Match[] | undefined {
  const kept: Match[] = [];
  for (const match of matches) {
    const fate = settle(match, family);
    if (fate === 'never') return undefined;
    if (fate !== 'always') kept.push(fate);
  }
  return resolveProtocol(kept, family)?.reduce<Match[] | undefined>(merge, []);
}

type Fate = Match | 'always' | 'never';

const constant = (match: Match, holds: boolean): Fate =>
  holds !== (match.not ?? false) ? 'always' : 'never';

/** A match alone: empty lists, lists of everything, prefixes of the other family. */
function settle(match: Match, family: Family): Fate {
  switch (match.kind) {
    case 'source':
    case 'destination': {
      const nets = outermost(match.nets.filter(net => familyOf(net) === family));
      if (nets.length === 0) return constant(match, false);
      if (nets.some(net => net.length === 0)) return constant(match, true);
      return { ...match, nets };
    }
    case 'source-ports':
    case 'destination-ports':
      return match.ports.length === 0 ? constant(match, false) : match;
    case 'conntrack':
      return match.states.length === 0 ? constant(match, false) : match;
    case 'any': {
      if (match.of.some(all => all.length === 0)) return constant(match, true);
      return match.of.length === 0 ? constant(match, false) : match;
    }
    default:
      return match;
  }
}

/** What a protocol settles: other protocols, ports, ICMP. Adds the protocol that an ICMP match implies. */
function resolveProtocol(matches: readonly Match[], family: Family): readonly Match[] | undefined {
  const icmp = ICMP_PROTOCOL[family];
  const stated = matches.find(m => m.kind === 'protocol' && !m.not);
  const implied = matches.some(m => m.kind === 'icmp' && !m.not) ? icmp : undefined;
  const protocol = stated?.kind === 'protocol' ? stated.protocol : implied;
  if (protocol === undefined) return matches;
  const kept: Match[] = [{ kind: 'protocol', protocol }];
  for (const match of matches) {
    let fate: Fate = match;
    if (match.kind === 'protocol') fate = constant(match, match.protocol === protocol);
    else if (match.kind === 'icmp' && protocol !== icmp) fate = constant(match, false);
    else if (isPorts(match) && !PORT_PROTOCOLS.has(protocol)) fate = constant(match, false);
    // nft 1.0.6 crashes when it lists a rule that asks another protocol for its ports.
    else if (isPortSet(match) && !MEMBER_PROTOCOL.has(protocol)) fate = constant(match, false);
    if (fate === 'never') return undefined;
    if (fate !== 'always') kept.push(fate);
  }
  return kept;
}

const isPortSet = (match: Match) => match.kind === 'set' && match.key.includes(',');

/** Whether this is a match on port numbers. */
export function isPorts(
  match: Match,
): match is Extract<Match, { kind: 'source-ports' | 'destination-ports' }> {
  return match.kind === 'source-ports' || match.kind === 'destination-ports';
}

const STATES: readonly ConntrackState[] = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'];

/** Adds a match to a list, joining it with one of the same kind where the two are as good as one. */
function merge(list: Match[] | undefined, match: Match): Match[] | undefined {
  if (list === undefined) return undefined;
  const at = list.findIndex(other => other.kind === match.kind && (other.kind === 'conntrack' || !other.not));
  const other = list[at];
  if (other === undefined) return [...list, match];
  let joined: Fate | 'both' = 'both';
  if (other.kind === 'conntrack' && match.kind === 'conntrack') {
    const states = STATES.filter(s => [other, match].every(m => m.states.includes(s) !== (m.not ?? false)));
    joined = states.length === 0 ? 'never' : { kind: 'conntrack', states };
  } else if (isInterface(other) && isInterface(match) && !match.not) joined = narrower(other, match);
  else if (other.kind === 'icmp' && match.kind === 'icmp' && !match.not) {
    const same = other.type === match.type && (other.code ?? match.code) === (match.code ?? other.code);
    joined = !same ? 'never' : other.code === undefined ? match : other;
  }
  if (joined === 'both') return [...list, match];
  return joined === 'never' || joined === 'always' ? undefined : list.with(at, joined);
}

const isInterface = (match: Match): match is InterfaceMatch =>
  match.kind === 'in-interface' || match.kind === 'out-interface';

function narrower(a: InterfaceMatch, b: InterfaceMatch): Fate {
  if (a.wildcard && b.name.startsWith(a.name)) return b;
  if (b.wildcard && a.name.startsWith(b.name)) return a;
  return a.name === b.name && !a.wildcard && !b.wildcard ? a : 'never';
}
