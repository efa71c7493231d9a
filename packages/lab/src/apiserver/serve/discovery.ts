import { createHash } from 'node:crypto';
import type { Api } from '../api.ts';
import type { JsonObject } from '../json.ts';
import type { Kind } from '../kinds/kind.ts';
import { type Reply, replyJson } from './request.ts';

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
/** The order in which apiextensions tells them. */
const CUSTOM_VERBS = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];
const STATUS_VERBS = ['get', 'patch', 'update'];

/** Built-in groups first in the order clients should prefer, then those of definitions by name. */
function groupsOf(api: Api): ReadonlyMap<string, ReadonlyMap<string, readonly Kind[]>> {
  const groups = new Map<string, Map<string, Kind[]>>();
  for (const kind of api.registry.all()) {
    const versions = groups.get(kind.group) ?? new Map<string, Kind[]>();
    groups.set(kind.group, versions);
    versions.set(kind.version, [...(versions.get(kind.version) ?? []), kind]);
  }
  for (const [group, versions] of groups) {
    groups.set(group, new Map([...versions].sort(([a], [b]) => compareVersions(a, b))));
  }
  return groups;
}

/** v2 before v1 before v2beta1 before v1alpha1 before anything else (CRD docs, "Version priority"). */
export function compareVersions(a: string, b: string): number {
  const rank = (text: string): readonly [number, number, number] => {
    const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(text);
    if (match === null) return [0, 0, 0];
    const stage = match[2] === undefined ? 3 : match[2] === 'beta' ? 2 : 1;
    return [stage, Number(match[1]), Number(match[3] ?? 0)];
  };
  const [x, y] = [rank(a), rank(b)];
  return y[0] - x[0] || y[1] - x[1] || y[2] - x[2] || (a < b ? -1 : 1);
}

/** GET /api, /apis, /api/v1, /apis/GROUP, /apis/GROUP/VERSION; undefined for other paths and unknown groups. */
export function serveDiscovery(api: Api, path: string, accept: string): Reply | undefined {
  const steps = path.split('/').filter(step => step !== '');
  const groups = groupsOf(api);
  const [root, group, version] = steps;
  if (steps.length === 1) {
    const core = root === 'api';
    const aggregated = aggregatedVersion(accept);
    if (aggregated !== undefined) return replyAggregated(api, groups, core, aggregated);
    if (core)
      return replyJson(200, { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] });
    const list = [...groups]
      .filter(([name]) => name !== '')
      .map(([name, versions]) => groupOf(name, versions));
    return replyJson(200, { kind: 'APIGroupList', apiVersion: 'v1', groups: list });
  }
  if (root === 'api' && steps.length === 2 && group === 'v1')
    return resourceList('v1', groups.get('')?.get('v1') ?? []);
  const versions = groups.get(group ?? '');
  if (root !== 'apis' || versions === undefined) return undefined;
  if (steps.length === 2)
    return replyJson(200, { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(group as string, versions) });
  const kinds = versions.get(version ?? '');
  return steps.length === 3 && kinds !== undefined ? resourceList(`${group}/${version}`, kinds) : undefined;
}

function groupOf(name: string, versions: ReadonlyMap<string, readonly Kind[]>): JsonObject {
  const all = [...versions.keys()].map(version => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: all, preferredVersion: all[0] ?? {} };
}

function resourceList(groupVersion: string, kinds: readonly Kind[]): Reply {
  const resources = kinds.flatMap(kind => [
    {
      name: kind.plural,
      singularName: kind.singular,
      namespaced: kind.namespaced,
      kind: kind.kind,
      verbs: kind.builtIn ? VERBS : CUSTOM_VERBS,
      ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
      ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
      storageVersionHash: storageVersionHash(kind),
    },
    ...subresourcesOf(kind).map(({ name, verbs, kind: kindName }) => ({
      name: `${kind.plural}/${name}`,
      singularName: '',
      namespaced: kind.namespaced,
      kind: kindName,
      verbs,
    })),
  ]);
  return replyJson(200, { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources });
}

/** Tells in which version a kind is stored (APIResource v1 meta, storageVersionHash). */
function storageVersionHash({ group, version, storageVersion = version, kind }: Kind): string {
  const name = `${group === '' ? '' : `${group}/`}${storageVersion}/${kind}`;
  return createHash('sha256').update(name).digest().subarray(0, 8).toString('base64');
}

function subresourcesOf(kind: Kind): Kind['subresources'] {
  const status = { name: 'status', kind: kind.kind, verbs: STATUS_VERBS };
  return kind.hasStatus ? [...kind.subresources, status] : kind.subresources;
}

function aggregatedVersion(accept: string): string | undefined {
  for (const choice of accept.split(',')) {
    if (!choice.includes('as=APIGroupDiscoveryList')) continue;
    const version = /;v=(v2(?:beta1)?)\b/.exec(choice)?.[1];
    if (version !== undefined) return version;
  }
  return undefined;
}

/** APIGroupDiscoveryList apidiscovery.k8s.io: everything in one answer. */
function replyAggregated(
  api: Api,
  groups: ReturnType<typeof groupsOf>,
  core: boolean,
  version: string,
): Reply {
  const items = [...groups]
    .filter(([name]) => (name === '') === core)
    .map(([name, versions]) => ({
      metadata: name === '' ? { creationTimestamp: null } : { name, creationTimestamp: null },
      versions: [...versions].map(([text, kinds]) => ({
        version: text,
        freshness: 'Current',
        resources: kinds.map(describe),
      })),
    }));
  const reply = replyJson(200, {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items,
  });
  return {
    ...reply,
    headers: {
      ...reply.headers,
      'content-type': `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
      etag: `"${core ? 'core' : 'groups'}-${api.registry.generation}"`,
      vary: 'Accept',
      'cache-control': 'public',
    },
  };
}

function describe(kind: Kind): JsonObject {
  const responseKind = { group: kind.group, version: kind.version, kind: kind.kind };
  return {
    resource: kind.plural,
    responseKind,
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: VERBS,
    ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
    ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
    ...(subresourcesOf(kind).length === 0
      ? {}
      : {
          subresources: subresourcesOf(kind).map(({ name, kind: kindName, verbs }) => ({
            subresource: name,
            responseKind: { ...responseKind, kind: kindName },
            verbs,
          })),
        }),
  };
}
