import { Graph } from '@muslin/policy';
import { bigCluster, namespaceCount, nodeOf, pod, type Size } from './big-cluster.ts';

/** One measured number. */
export interface Measurement {
  readonly suite: string;
  readonly case: string;
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

const MEMORY_CASE = 'memory';

/**
 * The policy graph of one node in a large cluster: load, memory, and how long one change takes from fact to delta.
 * Goals with 100,000 pods, 10,000 policies and 250 local pods: load < 10 s, memory < 600 MB, one label p99 < 5 ms.
 */
export function run(
  emit: (measurement: Measurement) => void,
  options: { readonly quick?: boolean } = {},
): void {
  const size: Size = options.quick
    ? { pods: 10_000, policies: 1_000, podsPerNode: 250 }
    : { pods: 100_000, policies: 10_000, podsPerNode: 250 };
  const name = `${size.pods} pods, ${size.policies} policies, ${size.podsPerNode} local`;
  const report = (what: string, value: number, unit: string) =>
    emit({ suite: 'policy graph', case: name, name: what, value, unit });

  const graph = new Graph('node-0');
  const started = performance.now();
  for (const fact of bigCluster(size)) graph.update(fact);
  const delta = graph.flush();
  report('load', performance.now() - started, 'ms');
  report('local endpoints', delta.endpoints.upserts.size, 'count');
  report('active policies', delta.policies.upserts.size, 'count');
  report('member sets', delta.sets.added.size, 'count');
  let members = 0;
  for (const set of delta.sets.added.values()) members += set.members.size;
  report('members', members, 'count');
  globalThis.gc?.();
  report(MEMORY_CASE, process.memoryUsage().rss / 1e6, 'MB');
  report('heap', process.memoryUsage().heapUsed / 1e6, 'MB');

  const rounds = options.quick ? 500 : 5_000;
  const times = (what: string, change: (round: number) => void) => {
    const taken: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const before = performance.now();
      change(round);
      graph.flush();
      taken.push(performance.now() - before);
    }
    taken.sort((a, b) => a - b);
    for (const [label, share] of [
      ['p50', 0.5],
      ['p99', 0.99],
      ['max', 1],
    ] as const)
      report(
        `${what} ${label}`,
        taken[Math.min(taken.length - 1, Math.floor(taken.length * share))] ?? 0,
        'ms',
      );
  };
  // A stride coprime to everything visits pods of all nodes, namespaces and apps.
  const anywhere = (round: number) => (round * 7919) % size.pods;
  times('label of any pod', round => graph.update(pod(anywhere(round), size, round % 2 === 0 ? 'v2' : 'v3')));
  const local = Array.from({ length: size.pods }, (_, i) => i).filter(i => nodeOf(i, size) === 'node-0');
  const here = (round: number) => local[round % local.length] ?? 0;
  times('label of a local pod', round => graph.update(pod(here(round), size, round % 2 === 0 ? 'v2' : 'v3')));
  times('pod comes or goes', round => {
    const { type, key, value } = pod(anywhere(round >> 1), size);
    graph.update({ type, key, value: round % 2 === 0 ? undefined : value });
  });
  times('label of a namespace', round => {
    const name = `ns-${(round * 7) % namespaceCount(size)}`;
    const labels = new Map([
      ['kubernetes.io/metadata.name', name],
      ['team', `team-${round % 41}`],
    ]);
    graph.update({ type: 'namespace', key: name, value: { name, labels } });
  });
}
