import { parseDuration, type Pool, readIpPool, readIpReservation } from '@muslin/api';
import {
  type IpamConfig,
  ipamConfigFromSpec,
  type IpamKind,
  inventoryOf,
  type PodFacts,
  type StoredMetadata,
  type StoredObject,
} from '@muslin/ipam';
import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import { fail, ok, parseIp, type Prefix, type Result } from '@muslin/net';
import type { Objects } from './judge.ts';

/** One fresh look at everything that matters to addresses. */
export interface ClusterLook {
  readonly objects: Objects;
  readonly reservations: readonly Prefix[];
  readonly config: IpamConfig;
  /** KubeControllersConfiguration leakGracePeriod, ms; 0: nothing is freed. */
  readonly graceMs: number;
  readonly pods: ReadonlyMap<string, PodFacts>;
  readonly nodes: ReadonlySet<string>;
}

const IPAM_KINDS = ['IPAMBlock', 'BlockAffinity', 'IPAMHandle'] as const satisfies readonly IpamKind[];
/** Calico's default (KubeControllersConfiguration node.leakGracePeriod). */
const GRACE_MS = 15 * 60_000;

/**
 * Lists everything from the API server itself, not from a watch. Addresses come first and pods after them, so that a
 * pod that gets its address meanwhile is seen. Whatever cannot be read ends the look: a missing answer proves nothing.
 */
export async function readCluster(client: KubeClient): Promise<Result<ClusterLook, string>> {
  const list = async (kind: keyof typeof RESOURCES): Promise<readonly AnyObject[]> => {
    const done = await client.listAll<AnyObject>(RESOURCES[kind]);
    if (!done.ok) throw new NoAnswer(done.fault.message);
    return done.value.items;
  };
  const setting = async (kind: 'IPAMConfiguration' | 'KubeControllersConfiguration') => {
    const done = await client.get<AnyObject>(RESOURCES[kind], { name: 'default' });
    if (!done.ok && done.fault.code !== 'NotFound') throw new NoAnswer(done.fault.message);
    return done.ok ? done.value['spec'] : undefined;
  };
  try {
    const stored: StoredObject[] = [];
    for (const kind of IPAM_KINDS)
      for (const object of await list(kind))
        stored.push({ kind, metadata: object.metadata as StoredMetadata, spec: object['spec'] });
    const pools = (await list('IPPool')).flatMap(poolOf);
    const reservations = (await list('IPReservation')).flatMap(reservedBy);
    const config = ipamConfigFromSpec(await setting('IPAMConfiguration'));
    const graceMs = graceOf(await setting('KubeControllersConfiguration'));
    if (graceMs === undefined)
      return fail(
        'KubeControllersConfiguration default: spec.controllers.node.leakGracePeriod is no duration such as 15m',
      );
    const pods = new Map((await list('Pod')).flatMap(podEntry));
    const nodes = new Set((await list('Node')).map(node => node.metadata.name ?? ''));
    const objects = { stored, inventory: inventoryOf(stored), pools };
    return ok({ objects, reservations, config, graceMs, pods, nodes });
  } catch (error) {
    if (error instanceof NoAnswer) return fail(error.message);
    throw error;
  }
}

/** What matters of a Pod; undefined for one that has finished: its sandbox is gone. */
export function podFacts(pod: AnyObject): PodFacts | undefined {
  const { name = '', namespace = '', uid = '' } = pod.metadata;
  const spec = pod['spec'] as { readonly nodeName?: string } | undefined;
  const status = (pod['status'] ?? {}) as {
    readonly phase?: string;
    readonly podIP?: string;
    readonly podIPs?: readonly { readonly ip?: string }[];
  };
  if (status.phase === 'Succeeded' || status.phase === 'Failed') return undefined;
  const texts = status.podIPs?.map(({ ip = '' }) => ip) ?? [status.podIP ?? ''];
  const ips = texts.map(text => parseIp(text)).flatMap(ip => (ip.ok ? [ip.value] : []));
  return {
    name,
    namespace,
    uid,
    node: spec?.nodeName,
    ips,
    leaving: Boolean(pod.metadata.deletionTimestamp),
  };
}

/** Ends a look from wherever it stands; never leaves `readCluster`. */
class NoAnswer extends Error {}

function podEntry(pod: AnyObject): readonly (readonly [string, PodFacts])[] {
  const facts = podFacts(pod);
  return facts === undefined ? [] : [[`${facts.namespace}/${facts.name}`, facts]];
}

/** Lists leave apiVersion and kind out. */
export function poolOf(object: AnyObject): readonly Pool[] {
  const pool = readIpPool({ ...object, apiVersion: 'projectcalico.org/v3', kind: 'IPPool' }).value;
  return pool === undefined ? [] : [pool];
}

export function reservedBy(object: AnyObject): readonly Prefix[] {
  return readIpReservation(object).value ?? [];
}

function graceOf(spec: unknown): number | undefined {
  const { leakGracePeriod } =
    (spec as { readonly controllers?: { readonly node?: { readonly leakGracePeriod?: string } } } | undefined)
      ?.controllers?.node ?? {};
  return leakGracePeriod === undefined ? GRACE_MS : parseDuration(leakGracePeriod);
}
