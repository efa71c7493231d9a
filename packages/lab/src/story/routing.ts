import { createServer } from 'node:net';
import { type AnyObject, RESOURCES } from '@muslin/kube';
import {
  listRoutes,
  type NetlinkSocket,
  netlinkIn,
  openNamespace,
  ROUTE_PROTOCOL,
  ROUTE_TABLE,
  tcpListenIn,
} from '@muslin/linux';
import { type Family, formatIp, formatPrefix, mustIp } from '@muslin/net';
import type { Report } from '../checks.ts';
import type { Cluster } from '../cluster.ts';
import { askSocket } from '../local-status.ts';
import { probe } from '../probe.ts';
import { readSandboxes } from '../sandboxes.ts';
import { addressesOf, type Host } from '../topology.ts';
import { until } from '../until.ts';
import { checkDoctor } from './doctor.ts';
import { checkNodeStatus } from './node-status.ts';

const CONVERGE_MS = 30_000;

/** Sessions, learned routes, blackholes, the way out and the way in. */
export async function checkRouting(cluster: Cluster, report: Report): Promise<void> {
  report.heading('Routing');
  await checkSessions(cluster, report);
  const blocks = await readBlocks(cluster);
  await checkRouter(cluster, blocks, report);
  await checkNodes(cluster, blocks, report);
  await checkOutside(cluster, report);
  await checkDoctor(cluster, report);
  await checkNodeStatus(cluster, report);
}

/** An address block and the node that it belongs to. */
interface Block {
  readonly cidr: string;
  readonly node: Host;
}

/** The address of a block's node in the block's family. */
function hopTo({ cidr, node }: Block): string | undefined {
  return cidr.includes(':') ? node.ip6 : node.ip;
}

async function readBlocks(cluster: Cluster): Promise<readonly Block[]> {
  const list = await cluster.client.listAll<AnyObject>(RESOURCES.IPAMBlock);
  if (!list.ok) throw new Error(list.fault.message);
  return list.value.items.flatMap(object => {
    const { cidr = '', affinity = '' } = (object['spec'] ?? {}) as { cidr?: string; affinity?: string };
    const node = cluster.topology.nodes.find(n => affinity === `host:${n.name}`);
    return node === undefined ? [] : [{ cidr, node }];
  });
}

async function checkSessions(cluster: Cluster, report: Report): Promise<void> {
  const { nodes } = cluster.topology;
  const read = async () => {
    const list = await cluster.client.list<AnyObject>(BGP_NODE_STATUS);
    return list.ok ? list.value.items.flatMap(peersOf) : [];
  };
  const wanted = nodes.length * (nodes.length - 1) + (cluster.router === undefined ? 0 : nodes.length);
  const mesh = await until(
    read,
    peers => peers.filter(p => p.state === 'Established').length === wanted,
    CONVERGE_MS,
    50,
  );
  const peers = mesh.held ? mesh.value : mesh.last;
  const up = peers.filter(p => p.state === 'Established').length;
  report.check('BGP sessions of the nodes', `${wanted} Established`, `${up} Established`, mesh.held);
  report.say(sessionTable(peers));
  const { router } = cluster;
  if (router === undefined) return;
  const seen = await until(
    () => router.sessions(),
    s => s.filter(x => x.established).length === nodes.length,
    CONVERGE_MS,
    50,
  );
  const sessions = seen.held ? seen.value : seen.last;
  const good = sessions.filter(s => s.established).length;
  report.check(
    `sessions as ${router.kind} sees them`,
    `${nodes.length} established`,
    `${good} established`,
    seen.held,
  );
  if (router.bfd) await checkBfd(cluster, report);
}

/** Each node asks BFD whether the router lives, several times a second (RFC 5880). */
async function checkBfd(cluster: Cluster, report: Report): Promise<void> {
  const { nodes, tor } = cluster.topology;
  const ask = (node: Host) =>
    askSocket<readonly { readonly id: string; readonly bfd?: string }[]>(
      `${cluster.folder}/${node.name}/speaker.sock`,
      '/v1/peers',
    );
  const read = async () => {
    const answers = await Promise.all(nodes.map(ask));
    return answers.filter(peers => peers?.find(peer => peer.id === tor.ip)?.bfd === 'up').length;
  };
  const seen = await until(read, up => up === nodes.length, CONVERGE_MS, 50);
  const up = seen.held ? seen.value : seen.last;
  report.check('BFD with the router', `${nodes.length} up`, `${up} up`, seen.held);
}

/** Muslin's own kind: one object per node. */
const BGP_NODE_STATUS = {
  group: 'muslin.dev',
  version: 'v1alpha1',
  plural: 'bgpnodestatuses',
  kind: 'BGPNodeStatus',
  namespaced: false,
} as const;

interface Peer {
  readonly node: string;
  readonly address: string;
  readonly asNumber: number;
  readonly type: string;
  readonly state: string;
}

function peersOf(object: AnyObject): readonly Peer[] {
  const { peers = [] } = (object['status'] ?? {}) as { peers?: readonly Omit<Peer, 'node'>[] };
  return peers.map(peer => ({ ...peer, node: object.metadata.name ?? '' }));
}

function sessionTable(peers: readonly Peer[]): string {
  const rows = [
    ['NODE', 'PEER', 'AS', 'TYPE', 'STATE'],
    ...peers.map(p => [p.node, p.address, String(p.asNumber), p.type, p.state]),
  ];
  const widths = [0, 1, 2, 3, 4].map(i => Math.max(...rows.map(row => (row[i] ?? '').length)));
  return rows
    .map(row =>
      row
        .map((cell, i) => cell.padEnd((widths[i] ?? 0) + 3))
        .join('')
        .trimEnd(),
    )
    .join('\n');
}

async function checkRouter(cluster: Cluster, blocks: readonly Block[], report: Report): Promise<void> {
  const { router } = cluster;
  if (router === undefined) return;
  const right = (routes: Awaited<ReturnType<typeof router.routes>>) =>
    blocks.filter(block =>
      routes.some(r => r.prefix === block.cidr && r.nextHops.length === 1 && r.nextHops[0] === hopTo(block)),
    );
  const learned = await until(
    () => router.routes(),
    routes => right(routes).length === blocks.length,
    CONVERGE_MS,
    50,
  );
  const routes = learned.held ? learned.value : learned.last;
  report.check(
    `${router.kind} learned the blocks`,
    `${blocks.length} via their nodes`,
    `${right(routes).length}`,
    learned.held,
  );
  for (const route of routes) report.say(`  ${route.prefix.padEnd(18)} via ${route.nextHops.join(', ')}`);
}

async function checkNodes(cluster: Cluster, blocks: readonly Block[], report: Report): Promise<void> {
  const missing = async () =>
    cluster.topology.nodes.flatMap(node => {
      const table = readTable(node);
      return blocks.flatMap(block => {
        const wanted =
          block.node === node ? `blackhole ${block.cidr}` : `${block.cidr} via ${hopTo(block)} bgp`;
        return table.has(wanted) ? [] : [`${node.name}: ${wanted}`];
      });
    });
  const done = await until(missing, list => list.length === 0, CONVERGE_MS, 50);
  const total = blocks.length * cluster.topology.nodes.length;
  const seen = done.held ? `${total}` : `missing ${done.last.slice(0, 4).join('; ')}`;
  report.check(
    'routes in the kernel of every node',
    `${total} (others by BGP, own as blackhole)`,
    seen,
    done.held,
  );
}

function readTable(node: Host): ReadonlySet<string> {
  const opened = openNamespace(node.netns);
  if (!opened.ok) throw new Error(opened.fault.message);
  using namespace = opened.value;
  const socket = netlinkIn(namespace);
  if (!socket.ok) throw new Error(socket.fault.message);
  using netlink = socket.value;
  const lines = ([4, 6] as const).flatMap(family => linesOf(netlink, family));
  return new Set(lines);
}

function linesOf(netlink: NetlinkSocket, family: Family): readonly string[] {
  const routes = listRoutes(netlink, { family, table: ROUTE_TABLE.main });
  if (!routes.ok) throw new Error(routes.fault.message);
  return routes.value.flatMap(route => {
    const destination = formatPrefix(route.destination);
    if (route.type === 'blackhole') return [`blackhole ${destination}`];
    if (route.protocol !== ROUTE_PROTOCOL.bgp) return [];
    return route.hops.flatMap(hop =>
      hop.via === undefined ? [] : [`${destination} via ${formatIp(hop.via)} bgp`],
    );
  });
}

async function checkOutside(cluster: Cluster, report: Report): Promise<void> {
  const { outside, nodes } = cluster.topology;
  const pods = readSandboxes(cluster.folder).filter(record =>
    nodes.every(node => node.netns !== record.netns),
  );
  const pod = pods[0];
  const node = nodes.find(n => n.name === pod?.node);
  if (pod === undefined || node === undefined) return;
  const addresses = addressesOf(node);
  for (const [i, ip] of addressesOf(outside).entries()) {
    const server = await whoAmIServer(outside, ip);
    try {
      const out = await probe({ netns: pod.netns, ip, port: server.port, protocol: 'TCP' }, 3000);
      const seen = out.answer || out.outcome;
      const [name, wanted] = [
        `${pod.namespace}/${pod.name} reaches ${i === 0 ? 'the outside' : ip}`,
        addresses[i],
      ];
      report.check(name, `as ${wanted} (masqueraded)`, `as ${seen}`, seen === wanted);
    } finally {
      server.close();
    }
  }
  if (cluster.router?.forwards !== true) return;
  const list = await cluster.client.get<AnyObject>(RESOURCES.Pod, {
    namespace: pod.namespace,
    name: pod.name,
  });
  const port = list.ok ? firstTcpPort(list.value) : undefined;
  if (port === undefined) return;
  for (const [i, ip] of pod.ips.entries()) {
    const back = await probe({ netns: outside.netns, ip, port, protocol: 'TCP' }, 3000);
    const name = `the outside reaches ${pod.namespace}/${pod.name} over the router${i === 0 ? '' : ` by ${ip}`}`;
    report.check(name, 'open', back.outcome, back.outcome === 'open');
  }
}

function firstTcpPort(pod: AnyObject): number | undefined {
  const { containers = [] } = (pod['spec'] ?? {}) as {
    containers?: readonly { ports?: readonly { containerPort: number; protocol?: string }[] }[];
  };
  return containers.flatMap(c => c.ports ?? []).find(p => (p.protocol ?? 'TCP') === 'TCP')?.containerPort;
}

/** A server of the outside world that answers with the address it was reached from. */
async function whoAmIServer(host: Host, ip: string): Promise<{ readonly port: number; close(): void }> {
  const opened = openNamespace(host.netns);
  if (!opened.ok) throw new Error(opened.fault.message);
  using namespace = opened.value;
  const port = 7777;
  const fd = tcpListenIn(namespace, mustIp(ip), port);
  if (!fd.ok) throw new Error(fd.fault.message);
  const server = createServer(socket => {
    socket.on('error', () => {});
    socket.end((socket.remoteAddress ?? '').replace(/^::ffff:/, ''));
  });
  server.listen({ fd: fd.value });
  return { port, close: () => server.close() };
}
