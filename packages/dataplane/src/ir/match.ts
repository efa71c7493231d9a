import type { Family } from '@muslin/net';
import { type MatchRow, unless } from './match-row.ts';
import { type AddressMatch, addressRow } from './matches/address.ts';
import { type ConntrackMatch, conntrackRow } from './matches/conntrack.ts';
import { type IcmpTypeMatch, icmpRow } from './matches/icmp.ts';
import { type InterfaceMatch, interfaceRow } from './matches/interface.ts';
import { type LocalAddressMatch, localAddressRow } from './matches/local-address.ts';
import { type MarkMatch, markRow } from './matches/mark.ts';
import { type PortsMatch, portsRow } from './matches/ports.ts';
import { type ProtocolMatch, protocolRow } from './matches/protocol.ts';
import { type ReversePathMatch, reversePathRow } from './matches/reverse-path.ts';
import { type SetMatch, setRow } from './matches/set.ts';
import { type TranslatedMatch, translatedRow } from './matches/translated.ts';
import type { Packet } from './packet.ts';
import type { SetLookup } from './set-lookup.ts';

/** At least one of the alternatives holds; an alternative holds when all its matches do. Gone after `lower`. */
export interface AnyMatch {
  readonly kind: 'any';
  readonly of: readonly (readonly Match[])[];
  readonly not?: true;
}

/** One condition of a rule. `not` turns the whole condition round. */
export type Match =
  | InterfaceMatch
  | AddressMatch
  | SetMatch
  | ProtocolMatch
  | PortsMatch
  | IcmpTypeMatch
  | ConntrackMatch
  | MarkMatch
  | LocalAddressMatch
  | ReversePathMatch
  | TranslatedMatch
  | AnyMatch;

const anyRow: MatchRow<AnyMatch> = {
  iptables: () => {
    throw new Error('a choice of matches must be lowered before it is rendered');
  },
  nft: () => {
    throw new Error('a choice of matches must be lowered before it is rendered');
  },
  evaluate: (m, packet, sets) =>
    unless(
      m,
      m.of.some(all => all.every(one => evaluateMatch(one, packet, sets))),
    ),
};

const MATCHES: { readonly [K in Match['kind']]: MatchRow<Extract<Match, { kind: K }>> } = {
  'in-interface': interfaceRow as MatchRow<never>,
  'out-interface': interfaceRow as MatchRow<never>,
  source: addressRow as MatchRow<never>,
  destination: addressRow as MatchRow<never>,
  set: setRow,
  protocol: protocolRow,
  'source-ports': portsRow as MatchRow<never>,
  'destination-ports': portsRow as MatchRow<never>,
  icmp: icmpRow,
  conntrack: conntrackRow,
  mark: markRow,
  'local-address': localAddressRow,
  'reverse-path': reversePathRow,
  translated: translatedRow,
  any: anyRow,
};

const rowOf = (match: Match) => MATCHES[match.kind] as MatchRow<Match>;

/** Whether the packet meets the condition. */
export function evaluateMatch(match: Match, packet: Packet, sets: SetLookup): boolean {
  return rowOf(match).evaluate(match, packet, sets);
}

/** The condition as words of an iptables rule; it must be lowered. */
export function iptablesMatch(match: Match, family: Family): readonly string[] {
  return rowOf(match).iptables(match, family);
}

/** The condition as an nftables expression; it must be lowered. */
export function nftMatch(match: Match, family: Family): string {
  return rowOf(match).nft(match, family);
}

/** The opposite condition. */
export function negate(match: Match): Match {
  if (!match.not) return { ...match, not: true };
  const { not: _, ...positive } = match;
  return positive as Match;
}
