import type { ServiceAccountFacts } from '../model/snapshot.ts';
import { finish, type Read } from './fact.ts';
import { readHeader } from './header.ts';

/** A ServiceAccount (v1). */
export function readServiceAccount(object: unknown): Read<ServiceAccountFacts> {
  const { report, root, namespace, name } = readHeader(object, 'Namespaced');
  return finish(report, { namespace, name, labels: root.at('metadata').at('labels').texts() });
}
