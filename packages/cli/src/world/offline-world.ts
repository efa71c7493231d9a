import { snapshotOf } from '@muslin/api';
import { fail, ok, type Prefix, parsePrefix, type Result } from '@muslin/net';
import { type FileFault, formatFileFault } from '../files/file-fault.ts';
import { loadFiles, type Loaded, type LoadedObject } from '../files/load.ts';
import type { Place } from '../files/place.ts';
import { allServed } from '../files/stored-calico.ts';
import { namespaceOf, withNamespaces } from '../offline/namespaces.ts';
import { withAddresses } from '../offline/pod-addresses.ts';
import { withClusterIps } from '../offline/service-addresses.ts';
import { withServiceSlices } from '../offline/service-slices.ts';
import { RESERVED } from '../offline/spare-addresses.ts';
import { withWorkloadPods } from '../offline/workload-pods.ts';
import { unreadKinds } from './unread-kinds.ts';
import type { World } from './world.ts';

export interface WorldOptions {
  /** Prefixes that pods without an address live in. */
  readonly podCidrs: readonly string[];
  readonly skipBroken: boolean;
  /** Text of standard input, when `-` is among the paths. */
  readonly stdin?: string;
  /** Files without any object are a cluster without any, rather than a mistake. */
  readonly mayBeEmpty?: boolean;
}

/** Reads folders and files into a snapshot. A file that cannot be read is a fault: answers without it could be wrong. */
export async function readWorld(
  paths: readonly string[],
  options: WorldOptions,
): Promise<Result<World, readonly string[]>> {
  const blocks = podBlocks(options.podCidrs);
  if (!blocks.ok) return blocks;
  const read = await loadFiles(paths, options.stdin);
  const loaded = { ...read, objects: allServed(read.objects) };
  if (loaded.faults.length > 0 && !options.skipBroken)
    return fail([...loaded.faults.map(formatFileFault), '--skip-broken leaves out what cannot be read']);
  if (loaded.objects.length === 0 && !options.mayBeEmpty)
    return fail([`${paths.join(', ')}: no Kubernetes objects there`]);
  const world = worldOf(loaded, blocks.value);
  return ok({ ...world, warnings: [...world.warnings, ...(await unreadKinds(loaded.objects))] });
}

/** Completes objects to what a cluster would hold, and normalises them. */
function worldOf(loaded: Loaded, blocks: readonly Prefix[]): World {
  const index = new Map<string, LoadedObject>();
  const warnings = loaded.faults.map((fault: FileFault) => `left out: ${formatFileFault(fault)}`);
  for (const { file, line, kind } of loaded.skipped)
    if (kind !== undefined && kind !== 'Kustomization')
      warnings.push(`left out: ${file}:${line}: ${kind} without metadata`);
  for (const item of loaded.objects) {
    const key = identityOf(item);
    const before = index.get(key);
    if (before !== undefined && item.object.metadata.name !== undefined)
      warnings.push(
        `${nameOf(item)} is there twice (${lineOf(before)} and ${lineOf(item)}); the later one counts`,
      );
    index.set(key, item);
  }
  const objects = [...index.values()].map(({ object }) => object);
  const addressed = withAddresses(withNamespaces(withWorkloadPods(objects)), blocks);
  const { snapshot, findings } = snapshotOf(withServiceSlices(withClusterIps(addressed.objects)));
  for (const pod of addressed.without) warnings.push(`pod ${pod} has no address: --pod-cidr is used up`);
  const placeOf = placesOf(index);
  return { snapshot, findings, madeUp: addressed.madeUp, placeOf, warnings };
}

function podBlocks(texts: readonly string[]): Result<readonly Prefix[], readonly string[]> {
  const given: Prefix[] = [];
  for (const text of texts) {
    const parsed = parsePrefix(text);
    if (!parsed.ok) return fail([`--pod-cidr: ${parsed.fault.message}`]);
    given.push(parsed.value);
  }
  return ok([...given, ...RESERVED.filter(block => given.every(net => net.ip.family !== block.ip.family))]);
}

/** Kinds whose name alone does not tell the group: what a policy's key begins with does. */
const GROUP_OF_KEY: Readonly<Record<string, string>> = {
  knp: 'networking.k8s.io/v1',
  np: 'projectcalico.org/v3',
};

function placesOf(index: ReadonlyMap<string, LoadedObject>): World['placeOf'] {
  const byName = new Map<string, LoadedObject[]>();
  for (const item of index.values()) {
    const name = nameKey(item.object.kind, item.object.metadata.namespace, item.object.metadata.name ?? '');
    byName.set(name, [...(byName.get(name) ?? []), item]);
  }
  const known = new Map<string, Place>();
  return (ref, path, key = '') => {
    const id = `${key} ${ref.kind} ${ref.namespace} ${ref.name} ${path}`;
    const before = known.get(id);
    if (before !== undefined) return before;
    const spelled = [ref.namespace, ref.namespace === 'default' ? undefined : ref.namespace];
    const items = spelled.flatMap(namespace => byName.get(nameKey(ref.kind, namespace, ref.name)) ?? []);
    const group = GROUP_OF_KEY[key.slice(0, key.indexOf('/'))];
    const item = items.find(({ object }) => group === undefined || object.apiVersion === group);
    const place = item?.locate(path);
    if (place !== undefined) known.set(id, place);
    return place;
  };
}

function nameKey(kind: string, namespace: string | undefined, name: string): string {
  return JSON.stringify([kind, namespace ?? '', name]);
}

function identityOf({ object }: LoadedObject): string {
  return JSON.stringify([object.apiVersion, object.kind, namespaceOf(object), object.metadata.name]);
}

function nameOf({ object }: LoadedObject): string {
  const { namespace, name } = object.metadata;
  return `${object.kind} ${namespace ? `${namespace}/` : ''}${name}`;
}

function lineOf({ locate }: LoadedObject): string {
  const { file, line } = locate('');
  return `${file}:${line}`;
}
