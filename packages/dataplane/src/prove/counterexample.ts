import type { SetId } from '@muslin/api';
import { type Family, formatIp, type Ip, ip4, ip6 } from '@muslin/net';
import { type ConntrackState, ICMP_PROTOCOL, PORT_PROTOCOLS } from '../ir/packet.ts';
import { type Node, NONE } from './diagram.ts';
import { LEVEL, type Space, stateOf } from './space.ts';

/** A packet, as far as a proof sees it: sets are names, whoever is in them. */
export interface SamplePacket {
  readonly src: Ip;
  readonly dst: Ip;
  readonly protocol: number;
  readonly sport?: number;
  readonly dport?: number;
  readonly icmp?: { readonly type: number; readonly code: number };
  readonly ctState: ConntrackState;
  readonly mark: number;
  /** Sets that its addresses, or address and port, are in: `src` or `dst`, then the set. */
  readonly in: readonly { readonly key: string; readonly set: SetId }[];
  readonly srcLocal?: true;
  readonly dstLocal?: true;
}

/** What people expect where nothing was said: a new TCP connection to port 80 of some address. */
const USUAL = {
  protocol: 6,
  sport: 40_000,
  dport: 80,
  icmpType: 8,
  src: [10, 0, 0, 1],
  dst: [10, 0, 0, 2],
} as const;

/** A packet of a set, and the value of each variable for it. */
export interface Sample {
  readonly packet: SamplePacket;
  readonly bit: (level: number) => boolean;
}

/** A packet of the set, as usual as it allows. The set must hold one. */
export function sampleOf(node: Node, space: Space): Sample {
  const values = new Map<number, boolean>();
  const usual = usualBits(space.family);
  let at = space.diagram.first(node);
  while (at !== undefined) {
    const wanted = usual.get(at.variable) ?? false;
    const value = (wanted ? at.high : at.low) === NONE ? !wanted : wanted;
    values.set(at.variable, value);
    at = space.diagram.first(value ? at.high : at.low);
  }
  const bit = (level: number) => values.get(level) ?? usual.get(level) ?? false;
  const number = (level: number, width: number) => {
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 2 + (bit(level + i) ? 1 : 0);
    return value;
  };
  const protocol = number(LEVEL.protocol, 8);
  const hasPorts = PORT_PROTOCOLS.has(protocol);
  let mark = 0;
  for (let i = 0; i < 32; i++) if (bit(LEVEL.mark + i)) mark = (mark | (1 << i)) >>> 0;
  const atoms = [...space.atoms].filter(({ level }) => values.get(level) === true).map(({ atom }) => atom);
  const local = (side: 'src' | 'dst') => atoms.some(atom => atom.kind === 'local' && atom.side === side);
  const packet: SamplePacket = {
    src: addressAt('src', space.family, number),
    dst: addressAt('dst', space.family, number),
    protocol,
    ...(hasPorts && { sport: number(LEVEL.sport, 16), dport: number(LEVEL.dport, 16) }),
    ...(protocol === ICMP_PROTOCOL[space.family] && {
      icmp: { type: number(LEVEL.icmpType, 8), code: number(LEVEL.icmpCode, 8) },
    }),
    ctState: stateOf(bit),
    mark,
    in: atoms.flatMap(atom =>
      'set' in atom ? [{ key: atom.kind === 'port' ? atom.key : atom.side, set: atom.set }] : [],
    ),
    ...(local('src') && { srcLocal: true as const }),
    ...(local('dst') && { dstLocal: true as const }),
  };
  return { packet, bit };
}

/** The packet in words. */
export function sampleText(packet: SamplePacket): string {
  const { src, dst, protocol, sport, dport, icmp, ctState } = packet;
  const ends = `${formatIp(src)}${portText(sport)} to ${formatIp(dst)}${portText(dport)}`;
  const type = icmp === undefined ? '' : `, ICMP type ${icmp.type} code ${icmp.code}`;
  const sets = packet.in.map(({ key, set }) => `, ${key} in ${JSON.stringify(set)}`);
  return `${ctState} protocol ${protocol} ${ends}${type}${sets.join('')}`;
}

const portText = (port: number | undefined) => (port === undefined ? '' : ` port ${port}`);

function addressAt(
  side: 'src' | 'dst',
  family: Family,
  number: (level: number, width: number) => number,
): Ip {
  const at = LEVEL[side];
  if (family === 4) return ip4(number(at, 32));
  return ip6(number(at, 32), number(at + 32, 32), number(at + 64, 32), number(at + 96, 32));
}

function usualBits(family: Family): ReadonlyMap<number, boolean> {
  const bits = new Map<number, boolean>();
  const put = (level: number, width: number, value: number) => {
    for (let i = 0; i < width; i++) bits.set(level + i, Math.floor(value / 2 ** (width - 1 - i)) % 2 === 1);
  };
  put(LEVEL.protocol, 8, USUAL.protocol);
  put(LEVEL.sport, 16, USUAL.sport);
  put(LEVEL.dport, 16, USUAL.dport);
  put(LEVEL.icmpType, 8, USUAL.icmpType);
  for (const side of ['src', 'dst'] as const) {
    const bytes = family === 4 ? USUAL[side] : [0xfd, ...Array<number>(14).fill(0), side === 'src' ? 1 : 2];
    for (const [i, byte] of bytes.entries()) put(LEVEL[side] + 8 * i, 8, byte);
  }
  return bits;
}
