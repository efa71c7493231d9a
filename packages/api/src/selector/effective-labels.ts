import { type Labels, RESERVED_LABELS } from '../model/selector.ts';
import type {
  Endpoint,
  HostEndpoint,
  NamespaceFacts,
  NetworkSetFacts,
  ServiceAccountFacts,
} from '../model/snapshot.ts';

/** On what a namespace or service account hands down, this key (after the prefix) holds its name. */
const NAME_LABEL = 'projectcalico.org/name';

/** Whether normalisation owns this key, so that an object's own label of that name is ignored. */
export function isReservedLabel(key: string): boolean {
  return (
    key === RESERVED_LABELS.namespace ||
    key === RESERVED_LABELS.serviceAccount ||
    key === RESERVED_LABELS.orchestrator ||
    key.startsWith(RESERVED_LABELS.namespacePrefix) ||
    key.startsWith(RESERVED_LABELS.serviceAccountPrefix)
  );
}

/** An object's own labels without those that normalisation owns. */
export function ownLabels(labels: Labels): Labels {
  return new Map([...labels].filter(([key]) => !isReservedLabel(key)));
}

/**
 * What selectors see on a pod: its own labels, where and as whom it runs, and the labels of its namespace and
 * service account under their prefixes (Calico 3.33: profile labels `pcns.`, `pcsa.`). A namespace or service
 * account that is not known hands nothing down.
 */
export function effectiveLabels(
  endpoint: Endpoint,
  namespace: NamespaceFacts | undefined,
  serviceAccount: ServiceAccountFacts | undefined,
): Labels {
  const labels = new Map(ownLabels(endpoint.labels));
  labels.set(RESERVED_LABELS.namespace, endpoint.namespace);
  labels.set(RESERVED_LABELS.serviceAccount, endpoint.serviceAccount);
  labels.set(RESERVED_LABELS.orchestrator, 'k8s');
  inherit(labels, RESERVED_LABELS.namespacePrefix, namespace);
  inherit(labels, RESERVED_LABELS.serviceAccountPrefix, serviceAccount);
  return labels;
}

/** What selectors see on a network set: its own labels and, when it has a namespace, that one's. */
export function effectiveNetworkSetLabels(
  set: NetworkSetFacts,
  namespace: NamespaceFacts | undefined,
): Labels {
  const labels = new Map(ownLabels(set.labels));
  if (set.namespace === undefined) return labels;
  labels.set(RESERVED_LABELS.namespace, set.namespace);
  inherit(labels, RESERVED_LABELS.namespacePrefix, namespace);
  return labels;
}

/**
 * What selectors see on a host endpoint: its own labels, and those that its profiles hand down: `kns.<namespace>`
 * the namespace's, `ksa.<namespace>.<account>` the service account's. It is in no namespace.
 */
export function effectiveHostLabels(
  host: HostEndpoint,
  namespace: (name: string) => NamespaceFacts | undefined,
  serviceAccount: (key: string) => ServiceAccountFacts | undefined,
): Labels {
  const labels = new Map(ownLabels(host.labels));
  for (const profile of host.profiles.toReversed()) {
    const [kind, home = '', ...account] = profile.split('.');
    if (kind === 'kns')
      inherit(labels, RESERVED_LABELS.namespacePrefix, namespace(profile.slice('kns.'.length)));
    else if (kind === 'ksa')
      inherit(labels, RESERVED_LABELS.serviceAccountPrefix, serviceAccount(`${home}/${account.join('.')}`));
  }
  return labels;
}

function inherit(
  labels: Map<string, string>,
  prefix: string,
  from: NamespaceFacts | ServiceAccountFacts | undefined,
): void {
  if (from === undefined) return;
  for (const [key, value] of from.labels) labels.set(prefix + key, value);
  labels.set(prefix + NAME_LABEL, from.name);
}
