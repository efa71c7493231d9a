import { didYouMean } from '../output/suggest.ts';
import { ADDRESS_KINDS } from './address-kinds.ts';
import { CLUSTER_KINDS } from './cluster-kinds.ts';
import type { KindRow } from './kind-row.ts';
import { POLICY_KINDS } from './policy-kinds.ts';
import { ROUTING_KINDS } from './routing-kinds.ts';
import { STATUS_KINDS } from './status-kinds.ts';

/** Every kind that `get` knows. */
export const KINDS: readonly KindRow[] = [
  ...CLUSTER_KINDS,
  ...POLICY_KINDS,
  ...ADDRESS_KINDS,
  ...ROUTING_KINDS,
  ...STATUS_KINDS,
];

/** Kinds that people ask for here out of habit. */
const KUBECTLS: ReadonlySet<string> = new Set(
  'pods po services svc namespaces ns deployments deploy daemonsets ds statefulsets sts configmaps cm secrets events ev endpoints ep endpointslices ingresses ing serviceaccounts sa jobs cronjobs replicasets rs'.split(
    ' ',
  ),
);

const BY_NAME: ReadonlyMap<string, KindRow> = new Map(
  KINDS.flatMap(row => row.names.map(name => [name, row] as const)),
);

/** The row for a name in any case; `ippools.projectcalico.org` names its group too. */
export function kindNamed(name: string): KindRow | undefined {
  const lower = name.toLowerCase();
  return BY_NAME.get(lower) ?? BY_NAME.get(lower.split('.')[0] ?? lower);
}

/** `there is no kind "ipool". Did you mean "ippool"?`. */
export function unknownKind(name: string): string {
  if (KUBECTLS.has(name.toLowerCase().split('.')[0] ?? ''))
    return `${name} are no objects of the network: "kubectl get ${name}". "muslinctl get --help" lists all kinds`;
  return `there is no kind ${JSON.stringify(name)}.${didYouMean(name, BY_NAME.keys())} "muslinctl get --help" lists all kinds`;
}
