import type { PathTable } from '../rib/path-table.ts';
import type { BestPaths, Rib } from '../rib/rib.ts';
import { linkBandwidth } from '../wire/extended-community.ts';
import { showNextHop } from '../wire/next-hop.ts';
import type { BestNextHop, Output } from './output.ts';

/** Tells the shell about a prefix whose best way changed. */
export function bestOutput(rib: Rib, best: BestPaths): Output {
  const table = rib.families[best.family];
  const prefix = table.prefixes.prefix(best.entry);
  const [first] = best.paths;
  if (first === undefined) return { kind: 'bestChanged', prefix, source: 'none', nextHops: [] };
  const source = rib.peers.get(table.paths.slot[first] as number).kind;
  if (source === 'own') return { kind: 'bestChanged', prefix, source, nextHops: [] };
  return { kind: 'bestChanged', prefix, source, nextHops: nextHopsOf(rib, best) };
}

/** The common case, cheaply: one way. */
function singleHop(rib: Rib, paths: PathTable, path: number): BestNextHop[] {
  const { nextHop } = rib.attributes.value(paths.accepted[path] as number);
  if (nextHop === undefined) return [];
  const peer = rib.peers.get(paths.slot[path] as number).id;
  return [
    nextHop.linkLocal === undefined ? { ip: nextHop.ip, peer, weight: 1 } : { ...nextHop, peer, weight: 1 },
  ];
}

function nextHopsOf(rib: Rib, best: BestPaths): BestNextHop[] {
  const { paths } = rib.families[best.family];
  if (best.paths.length === 1) return singleHop(rib, paths, best.paths[0] as number);
  const rates: (number | undefined)[] = [];
  const hops: Omit<BestNextHop, 'weight'>[] = [];
  const seen = new Set<string>();
  for (const path of best.paths) {
    const attributes = rib.attributes.value(paths.accepted[path] as number);
    // Two reflectors tell of the same way twice.
    const key = attributes.nextHop === undefined ? '' : showNextHop(attributes.nextHop);
    if (attributes.nextHop === undefined || seen.has(key)) continue;
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
