import type { Report } from '../checks.ts';
import type { Cluster } from '../cluster.ts';
import { until } from '../until.ts';
import { askMuslinctl } from './muslinctl.ts';

/** One policy, as `muslinctl policy status -o json` shows it. */
interface Shown {
  readonly namespace?: string;
  readonly name: string;
  readonly state: string;
  readonly nodes: { readonly done: number; readonly all: number };
  readonly pods: { readonly done: number; readonly all: number };
  readonly slowest?: { readonly node: string; readonly afterMilliseconds: number };
}

/** Asks `muslinctl policy status` as a person would, until every policy is enforced on every node. */
export async function checkPolicyStatus(cluster: Cluster, report: Report): Promise<void> {
  const nodes = cluster.topology.nodes.length;
  const ask = async (): Promise<readonly Shown[]> => {
    const text = await askMuslinctl(
      'policy',
      'status',
      '-A',
      '-o',
      'json',
      '--kubeconfig',
      cluster.kubeconfig,
    );
    try {
      return JSON.parse(text) as readonly Shown[];
    } catch {
      return [];
    }
  };
  const good = ({ state, nodes: { done, all } }: Shown) =>
    state === 'Enforced' && done === nodes && all === nodes;
  const waited = await until(ask, shown => shown.length > 0 && shown.every(good), 30_000, 250);
  const shown = waited.held ? waited.value : waited.last;
  const slowest = shown
    .flatMap(({ slowest: one }) => one?.afterMilliseconds ?? [])
    .toSorted((a, b) => b - a)[0];
  const wrong = shown
    .filter(one => !good(one))
    .map(({ name, state, nodes: n }) => `${name} ${state} ${n.done}/${n.all}`);
  const seen = waited.held
    ? `all ${shown.length} policies, the slowest node ${slowest ?? 0} ms after the first heard of it`
    : wrong.join(', ') || 'no policies';
  report.check('muslinctl policy status', `Enforced on ${nodes} of ${nodes} nodes`, seen, waited.held);
}
