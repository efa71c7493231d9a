import type { AnyObject } from '@muslin/kube';
import { listAt, textAt, valueAt } from '../files/json.ts';
import type { Finding } from './finding.ts';

/** Conditions that other findings tell better. */
const TOLD_ELSEWHERE = new Set([
  'PolicyNodeStatus',
  'PolicyStatus',
  'BGPNodeStatus',
  'CustomResourceDefinition',
]);
/** Conditions that a person has wished for. */
const WISHED = new Set(['PoolDisabled', 'Terminating']);
/** Conditions of which True is the bad side. */
const BAD_WHEN_TRUE = new Set(['Degraded', 'Stalled', 'Draining']);

/** What helps where the object is a report and nobody edits it; by kind and type of the condition. */
const CURES: Readonly<Record<string, (name: string) => string>> = {
  'AddressNodeStatus Complete': node =>
    `delete the pods that began on ${node} before Muslin was installed there; they have no network: kubectl get pods -A -o wide --field-selector spec.nodeName=${node}`,
  'AddressNodeStatus Overlay': node =>
    `on ${node} do what the message says; muslinctl node status there tells more`,
};

/** Objects of ours whose conditions say that they are not in effect. `told`: findings that are there already. */
export function conditionFindings(
  objects: readonly AnyObject[],
  told: readonly Finding[],
): readonly Finding[] {
  const known = new Set(told.filter(({ severity }) => severity === 'problem').map(({ object }) => object));
  return objects
    .filter(({ kind = '' }) => !TOLD_ELSEWHERE.has(kind))
    .flatMap(object =>
      listAt(object, 'status', 'conditions').flatMap((condition): readonly Finding[] => {
        const type = textAt(condition, 'type') ?? '?';
        const bad = BAD_WHEN_TRUE.has(type) ? 'True' : 'False';
        const reason = textAt(condition, 'reason') ?? '';
        if (textAt(condition, 'status') !== bad || WISHED.has(reason)) return [];
        const { namespace, name = '' } = object.metadata;
        const whole = `${object.kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
        // The policy itself was judged by the same code, and told of field by field.
        if (type === 'Accepted' && known.has(whole)) return [];
        return [
          {
            ...{ severity: 'problem', area: 'objects', code: `${type}-${bad}`.toLowerCase() },
            object: whole,
            reason: `${type} is ${bad}${reason === '' ? '' : ` (${reason})`}: ${textAt(condition, 'message') ?? 'no message'}`,
            fix:
              CURES[`${object.kind} ${type}`]?.(name) ??
              `change what the message names: kubectl edit ${(object.kind ?? '').toLowerCase()} ${name}${namespace === undefined ? '' : ` -n ${namespace}`}`,
          },
        ];
      }),
    );
}

/** A locked datastore: Calico's way to pause everything (calico.md §1.1). */
export function datastoreFindings(clusterInformations: readonly AnyObject[]): readonly Finding[] {
  return clusterInformations
    .filter(
      object => object.metadata.name === 'default' && valueAt(object, 'spec', 'datastoreReady') === false,
    )
    .map(() => ({
      ...{ severity: 'problem' as const, area: 'datastore' as const, code: 'datastore-locked' },
      object: 'ClusterInformation default',
      reason:
        'datastoreReady is false: somebody locked the objects for a migration and has not unlocked them',
      fix: `when the migration is over: muslinctl patch clusterinformation default -p '{"spec":{"datastoreReady":true}}'`,
    }));
}

/** Nodes that Kubernetes itself calls not ready: what they report is old, and their pods are away. */
export function nodeFindings(nodes: readonly AnyObject[]): readonly Finding[] {
  return nodes.flatMap((node): readonly Finding[] => {
    const ready = listAt(node, 'status', 'conditions').find(each => textAt(each, 'type') === 'Ready');
    if (ready === undefined || textAt(ready, 'status') === 'True') return [];
    return [
      {
        ...{
          severity: 'problem',
          area: 'nodes',
          object: `Node ${node.metadata.name}`,
          code: 'node-not-ready',
        },
        reason: `Kubernetes calls it not ready: ${textAt(ready, 'message') ?? textAt(ready, 'reason') ?? 'no reason is given'}`,
        fix: `kubectl describe node ${node.metadata.name}; on the node: muslinctl node status`,
      },
    ];
  });
}
