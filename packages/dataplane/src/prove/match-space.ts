import type { MemberSet, SetId } from '@muslin/api';
import { mustPrefix, parsePrefix, type Prefix } from '@muslin/net';
import type { Match } from '../ir/match.ts';
import type { SetMatch } from '../ir/matches/set.ts';
import { MEMBER_PROTOCOL } from '../ir/set-lookup.ts';
import type { DerivedSet, Part } from '../lookups/derived-set.ts';
import { isHost } from '../members/member-text.ts';
import { ALL, type Node, NONE } from './diagram.ts';
import type { Space } from './space.ts';

/** Sets that a proof looks into: those that rules define themselves. All others stay names. */
export interface KnownSets {
  readonly derived: ReadonlyMap<SetId, DerivedSet>;
  readonly fixed: ReadonlyMap<SetId, MemberSet>;
}

/** Matches that do not ask for interfaces or marks. */
export type PlainMatch = Exclude<Match, { kind: 'in-interface' | 'out-interface' | 'mark' | 'any' }>;

/** The packets that meet a condition. */
export function matchSpace(match: PlainMatch, space: Space, sets: KnownSets): Node {
  const node = positive(match, space, sets);
  return match.not ? space.diagram.not(node) : node;
}

function positive(match: PlainMatch, space: Space, sets: KnownSets): Node {
  switch (match.kind) {
    case 'source':
      return space.nets('src', match.nets);
    case 'destination':
      return space.nets('dst', match.nets);
    case 'source-ports':
      return space.ports('src', match.ports);
    case 'destination-ports':
      return space.ports('dst', match.ports);
    case 'protocol':
      return space.protocol(match.protocol);
    case 'icmp':
      return space.icmp(match.type, match.code);
    case 'conntrack':
      return space.conntrack(match.states);
    case 'local-address':
      return space.atom({ kind: 'local', side: match.side });
    case 'reverse-path':
      return space.atom({ kind: 'reverse-path' });
    case 'translated':
      return space.atom({ kind: 'translated' });
    case 'set':
      return setSpace(match, space, sets);
    default:
      return match satisfies never;
  }
}

function setSpace({ set, key }: SetMatch, space: Space, sets: KnownSets): Node {
  const [address, port] = key.split(',') as ['src' | 'dst', ('src' | 'dst')?];
  const derived = sets.derived.get(set);
  if (derived !== undefined) {
    if ((derived.kind === 'ip-port') !== (port !== undefined)) return NONE;
    return space.any(derived.parts.map(part => partSpace(part, address, port, space)));
  }
  const fixed = sets.fixed.get(set);
  if (fixed !== undefined)
    return fixed.kind === 'net' && port === undefined
      ? space.nets(address, [...fixed.members].map(mustPrefix))
      : NONE;
  return port === undefined ? netSet(set, address, space) : space.atom({ kind: 'port', set, key });
}

/** Whether the address is in a `net` set, whatever that holds. */
export function netSet(set: SetId, side: 'src' | 'dst', space: Space): Node {
  return space.diagram.or(space.atom({ kind: 'host', set, side }), space.atom({ kind: 'wide', set, side }));
}

function partSpace(
  { from, take, endings }: Part,
  address: 'src' | 'dst',
  port: 'src' | 'dst' | undefined,
  space: Space,
): Node {
  const { diagram } = space;
  const members =
    typeof from === 'string' ? ofSet(from, take, address, space) : ofNets(from, take, address, space);
  const ends = [...endings].map(ending => endingSpace(ending, port, space));
  return diagram.and(members, space.any(ends));
}

function ofSet(set: SetId, take: Part['take'], side: 'src' | 'dst', space: Space): Node {
  if (take === 'all') return netSet(set, side, space);
  return space.atom({ kind: take === 'hosts' ? 'host' : 'wide', set, side });
}

function ofNets(nets: readonly string[], take: Part['take'], side: 'src' | 'dst', space: Space): Node {
  const wanted = nets.filter(net => take === 'all' || isHost(net) === (take === 'hosts'));
  return space.nets(
    side,
    wanted.map(net => parsePrefix(net)).flatMap((net): Prefix[] => (net.ok ? [net.value] : [])),
  );
}

const PROTOCOLS = new Map([...MEMBER_PROTOCOL].map(([number, name]) => [name, number]));

/** `,tcp:80`; the empty ending of prefixes says nothing. */
function endingSpace(ending: string, port: 'src' | 'dst' | undefined, space: Space): Node {
  if (port === undefined) return ending === '' ? ALL : NONE;
  const [, name = '', number = ''] = /^,(\w+):(\d+)$/.exec(ending) ?? [];
  const protocol = PROTOCOLS.get(name);
  return protocol === undefined ? NONE : space.exactPort(port, protocol, Number(number));
}
