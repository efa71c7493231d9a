import type { NamespaceFacts } from '../model/snapshot.ts';
import { finish, type Read } from './fact.ts';
import { readHeader } from './header.ts';

/**
 * A Namespace (v1), with the name label that the API server forces on every one. All of its labels count: the reserved
 * ones only matter on what lives in it.
 */
export function readNamespace(object: unknown): Read<NamespaceFacts> {
  const { report, root, name } = readHeader(object, 'Cluster');
  const labels = new Map(root.at('metadata').at('labels').texts());
  return finish(report, { name, labels: labels.set('kubernetes.io/metadata.name', name) });
}
