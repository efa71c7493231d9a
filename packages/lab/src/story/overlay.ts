import { listLinks, listRoutes, netlinkIn, openNamespace, ROUTE_PROTOCOL, ROUTE_TABLE } from '@muslin/linux';
import { familyOf, mustPrefix, prefixCovers } from '@muslin/net';
import type { Report } from '../checks.ts';
import type { Cluster } from '../cluster.ts';
import type { Overlay } from '../options.ts';
import type { Host } from '../topology.ts';
import { until } from '../until.ts';
import { checkNodeStatus } from './node-status.ts';

const VXLAN_DEVICES = { 4: 'vxlan.muslin', 6: 'vxlan-v6.muslin' } as const;
const CONVERGE_MS = 30_000;

/** How many of a node's routes to pods of others go which way. */
interface Ways {
  readonly tunnel: number;
  readonly direct: number;
}

/** Each node reaches each other's block, through VXLAN where the pool says so, and the router has no part in it. */
export async function checkOverlay(
  cluster: Cluster,
  overlay: Exclude<Overlay, 'none'>,
  report: Report,
): Promise<void> {
  report.heading('Overlay');
  const { nodes, tor, podCidr, podCidr6 } = cluster.topology;
  const pools = [
    { cidr: podCidr, of: '' },
    ...(podCidr6 === undefined ? [] : [{ cidr: podCidr6, of: ' (IPv6)' }]),
  ];
  for (const { cidr, of } of pools)
    for (const node of nodes) {
      const near = nodes.filter(other => other !== node && other.gateway === node.gateway).length;
      const direct = overlay === 'vxlan' ? 0 : near;
      const wanted = { tunnel: nodes.length - 1 - direct, direct };
      const read = async () => waysOf(node, cidr);
      const seen = await until(
        read,
        ways => ways.tunnel === wanted.tunnel && ways.direct === wanted.direct,
        CONVERGE_MS,
        50,
      );
      const ways = seen.held ? seen.value : seen.last;
      report.check(`${node.name}: blocks of the others${of}`, waysText(wanted), waysText(ways), seen.held);
    }
  const known = pools.flatMap(({ cidr }) => routesOf(tor, cidr)).length;
  report.check('routes to pods on the router', 'none', known === 0 ? 'none' : String(known), known === 0);
  const learned = nodes
    .flatMap(node => pools.flatMap(({ cidr }) => routesOf(node, cidr)))
    .filter(r => r.protocol === ROUTE_PROTOCOL.bgp);
  report.check('routes of BGP on the nodes', '0', String(learned.length), learned.length === 0);
  await checkNodeStatus(cluster, report);
}

const waysText = ({ tunnel, direct }: Ways) => `${tunnel} by VXLAN, ${direct} directly`;

function waysOf(node: Host, podCidr: string): Ways {
  const routes = routesOf(node, podCidr).filter(route => route.hops[0]?.via !== undefined);
  const tunnel = routes.filter(route => route.name === VXLAN_DEVICES[familyOf(mustPrefix(podCidr))]).length;
  return { tunnel, direct: routes.length - tunnel };
}

/** Routes of a machine to pods, with the names of their links. */
function routesOf(host: Host, podCidr: string) {
  const opened = openNamespace(host.netns);
  if (!opened.ok) throw new Error(opened.fault.message);
  using namespace = opened.value;
  const socket = netlinkIn(namespace);
  if (!socket.ok) throw new Error(socket.fault.message);
  using netlink = socket.value;
  const routes = listRoutes(netlink, { family: familyOf(mustPrefix(podCidr)), table: ROUTE_TABLE.main });
  const links = listLinks(netlink);
  if (!routes.ok) throw new Error(routes.fault.message);
  if (!links.ok) throw new Error(links.fault.message);
  const names = new Map(links.value.map(link => [link.index, link.name]));
  const pods = mustPrefix(podCidr);
  return routes.value
    .filter(route => prefixCovers(pods, route.destination))
    .map(route => ({ ...route, name: names.get(route.hops[0]?.link ?? 0) }));
}
