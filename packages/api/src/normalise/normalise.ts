import { readBgpConfiguration } from './bgp-configuration.ts';
import { readBgpFilter } from './bgp-filter.ts';
import { readBgpPeer } from './bgp-peer.ts';
import { readCalicoPolicy } from './calico-policy.ts';
import { readAdminPolicy, readBaselinePolicy, readClusterPolicy } from './cluster-policy.ts';
import { readEndpointSlice } from './endpoint-slice.ts';
import type { Fact, Normalised, Read } from './fact.ts';
import { isRecord } from './field.ts';
import { identify } from './header.ts';
import { readFelixConfiguration } from './felix-configuration.ts';
import { readHostEndpoint } from './host-endpoint.ts';
import { readIpPool } from './ip-pool.ts';
import { readIpReservation } from './ip-reservation.ts';
import { readKubernetesPolicy, readStagedKubernetesPolicy } from './kubernetes-policy.ts';
import { readNamespace } from './namespace.ts';
import { readNetworkSet } from './network-set.ts';
import { readNode } from './node.ts';
import { readPod } from './pod.ts';
import { readService } from './service.ts';
import { readServiceAccount } from './service-account.ts';
import { readTier } from './tier.ts';

type Scope = 'Cluster' | 'Namespaced';

/** One kind: an unchecked object in, at most one fact out. */
interface KindRow {
  readonly scope: Scope;
  readonly read: (object: unknown) => Normalised;
}

function row<T extends Fact['type'], V extends Extract<Fact, { type: T }>['value']>(
  scope: Scope,
  type: T,
  read: (object: unknown) => Read<V>,
  keyOf: (value: V, object: unknown) => string,
): KindRow {
  return {
    scope,
    read: object => {
      const { value, findings } = read(object);
      if (value === undefined) return { facts: [], findings };
      return { facts: [{ type, key: keyOf(value, object), value } as unknown as Fact], findings };
    },
  };
}

const key = (value: { readonly key: string }) => value.key;
const name = (value: { readonly name: string }) => value.name;
const home = (object: unknown) => identify(object).namespace || 'default';
const calico = (prefix: string, scope: Scope, staged: boolean) =>
  row(scope, 'policy', object => readCalicoPolicy(object, { prefix, scope, staged }), key);
const netset = (scope: Scope) => row(scope, 'networkSet', object => readNetworkSet(object, scope), key);

/** A kind without a place in a snapshot: programs read it themselves, its findings are still told here. */
function aside(scope: Scope, read: (object: unknown) => Read<unknown>): KindRow {
  return { scope, read: object => ({ facts: [], findings: read(object).findings }) };
}

/** Every kind that policy and routing ask about, by `apiVersion/kind`. */
const KINDS: ReadonlyMap<string, KindRow> = new Map([
  ['v1/Pod', row('Namespaced', 'endpoint', readPod, key)],
  ['v1/Namespace', row('Cluster', 'namespace', readNamespace, name)],
  [
    'v1/ServiceAccount',
    row('Namespaced', 'serviceAccount', readServiceAccount, sa => `${sa.namespace}/${sa.name}`),
  ],
  ['v1/Node', row('Cluster', 'node', readNode, name)],
  ['v1/Service', row('Namespaced', 'service', readService, key)],
  [
    'discovery.k8s.io/v1/EndpointSlice',
    row('Namespaced', 'slice', readEndpointSlice, (_, object) => `${home(object)}/${identify(object).name}`),
  ],
  ['networking.k8s.io/v1/NetworkPolicy', row('Namespaced', 'policy', readKubernetesPolicy, key)],
  ['projectcalico.org/v3/NetworkPolicy', calico('np', 'Namespaced', false)],
  ['projectcalico.org/v3/GlobalNetworkPolicy', calico('gnp', 'Cluster', false)],
  ['projectcalico.org/v3/StagedNetworkPolicy', calico('snp', 'Namespaced', true)],
  ['projectcalico.org/v3/StagedGlobalNetworkPolicy', calico('sgnp', 'Cluster', true)],
  [
    'projectcalico.org/v3/StagedKubernetesNetworkPolicy',
    row('Namespaced', 'policy', readStagedKubernetesPolicy, key),
  ],
  ['projectcalico.org/v3/Tier', row('Cluster', 'tier', readTier, name)],
  ['projectcalico.org/v3/NetworkSet', netset('Namespaced')],
  ['projectcalico.org/v3/GlobalNetworkSet', netset('Cluster')],
  ['projectcalico.org/v3/IPPool', row('Cluster', 'pool', readIpPool, name)],
  ['projectcalico.org/v3/IPReservation', aside('Cluster', readIpReservation)],
  ['projectcalico.org/v3/HostEndpoint', row('Cluster', 'hostEndpoint', readHostEndpoint, key)],
  ['projectcalico.org/v3/FelixConfiguration', row('Cluster', 'felix', readFelixConfiguration, name)],
  ['projectcalico.org/v3/BGPConfiguration', aside('Cluster', object => readBgpConfiguration(object))],
  ['projectcalico.org/v3/BGPPeer', aside('Cluster', readBgpPeer)],
  ['projectcalico.org/v3/BGPFilter', aside('Cluster', readBgpFilter)],
  [
    'policy.networking.k8s.io/v1alpha2/ClusterNetworkPolicy',
    row('Cluster', 'policy', readClusterPolicy, key),
  ],
  ['policy.networking.k8s.io/v1alpha1/AdminNetworkPolicy', row('Cluster', 'policy', readAdminPolicy, key)],
  [
    'policy.networking.k8s.io/v1alpha1/BaselineAdminNetworkPolicy',
    row('Cluster', 'policy', readBaselinePolicy, key),
  ],
]);

/** `apiVersion/kind` of everything that `normalise` understands. */
export const NORMALISED_KINDS: readonly string[] = [...KINDS.keys()];

/**
 * What one parsed resource means, with every default of Kubernetes and Calico applied. Total: no value makes it throw.
 * A resource of another kind has neither facts nor findings; something that is no resource has a finding.
 */
export function normalise(object: unknown): Normalised {
  const { apiVersion, kind, name } = identify(object);
  if (!isRecord(object) || apiVersion === '' || kind === '') {
    const message = 'is no Kubernetes object: it has no apiVersion and kind';
    return { facts: [], findings: [{ object: { kind, name }, path: '', severity: 'error', message }] };
  }
  return KINDS.get(`${apiVersion}/${kind}`)?.read(object) ?? { facts: [], findings: [] };
}

/** Which object this is among all: equal for two that replace each other. */
export function objectKey(object: unknown): string {
  const { apiVersion, kind, namespace, name } = identify(object);
  const scope = KINDS.get(`${apiVersion}/${kind}`)?.scope ?? 'Namespaced';
  return JSON.stringify([apiVersion, kind, scope === 'Cluster' ? '' : namespace || 'default', name]);
}
