import type { ConntrackState } from '@muslin/dataplane';
import { type Family, formatIp, type Ip, mustIp } from '@muslin/net';
import type { Dice } from './dice.ts';
import { PORTS } from './population.ts';
import type { RawPacket } from './raw-packet.ts';
import type { Place } from './witnesses.ts';

/** A packet that some place puts on its link, whosever address it says. */
export interface Shot {
  readonly from: Place;
  readonly packet: RawPacket;
  /** What connection tracking must think of it; undefined where that depends on what was sent before. */
  readonly ctState: ConntrackState | undefined;
}

export const showShot = ({ from, packet }: Shot) => {
  const { src, dst, protocol, sport, dport, icmp } = packet;
  const what =
    protocol === 1 || protocol === 58 ? `type ${icmp.type} code ${icmp.code}` : `${sport} -> ${dport}`;
  return `${from.name} as ${formatIp(src)} -> ${formatIp(dst)}, protocol ${protocol}, ${what}`;
};

/** Addresses that are nobody's, or everybody's: RFC 6890, RFC 4291, and two of the networks around. */
const STRANGE: Readonly<Record<Family, readonly string[]>> = {
  4: [
    '0.0.0.0',
    '127.0.0.1',
    '169.254.1.1',
    '169.254.7.7',
    '224.0.0.1',
    '239.1.1.1',
    '255.255.255.255',
  ].concat(['10.0.0.99', '203.0.113.77', '192.0.2.255']),
  6: [
    '::',
    '::1',
    'fe80::1',
    'fe80::7',
    'ff02::1',
    'ff05::2',
    '::ffff:10.0.0.5',
    'fd00::99',
    '2001:db8:7::7',
  ],
};
const GROUPS: Readonly<Record<Family, readonly string[]>> = {
  4: ['255.255.255.255', '224.0.0.1', '192.0.2.255'],
  6: ['ff02::1', 'ff02::2', 'ff02::16'],
};
/** Type, code, and what tracking thinks of the first one. */
const ICMP: Readonly<Record<Family, readonly (readonly [number, number, ConntrackState])[]>> = {
  4: [
    [8, 0, 'NEW'],
    [8, 0, 'NEW'],
    [8, 4, 'NEW'],
    [13, 0, 'NEW'],
    [0, 0, 'INVALID'],
  ],
  6: [
    [128, 0, 'NEW'],
    [128, 0, 'NEW'],
    [128, 4, 'NEW'],
    [129, 0, 'INVALID'],
    [135, 0, 'UNTRACKED'],
    [136, 0, 'UNTRACKED'],
  ],
};

/** What tracking has numbers of each connection for; SCTP is not always among that. */
const PORTED: ReadonlySet<number> = new Set([1, 6, 17, 58]);

/** Packets of every protocol that policies tell apart, a part of them from addresses that are not the sender's. */
export class ShotDice {
  readonly #dice: Dice;
  readonly #places: Readonly<Record<Family, readonly Place[]>>;
  #id = 0;
  /** Protocols whose connections tracking tells apart by addresses alone, with the ends that already have one. */
  readonly #alone = new Set<string>();

  constructor(dice: Dice, places: Readonly<Record<Family, readonly Place[]>>) {
    this.#dice = dice;
    this.#places = places;
  }

  /** The numbers begin again: what was seen before is forgotten. */
  restart(): void {
    this.#id = 0;
    this.#alone.clear();
  }

  /** Anybody but the node itself sends anything to anybody. */
  any(): Shot {
    const dice = this.#dice;
    const family = dice.pick([4, 6] as const);
    const places = this.#places[family];
    const outside = places.filter(place => place.pod === undefined && place.node === undefined);
    const from = dice.pick(dice.chance(0.2) ? outside : places.filter(place => place.node === undefined));
    const others = places.filter(place => place !== from);
    const src = dice.pick([
      ...[from.ip, from.ip, from.ip],
      dice.pick(others).ip,
      dice.pick(others).ip,
      dice.pick(STRANGE[family]),
    ]);
    const dst = dice.chance(0.9) ? dice.pick(others).ip : dice.pick(GROUPS[family]);
    const rolled = dice.pick([
      6,
      6,
      17,
      17,
      132,
      132,
      47,
      89,
      253,
      4,
      ...Array(4).fill(family === 4 ? 1 : 58),
    ]);
    const protocol = PORTED.has(rolled) || this.#isFirst(rolled, src, dst) ? rolled : 17;
    const [type, code, asIcmp] = dice.pick(ICMP[family]);
    const dport = dice.chance(0.1) ? dice.pick([67, 68, 4789]) : dice.pick(PORTS).port;
    const packet = this.#packet(mustIp(src), mustIp(dst), protocol, dport, { type, code });
    return { from, packet, ctState: protocol === 1 || protocol === 58 ? asIcmp : 'NEW' };
  }

  /** Two pods' datagrams to each other, then somebody else's that say to be a part of that, both ways. */
  exchange(): { readonly honest: readonly Shot[]; readonly forged: readonly Shot[] } {
    const dice = this.#dice;
    const places = this.#places[dice.pick([4, 6] as const)];
    const pods = places.filter(place => place.pod !== undefined);
    const from = dice.pick(pods);
    const to = dice.pick(places.filter(place => place !== from && place.node === undefined));
    const forger = dice.pick(pods.filter(place => place !== from && place !== to));
    const there = this.#packet(mustIp(from.ip), mustIp(to.ip), 17, dice.pick(PORTS).port, {
      type: 0,
      code: 0,
    });
    const back = () => ({
      ...{ ...there, id: this.#next(), src: there.dst, dst: there.src },
      ...{ sport: there.dport, dport: there.sport },
    });
    const tracked = { ctState: undefined };
    return {
      honest: [
        { from, packet: there, ctState: 'NEW' },
        { from: to, packet: back(), ...tracked },
      ],
      forged: [
        { from: forger, packet: { ...there, id: this.#next() }, ...tracked },
        { from: forger, packet: back(), ...tracked },
      ],
    };
  }

  #isFirst(protocol: number, ...ends: readonly string[]): boolean {
    const key = [protocol, ...ends.toSorted()].join();
    const first = !this.#alone.has(key);
    this.#alone.add(key);
    return first;
  }

  #packet(src: Ip, dst: Ip, protocol: number, dport: number, icmp: RawPacket['icmp']): RawPacket {
    const id = this.#next();
    // No two are of one connection.
    return { src, dst, protocol, sport: 10_000 + id, dport, icmp, id };
  }

  #next(): number {
    return ++this.#id;
  }
}
