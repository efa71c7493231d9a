import type { AnyObject, KubeClient, Resource } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import { listAt, numberAt, textAt } from '../files/json.ts';

/** Where each node's agent writes what it enforces: one object per node, named like it. */
export const POLICY_NODE_STATUS: Resource = {
  group: 'muslin.dev',
  version: 'v1alpha1',
  plural: 'policynodestatuses',
  kind: 'PolicyNodeStatus',
  namespaced: false,
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
  /** Why the node can't show that it enforces what it should; undefined when it can. */
  readonly trouble: string | undefined;
}

/** Reads a PolicyNodeStatus; what is not there is not enforced. */
export function nodeReport(object: AnyObject): NodeReport {
  const policies = listAt(object, 'status', 'policies').map((entry): [string, EnforcedHere] => [
    textAt(entry, 'policy') ?? '',
    {
      resourceVersion: textAt(entry, 'resourceVersion') ?? '',
      generation: numberAt(entry, 'generation'),
      uid: textAt(entry, 'uid'),
      seenAt: Date.parse(textAt(entry, 'seenAt') ?? ''),
      enforcedAt: Date.parse(textAt(entry, 'enforcedAt') ?? ''),
      pods: numberAt(entry, 'pods') ?? 0,
    },
  ]);
  const through = listAt(object, 'status', 'appliedThrough').map((entry): [string, string] => [
    textAt(entry, 'kind') ?? '',
    textAt(entry, 'resourceVersion') ?? '',
  ]);
  const condition = listAt(object, 'status', 'conditions').find(one => textAt(one, 'type') === 'Enforced');
  return {
    node: object.metadata.name ?? '',
    policies: new Map(policies),
    through: new Map(through),
    pods: new Set(listAt(object, 'status', 'pods').map(String)),
    readBackAt: textAt(object, 'status', 'readBackAt'),
    trouble:
      textAt(condition, 'status') === 'True'
        ? undefined
        : (textAt(condition, 'message') ?? 'it has told nothing yet'),
  };
}

/** All that the nodes said. */
export async function readNodeReports(client: KubeClient): Promise<Result<readonly NodeReport[], string>> {
  const answer = await client.listAll<AnyObject>(POLICY_NODE_STATUS);
  if (answer.ok) return ok(answer.value.items.map(nodeReport));
  if (answer.fault.code !== 'NotFound') return fail(answer.fault.message);
  return fail(
    `${client.connection.server} does not serve policynodestatuses.muslin.dev: are Muslin's CRDs installed?`,
  );
}
