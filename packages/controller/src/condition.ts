import type { AnyObject } from '@muslin/kube';

/** A condition (meta/v1 Condition) without its times. */
export interface WantedCondition {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

interface StoredCondition extends WantedCondition {
  readonly lastTransitionTime: string;
}

/** The conditions of an object with one of them as wanted; its time moves only when its status does. */
export function withCondition(object: AnyObject, wanted: WantedCondition): readonly StoredCondition[] {
  const { conditions = [] } = (object['status'] ?? {}) as { conditions?: readonly StoredCondition[] };
  const old = conditions.find(condition => condition.type === wanted.type);
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  return [
    ...conditions.filter(condition => condition.type !== wanted.type),
    { ...wanted, lastTransitionTime: old?.status === wanted.status ? old.lastTransitionTime : now },
  ];
}
