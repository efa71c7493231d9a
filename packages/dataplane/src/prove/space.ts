import type { SetId } from '@muslin/api';
import { bitOf, type Family, type PortSet, type Prefix } from '@muslin/net';
import { type ConntrackState, ICMP_PROTOCOL, PORT_PROTOCOLS } from '../ir/packet.ts';
import { MEMBER_PROTOCOL } from '../ir/set-lookup.ts';
import { ALL, Diagram, NONE, type Node } from './diagram.ts';

type Side = 'src' | 'dst';

/** What a proof does not look into: whether an address is in a set, is the node's own, came by its route. */
export type Atom =
  /** The address is a single-address member of a `net` set. */
  | { readonly kind: 'host'; readonly set: SetId; readonly side: Side }
  /** The address is in a member of more than one address of a `net` set. */
  | { readonly kind: 'wide'; readonly set: SetId; readonly side: Side }
  /** Address, protocol and port are a member of an `ip-port` set. */
  | { readonly kind: 'port'; readonly set: SetId; readonly key: string }
  | { readonly kind: 'local'; readonly side: Side }
  | { readonly kind: 'reverse-path' }
  | { readonly kind: 'translated' };

/**
 * Levels of the variables, from the first asked to the last. Marks come first: they are substituted most. Addresses come
 * before ports, so that what pods share stays shared below the check of each one's own address.
 */
export const LEVEL = {
  mark: 0,
  state: 33,
  src: 36,
  dst: 164,
  protocol: 292,
  icmpType: 300,
  icmpCode: 308,
  dport: 316,
  sport: 332,
  atoms: 348,
} as const;

/** Says beside the 32 bits of the mark that rules took the packet out of tracking; no rule can ask for it. */
export const UNTRACKED_BIT = 32;

/** The top bit alone says UNTRACKED, so that every value of three bits is a state. */
const STATES: Readonly<Record<ConntrackState, readonly (0 | 1 | undefined)[]>> = {
  NEW: [0, 0, 0],
  ESTABLISHED: [0, 0, 1],
  RELATED: [0, 1, 0],
  INVALID: [0, 1, 1],
  UNTRACKED: [1, undefined, undefined],
};

/** The conntrack state of an assignment. */
export function stateOf(bit: (level: number) => boolean): ConntrackState {
  const names = Object.keys(STATES) as ConntrackState[];
  const is = (name: ConntrackState) =>
    STATES[name].every((want, i) => want === undefined || bit(LEVEL.state + i) === (want === 1));
  return names.find(is) as ConntrackState;
}

/** All packets of one family, and the sets of them that fields of a rule name. */
export class Space {
  readonly family: Family;
  readonly diagram: Diagram;
  readonly #atoms = new Map<string, { readonly level: number; readonly atom: Atom }>();

  #isWide: (set: SetId) => boolean;
  readonly #wide = new Map<SetId, boolean>();

  /** `isWide`: whether a `net` set has prefixes of several addresses; asked once for each set. */
  constructor(family: Family, limit: number, isWide: (set: SetId) => boolean = () => true) {
    this.family = family;
    this.#isWide = isWide;
    this.diagram = new Diagram(limit);
  }

  markBit(bit: number): Node {
    return this.diagram.variable(LEVEL.mark + bit);
  }

  conntrack(states: readonly ConntrackState[]): Node {
    return this.any(states.map(name => this.#cube(LEVEL.state, STATES[name])));
  }

  protocol(number: number): Node {
    return this.#range(LEVEL.protocol, 8, number, number);
  }

  protocols(numbers: Iterable<number>): Node {
    return this.any([...numbers].map(number => this.protocol(number)));
  }

  /** ICMP of the family with this type, and code when given. */
  icmp(type: number, code: number | undefined): Node {
    const { diagram } = this;
    const exact = (level: number, value: number) => this.#range(level, 8, value, value);
    const header = code === undefined ? ALL : exact(LEVEL.icmpCode, code);
    return diagram.and(
      this.protocol(ICMP_PROTOCOL[this.family]),
      diagram.and(exact(LEVEL.icmpType, type), header),
    );
  }

  /** Packets with a port of the list; others have none. */
  ports(side: Side, ports: PortSet): Node {
    const level = side === 'src' ? LEVEL.sport : LEVEL.dport;
    const some = this.any(ports.map(({ first, last }) => this.#range(level, 16, first, last)));
    return this.diagram.and(this.protocols(PORT_PROTOCOLS), some);
  }

  /** Packets of a protocol that sets of addresses and ports know, with this port. */
  exactPort(side: Side, protocol: number, port: number): Node {
    const level = side === 'src' ? LEVEL.sport : LEVEL.dport;
    return this.diagram.and(this.protocol(protocol), this.#range(level, 16, port, port));
  }

  /** Packets whose address is in one of the prefixes; those of the other family hold nobody. */
  nets(side: Side, nets: readonly Prefix[]): Node {
    return this.any(nets.map(net => this.#net(side, net)));
  }

  /** Goes on with what is so now; whether the sets that were asked about are still as they were. */
  goesOn(isWide: (set: SetId) => boolean): boolean {
    this.#isWide = isWide;
    for (const [set, was] of this.#wide) if (isWide(set) !== was) return false;
    return true;
  }

  atom(atom: Atom): Node {
    if (atom.kind === 'wide') {
      let wide = this.#wide.get(atom.set);
      if (wide === undefined) this.#wide.set(atom.set, (wide = this.#isWide(atom.set)));
      if (!wide) return NONE;
    }
    const key = JSON.stringify(atom);
    let known = this.#atoms.get(key);
    if (known === undefined) this.#atoms.set(key, (known = { level: LEVEL.atoms + this.#atoms.size, atom }));
    const node = this.diagram.variable(known.level);
    return atom.kind === 'port' ? this.diagram.and(this.protocols(MEMBER_PROTOCOL.keys()), node) : node;
  }

  get atoms(): Iterable<{ readonly level: number; readonly atom: Atom }> {
    return this.#atoms.values();
  }

  /** The union; two by two, since one after the other would make the square of what is needed. */
  any(sets: readonly Node[]): Node {
    let level = sets;
    while (level.length > 1) {
      const next: Node[] = [];
      for (let i = 0; i < level.length; i += 2)
        next.push(this.diagram.or(level[i] as Node, level[i + 1] ?? NONE));
      level = next;
    }
    return level[0] ?? NONE;
  }

  #net(side: Side, { ip, length }: Prefix): Node {
    if (ip.family !== this.family) return NONE;
    return this.#cube(
      LEVEL[side],
      Array.from({ length }, (_, i) => bitOf(ip, i)),
    );
  }

  #cube(level: number, bits: readonly (0 | 1 | undefined)[]): Node {
    return bits.reduceRight<Node>(
      (rest, bit, i) =>
        bit === undefined
          ? rest
          : this.diagram.make(level + i, bit === 1 ? NONE : rest, bit === 1 ? rest : NONE),
      ALL,
    );
  }

  /** Numbers of `width` bits, most significant first, within the bounds. */
  #range(level: number, width: number, first: number, last: number): Node {
    const { diagram } = this;
    const within = (depth: number, low: number, high: number): Node => {
      const size = 2 ** (width - depth);
      if (low > high) return NONE;
      if (low <= 0 && high >= size - 1) return ALL;
      const half = size / 2;
      return diagram.make(
        level + depth,
        within(depth + 1, low, Math.min(high, half - 1)),
        within(depth + 1, Math.max(low, half) - half, high - half),
      );
    };
    return within(0, first, last);
  }
}
