import {
  type AnyObject,
  apiVersionOf,
  type KubeClient,
  type KubeFault,
  type ListQuery,
  RESOURCES,
  type Resource,
  resourceName,
} from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import type { KindRow } from '../kinds/kind-row.ts';
import { didYouMean } from '../output/suggest.ts';
import { faultText } from './fault-text.ts';

/** What to look for. */
export interface Wanted {
  /** Empty: all. */
  readonly names: readonly string[];
  /** Undefined: in all namespaces. */
  readonly namespace: string | undefined;
  readonly labelSelector: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Objects of one page; 0: all at once. */
  readonly pageSize?: number | undefined;
}

/** What was found, and a sentence for each name that was not. */
export interface Found {
  readonly objects: readonly AnyObject[];
  readonly missing: readonly string[];
  /** Version of each list: where a watch continues. */
  readonly versions: ReadonlyMap<Resource, string>;
}

/** The resources of a row. */
export function resourcesOf(row: KindRow): readonly Resource[] {
  return row.resources.map(resource => (typeof resource === 'string' ? RESOURCES[resource] : resource));
}

/** Lists the objects of a kind, each with its apiVersion and kind, or finds the named ones among them. */
export async function findObjects(
  client: KubeClient,
  row: KindRow,
  wanted: Wanted,
): Promise<Result<Found, string>> {
  const resources = resourcesOf(row);
  const answers = await Promise.all(resources.map(resource => list(client, resource, wanted)));
  const served = answers.filter(answer => answer.ok || answer.fault.code !== 'NotFound');
  const versions = new Map(
    answers.flatMap(answer => (answer.ok ? [[answer.value.resource, answer.value.version] as const] : [])),
  );
  const objects: AnyObject[] = [];
  for (const answer of served) {
    if (!answer.ok) return fail(faultText(answer.fault));
    objects.push(
      ...answer.value.items.flatMap(object => (row.derive ? (row.derive(object) ?? []) : [object])),
    );
  }
  if (served.length === 0) return fail(notServed(client, resources));
  const found = wanted.names.length === 0 ? { objects, missing: [] } : pick(objects, row, wanted);
  return ok({ ...found, versions });
}

interface Listed {
  readonly resource: Resource;
  readonly version: string;
  readonly items: readonly AnyObject[];
}

async function list(
  client: KubeClient,
  resource: Resource,
  wanted: Wanted,
): Promise<Result<Listed, KubeFault>> {
  const limit = wanted.pageSize === undefined ? {} : { limit: wanted.pageSize };
  const answer = await client.listAll<AnyObject>(resource, { ...listed(resource, wanted), ...limit });
  const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  if (!answer.ok) return answer;
  const items = answer.value.items.map(item => ({ ...type, ...item }));
  return ok({ resource, version: answer.value.resourceVersion, items });
}

/** What to ask the server for; what has another name there is sorted out here. */
export function listed(
  resource: Resource,
  { namespace, labelSelector, fieldSelector }: Wanted,
): Pick<ListQuery, 'namespace' | 'labelSelector' | 'fieldSelector'> {
  return {
    ...(resource.namespaced && namespace !== undefined && { namespace }),
    ...(labelSelector !== undefined && { labelSelector }),
    ...(fieldSelector !== undefined && { fieldSelector }),
  };
}

function pick(
  objects: readonly AnyObject[],
  row: KindRow,
  { names, namespace }: Wanted,
): Pick<Found, 'objects' | 'missing'> {
  const found = names.map(name => ({ name, objects: objects.filter(object => isNamed(object, name)) }));
  const known = objects.flatMap(object => object.metadata.name ?? []);
  const where = row.namespaced && namespace !== undefined ? ` in namespace ${namespace}` : '';
  return {
    objects: found.flatMap(each => each.objects),
    missing: found
      .filter(each => each.objects.length === 0)
      .map(
        ({ name }) =>
          `${row.names[1] ?? row.names[0]} ${JSON.stringify(name)} is not there${where}.${didYouMean(name, known)}`,
      ),
  };
}

/** calicoctl calls the NetworkPolicy `x` of Kubernetes `knp.default.x`, and a pod's endpoint by the pod too. */
function isNamed(object: AnyObject, name: string): boolean {
  const own = object.metadata.name;
  if (own === name) return true;
  if (object.kind === 'WorkloadEndpoint') return (object['spec'] as { readonly pod?: string }).pod === name;
  return object.apiVersion === 'networking.k8s.io/v1' && `knp.default.${own}` === name;
}

function notServed(client: KubeClient, resources: readonly Resource[]): string {
  const names = resources.map(resourceName).join(' or ');
  return `${client.connection.server} does not serve ${names}: are Muslin's CRDs installed?`;
}
