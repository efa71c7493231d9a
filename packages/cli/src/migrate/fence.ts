import { listAt, recordAt } from '../files/json.ts';
import { NODE_LABEL, ON_MUSLIN } from './plan.ts';

const KEEP_OFF = { key: NODE_LABEL, operator: 'NotIn', values: [ON_MUSLIN] };

/** The affinity of Calico's DaemonSet, kept off nodes that were handed over. Idempotent; `fence: false` takes that back. */
export function fencedAffinity(affinity: unknown, fence: boolean): object {
  const nodeAffinity = recordAt(affinity, 'nodeAffinity');
  const required = recordAt(nodeAffinity, 'requiredDuringSchedulingIgnoredDuringExecution');
  const terms = listAt(required, 'nodeSelectorTerms');
  const kept = (terms.length === 0 ? [{}] : terms).map(term => {
    const others = listAt(term, 'matchExpressions').filter(
      each => JSON.stringify(each) !== JSON.stringify(KEEP_OFF),
    );
    return { ...(term as object), matchExpressions: fence ? [...others, KEEP_OFF] : others };
  });
  return {
    ...recordAt(affinity),
    nodeAffinity: {
      ...nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution:
        fence || terms.length > 1 || kept[0]?.matchExpressions.length
          ? { ...required, nodeSelectorTerms: kept }
          : null,
    },
  };
}
