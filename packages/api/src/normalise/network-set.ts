import type { NetworkSetFacts } from '../model/snapshot.ts';
import { readPrefixes } from './address-field.ts';
import { finish, type Read } from './fact.ts';
import { readHeader } from './header.ts';

/** A NetworkSet (Namespaced) or GlobalNetworkSet (Cluster): prefixes and single addresses behind labels. */
export function readNetworkSet(object: unknown, scope: 'Namespaced' | 'Cluster'): Read<NetworkSetFacts> {
  const { report, spec, source, namespace, name, labels } = readHeader(object, scope);
  if (spec.at('allowedEgressDomains').present)
    spec.at('allowedEgressDomains').unhonoured('is not supported: names are not looked up; only nets count');
  return finish(report, {
    key: scope === 'Cluster' ? name : `${namespace}/${name}`,
    source,
    namespace: scope === 'Cluster' ? undefined : namespace,
    labels,
    nets: readPrefixes(spec.at('nets').items(), { bareHost: true }) ?? [],
  });
}
