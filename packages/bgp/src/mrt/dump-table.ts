import { comparePrefix, type Ip4, ip4, type Prefix } from '@muslin/net';
import type { Speaker } from '../speaker.ts';
import type { PeerView } from '../speaker/peer-view.ts';
import type { RouteView } from '../speaker/route-view.ts';
import { ROUTE_FAMILIES, type RouteFamily, unicastOf } from '../wire/route-family.ts';
import { encodeMrt } from './mrt-codec.ts';
import type { MrtPath, MrtPeer } from './mrt-record.ts';
import { encodeRibAttributes } from './rib-attributes.ts';

/** What a dump of a speaker's table needs beside the speaker. */
export interface DumpOptions {
  readonly routerId: Ip4;
  readonly asNumber: number;
  /** Now, in seconds since 1970. */
  readonly seconds: number;
  /** Name of the view. Default empty. */
  readonly view?: string;
}

type Tables = Pick<Speaker, 'peers' | 'received' | 'routes'>;

interface Source {
  readonly index: number;
  readonly routes: readonly RouteView[];
  at: number;
}

/**
 * A TABLE_DUMP_V2 (RFC 6396 §4.3): what each peer told, before import filters, and as peer 0, 0.0.0.0, what this speaker
 * originates. Gives one record at a time; what the speaker knew when the dump began is dumped.
 */
export function* dumpTable(speaker: Tables, options: DumpOptions): Generator<Uint8Array> {
  const { routerId, asNumber, seconds, view = '' } = options;
  const at = { seconds };
  const views = speaker.peers();
  const own: MrtPeer = { id: routerId, ip: ip4(0), asNumber };
  const peers = [own, ...views.map(peerOf)];
  yield encodeMrt({ kind: 'peers', at, collector: routerId, view, peers });
  const families = ROUTE_FAMILIES.map(({ name }) => name);
  const ownRoutes = families.flatMap(family =>
    speaker.routes(family).filter(route => route.source === 'own'),
  );
  const lists = [ownRoutes, ...views.map(peer => speaker.received(peer.id))];
  let sequence = 0;
  for (const family of families) {
    const sources = lists.map(
      (routes, index): Source => ({ index, routes: routes.filter(r => familyOf(r) === family), at: 0 }),
    );
    for (let prefix = lowest(sources); prefix !== undefined; prefix = lowest(sources)) {
      const paths = sources.flatMap(source => take(source, prefix as Prefix, seconds));
      const addPath = paths.some(path => path.pathId !== 0);
      yield encodeMrt({ kind: 'rib', at, family, addPath, sequence: sequence++, prefix, paths });
    }
  }
}

function peerOf({ remoteId, remoteIp, remoteAs, wish }: PeerView): MrtPeer {
  const configured = typeof wish.remoteAs === 'number' ? wish.remoteAs : 0;
  return { id: remoteId ?? ip4(0), ip: remoteIp, asNumber: remoteAs ?? configured };
}

function familyOf(route: RouteView): RouteFamily {
  return unicastOf(route.prefix.ip.family);
}

/** Each source is in address order, so the dump is. */
function lowest(sources: readonly Source[]): Prefix | undefined {
  let least: Prefix | undefined;
  for (const { routes, at } of sources) {
    const prefix = routes[at]?.prefix;
    if (prefix !== undefined && (least === undefined || comparePrefix(prefix, least) < 0)) least = prefix;
  }
  return least;
}

function take(source: Source, prefix: Prefix, originated: number): MrtPath[] {
  const paths: MrtPath[] = [];
  for (;;) {
    const route = source.routes[source.at];
    if (route === undefined || comparePrefix(route.prefix, prefix) !== 0) return paths;
    source.at++;
    const { pathId } = route;
    paths.push({ peer: source.index, originated, pathId, attributes: encodeRibAttributes(route.attributes) });
  }
}
