import { Graph } from '@muslin/policy';
import { bigCluster, namespaceCount, nodeOf, pod, type Size } from './big-cluster.ts';
import { collectGarbage, type Emit, quantiles } from './measurement.ts';

/**
 * The policy graph of one node in a large cluster: load, memory, and how long one change takes from fact to delta.
 * Goals with 100,000 pods, 10,000 policies and 250 local pods: load < 10 s, memory < 600 MB, one pod label p99 < 5 ms.
 */
export function run(
  emit: Emit,
  options: { readonly quick?: boolean; readonly cases?: readonly string[] } = {},
): void {
  if (!(options.cases?.includes('graph') ?? true)) return;
  const size: Size = options.quick
    ? { pods: 10_000, policies: 1_000, podsPerNode: 250 }
    : { pods: 100_000, policies: 10_000, podsPerNode: 250 };
  const name = `${size.pods} pods, ${size.policies} policies, ${size.podsPerNode} local pods`;
  const report = (what: string, value: number, unit: string) =>
    emit({ suite: 'policy graph', case: name, name: what, value, unit });

  const graph = new Graph('node-0');
  const started = performance.now();
  for (const fact of bigCluster(size)) graph.update(fact);
  let delta: ReturnType<Graph['flush']> | undefined = graph.flush();
  report('load', performance.now() - started, 'ms');
  report('local endpoints', delta.endpoints.upserts.size, 'count');
  report('active policies', delta.policies.upserts.size, 'count');
  report('member sets', delta.sets.added.size, 'count');
  report(
    'members',
    [...delta.sets.added.values()].reduce((sum, set) => sum + set.members.size, 0),
    'count',
  );
  delta = undefined;
  report('memory at the peak of the load', process.resourceUsage().maxRSS / 1000, 'MB');
  collectGarbage();
  report('memory', process.memoryUsage().rss / 1e6, 'MB');
  report('heap', process.memoryUsage().heapUsed / 1e6, 'MB');

  const rounds = options.quick ? 500 : 5_000;
  const time = (what: string, change: (round: number) => void) => {
    const taken: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const before = performance.now();
      change(round);
      graph.flush();
      taken.push(performance.now() - before);
    }
    for (const [quantile, value] of quantiles(taken)) report(`${what} ${quantile}`, value, 'ms');
  };
  // A stride coprime to everything visits pods of all nodes, namespaces and apps.
  const anywhere = (round: number) => (round * 7919) % size.pods;
  const version = (round: number) => (round % 2 === 0 ? 'v2' : 'v3');
  const local = Array.from({ length: size.pods }, (_, i) => i).filter(i => nodeOf(i, size) === 'node-0');
  const here = (round: number) => local[round % local.length] ?? 0;
  time('label of any pod', round => graph.update(pod(anywhere(round), size, version(round))));
  time('label of a local pod', round => graph.update(pod(here(round), size, version(round))));
  time('pod comes or goes', round => {
    const { type, key, value } = pod(anywhere(round >> 1), size);
    graph.update({ type, key, value: round % 2 === 0 ? undefined : value });
  });
  time('label of a namespace with 100 pods', round => {
    const namespace = `ns-${(round * 7) % namespaceCount(size)}`;
    const labels = new Map([['team', `team-${round % 41}`]]);
    graph.update({ type: 'namespace', key: namespace, value: { name: namespace, labels } });
  });
}
