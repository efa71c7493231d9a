import { fail, ok, type Result } from '@muslin/net';
import type { CallOptions, KubeClient } from './kube-client.ts';
import type { KubeFault } from './kube-fault.ts';
import type { Resource } from './resource.ts';

/** A resource as the server announces it. */
export interface ServedResource extends Resource {
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly verbs: readonly string[];
  readonly subresources: readonly string[];
}

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';

interface AggregatedList {
  readonly kind?: string;
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string };
    readonly versions?: readonly {
      readonly version: string;
      readonly resources?: readonly {
        readonly resource: string;
        readonly responseKind?: { readonly kind: string };
        readonly scope: string;
        readonly singularResource?: string;
        readonly verbs?: readonly string[];
        readonly shortNames?: readonly string[];
        readonly subresources?: readonly { readonly subresource: string }[];
      }[];
    }[];
  }[];
}

interface ResourceList {
  readonly groupVersion?: string;
  readonly resources?: readonly {
    readonly name: string;
    readonly singularName?: string;
    readonly namespaced: boolean;
    readonly kind: string;
    readonly verbs?: readonly string[];
    readonly shortNames?: readonly string[];
  }[];
}

/**
 * Every resource that the server serves, core group first, then in the server's order of groups and versions.
 * Aggregated discovery (apidiscovery.k8s.io/v2) takes two requests; an older server is asked group by group.
 */
export async function discover(
  client: Pick<KubeClient, 'raw'>,
  options: CallOptions = {},
): Promise<Result<readonly ServedResource[], KubeFault>> {
  const found: ServedResource[] = [];
  for (const path of ['/api', '/apis']) {
    const answer = await client.raw({ method: 'GET', path, accept: AGGREGATED }, options);
    if (!answer.ok) return answer;
    const list = answer.value as AggregatedList;
    if (list.kind === 'APIGroupDiscoveryList') found.push(...readAggregated(list));
    else
      for (const groupVersion of legacyPaths(path, answer.value)) {
        const one = await client.raw({ method: 'GET', path: groupVersion }, options);
        // One broken aggregated API must not hide all others.
        if (one.ok) found.push(...readLegacy(one.value as ResourceList));
        else if (one.fault.code === 'Aborted') return one;
      }
  }
  return ok(found);
}

function readAggregated(list: AggregatedList): ServedResource[] {
  const found: ServedResource[] = [];
  for (const group of list.items ?? [])
    for (const { version, resources } of group.versions ?? [])
      for (const r of resources ?? [])
        if (r.responseKind !== undefined)
          found.push({
            group: group.metadata?.name ?? '',
            version,
            plural: r.resource,
            kind: r.responseKind.kind,
            namespaced: r.scope === 'Namespaced',
            singular: r.singularResource || r.responseKind.kind.toLowerCase(),
            shortNames: r.shortNames ?? [],
            verbs: r.verbs ?? [],
            subresources: (r.subresources ?? []).map(sub => sub.subresource),
          });
  return found;
}

function legacyPaths(path: string, value: unknown): string[] {
  if (path === '/api') return ((value as { versions?: string[] }).versions ?? []).map(v => `/api/${v}`);
  interface Group {
    readonly preferredVersion?: { readonly groupVersion: string };
    readonly versions?: readonly { readonly groupVersion: string }[];
  }
  return ((value as { groups?: readonly Group[] }).groups ?? []).flatMap(({ preferredVersion, versions }) => {
    const all = (versions ?? []).map(version => version.groupVersion);
    const first = preferredVersion?.groupVersion;
    const ordered = first === undefined ? all : [first, ...all.filter(version => version !== first)];
    return ordered.map(groupVersion => `/apis/${groupVersion}`);
  });
}

function readLegacy(list: ResourceList): ServedResource[] {
  const [a = '', b] = (list.groupVersion ?? '').split('/');
  const resources = list.resources ?? [];
  return resources
    .filter(r => !r.name.includes('/'))
    .map(r => ({
      group: b === undefined ? '' : a,
      version: b ?? a,
      plural: r.name,
      kind: r.kind,
      namespaced: r.namespaced,
      singular: r.singularName || r.kind.toLowerCase(),
      shortNames: r.shortNames ?? [],
      verbs: r.verbs ?? [],
      subresources: resources
        .filter(s => s.name.startsWith(`${r.name}/`))
        .map(s => s.name.slice(r.name.length + 1)),
    }));
}
