import { ip4, sameIp } from '@muslin/net';
import type { PathTable } from '../rib/path-table.ts';
import type { BestPaths, Rib } from '../rib/rib.ts';
import { MARK } from '../rib/stored-columns.ts';
import { linkBandwidth } from '../wire/extended-community.ts';
import { showNextHop } from '../wire/next-hop.ts';
import type { BestNextHop, Output } from './output.ts';

type BestChanged = Extract<Output, { readonly kind: 'bestChanged' }>;

const NO_WAY: readonly BestNextHop[] = [];

/** Tells the shell about prefixes whose best way changed. Next hops are values: prefixes share them. */
export class BestOutputs {
  readonly #rib: Rib;
  /** Plain ways of weight 1, by source and IPv4 next hop; each alone in a list. */
  readonly #plain = new Map<number, readonly [BestNextHop]>();
  #lastKey = -1;
  #last: readonly [BestNextHop] | undefined;

  constructor(rib: Rib) {
    this.#rib = rib;
  }

  output({ family, entry, paths }: BestPaths): BestChanged {
    const table = this.#rib.families[family];
    const prefix = table.prefixes.prefix(entry);
    const [first] = paths;
    if (first === undefined) return { kind: 'bestChanged', prefix, source: 'none', nextHops: NO_WAY };
    const source = this.#rib.peers.get(table.paths.slot[first] as number).kind;
    if (source === 'own') return { kind: 'bestChanged', prefix, source, nextHops: NO_WAY };
    const nextHops = this.#plainHops(family, paths) ?? this.#nextHops(family, paths);
    return { kind: 'bestChanged', prefix, source, nextHops };
  }

  /** To be called before peers change. */
  forget(): void {
    this.#lastKey = -1;
    if (this.#plain.size > 0) this.#plain.clear();
  }

  /** The common case, cheaply: IPv4 ways of equal weight. */
  #plainHops(family: BestPaths['family'], paths: BestPaths['paths']): readonly BestNextHop[] | undefined {
    const table = this.#rib.families[family].paths;
    if (paths.length === 1) return this.#plainWay(table, paths[0] as number);
    const hops: BestNextHop[] = [];
    for (const path of paths) {
      const alone = this.#plainWay(table, path);
      if (alone === undefined) return undefined;
      // Two reflectors tell of the same way twice.
      if (!hops.some(known => sameIp(known.ip, alone[0].ip))) hops.push(alone[0]);
    }
    return hops;
  }

  #plainWay({ slot, accepted }: PathTable, path: number): readonly [BestNextHop] | undefined {
    const { hop, marks } = this.#rib.attributes;
    const id = accepted[path] as number;
    const bits = hop[id] as number;
    if (bits === 0 || (marks[id] as number) & MARK.extended) return undefined;
    return this.#plainHop(slot[path] as number, bits);
  }

  #plainHop(slot: number, bits: number): readonly [BestNextHop] {
    const key = slot * 2 ** 32 + bits;
    if (key === this.#lastKey && this.#last !== undefined) return this.#last;
    // The first one of a call has no need of the map, and is mostly the only one.
    let alone = this.#lastKey === -1 ? undefined : this.#plain.get(key);
    if (alone === undefined) {
      alone = [{ ip: ip4(bits), peer: this.#rib.peers.get(slot).id, weight: 1 }];
      if (this.#lastKey !== -1) this.#plain.set(key, alone);
    }
    this.#lastKey = key;
    this.#last = alone;
    return alone;
  }

  #nextHops(family: BestPaths['family'], paths: BestPaths['paths']): BestNextHop[] {
    const table = this.#rib.families[family].paths;
    const rates: (number | undefined)[] = [];
    const hops: Omit<BestNextHop, 'weight'>[] = [];
    const seen = new Set<string>();
    for (const path of paths) {
      const attributes = this.#rib.attributes.value(table.accepted[path] as number);
      const key = attributes.nextHop === undefined ? '' : showNextHop(attributes.nextHop);
      if (attributes.nextHop === undefined || seen.has(key)) continue;
      seen.add(key);
      rates.push(attributes.extendedCommunities?.map(linkBandwidth).find(rate => rate !== undefined));
      hops.push({ ...attributes.nextHop, peer: this.#rib.peers.get(table.slot[path] as number).id });
    }
    const most = Math.max(...rates.map(rate => rate ?? 0));
    const weighted = hops.length > 1 && most > 0 && rates.every(rate => rate !== undefined);
    // The kernel takes weights of 1 to 256.
    return hops.map((hop, i) => ({
      ...hop,
      weight: weighted ? Math.max(1, Math.round(((rates[i] as number) / most) * 256)) : 1,
    }));
  }
}
