import { compareIp, formatIp, formatPrefix, type Prefix } from '@muslin/net';
import type { PathAttributes } from '../src/index.ts';
import { type ExportTreatment, exportRoute } from '../src/rib/export-rules.ts';
import { type ImportTreatment, importRoute } from '../src/rib/import-rules.ts';
import type { RibPeer } from '../src/rib/rib-peer.ts';
import { asPathLength, neighbourAs } from '../src/wire/as-path.ts';

/** A route as it was received. */
export interface SpecRoute {
  readonly prefix: Prefix;
  readonly pathId: number;
  readonly attributes: PathAttributes;
}

/** A peer, and everything that it has sent and not withdrawn. */
export interface SpecPeer {
  readonly source: RibPeer;
  readonly importTreatment: ImportTreatment | undefined;
  readonly exportTreatment: ExportTreatment | undefined;
  readonly received: readonly SpecRoute[];
}

/** Cost to reach a next hop, by its text; 0 where nothing is told. */
export type Costs = ReadonlyMap<string, number>;

interface Path {
  readonly source: RibPeer;
  readonly route: SpecRoute;
  readonly attributes: PathAttributes;
}

const ORIGIN = { igp: 0, egp: 1, incomplete: 2 } as const;

/** What the routing tables mean: the best path of each prefix, as a function of all that is known (RFC 4271 §9.1). */
export function specifyBest(peers: readonly SpecPeer[], costs: Costs): Map<string, Path> {
  const best = new Map<string, Path>();
  for (const [text, paths] of pathsByPrefix(peers)) {
    const [winner] = chooseAmong(paths, costs);
    if (winner !== undefined) best.set(text, winner);
  }
  return best;
}

/** What each peer must have been told: prefix → attributes (RFC 4271 §9.1.3, §9.2). */
export function specifyAdvertised(
  peers: readonly SpecPeer[],
  costs: Costs,
  to: SpecPeer,
): Map<string, PathAttributes> {
  const told = new Map<string, PathAttributes>();
  if (to.exportTreatment === undefined) return told;
  for (const [text, { source, route, attributes }] of specifyBest(peers, costs)) {
    if (source.slot === to.source.slot) continue;
    const sent = exportRoute(to.exportTreatment, attributes, source, route.prefix);
    if (sent.ok) told.set(text, sent.value);
  }
  return told;
}

/** What a peer that takes all paths must have been told (RFC 7911): prefix → attributes, in no order. */
export function specifyAllPaths(
  peers: readonly SpecPeer[],
  costs: Costs,
  to: SpecPeer,
): Map<string, PathAttributes[]> {
  const told = new Map<string, PathAttributes[]>();
  if (to.exportTreatment === undefined) return told;
  for (const [text, paths] of pathsByPrefix(peers)) {
    for (const { source, route, attributes } of reachable(paths, costs)) {
      if (source.slot === to.source.slot) continue;
      const sent = exportRoute(to.exportTreatment, attributes, source, route.prefix);
      if (sent.ok) told.set(text, [...(told.get(text) ?? []), sent.value]);
    }
  }
  return told;
}

function costOf({ attributes: { nextHop } }: Path, costs: Costs): number {
  return (nextHop && costs.get(formatIp(nextHop.ip))) ?? 0;
}

function reachable(paths: readonly Path[], costs: Costs): Path[] {
  return paths.filter(path => costOf(path, costs) < Number.POSITIVE_INFINITY);
}

function pathsByPrefix(peers: readonly SpecPeer[]): Map<string, Path[]> {
  const all = new Map<string, Path[]>();
  for (const { source, importTreatment, received } of peers) {
    for (const route of received) {
      const taken =
        importTreatment === undefined
          ? { attributes: route.attributes }
          : importRoute(importTreatment, route.attributes, route.prefix);
      if (!('attributes' in taken)) continue;
      const text = formatPrefix(route.prefix);
      all.set(text, [...(all.get(text) ?? []), { source, route, attributes: taken.attributes }]);
    }
  }
  return all;
}

/** RFC 4271 §9.1.2.2 with RFC 4456 §9, step by step as the text has it. */
function chooseAmong(all: readonly Path[], costs: Costs): Path[] {
  let left = reachable(all, costs);
  const lowest = (key: (path: Path) => number) => {
    const best = Math.min(...left.map(key));
    left = left.filter(path => key(path) === best);
  };
  lowest(p => (p.source.kind === 'own' ? 0 : 1));
  lowest(p => -(p.attributes.localPref ?? 100));
  lowest(p => asPathLength(p.attributes.asPath ?? []));
  lowest(p => ORIGIN[p.attributes.origin ?? 'incomplete']);
  const from = (p: Path) => neighbourAs(p.attributes.asPath ?? []);
  const med = (p: Path) => p.attributes.med ?? 0;
  left = left.filter(m => !left.some(n => from(m) === from(n) && med(n) < med(m)));
  lowest(p => (p.source.kind === 'ibgp' ? 1 : 0));
  lowest(p => costOf(p, costs));
  lowest(p => (p.attributes.originatorId ?? p.source.routerId).bits);
  lowest(p => p.attributes.clusterList?.length ?? 0);
  left.sort((a, b) => compareIp(a.source.address, b.source.address) || a.route.pathId - b.route.pathId);
  return left;
}
