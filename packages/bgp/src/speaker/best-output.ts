import type { BestPaths, Rib } from '../rib/rib.ts';
import { linkBandwidth } from '../wire/community.ts';
import { showNextHop } from '../wire/next-hop.ts';
import type { BestNextHop, Output } from './output.ts';

/** Tells the shell about a prefix whose best way changed. */
export function bestOutput(rib: Rib, best: BestPaths, maxPaths: number): Output {
  const table = rib.families[best.family];
  const prefix = table.prefixes.prefix(best.entry);
  const [first] = best.paths;
  if (first === undefined) return { kind: 'bestChanged', prefix, source: 'none', nextHops: [] };
  const source = rib.peers.get(table.paths.slot[first] as number).kind;
  if (source === 'own') return { kind: 'bestChanged', prefix, source, nextHops: [] };
  return { kind: 'bestChanged', prefix, source, nextHops: nextHopsOf(rib, best, maxPaths) };
}

function nextHopsOf(rib: Rib, best: BestPaths, maxPaths: number): BestNextHop[] {
  const { paths } = rib.families[best.family];
  const rates: (number | undefined)[] = [];
  const hops: Omit<BestNextHop, 'weight'>[] = [];
  const seen = new Set<string>();
  for (const path of best.paths) {
    const attributes = rib.attributes.value(paths.accepted[path] as number);
    // Two reflectors tell of the same way twice.
    const key = attributes.nextHop === undefined ? '' : showNextHop(attributes.nextHop);
    if (attributes.nextHop === undefined || seen.has(key)) continue;
    if (hops.length === maxPaths) break;
    seen.add(key);
    rates.push(attributes.extendedCommunities?.map(linkBandwidth).find(rate => rate !== undefined));
    hops.push({ ...attributes.nextHop, peer: rib.peers.get(paths.slot[path] as number).id });
  }
  const most = Math.max(...rates.map(rate => rate ?? 0));
  const weighted = most > 0 && rates.every(rate => rate !== undefined);
  // The kernel takes weights of 1 to 256.
  return hops.map((hop, i) => ({
    ...hop,
    weight: weighted ? Math.max(1, Math.round(((rates[i] as number) / most) * 256)) : 1,
  }));
}
