import { type AnyObject, RESOURCES } from '@muslin/kube';
import { distanceBetween, mustIp, mustPrefix, prefixHas } from '@muslin/net';
import { execa } from 'execa';
import type { Report } from '../checks.ts';
import type { Cluster } from '../cluster.ts';
import { readSandboxes } from '../sandboxes.ts';
import { until } from '../until.ts';

/** Deletes one pod as `kubectl delete` would, and looks for what it might have left. */
export async function checkTraces(cluster: Cluster, report: Report): Promise<void> {
  report.heading('A pod goes, with all its traces');
  // Not web-1 and its like, which the README and the last lines of the lab name.
  const victim = readSandboxes(cluster.folder)
    .filter(record => record.ips.length > 0)
    .toSorted((a, b) => ordinalOf(b.name) - ordinalOf(a.name))[0];
  if (victim === undefined) return;
  const { namespace, name, uid } = victim;
  const deleted = await cluster.client.delete(RESOURCES.Pod, { namespace, name });
  if (!deleted.ok) throw new Error(deleted.fault.message);
  const gone = await until(
    () => cluster.client.get<AnyObject>(RESOURCES.Pod, { namespace, name }),
    answer => (answer.ok ? answer.value.metadata.uid !== uid : answer.fault.code === 'NotFound'),
    30_000,
    50,
  );
  report.check(
    `pod ${namespace}/${name} is gone`,
    'NotFound',
    gone.held ? 'NotFound' : 'still there',
    gone.held,
  );
  const node = cluster.topology.nodes.find(n => n.name === victim.node);
  const left = await until(
    async () => {
      const looks = victim.ips.map(ip => tracesOf(cluster, node?.netns ?? '', victim.netns, ip));
      return (await Promise.all(looks)).flat();
    },
    list => list.length === 0,
    10_000,
    50,
  );
  report.check(
    'nothing of it is left',
    'no namespace, route, set member, rule or address',
    left.held ? 'nothing' : left.last.join(', '),
    left.held,
  );
}

/** 3 of `web-3`. */
function ordinalOf(pod: string): number {
  return Number(/-(\d+)$/.exec(pod)?.[1] ?? 0);
}

async function tracesOf(
  cluster: Cluster,
  nodeNetns: string,
  podNetns: string,
  ip: string,
): Promise<readonly string[]> {
  const inNode = async (...command: string[]) => {
    const done = await execa('ip', ['netns', 'exec', nodeNetns, ...command], {
      reject: false,
      timeout: 10_000,
    });
    return done.stdout ?? '';
  };
  const six = ip.includes(':');
  // The address, not the block that begins with it: the block's route stays.
  const word = six
    ? new RegExp(`(^|[^0-9a-f:])${ip}([^0-9a-f:/]|/128|$)`, 'm')
    : new RegExp(`(^|[^0-9.])${ip.replaceAll('.', '\\.')}([^0-9/]|/32|$)`, 'm');
  const places = await Promise.all([
    execa('ip', ['netns', 'list'], { reject: false }).then(
      done => ['namespace', `${done.stdout}`.includes(podNetns)] as const,
    ),
    inNode('ip', six ? '-6' : '-4', 'route', 'show', 'table', 'all').then(
      text => ['route', word.test(text)] as const,
    ),
    inNode('ip', six ? '-6' : '-4', 'neighbour', 'show').then(
      text => ['neighbour', word.test(text)] as const,
    ),
    inNode('ipset', 'save').then(text => ['set member', word.test(text)] as const),
    inNode(six ? 'ip6tables-save' : 'iptables-save').then(text => ['rule', word.test(text)] as const),
    inNode('nft', 'list', 'ruleset').then(text => ['nftables rule', word.test(text)] as const),
    allocated(cluster, ip).then(held => ['IPAM address', held] as const),
  ]);
  return places.filter(([, found]) => found).map(([place]) => place);
}

/** Whether some block still counts the address as assigned. */
async function allocated(cluster: Cluster, ip: string): Promise<boolean> {
  const handles = await cluster.client.listAll<AnyObject>(RESOURCES.IPAMBlock);
  if (!handles.ok) return true;
  const address = mustIp(ip);
  return handles.value.items.some(object => {
    const spec = object['spec'] as { cidr: string; allocations: readonly (number | null)[] };
    const block = mustPrefix(spec.cidr);
    if (!prefixHas(block, address)) return false;
    const ordinal = distanceBetween(block.ip, address);
    return ordinal !== undefined && (spec.allocations[ordinal] ?? null) !== null;
  });
}
