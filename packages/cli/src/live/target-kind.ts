import { type AnyObject, type KubeClient, type KubeFault, type Resource, resourceName } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import { kindNamed, unknownKind } from '../kinds/kinds.ts';
import { faultText } from './fault-text.ts';
import { resourcesOf } from './find-objects.ts';

/** One object that a verb is to change. */
export interface Target {
  readonly resource: Resource;
  readonly object: AnyObject;
}

/** Why there is no one object to change. */
export interface TargetFault {
  readonly code: 'missing' | 'ambiguous' | 'refused';
  readonly message: string;
}

/** The resources that a word names for writing. Some kinds are shown but not kept, such as workload endpoints. */
export function writableResources(kind: string): Result<readonly Resource[], string> {
  const row = kindNamed(kind);
  if (row === undefined) return fail(unknownKind(kind));
  if (row.derive !== undefined) return fail(`${row.names[0]} are made from pods: change the pod instead`);
  const group = kind.includes('.') ? kind.slice(kind.indexOf('.') + 1).toLowerCase() : '';
  return ok(resourcesOf(row).filter(resource => group === '' || resource.group === group));
}

/** Finds the object of that name among the resources that share a word (NetworkPolicy has two). */
export async function findTarget(
  client: KubeClient,
  resources: readonly Resource[],
  name: string,
  namespace: string,
): Promise<Result<Target, TargetFault>> {
  const found: Target[] = [];
  let last: KubeFault | undefined;
  for (const resource of resources) {
    const answer = await client.get<AnyObject>(
      resource,
      resource.namespaced ? { namespace, name } : { name },
    );
    if (answer.ok) found.push({ resource, object: answer.value });
    else last = answer.fault;
  }
  const [target, other] = found;
  if (target !== undefined && other === undefined) return ok(target);
  if (target !== undefined) {
    const names = found.map(({ resource }) => resourceName(resource)).join(' or ');
    return fail({ code: 'ambiguous', message: `${name} is there several times: say ${names}` });
  }
  if (last !== undefined && last.code !== 'NotFound')
    return fail({ code: 'refused', message: faultText(last) });
  const [resource] = resources;
  const where = resource?.namespaced ? ` in namespace ${namespace}` : '';
  const message = `${resource?.kind.toLowerCase()} ${JSON.stringify(name)} is not there${where}`;
  return fail({ code: 'missing', message });
}
