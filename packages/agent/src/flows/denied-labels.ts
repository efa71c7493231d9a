import type { FlowRecord } from './flow-record.ts';

/** Pairs of policy and rule that get labels of their own; all later ones share one. */
const MOST = 500;

/** Gives the labels of the counter of denied packets: bounded, however many policies come and go. */
export function deniedLabels(): (record: FlowRecord) => {
  readonly policy: string;
  readonly rule: string;
  readonly direction: string;
} {
  const known = new Set<string>();
  return ({ policy, rule = '', tier = '', direction }) => {
    const { kind, namespace, name } = policy ?? { kind: 'Tier', name: tier };
    const who = `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
    const key = `${who} ${rule}`;
    if (!known.has(key) && known.size >= MOST) return { policy: 'others', rule: '', direction };
    known.add(key);
    return { policy: who, rule, direction };
  };
}
