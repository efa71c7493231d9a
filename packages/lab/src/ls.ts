import { type AnyObject, KubeClient, loadKubeconfig, RESOURCES } from '@muslin/kube';
import { folderOf } from './instance.ts';
import type { LabPod } from './pods/pod-action.ts';
import { readSandboxes } from './sandboxes.ts';
import { addressesOf, namespacePrefix, planTopology } from './topology.ts';

/** What `npm run lab -- ls --json` prints: enough for any tool to probe with `ip netns exec`. */
export interface Listing {
  readonly id: string;
  readonly kubeconfig: string;
  readonly nodes: readonly {
    readonly name: string;
    readonly netns: string;
    readonly ip: string;
    readonly ips: readonly string[];
  }[];
  readonly pods: readonly ListedPod[];
  readonly router: ListedHost;
  readonly outside: ListedHost;
}

interface ListedHost {
  readonly netns: string;
  readonly ip: string;
  readonly ips: readonly string[];
}

interface ListedPod {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly phase: string;
  readonly netns: string;
  readonly ip: string;
  readonly ips: readonly string[];
  readonly ports: readonly { readonly name?: string; readonly protocol: string; readonly port: number }[];
}

/** Lists the nodes and pods of a running lab; a text is the sentence that says why it can't. */
export async function listLab(id: string): Promise<Listing | string> {
  const folder = folderOf(id);
  const kubeconfig = `${folder}/kubeconfig`;
  const connection = loadKubeconfig({ path: kubeconfig });
  if (!connection.ok) return `no lab named "${id}" is running: start one with npm run lab`;
  const client = new KubeClient(connection.value);
  try {
    const [nodes, pods] = await Promise.all([
      client.listAll<AnyObject>(RESOURCES.Node),
      client.listAll<LabPod & AnyObject>(RESOURCES.Pod),
    ]);
    if (!nodes.ok) return `the API server of lab "${id}" does not answer: ${nodes.fault.message}`;
    if (!pods.ok) return `the API server of lab "${id}" does not answer: ${pods.fault.message}`;
    const sandboxes = new Map(readSandboxes(folder).map(record => [record.uid, record]));
    const listed = nodes.value.items.map(node => {
      const ips = internalIps(node);
      const name = node.metadata.name ?? '';
      return { name, netns: namespacePrefix(id) + name, ip: ips[0] ?? '', ips };
    });
    const { tor, outside } = planTopology(
      id,
      1,
      false,
      listed.some(({ ips }) => ips.length > 1),
    );
    return {
      id,
      kubeconfig,
      nodes: listed,
      pods: pods.value.items.map(pod => {
        const record = sandboxes.get(pod.metadata.uid);
        return {
          namespace: pod.metadata.namespace,
          name: pod.metadata.name,
          node: pod.spec.nodeName ?? '',
          phase: pod.status?.phase ?? 'Pending',
          netns: record?.netns ?? '',
          ip: record?.ips[0] ?? '',
          ips: record?.ips ?? [],
          ports: portsOf(pod),
        };
      }),
      router: { netns: tor.netns, ip: tor.ip, ips: addressesOf(tor) },
      outside: { netns: outside.netns, ip: outside.ip, ips: addressesOf(outside) },
    };
  } finally {
    await client.close();
  }
}

function internalIps(node: AnyObject): readonly string[] {
  const { addresses = [] } = (node['status'] ?? {}) as {
    addresses?: readonly { type: string; address: string }[];
  };
  return addresses.filter(a => a.type === 'InternalIP').map(a => a.address);
}

function portsOf(pod: LabPod): ListedPod['ports'] {
  return pod.spec.containers.flatMap(container =>
    (container.ports ?? []).map(port => {
      const {
        name,
        containerPort,
        protocol = 'TCP',
      } = port as { name?: string; containerPort: number; protocol?: string };
      return { ...(name === undefined ? {} : { name }), protocol, port: containerPort };
    }),
  );
}

/** The listing for people. */
export function drawListing(listing: Listing): string {
  const rows: string[][] = [
    ['KIND', 'NAME', 'NODE', 'IP', 'PORTS', 'NETNS'],
    ...listing.nodes.map(n => ['node', n.name, '', n.ips.join(' '), '', n.netns]),
    ['router', 'tor', '', listing.router.ips.join(' '), '', listing.router.netns],
    ['outside', 'outside', '', listing.outside.ips.join(' '), '', listing.outside.netns],
    ...listing.pods.map(p => {
      const ports = p.ports.map(x => `${x.port}/${x.protocol.toLowerCase()}`).join(',');
      return ['pod', `${p.namespace}/${p.name}`, p.node, p.ips.join(' ') || p.phase, ports, p.netns];
    }),
  ];
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map(row => (row[i] ?? '').length)));
  return rows
    .map(row =>
      row
        .map((cell, i) => cell.padEnd((widths[i] ?? 0) + 3))
        .join('')
        .trimEnd(),
    )
    .join('\n');
}
