import { effectiveLabels, type Finding, matchesSelector, type ObjectRef, type Snapshot } from '@muslin/api';
import type { EnforcedHere, NodeReport } from './node-reports.ts';

/** A policy object as the API server has it. */
export interface WrittenPolicy {
  readonly ref: ObjectRef;
  /** As nodes name it: `knp/shop/db`. */
  readonly key: string;
  /** As nodes name its kind: `NetworkPolicy`, `CalicoNetworkPolicy`. */
  readonly watched: string;
  readonly uid: string;
  readonly generation: number | undefined;
  readonly resourceVersion: string;
}

/**
 * What became of a policy. `Rejected`: it is wrong, so it is not in effect anywhere. `Staged`: asked for the record,
 * enforced nowhere. `Unknown`: no node tells anything.
 */
export type PolicyState = 'Enforced' | 'Pending' | 'Rejected' | 'Staged' | 'Unknown';

/** One node that does not enforce the newest version of a policy. */
export interface Straggler {
  readonly node: string;
  readonly why: string;
}

/** What there is to say about one policy. */
export interface PolicyRow {
  readonly policy: WrittenPolicy;
  readonly state: PolicyState;
  /** Nodes that enforce its newest version, of all. */
  readonly nodes: { readonly done: number; readonly all: number };
  /** Pods that it selects and whose node has it in the kernel, of all that it selects. */
  readonly pods: { readonly done: number; readonly all: number };
  /** The node that was last, and how long after the first node heard of it; of nodes with pods that it selects. */
  readonly slowest: { readonly node: string; readonly at: number; readonly afterMs: number } | undefined;
  readonly behind: readonly Straggler[];
  /** What is wrong with it: errors first. */
  readonly findings: readonly Finding[];
}

/** What all nodes say about one policy. `selected`: pods that it selects, by node. */
export function policyRow(
  policy: WrittenPolicy,
  nodes: readonly string[],
  reports: ReadonlyMap<string, NodeReport>,
  selected: ReadonlyMap<string, readonly string[]>,
  findings: readonly Finding[],
  staged: boolean,
): PolicyRow {
  const rejected = findings.some(({ severity }) => severity === 'error');
  const behind: Straggler[] = [];
  const there: { readonly node: string; readonly at: EnforcedHere }[] = [];
  let podsDone = 0;
  for (const node of nodes) {
    const report = reports.get(node);
    const why = lagOf(policy, report);
    const at = report?.policies.get(policy.key);
    if (at !== undefined) there.push({ node, at });
    if (why !== undefined) behind.push({ node, why });
    else podsDone += (selected.get(node) ?? []).filter(pod => report?.pods.has(pod)).length;
  }
  const all = [...selected.values()].reduce((sum, pods) => sum + pods.length, 0);
  const done = nodes.length - behind.length;
  const state: PolicyState = rejected
    ? 'Rejected'
    : staged
      ? 'Staged'
      : reports.size === 0
        ? 'Unknown'
        : done === nodes.length && podsDone === all
          ? 'Enforced'
          : 'Pending';
  return {
    policy,
    state,
    nodes: { done: rejected || staged ? 0 : done, all: nodes.length },
    pods: { done: rejected || staged ? 0 : podsDone, all },
    slowest: rejected || staged ? undefined : slowestOf(there),
    behind: rejected || staged ? [] : behind,
    findings: [...findings].toSorted(
      (a, b) => Number(a.severity === 'warning') - Number(b.severity === 'warning'),
    ),
  };
}

/** Why a node does not enforce the newest version; undefined when it does. */
function lagOf(policy: WrittenPolicy, report: NodeReport | undefined): string | undefined {
  if (report === undefined) return 'has told nothing: is its agent running?';
  if (report.trouble !== undefined) return report.trouble;
  const here = report.policies.get(policy.key);
  // A policy without pods on the node is in force once the node has come so far with its kind.
  const version = here?.resourceVersion ?? report.through.get(policy.watched) ?? '-1';
  return Number(version) >= Number(policy.resourceVersion)
    ? undefined
    : here === undefined
      ? `has not heard of version ${policy.resourceVersion} yet`
      : `enforces version ${version}, not ${policy.resourceVersion} yet`;
}

function slowestOf(
  there: readonly { readonly node: string; readonly at: EnforcedHere }[],
): PolicyRow['slowest'] {
  const first = Math.min(...there.map(({ at }) => at.seenAt));
  const last = there.toSorted((a, b) => b.at.enforcedAt - a.at.enforcedAt)[0];
  return last === undefined || Number.isNaN(last.at.enforcedAt)
    ? undefined
    : { node: last.node, at: last.at.enforcedAt, afterMs: Math.max(0, last.at.enforcedAt - first) };
}

/** Pods that a policy selects, by node; pods that run nowhere yet are left out. */
export function selectedPods(snapshot: Snapshot, key: string): ReadonlyMap<string, readonly string[]> {
  const byNode = new Map<string, string[]>();
  const policy = snapshot.policies.get(key);
  if (policy === undefined || policy.directions.size === 0) return byNode;
  for (const endpoint of snapshot.endpoints.values()) {
    const { namespace, name, node, serviceAccount } = endpoint;
    if (node === undefined || endpoint.hostNetwork || endpoint.ips.length === 0) continue;
    const account = snapshot.serviceAccounts.get(`${namespace}/${serviceAccount}`);
    const labels = effectiveLabels(endpoint, snapshot.namespaces.get(namespace), account);
    if (!matchesSelector(policy.selector, labels)) continue;
    const pods = byNode.get(node) ?? [];
    pods.push(`${namespace}/${name}`);
    byNode.set(node, pods);
  }
  return byNode;
}
