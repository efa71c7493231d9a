import {
  type KubeClient,
  type KubeFault,
  type KubeList,
  type KubeObject,
  type Resource,
  resourceName,
} from '@muslin/kube';
import type { Result } from '@muslin/net';

/** What those need who only list. */
export type Lister = Pick<KubeClient, 'connection' | 'listAll'>;

/** Asks for each kind once, however many want to know; all see the same moment. Only whole lists are shared. */
export function listedOnce(client: Lister): Lister {
  const asked = new Map<string, Promise<unknown>>();
  return {
    connection: client.connection,
    listAll<T extends KubeObject>(resource: Resource, query?: object, options?: object) {
      if (query !== undefined) return client.listAll<T>(resource, query, options);
      const name = `${resourceName(resource)}/${resource.version}`;
      const answer = asked.get(name) ?? client.listAll<T>(resource);
      asked.set(name, answer);
      return answer as Promise<Result<KubeList<T>, KubeFault>>;
    },
  };
}
