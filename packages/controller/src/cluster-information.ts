import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';

const NAME = { name: 'default' } as const;
/** Parts of clusterType that we add. */
const TYPES = ['k8s', 'bgp', 'muslin'];

/** What it takes to say what this cluster is. */
export interface ClusterInformationOptions {
  readonly client: KubeClient;
  /** Version of this program. */
  readonly version: string;
  /** 32 hexadecimal digits, different at every call. */
  readonly newGuid: () => string;
}

/**
 * Keeps ClusterInformation `default`: an identity that is made once and never changed, what the cluster is made of, and
 * which version looks after it. `datastoreReady` is made true with the object; whoever sets it false afterwards (a
 * migration) is obeyed.
 */
export async function keepClusterInformation(
  options: ClusterInformationOptions,
): Promise<string | undefined> {
  const { client, version, newGuid } = options;
  const got = await client.get<AnyObject>(RESOURCES.ClusterInformation, NAME);
  if (!got.ok && got.fault.code !== 'NotFound') return got.fault.message;
  const old = ((got.ok && got.value['spec']) || {}) as ClusterFacts;
  const types = (old.clusterType ?? '').split(',').filter(Boolean);
  const spec = {
    ...old,
    clusterGUID: old.clusterGUID || newGuid(),
    clusterType: [...types, ...TYPES.filter(type => !types.includes(type))].join(','),
    calicoVersion: version,
    datastoreReady: old.datastoreReady ?? true,
    variant: old.variant || 'Muslin',
  };
  if (!got.ok) {
    const made = await client.create(RESOURCES.ClusterInformation, { metadata: NAME, spec } as AnyObject);
    // Somebody was faster: their object is looked at when the queue tries again.
    return made.ok ? undefined : made.fault.message;
  }
  if (Object.entries(spec).every(([key, value]) => old[key as keyof ClusterFacts] === value))
    return undefined;
  const written = await client.update(RESOURCES.ClusterInformation, { ...got.value, spec } as AnyObject);
  return written.ok ? undefined : written.fault.message;
}

interface ClusterFacts {
  readonly clusterGUID?: string;
  readonly clusterType?: string;
  readonly calicoVersion?: string;
  readonly datastoreReady?: boolean;
  readonly variant?: string;
}
