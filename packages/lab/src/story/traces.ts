import { type AnyObject, RESOURCES } from '@muslin/kube';
import { execa } from 'execa';
import type { Report } from '../checks.ts';
import type { Cluster } from '../cluster.ts';
import { readSandboxes } from '../sandboxes.ts';
import { until } from '../until.ts';

/** Deletes one pod as `kubectl delete` would, and looks for what it might have left. */
export async function checkTraces(cluster: Cluster, report: Report): Promise<void> {
  report.heading('A pod goes, with all its traces');
  const victim = readSandboxes(cluster.folder).find(record => record.ips.length > 0);
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
  const ip = victim.ips[0] as string;
  const left = await until(
    () => tracesOf(cluster, node?.netns ?? '', victim.netns, ip),
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
  // The address, not the block that begins with it: the block's route stays.
  const word = new RegExp(`(^|[^0-9.])${ip.replaceAll('.', '\\.')}([^0-9/]|/32|$)`, 'm');
  const places = await Promise.all([
    execa('ip', ['netns', 'list'], { reject: false }).then(
      done => ['namespace', `${done.stdout}`.includes(podNetns)] as const,
    ),
    inNode('ip', 'route', 'show', 'table', 'all').then(text => ['route', word.test(text)] as const),
    inNode('ip', 'neighbour', 'show').then(text => ['neighbour', word.test(text)] as const),
    inNode('ipset', 'save').then(text => ['set member', word.test(text)] as const),
    inNode('iptables-save').then(text => ['rule', word.test(text)] as const),
    inNode('nft', 'list', 'ruleset').then(text => ['nftables rule', word.test(text)] as const),
    allocated(cluster, ip).then(held => ['IPAM address', held] as const),
  ]);
  return places.filter(([, found]) => found).map(([place]) => place);
}

/** Whether some block still counts the address as assigned. */
async function allocated(cluster: Cluster, ip: string): Promise<boolean> {
  const handles = await cluster.client.listAll<AnyObject>(RESOURCES.IPAMBlock);
  if (!handles.ok) return true;
  const last = Number(ip.split('.')[3]);
  return handles.value.items.some(object => {
    const spec = object['spec'] as { cidr: string; allocations: readonly (number | null)[] };
    const [base = '', length = '32'] = spec.cidr.split('/');
    const size = 2 ** (32 - Number(length));
    const start = Number(base.split('.')[3]);
    const sameNet = base.split('.').slice(0, 3).join('.') === ip.split('.').slice(0, 3).join('.');
    return (
      sameNet && last >= start && last < start + size && (spec.allocations[last - start] ?? null) !== null
    );
  });
}
