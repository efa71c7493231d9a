import type { AnyObject } from '@muslin/kube';
import { listAt, textAt, valueAt } from '../files/json.ts';
import { formatAge } from '../output/age.ts';
import { shown } from './address-kinds.ts';
import { type KindRow, NAME } from './kind-row.ts';

const status = (head: string, field: string, wide?: true) => ({
  head,
  cell: (object: AnyObject) => shown(valueAt(object, 'status', field)),
  ...(wide && { wide }),
});

const condition = (head: string, type: string) => ({
  head,
  cell: (object: AnyObject) =>
    textAt(
      listAt(object, 'status', 'conditions').find(each => textAt(each, 'type') === type),
      'status',
    ),
});

const since = (now: Date) => (head: string, field: string, wide?: true) => ({
  head,
  cell: (object: AnyObject) => formatAge(textAt(object, 'status', field), now),
  ...(wide && { wide }),
});

/** What programs of Muslin say of themselves, with the columns of their definitions. */
export const STATUS_KINDS: readonly KindRow[] = [
  {
    names: ['policystatuses', 'policystatus'],
    resources: ['PolicyStatus'],
    namespaced: false,
    columns: () => [
      NAME,
      ...[status('KIND', 'kind'), status('IN NAMESPACE', 'namespace'), status('POLICY', 'name')],
      ...[condition('ACCEPTED', 'Accepted'), condition('ENFORCED', 'Enforced')],
      ...[status('NODES', 'nodes'), status('PODS', 'pods'), status('AFTER MS', 'afterMilliseconds')],
      status('SLOWEST', 'slowestNode', true),
    ],
  },
  {
    names: ['policynodestatuses', 'policynodestatus'],
    resources: ['PolicyNodeStatus'],
    namespaced: false,
    columns: (_, now) => [
      ...[NAME, condition('ENFORCED', 'Enforced')],
      ...[since(now)('READ BACK', 'readBackAt'), since(now)('UPDATED', 'lastUpdated', true)],
    ],
  },
  {
    names: ['addressnodestatuses', 'addressnodestatus'],
    resources: ['AddressNodeStatus'],
    namespaced: false,
    columns: (_, now) => [
      ...[NAME, condition('COMPLETE', 'Complete'), since(now)('READ', 'readAt')],
      { head: 'ADDRESSES', cell: object => listAt(object, 'status', 'addresses').length },
    ],
  },
];
