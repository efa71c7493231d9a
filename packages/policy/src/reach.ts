import type { EndpointKey, Snapshot } from '@muslin/api';
import { type Family, formatIp, type Ip } from '@muslin/net';
import type { FlowEnd } from './flow.ts';
import { Likeness } from './likeness.ts';
import { type LocatedEnd, Locator } from './locator.ts';
import { explainPath, firstPacket } from './path.ts';
import { hostPortRows } from './reach-host-ports.ts';
import { SnapshotView } from './snapshot-view.ts';

/** A port that can be dialled. */
export interface Dialled {
  /** IANA protocol number. */
  readonly protocol: number;
  readonly port: number;
}

/** What `reach` asks about. */
export interface ReachOptions {
  /** Ports to dial on every end, beside those that it declares. */
  readonly ports?: readonly Dialled[];
  /** Addresses outside the cluster, as both sources and destinations. */
  readonly externals?: readonly Ip[];
}

/** Who can open a connection to one port of one destination, or to a port of a node that leads to a pod. */
export interface ReachRow extends Dialled {
  /** A name of `ends`, or of `readHostPortEnd`. */
  readonly to: string;
  readonly family: Family;
  /** Sources by name, sorted: endpoint keys, and addresses of externals. The destination itself is not listed. */
  readonly from: readonly string[];
}

/** Every pair of ends: a connection is allowed if its row lists the source. */
export interface Reachability {
  /** All ends with an address, sorted by name. */
  readonly ends: readonly string[];
  /** Sorted by destination, protocol, port and family; ports of nodes last. */
  readonly rows: readonly ReachRow[];
}

/** Dialled on ends that declare no port: it stands for any port, as long as rules do not name it. */
export const PORT_OF_SILENT_ENDS: Dialled = { protocol: 6, port: 80 };

/** Who reaches whom: every end to every port that another declares, in each family that both have. */
export function reach(snapshot: Snapshot, options: ReachOptions = {}): Reachability {
  return reachPorts(snapshot, options.externals ?? [], key => portsOf([snapshot], key, options.ports ?? []));
}

/** The ports to dial on an end, given all snapshots that are looked at: declared, named and `extra` ones. */
export function portsOf(
  snapshots: readonly Snapshot[],
  key: EndpointKey,
  extra: readonly Dialled[],
): readonly Dialled[] {
  const endpoints = snapshots.map(snapshot => snapshot.endpoints.get(key));
  const found = endpoints.flatMap(endpoint => [
    ...(endpoint?.declaredPorts ?? []),
    ...(endpoint?.ports ?? []),
  ]);
  const all = [...found, ...extra].map(({ protocol, port }) => ({ protocol, port }));
  const list = all.length > 0 ? all : [PORT_OF_SILENT_ENDS];
  const unique = new Map(list.map(dialled => [`${dialled.protocol} ${dialled.port}`, dialled]));
  return [...unique.values()].sort((a, b) => a.protocol - b.protocol || a.port - b.port);
}

export interface NamedEnd {
  readonly name: string;
  readonly located: LocatedEnd;
}

/** `reach` with the ports of each end given. */
export function reachPorts(
  snapshot: Snapshot,
  externals: readonly Ip[],
  ports: (end: string) => readonly Dialled[],
): Reachability {
  const locator = new Locator(snapshot);
  const view = new SnapshotView(snapshot, locator);
  const likeness = new Likeness(snapshot, view);
  const ends = namedEnds(snapshot, locator, externals);
  const rows: ReachRow[] = [];
  const sourceClasses = new Map<string, number>();
  const answers = new Map<string, Map<number, boolean>>();

  for (const to of ends) {
    for (const { protocol, port } of ports(to.name)) {
      for (const family of [4, 6] as const) {
        const flow = { protocol, port, family };
        const sample = firstPacket(flow, to.located.ips, to.located.ips);
        if (sample === undefined) continue;
        const toClass = likeness.classOf('destination', to.located, sample);
        const key = `${toClass} ${protocol} ${port} ${family}`;
        let known = answers.get(key);
        if (known === undefined) answers.set(key, (known = new Map()));
        const from: string[] = [];
        for (const source of ends) {
          const packet = source === to ? undefined : firstPacket(flow, source.located.ips, to.located.ips);
          if (packet === undefined) continue;
          if (isSamePod(source.located, to.located)) {
            from.push(source.name);
            continue;
          }
          const sourceKey = `${source.name} ${family}`;
          let fromClass = sourceClasses.get(sourceKey);
          if (fromClass === undefined) {
            fromClass = likeness.classOf('source', source.located, packet);
            sourceClasses.set(sourceKey, fromClass);
          }
          const pair = fromClass * 2 + (isOwnNode(source.located, to.located) ? 1 : 0);
          let allowed = known.get(pair);
          if (allowed === undefined) {
            const path = explainPath(snapshot, view, source.located.identity, to.located.identity, packet);
            known.set(pair, (allowed = path.answer === 'allow'));
          }
          if (allowed) from.push(source.name);
        }
        rows.push({ to: to.name, protocol, port, family, from });
      }
    }
  }
  rows.push(...hostPortRows(snapshot, { locator, view, likeness }, ends));
  return { ends: ends.map(end => end.name), rows };
}

/** An external address may turn out to be the pod's own, which always reaches itself (netpol S21). */
function isSamePod({ identity: from }: LocatedEnd, { identity: to }: LocatedEnd): boolean {
  return from.kind === 'pod' && to.kind === 'pod' && from.endpoint === to.endpoint;
}

/** The one other relation between two ends that their classes do not show (netpol S19). */
function isOwnNode({ identity: from }: LocatedEnd, { identity: to }: LocatedEnd): boolean {
  return from.kind === 'node' && to.kind === 'pod' && from.node === to.node;
}

function namedEnds(snapshot: Snapshot, locator: Locator, externals: readonly Ip[]): readonly NamedEnd[] {
  const wanted: (readonly [string, FlowEnd])[] = [
    ...[...snapshot.endpoints.keys()].map(key => [key, { endpoint: key }] as const),
    ...externals.map(ip => [formatIp(ip), { ip }] as const),
  ];
  return [...new Map(wanted)]
    .flatMap(([name, end]) => {
      const located = locator.locate(end);
      return located.ok ? [{ name, located: located.value }] : [];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
