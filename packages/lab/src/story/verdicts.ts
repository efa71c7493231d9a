import { type Snapshot, snapshotOf } from '@muslin/api';
import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import { Judge } from '@muslin/policy';
import type { Cell } from '../matrix.ts';

const KINDS = [
  'Namespace',
  'Node',
  'Pod',
  'Service',
  'EndpointSlice',
  'ServiceAccount',
  'NetworkPolicy',
  'IPPool',
] as const;
const PROTOCOL = { TCP: 6, UDP: 17 } as const;

/** Reads the cluster as it is now, normalised. */
export async function readSnapshot(client: KubeClient): Promise<Snapshot> {
  const lists = await Promise.all(KINDS.map(kind => client.listAll<AnyObject>(RESOURCES[kind])));
  const objects = lists.flatMap((list, i) => {
    if (!list.ok) throw new Error(list.fault.message);
    const resource = RESOURCES[KINDS[i] as (typeof KINDS)[number]];
    const apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
    return list.value.items.map(item => ({ ...item, apiVersion, kind: resource.kind }));
  });
  return snapshotOf(objects).snapshot;
}

/** What the policies mean for each probe: the same code that `muslinctl why` asks. */
export function judgeCells(snapshot: Snapshot): (cell: Omit<Cell, 'outcome'>) => 'allow' | 'deny' {
  const judge = new Judge(snapshot);
  return ({ from, to, port, protocol, family }) => {
    const answer = judge.verdict({
      from: { endpoint: `pod/${from}` },
      to: { endpoint: `pod/${to}` },
      protocol: PROTOCOL[protocol],
      port,
      family: family ?? 4,
    });
    if (!answer.ok) throw new Error(answer.fault.message);
    return answer.value.answer;
  };
}
