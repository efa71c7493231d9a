import {
  effectiveLabels,
  type Finding,
  matchesSelector,
  type ObjectRef,
  type policyNodeStatus,
  type Snapshot,
  type StatusOf,
} from '@muslin/api';

/** How nodes name a kind of policies, and begin the keys of its policies. */
export interface PolicyKindNames {
  readonly watched: string;
  readonly prefix: string;
}

/** Every kind of policies, by `group/kind`. */
export const POLICY_KINDS: Readonly<Record<string, PolicyKindNames>> = {
  'networking.k8s.io/NetworkPolicy': { prefix: 'knp', watched: 'NetworkPolicy' },
  'projectcalico.org/NetworkPolicy': { prefix: 'np', watched: 'CalicoNetworkPolicy' },
  'projectcalico.org/GlobalNetworkPolicy': { prefix: 'gnp', watched: 'GlobalNetworkPolicy' },
  'projectcalico.org/StagedNetworkPolicy': { prefix: 'snp', watched: 'StagedNetworkPolicy' },
  'projectcalico.org/StagedGlobalNetworkPolicy': { prefix: 'sgnp', watched: 'StagedGlobalNetworkPolicy' },
  'projectcalico.org/StagedKubernetesNetworkPolicy': {
    prefix: 'sknp',
    watched: 'StagedKubernetesNetworkPolicy',
  },
  'policy.networking.k8s.io/ClusterNetworkPolicy': { prefix: 'cnp', watched: 'ClusterNetworkPolicy' },
  'policy.networking.k8s.io/AdminNetworkPolicy': { prefix: 'anp', watched: 'AdminNetworkPolicy' },
  'policy.networking.k8s.io/BaselineAdminNetworkPolicy': {
    prefix: 'banp',
    watched: 'BaselineAdminNetworkPolicy',
  },
};

/** One policy on one node whose pods it selects. */
export interface EnforcedHere {
  readonly resourceVersion: string;
  readonly generation: number | undefined;
  readonly uid: string | undefined;
  /** Milliseconds since the epoch. */
  readonly seenAt: number;
  readonly enforcedAt: number;
  readonly pods: number;
}

/** What one node said. */
export interface NodeReport {
  readonly node: string;
  /** By key: `knp/shop/db`. */
  readonly policies: ReadonlyMap<string, EnforcedHere>;
  /** Newest version of each kind of policy that the node took into account. */
  readonly through: ReadonlyMap<string, string>;
  readonly pods: ReadonlySet<string>;
  readonly readBackAt: string | undefined;
  /** When it last told; milliseconds since the epoch. */
  readonly toldAt: number | undefined;
  /** Why the node can't show that it enforces what it should; undefined when it can. */
  readonly trouble: string | undefined;
}

/** Reads the status of a PolicyNodeStatus; what is not there is not enforced. */
export function nodeReport(
  node: string,
  status: NonNullable<StatusOf<typeof policyNodeStatus>> = {},
): NodeReport {
  const policies = (status.policies ?? []).map((entry): [string, EnforcedHere] => [
    entry.policy,
    {
      resourceVersion: entry.resourceVersion,
      generation: entry.generation,
      uid: entry.uid,
      seenAt: Date.parse(entry.seenAt),
      enforcedAt: Date.parse(entry.enforcedAt),
      pods: entry.pods,
    },
  ]);
  const condition = status.conditions?.find(({ type }) => type === 'Enforced');
  return {
    node,
    policies: new Map(policies),
    through: new Map(status.appliedThrough?.map(({ kind, resourceVersion }) => [kind, resourceVersion])),
    pods: new Set(status.pods),
    readBackAt: status.readBackAt,
    toldAt: status.lastUpdated === undefined ? undefined : Date.parse(status.lastUpdated),
    trouble: condition?.status === 'True' ? undefined : (condition?.message ?? 'it has told nothing yet'),
  };
}

/** An agent tells at least every five minutes; twelve allow for a write that failed and clocks that differ. */
const OLDEST_REPORT_MS = 12 * 60_000;

/** Whether a report is of an agent that tells no more. */
export function isOld({ toldAt }: NodeReport, now: number): boolean {
  return toldAt !== undefined && now - toldAt > OLDEST_REPORT_MS;
}

/** What a report is worth now: of an agent that tells no more, nobody can say what its node enforces. */
export function asOf(report: NodeReport, now: number): NodeReport {
  if (!isOld(report, now)) return report;
  const since = new Date(report.toldAt ?? 0).toISOString();
  const trouble = `has told nothing since ${since}: its agent stopped, or does not reach the API server; rules from before stay in its kernel`;
  return { ...report, trouble };
}

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
 * What became of a policy. `Rejected`: it is wrong, so it is not in effect anywhere. `Partial`: enforced, but for parts that are
 * refused. `Staged`: asked for the record, enforced nowhere. `Unknown`: no node tells anything.
 */
export type PolicyState = 'Enforced' | 'Partial' | 'Pending' | 'Rejected' | 'Staged' | 'Unknown';

/** One node that does not enforce the newest version of a policy. */
export interface Straggler {
  readonly node: string;
  readonly why: string;
}

/** What there is to say about one policy. */
export interface PolicyRow {
  readonly policy: WrittenPolicy;
  readonly state: PolicyState;
  /** Whether anything of it is: false for one that is wrong as a whole. */
  readonly inEffect: boolean;
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

/**
 * What all nodes say about one policy.
 *
 * @param selected pods that it selects, by node.
 * @param inEffect whether anything of it is: false for one that is wrong as a whole.
 */
export function policyRow(
  policy: WrittenPolicy,
  nodes: readonly string[],
  reports: ReadonlyMap<string, NodeReport>,
  selected: ReadonlyMap<string, readonly string[]>,
  findings: readonly Finding[],
  staged: boolean,
  inEffect: boolean,
): PolicyRow {
  const refused = findings.some(({ severity }) => severity === 'error');
  const rejected = refused && !inEffect;
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
          ? refused
            ? 'Partial'
            : 'Enforced'
          : 'Pending';
  return {
    ...{ policy, state, inEffect },
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
  // A new status or label is a new version of the object, and the same policy.
  const same = here !== undefined && here.uid === policy.uid && here.generation === policy.generation;
  if (same && policy.generation !== undefined) return undefined;
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
