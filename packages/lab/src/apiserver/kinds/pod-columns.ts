import { at, type Json, listAt, textAt } from '../json.ts';
import type { KubeObject } from '../kube-object.ts';
import { AGE_COLUMN, type Column, NAME_COLUMN } from './kind.ts';

/** Whether the condition of this type is True. */
export function conditionHolds(object: KubeObject, type: string): boolean {
  return listAt(object, 'status', 'conditions').some(
    condition => textAt(condition, 'type') === type && textAt(condition, 'status') === 'True',
  );
}

/** The STATUS column: what a person wants to know, which is rarely the phase (kubectl, printPod). */
function statusText(object: KubeObject): string {
  let reason = textAt(object, 'status', 'reason') || textAt(object, 'status', 'phase');
  const statuses = listAt(object, 'status', 'containerStatuses');
  let running = false;
  for (const status of [...statuses].reverse()) {
    const waiting = textAt(status, 'state', 'waiting', 'reason');
    const terminated = at(status, 'state', 'terminated');
    if (waiting !== '') reason = waiting;
    else if (terminated !== undefined) {
      const signal = at(terminated, 'signal');
      reason =
        textAt(terminated, 'reason') ||
        (signal ? `Signal:${String(signal)}` : `ExitCode:${String(at(terminated, 'exitCode'))}`);
    } else if (at(status, 'ready') === true && at(status, 'state', 'running') !== undefined) running = true;
  }
  if (reason === 'Completed' && running) reason = conditionHolds(object, 'Ready') ? 'Running' : 'NotReady';
  if (object.metadata.deletionTimestamp === undefined) return reason;
  return textAt(object, 'status', 'reason') === 'NodeLost' ? 'Unknown' : 'Terminating';
}

function restarts(object: KubeObject): number {
  const counts = listAt(object, 'status', 'containerStatuses').map(status =>
    Number(at(status, 'restartCount') ?? 0),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

function readyText(object: KubeObject): string {
  const ready = listAt(object, 'status', 'containerStatuses').filter(status => at(status, 'ready') === true);
  return `${ready.length}/${listAt(object, 'spec', 'containers').length}`;
}

function gates(object: KubeObject): string {
  const types = listAt(object, 'spec', 'readinessGates').map(gate => textAt(gate, 'conditionType'));
  if (types.length === 0) return '<none>';
  return `${types.filter(type => conditionHolds(object, type)).length}/${types.length}`;
}

function wide(name: string, read: (object: KubeObject) => Json): Column {
  return { name, type: 'string', priority: 1, read };
}

export const podColumns: readonly Column[] = [
  NAME_COLUMN,
  { name: 'Ready', type: 'string', read: readyText },
  { name: 'Status', type: 'string', read: statusText },
  { name: 'Restarts', type: 'string', read: object => String(restarts(object)) },
  AGE_COLUMN,
  wide(
    'IP',
    object =>
      textAt(object, 'status', 'podIP') || textAt(listAt(object, 'status', 'podIPs')[0], 'ip') || '<none>',
  ),
  wide('Node', object => textAt(object, 'spec', 'nodeName') || '<none>'),
  wide('Nominated Node', object => textAt(object, 'status', 'nominatedNodeName') || '<none>'),
  wide('Readiness Gates', gates),
];
