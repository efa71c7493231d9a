import {
  type BgpConfigurationFacts,
  type BgpPeerFacts,
  type EndpointKey,
  type Snapshot,
  workloadPeerOf,
} from '@muslin/api';
import type { Ip } from '@muslin/net';
import type { LocalEndpoint } from './local-endpoint.ts';

/** An address that the node has on its end of a pod's cable. */
export interface PeeringAddress {
  readonly interfaceName: string;
  readonly ip: Ip;
}

/** What tells where the node answers BGP of its pods. */
export interface PeeringFacts {
  readonly node: string;
  readonly snapshot: Pick<Snapshot, 'nodes' | 'endpoints' | 'namespaces' | 'serviceAccounts'>;
  readonly locals: ReadonlyMap<EndpointKey, readonly LocalEndpoint[]>;
  readonly peers: ReadonlyMap<string, BgpPeerFacts>;
  readonly settings: BgpConfigurationFacts;
}

/**
 * The addresses by which the BGP peers among this node's pods find it (BGPPeer localWorkloadSelector, BGPConfiguration
 * localWorkloadPeeringIPV4 and V6): on the node's end of their cables, in the families that they have.
 */
export function peeringAddresses(facts: PeeringFacts): readonly PeeringAddress[] {
  const { snapshot, locals, peers, settings } = facts;
  const own = [settings.localWorkloadPeeringIpV4, settings.localWorkloadPeeringIpV6].filter(
    ip => ip !== undefined,
  );
  const node = snapshot.nodes.get(facts.node);
  if (own.length === 0 || node === undefined) return [];
  if (![...peers.values()].some(({ target }) => target.type === 'workloads')) return [];
  const { namespaces, serviceAccounts } = snapshot;
  return [...locals].flatMap(([key, links]) => {
    const pod = snapshot.endpoints.get(key);
    if (pod === undefined) return [];
    if (workloadPeerOf({ peers, namespaces, serviceAccounts }, node, pod) === undefined) return [];
    return links
      .filter(({ uid }) => uid === pod.uid)
      .flatMap(({ hostInterface, ips }) =>
        own
          .filter(({ family }) => ips.some(ip => ip.family === family))
          .map(ip => ({ interfaceName: hostInterface, ip })),
      );
  });
}
