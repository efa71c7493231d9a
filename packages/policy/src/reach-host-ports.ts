import type { Endpoint, HostPortFacts, Snapshot } from '@muslin/api';
import type { Family, Ip } from '@muslin/net';
import { explainHostPortPath } from './host-port-path.ts';
import type { Likeness } from './likeness.ts';
import type { LocatedEnd, Locator } from './locator.ts';
import { firstPacket } from './path.ts';
import type { NamedEnd, ReachRow } from './reach.ts';
import type { SnapshotView } from './snapshot-view.ts';

/** What a row is called whose port is dialled at the node of a pod: `host-port/<node>/<namespace>/<pod>`. */
const HOST_PORT = 'host-port/';

/** The node and the pod of such a name; undefined for any other. */
export function readHostPortEnd(name: string): { readonly node: string; readonly pod: string } | undefined {
  const [, node, pod] = /^host-port\/([^/]+)\/(.+)$/.exec(name) ?? [];
  return node === undefined || pod === undefined ? undefined : { node, pod };
}

/**
 * Who reaches the pods that have a port of their node, by dialling it there (Pod v1 `hostPort`): at the address that the
 * pod asks for, else at the node's first one. The pod itself is not listed. A port that another pod has got is that one's.
 */
export function hostPortRows(
  snapshot: Snapshot,
  { locator, view, likeness }: { locator: Locator; view: SnapshotView; likeness: Likeness },
  ends: readonly NamedEnd[],
): readonly ReachRow[] {
  const rows: ReachRow[] = [];
  for (const pod of snapshot.endpoints.values())
    for (const facts of pod.hostPorts ?? [])
      for (const family of [4, 6] as const) {
        const address = addressOf(snapshot, pod, facts, family);
        const { protocol, hostPort: port } = facts;
        if (address === undefined) continue;
        const behind = locator.hostPortAt(address, protocol, port);
        if (behind?.endpoint.key !== pod.key) continue;
        const known = new Map<string, boolean>();
        const others = ends.filter(({ name }) => name !== pod.key);
        const from = others.filter(({ located }) => {
          const packet = firstPacket({ protocol, port, family }, located.ips, [address]);
          if (packet === undefined) return false;
          const like = `${likeness.classOf('source', located, packet)} ${placeOf(located, pod)}`;
          let allowed = known.get(like);
          if (allowed === undefined) {
            const path = explainHostPortPath(snapshot, view, behind, located.identity, packet);
            known.set(like, (allowed = path.answer === 'allow'));
          }
          return allowed;
        });
        const to = `${HOST_PORT}${behind.node}/${pod.key.replace(/^pod\//, '')}`;
        rows.push({ to, protocol, port, family, from: from.map(({ name }) => name) });
      }
  return rows;
}

function addressOf(
  snapshot: Snapshot,
  { node }: Endpoint,
  { hostIp }: HostPortFacts,
  family: Family,
): Ip | undefined {
  if (hostIp !== undefined) return hostIp.family === family ? hostIp : undefined;
  return snapshot.nodes.get(node ?? '')?.ips.find(ip => ip.family === family);
}

/** What else the answer depends on: whose address a source gets on the way, and whether an address is the pod's own. */
function placeOf({ identity }: LocatedEnd, pod: Endpoint): string {
  if (identity.kind === 'external') return '';
  const itself = identity.kind === 'pod' && identity.endpoint === pod.key;
  return `${identity.node} ${itself}`;
}
