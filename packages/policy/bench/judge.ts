import { type FactChange, SNAPSHOT_MAP, type Snapshot } from '@muslin/api';
import { diffConnectivity, Judge, reach } from '@muslin/policy';
import { bigCluster, type Size } from './big-cluster.ts';
import type { Emit } from './measurement.ts';

/** Questions about a cluster of 1,000 pods and 300 policies. Goal: 10,000 verdicts per second, each with its trace. */
export function run(
  emit: Emit,
  options: { readonly quick?: boolean; readonly cases?: readonly string[] } = {},
): void {
  if (!(options.cases?.includes('questions') ?? true)) return;
  const size: Size = { pods: 1_000, policies: 300, podsPerNode: 100 };
  const report = (what: string, value: number, unit: string) =>
    emit({ suite: 'policy questions', case: '1000 pods, 300 policies', name: what, value, unit });
  const snapshot = snapshotOf(bigCluster(size));
  const keys = [...snapshot.endpoints.keys()];
  const count = options.quick ? 10_000 : 100_000;

  const started = performance.now();
  const judge = new Judge(snapshot);
  for (let i = 0; i < count; i++) {
    const [from, to] = [
      keys[(i * 7) % keys.length] ?? '',
      keys[(i * 13 + Math.floor(i / 1000)) % keys.length] ?? '',
    ];
    judge.verdict({ from: { endpoint: from }, to: { endpoint: to }, protocol: 6, port: 8080 });
  }
  report('verdicts', (count / (performance.now() - started)) * 1000, '1/s');

  const beforeReach = performance.now();
  reach(snapshot);
  report('reach of a million pairs', performance.now() - beforeReach, 'ms');

  const [, ...rest] = snapshot.policies;
  const beforeDiff = performance.now();
  diffConnectivity(snapshot, { ...snapshot, policies: new Map(rest) });
  report('diff without one policy', performance.now() - beforeDiff, 'ms');
}

function snapshotOf(facts: Iterable<FactChange>): Snapshot {
  const maps: Record<keyof Snapshot, Map<string, unknown>> = {
    nodes: new Map(),
    namespaces: new Map(),
    serviceAccounts: new Map(),
    endpoints: new Map(),
    networkSets: new Map(),
    policies: new Map(),
    tiers: new Map(),
    services: new Map(),
    pools: new Map(),
    hostEndpoints: new Map(),
    felix: new Map(),
  };
  for (const { type, key, value } of facts) maps[SNAPSHOT_MAP[type]].set(key, value);
  return maps as unknown as Snapshot;
}
