import type { AnyObject } from './kube-object.ts';
import { type ListWatch, Reflector } from './reflector.ts';
import { ReflectorGroup } from './reflector-group.ts';
import { apiVersionOf, type Resource } from './resource.ts';
import { RESOURCES } from './resources.ts';
import { type Trim, trimNode, trimPod } from './unread-fields.ts';
import { watchFaults } from './watch-faults.ts';

/** A kind that policies and addresses depend on. */
interface Watched {
  readonly resource: Resource;
  /** Begins the keys of its policies, as normalisation makes them; absent for kinds that are no policies. */
  readonly policy?: string;
  /** Not ours to install: where it is missing there are no objects of it. */
  readonly optional?: true;
  readonly trim?: Trim;
}

/** Everything that decides what the kernel of a node holds. Pods of all nodes: they are members of sets. */
const WATCHED: Readonly<Record<string, Watched>> = {
  Node: { resource: RESOURCES.Node, trim: trimNode },
  Namespace: { resource: RESOURCES.Namespace },
  Pod: { resource: RESOURCES.Pod, trim: trimPod },
  ServiceAccount: { resource: RESOURCES.ServiceAccount },
  Service: { resource: RESOURCES.Service },
  EndpointSlice: { resource: RESOURCES.EndpointSlice },
  NetworkPolicy: { resource: RESOURCES.NetworkPolicy, policy: 'knp' },
  CalicoNetworkPolicy: { resource: RESOURCES.CalicoNetworkPolicy, policy: 'np' },
  GlobalNetworkPolicy: { resource: RESOURCES.GlobalNetworkPolicy, policy: 'gnp' },
  StagedNetworkPolicy: { resource: RESOURCES.StagedNetworkPolicy, policy: 'snp' },
  StagedGlobalNetworkPolicy: { resource: RESOURCES.StagedGlobalNetworkPolicy, policy: 'sgnp' },
  StagedKubernetesNetworkPolicy: { resource: RESOURCES.StagedKubernetesNetworkPolicy, policy: 'sknp' },
  ClusterNetworkPolicy: { resource: RESOURCES.ClusterNetworkPolicy, policy: 'cnp', optional: true },
  AdminNetworkPolicy: { resource: RESOURCES.AdminNetworkPolicy, policy: 'anp', optional: true },
  BaselineAdminNetworkPolicy: {
    resource: RESOURCES.BaselineAdminNetworkPolicy,
    policy: 'banp',
    optional: true,
  },
  HostEndpoint: { resource: RESOURCES.HostEndpoint },
  Tier: { resource: RESOURCES.Tier },
  NetworkSet: { resource: RESOURCES.NetworkSet },
  GlobalNetworkSet: { resource: RESOURCES.GlobalNetworkSet },
  IPPool: { resource: RESOURCES.IPPool },
  IPAMConfiguration: { resource: RESOURCES.IPAMConfiguration },
  IPAMBlock: { resource: RESOURCES.IPAMBlock },
  FelixConfiguration: { resource: RESOURCES.FelixConfiguration },
  BGPConfiguration: { resource: RESOURCES.BGPConfiguration },
  BGPPeer: { resource: RESOURCES.BGPPeer },
  IPReservation: { resource: RESOURCES.IPReservation },
};

/** The kind of a policy by its key: `NetworkPolicy` of `knp/shop/deny`; undefined for other keys. */
export function kindOfPolicyKey(key: string): string | undefined {
  const prefix = key.slice(0, key.indexOf('/'));
  return Object.entries(WATCHED).find(([, { policy }]) => policy === prefix)?.[0];
}

/** One object as a watch showed it. */
export interface Sighting {
  readonly kind: string;
  /** With apiVersion and kind, which built-in lists leave out. */
  readonly object: AnyObject;
  readonly gone: boolean;
  readonly policyKey: string | undefined;
}

/** The watches of everything that nodes enforce. */
export interface ClusterWatches {
  readonly group: ReflectorGroup;
  /** Kinds of which no complete list was seen yet. */
  missing(): readonly string[];
}

/** Prepares all watches; `group.start()` begins. `onFault`: of one kind, or of several that broke together, parted by commas. */
export function watchCluster(
  client: ListWatch,
  onSighting: (sighting: Sighting) => void,
  onFault: (kind: string, message: string) => void,
): ClusterWatches {
  const broke = watchFaults(onFault, 'no pod can start before');
  const reflectors = Object.entries(WATCHED).map(([kind, { resource, policy, optional = false, trim }]) => {
    const apiVersion = apiVersionOf(resource);
    const reflector = new Reflector<AnyObject>(client, resource, {
      optional,
      ...(trim !== undefined && { trim }),
      onEvent: event => {
        if (event.type === 'synced') return;
        const object = { ...event.object, apiVersion, kind: resource.kind };
        const { namespace, name = '' } = object.metadata;
        const policyKey =
          policy === undefined ? undefined : [policy, namespace, name].filter(Boolean).join('/');
        onSighting({ kind, object, gone: event.type === 'delete', policyKey });
      },
      onFault: fault => broke(kind, resource, fault),
    });
    return { kind, reflector };
  });
  return {
    group: new ReflectorGroup(reflectors.map(({ reflector }) => reflector)),
    missing: () => reflectors.filter(({ reflector }) => !reflector.synced).map(({ kind }) => kind),
  };
}
