import {
  type AnyObject,
  type KubeClient,
  type KubeFault,
  RESOURCES,
  Reflector,
  ReflectorGroup,
  type Resource,
} from '@muslin/kube';

/** A kind that the agent watches. */
interface Watched {
  readonly resource: Resource;
  /** Begins the keys of its policies, as normalisation makes them; absent for kinds that are no policies. */
  readonly policy?: string;
}

/** Everything that decides what this node's kernel holds. Pods of all nodes: they are members of sets. */
const WATCHED: Readonly<Record<string, Watched>> = {
  Node: { resource: RESOURCES.Node },
  Namespace: { resource: RESOURCES.Namespace },
  Pod: { resource: RESOURCES.Pod },
  ServiceAccount: { resource: RESOURCES.ServiceAccount },
  Service: { resource: RESOURCES.Service },
  EndpointSlice: { resource: RESOURCES.EndpointSlice },
  NetworkPolicy: { resource: RESOURCES.NetworkPolicy, policy: 'knp' },
  CalicoNetworkPolicy: { resource: RESOURCES.CalicoNetworkPolicy, policy: 'np' },
  GlobalNetworkPolicy: { resource: RESOURCES.GlobalNetworkPolicy, policy: 'gnp' },
  Tier: { resource: RESOURCES.Tier },
  NetworkSet: { resource: RESOURCES.NetworkSet },
  GlobalNetworkSet: { resource: RESOURCES.GlobalNetworkSet },
  IPPool: { resource: RESOURCES.IPPool },
  IPAMConfiguration: { resource: RESOURCES.IPAMConfiguration },
  IPAMBlock: { resource: RESOURCES.IPAMBlock },
};

/** One object as a watch showed it. */
export interface Sighting {
  readonly kind: string;
  /** With apiVersion and kind, which built-in lists leave out. */
  readonly object: AnyObject;
  readonly gone: boolean;
  readonly policyKey: string | undefined;
}

/** Starts all watches. */
export function watchCluster(
  client: KubeClient,
  onSighting: (sighting: Sighting) => void,
  onFault: (kind: string, fault: KubeFault) => void,
): ReflectorGroup {
  const reflectors = Object.entries(WATCHED).map(([kind, { resource, policy }]) => {
    const apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
    return new Reflector<AnyObject>(client, resource, {
      onEvent: event => {
        if (event.type === 'synced') return;
        const object = { ...event.object, apiVersion, kind: resource.kind };
        const { namespace, name = '' } = object.metadata;
        const policyKey =
          policy === undefined ? undefined : [policy, namespace, name].filter(Boolean).join('/');
        onSighting({ kind, object, gone: event.type === 'delete', policyKey });
      },
      onFault: fault => onFault(kind, fault),
    });
  });
  return new ReflectorGroup(reflectors);
}
