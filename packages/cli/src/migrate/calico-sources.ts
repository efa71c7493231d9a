import { type AnyObject, apiVersionOf, type KubeClient, RESOURCES, type Resource } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import { faultText } from '../live/fault-text.ts';

const GROUPS = [
  ['crd.projectcalico.org', 'v1'],
  ['projectcalico.org', 'v3'],
] as const;

/** Calico's objects: those of `crd.projectcalico.org/v1` where there are any, else those of v3. */
export interface CalicoSources {
  readonly group: (typeof GROUPS)[number][0];
  readonly objects: readonly AnyObject[];
  readonly nodes: readonly AnyObject[];
}

/** Where Calico keeps a kind of v3 in `crd.projectcalico.org/v1`. */
export function v1Resource(resource: Resource): Resource {
  const renamed = resource.kind === 'IPAMConfiguration' ? { kind: 'IPAMConfig', plural: 'ipamconfigs' } : {};
  return { ...resource, group: 'crd.projectcalico.org', version: 'v1', ...renamed };
}

/** Kinds that a user or IPAM wrote; what programs report is not moved. */
export const MOVED: readonly Resource[] = (Object.values(RESOURCES) as readonly Resource[]).filter(
  ({ group, kind }) => group === 'projectcalico.org' && kind !== 'CalicoNodeStatus',
);

export const isLedger = (kind: string) => ['IPAMBlock', 'BlockAffinity', 'IPAMHandle'].includes(kind);

export async function readSources(client: KubeClient): Promise<Result<CalicoSources, string>> {
  const nodes = await client.listAll<AnyObject>(RESOURCES.Node);
  if (!nodes.ok) return fail(faultText(nodes.fault));
  for (const [group] of GROUPS) {
    const objects: AnyObject[] = [];
    let served = false;
    for (const v3 of MOVED) {
      const resource = group === 'projectcalico.org' ? v3 : v1Resource(v3);
      const answer = await client.listAll<AnyObject>(resource);
      if (!answer.ok && answer.fault.code === 'NotFound') continue;
      if (!answer.ok) return fail(faultText(answer.fault));
      served = true;
      const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
      objects.push(...answer.value.items.map(item => ({ ...type, ...item })));
    }
    if (served) return ok({ group, objects, nodes: nodes.value.items });
  }
  return fail(
    'the server has neither crd.projectcalico.org/v1 nor projectcalico.org/v3: there is no Calico to come from',
  );
}

/** The same from files: objects of both groups, of which v1 counts where there are any. */
export function sourcesOf(objects: readonly AnyObject[]): CalicoSources {
  const of = (group: string) => objects.filter(({ apiVersion = '' }) => apiVersion.startsWith(`${group}/`));
  const v1 = of('crd.projectcalico.org');
  const nodes = objects.filter(({ apiVersion, kind }) => apiVersion === 'v1' && kind === 'Node');
  return v1.length > 0
    ? { group: 'crd.projectcalico.org', objects: v1, nodes }
    : { group: 'projectcalico.org', objects: of('projectcalico.org'), nodes };
}
