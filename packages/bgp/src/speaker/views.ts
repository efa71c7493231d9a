import type { Prefix } from '@muslin/net';
import { reasonText } from '../rib/decision.ts';
import { EXCLUSIONS, type Exclusion } from '../rib/path-table.ts';
import type { Rib } from '../rib/rib.ts';
import { ALL_FAMILIES, type RouteFamily, unicastOf } from '../wire/route-family.ts';
import type { Peer } from './peer.ts';
import type { FamilyView, PeerView, PeerWish } from './peer-view.ts';
import type { Explanation, LostRoute, RouteView } from './route-view.ts';
import { entriesIn, type RouteWindow } from './route-window.ts';

/** A peer for display. */
export function viewPeer(peer: Peer, rib: Rib): PeerView {
  const { live, config } = peer;
  const negotiated = live?.negotiated;
  return {
    id: config.id,
    remoteIp: config.remoteIp,
    state: peer.state,
    since: peer.since,
    lastError: peer.lastError,
    connectError: peer.connectError,
    established: peer.established,
    localIp: live?.connection.localIp,
    remoteAs: negotiated?.remoteAs,
    remoteId: negotiated?.remoteId,
    external: negotiated?.external,
    holdTime: negotiated?.holdTime,
    keepaliveTime: negotiated?.keepaliveTime,
    hostName: negotiated?.hostName,
    capabilities: negotiated?.capabilities ?? [],
    messagesIn: { ...peer.messagesIn },
    messagesOut: { ...peer.messagesOut },
    families: ALL_FAMILIES.map(family => viewFamily(peer, rib, family)),
    faults: { ...peer.faults },
    addPath: {
      receive: ALL_FAMILIES.some(family => negotiated?.receive.addPath[family]),
      send: ALL_FAMILIES.some(family => negotiated?.send.addPath[family]),
    },
    wish: wishOf(peer),
    history: peer.history.view,
  };
}

function wishOf({ config, sessions, held }: Peer): PeerWish {
  const { localAs, routerId } = sessions.config;
  const { transport } = config;
  return {
    localAs,
    routerId,
    remoteAs: config.remoteAs,
    port: transport.port ?? 179,
    source: transport.source,
    passive: config.passive,
    enabled: config.enabled,
    shutdownText: config.shutdownText,
    signed: transport.passwordKey !== undefined,
    ttlSecurityHops: transport.ttlSecurityHops,
    families: config.families,
    overLimit: held,
  };
}

function viewFamily(peer: Peer, rib: Rib, family: RouteFamily): FamilyView {
  const table = rib.families[family];
  const group = rib.group(family, peer.slot);
  return {
    family,
    agreed: peer.live?.negotiated.families[family] ?? false,
    received: table.receivedCount(peer.slot),
    accepted: table.acceptedCount(peer.slot),
    advertised: group?.advertisedCount(peer.slot) ?? 0,
    stale: peer.stale.has(family) ? table.staleCount(peer.slot) : 0,
    queued: group?.member(peer.slot)?.behind ?? 0,
    endOfRib: peer.live?.endOfRib.has(family) ?? false,
  };
}

function viewPath(rib: Rib, family: RouteFamily, path: number, attributes: number): RouteView {
  const table = rib.families[family];
  const { paths } = table;
  const source = rib.peers.get(paths.slot[path] as number);
  const entry = paths.prefix[path] as number;
  return {
    prefix: table.prefixes.prefix(entry),
    peer: source.id,
    source: source.kind,
    pathId: paths.pathId[path] as number,
    attributes: rib.attributes.value(attributes),
    best: table.best[entry] === path,
    stale: paths.stale[path] !== 0,
  };
}

/** The best route of each prefix, in address order. */
export function bestRoutes(rib: Rib, family: RouteFamily, window: RouteWindow = {}): RouteView[] {
  const table = rib.families[family];
  const bestOf = (entry: number) => table.best[entry] as number;
  return entriesIn(table.prefixes, window, entry => bestOf(entry) !== 0).map(entry =>
    viewPath(rib, family, bestOf(entry), table.paths.accepted[bestOf(entry)] as number),
  );
}

/** What a peer sent, before import policy, in address order. */
export function receivedRoutes(rib: Rib, slot: number, window: RouteWindow = {}): RouteView[] {
  return overFamilies(window, (family, part) => {
    const table = rib.families[family];
    const pathsTo = (entry: number) => {
      const found: number[] = [];
      for (let path = table.head(entry); path !== 0; path = table.paths.next[path] as number)
        if (table.paths.slot[path] === slot) found.push(path);
      return found;
    };
    return entriesIn(table.prefixes, part, entry => pathsTo(entry).length > 0).map(entry =>
      pathsTo(entry).map(path => viewPath(rib, family, path, table.paths.received[path] as number)),
    );
  });
}

/** What a peer is sent, as it is sent, in address order. */
export function advertisedRoutes(rib: Rib, slot: number, window: RouteWindow = {}): RouteView[] {
  return overFamilies(window, (family, part) => {
    const group = rib.group(family, slot);
    if (group === undefined) return [];
    const { prefixes } = rib.families[family];
    const sentTo = (entry: number) => group.advertisedPaths(slot, entry);
    return entriesIn(prefixes, part, entry => sentTo(entry).length > 0).map(entry =>
      sentTo(entry).map(sent => viewPath(rib, family, sent.path, sent.attributes)),
    );
  });
}

/** IPv4 first: routes by prefix of one family after the other, as many prefixes as the window has. */
function overFamilies(
  window: RouteWindow,
  list: (family: RouteFamily, part: RouteWindow) => readonly (readonly RouteView[])[],
): RouteView[] {
  const { after, most = Number.POSITIVE_INFINITY } = window;
  const found: (readonly RouteView[])[] = [];
  const first = after === undefined ? 0 : ALL_FAMILIES.indexOf(unicastOf(after.ip.family));
  for (const family of ALL_FAMILIES.slice(first)) {
    if (found.length >= most) break;
    const here = after !== undefined && unicastOf(after.ip.family) === family ? { after } : {};
    found.push(...list(family, { ...here, most: most - found.length }));
  }
  return found.flat();
}

const EXCLUSION_WORDS: Readonly<Record<Exclusion, string>> = {
  'import-filter': 'an import filter rejects it',
  'as-loop': 'our own AS is in its path (RFC 4271 §9.1.2)',
  'originator-loop': 'it started at this speaker (RFC 4456 §8)',
  'cluster-loop': 'it passed this cluster before (RFC 4456 §8)',
  'own-next-hop': 'its next hop is our own address (RFC 4271 §6.3)',
  'first-as': "its path does not start with the peer's AS (RFC 4271 §6.3)",
  'route-leak': 'it must not come from this peer (RFC 9234 §5)',
  'next-hop-unreachable': 'its next hop is not reachable (RFC 4271 §9.1.2.1)',
  'not-unicast': 'no packet can have such a destination (RFC 4271 §6.3)',
};

/** Why a prefix is routed as it is. */
export function explainPrefix(rib: Rib, prefix: Prefix, peers: readonly Peer[]): Explanation {
  const family = unicastOf(prefix.ip.family);
  const table = rib.families[family];
  const entry = rib.find(prefix);
  if (entry === 0) return { prefix, winner: undefined, alsoUsed: [], lost: [], told: [], withheld: [] };
  const { paths, decision } = table.decision(entry);
  const view = (i: number) => {
    const path = paths[i] as number;
    return viewPath(rib, family, path, table.paths.accepted[path] as number);
  };
  const lost: LostRoute[] = [];
  decision.lostBecause.forEach((reason, i) => {
    if (reason === undefined || decision.equal.includes(i)) return;
    lost.push({ ...view(i), lostBecause: reason, words: reasonText(reason) });
  });
  for (let path = table.head(entry); path !== 0; path = table.paths.next[path] as number) {
    const excluded = EXCLUSIONS[table.paths.exclusion[path] as number];
    const exclusion = excluded === 'none' && !table.isReachable(path) ? 'next-hop-unreachable' : excluded;
    if (exclusion === undefined || exclusion === 'none') continue;
    const route = viewPath(rib, family, path, table.paths.received[path] as number);
    lost.push({ ...route, lostBecause: exclusion, words: EXCLUSION_WORDS[exclusion] });
  }
  return {
    prefix,
    winner: decision.best < 0 ? undefined : view(decision.best),
    alsoUsed: decision.equal.slice(1).map(view),
    lost,
    told: toldOf(rib, family, entry, peers),
    withheld: withheldFrom(rib, family, entry, peers),
  };
}

function toldOf(rib: Rib, family: RouteFamily, entry: number, peers: readonly Peer[]): readonly string[] {
  return peers.flatMap(peer => {
    const sent = rib.group(family, peer.slot)?.advertisedPaths(peer.slot, entry) ?? [];
    return sent.length === 0 ? [] : [peer.config.id];
  });
}

function withheldFrom(
  rib: Rib,
  family: RouteFamily,
  entry: number,
  peers: readonly Peer[],
): Explanation['withheld'] {
  const best = rib.families[family].best[entry] as number;
  if (best === 0) return [];
  const source = rib.families[family].paths.slot[best];
  return peers.flatMap(peer => {
    const group = rib.group(family, peer.slot);
    if (group === undefined) {
      const because = peer.live === undefined ? 'the session is not up' : `it takes no ${family}`;
      return [{ peer: peer.config.id, because }];
    }
    const because = source === peer.slot ? 'it came from this peer' : group.withheld(entry);
    return because === undefined ? [] : [{ peer: peer.config.id, because }];
  });
}
