import type { MemberSet, SetId } from '@muslin/api';
import { type Family, formatPrefix, type PortSet, portSet, type Prefix } from '@muslin/net';
import { digest } from '../digest.ts';
import { type Match, negate } from '../ir/match.ts';
import { portSlots } from '../ir/matches/ports.ts';
import { ICMP_PROTOCOL, PORT_PROTOCOLS } from '../ir/packet.ts';
import type { Limits } from './limits.ts';
import { isPorts, resolve } from './resolve.ts';

/** One way to meet a rule's conditions: all `matches` hold (sayable in one rule), and none of `except` does. */
export interface Way {
  readonly matches: readonly Match[];
  /** Conjunctions that must not hold; only what fits no rule, which is rare. */
  readonly except: readonly (readonly Match[])[];
}

/** Where `expand` leaves the sets it makes. */
export type SetSink = Map<SetId, MemberSet>;

/** All ways to meet the conditions, disjoint or not. None: they can't be met. */
export function expand(
  matches: readonly Match[],
  family: Family,
  limits: Limits,
  sets: SetSink,
): readonly Way[] {
  const known = resolve(matches, family);
  if (known === undefined) return [];
  const protocol = known.find(m => m.kind === 'protocol' && !m.not);
  for (const [i, match] of known.entries()) {
    const choices = choicesFor(match, protocol !== undefined, family, limits);
    if (choices === undefined) continue;
    const others = known.toSpliced(i, 1);
    return choices.flatMap(choice => expand([...others, ...choice], family, limits, sets));
  }
  return [limits.lists ? { matches: known, except: [] } : fitSlots(known, protocol, sets)];
}

/** The alternatives a match stands for when no single rule can say it; undefined when one can. */
function choicesFor(
  match: Match,
  hasProtocol: boolean,
  family: Family,
  limits: Limits,
): readonly (readonly Match[])[] | undefined {
  if (match.kind === 'any') {
    if (!match.not) return match.of;
    const [first, ...rest] = match.of;
    const tail: readonly Match[] = rest.length === 0 ? [] : [{ kind: 'any', of: rest, not: true }];
    return opposite(first ?? []).map(way => [...way, ...tail]);
  }
  if (isPorts(match)) {
    if (!hasProtocol) {
      const ported: readonly (readonly Match[])[] = [...PORT_PROTOCOLS].map(protocol => [
        { kind: 'protocol', protocol },
        match,
      ]);
      const portless: readonly Match[] = [...PORT_PROTOCOLS].map(protocol => ({
        kind: 'protocol',
        protocol,
        not: true,
      }));
      return match.not ? [...ported, portless] : ported;
    }
    if (portSlots(match.ports) <= limits.portSlots) return undefined;
    const parts = chunks(match.ports, limits.portSlots).map(ports => ({ ...match, ports }));
    return match.not ? [parts] : parts.map(part => [part]);
  }
  if (match.kind !== 'icmp' || !match.not || hasProtocol) return undefined;
  const protocol = ICMP_PROTOCOL[family];
  return [[{ kind: 'protocol', protocol, not: true }], [{ kind: 'protocol', protocol }, match]];
}

/** The ways in which a conjunction fails: disjoint, each keeping the matches that held before the failing one. */
function opposite(all: readonly Match[]): readonly (readonly Match[])[] {
  return all.map((match, i) => [...all.slice(0, i), negate(match)]);
}

function chunks(ports: PortSet, slots: number): readonly PortSet[] {
  const out: PortSet[] = [];
  let part: PortSet = [];
  for (const range of ports) {
    if (portSlots([...part, range]) > slots) {
      out.push(part);
      part = [];
    }
    part = portSet([...part, range]);
  }
  return [...out, part];
}

const SINGLE: ReadonlySet<Match['kind']> = new Set([
  'in-interface',
  'out-interface',
  'source',
  'destination',
  'protocol',
  'icmp',
]);

/** One match per slot of the rule; further prefixes become a set, what is left over an exception. */
function fitSlots(matches: readonly Match[], protocol: Match | undefined, sets: SetSink): Way {
  const taken = new Set<Match['kind']>();
  const fitting: Match[] = [];
  const except: (readonly Match[])[] = [];
  for (const match of matches.toSorted((a, b) => Number(a.not ?? false) - Number(b.not ?? false))) {
    if (match.kind === 'source' || match.kind === 'destination') {
      if (match.nets.length === 1 && !taken.has(match.kind)) fitting.push(match);
      else fitting.push(asSet(match, sets));
    } else if (!SINGLE.has(match.kind) || !taken.has(match.kind)) fitting.push(match);
    else {
      if (!match.not) throw new Error(`two ${match.kind} matches should have been joined`);
      except.push(
        protocol === undefined || match.kind !== 'icmp' ? [negate(match)] : [protocol, negate(match)],
      );
    }
    taken.add(match.kind);
  }
  return { matches: fitting, except };
}

/** Many prefixes as a set that is named after what it holds. */
function asSet(match: Extract<Match, { kind: 'source' | 'destination' }>, sets: SetSink): Match {
  const members = match.nets.map((net: Prefix) => formatPrefix(net));
  const set = `muslin:nets:${digest(members.join(' '), 32)}`;
  if (!sets.has(set)) sets.set(set, { kind: 'net', members: new Set(members) });
  const key = match.kind === 'source' ? 'src' : 'dst';
  return match.not ? { kind: 'set', set, key, not: true } : { kind: 'set', set, key };
}
