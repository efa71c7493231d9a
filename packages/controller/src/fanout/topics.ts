import type { AnyObject, Sighting } from '@muslin/kube';

/**
 * Who needs an object: everybody (`*`), one node (`node/N`), the nodes that a policy concerns (`policy/KEY`), those with
 * pods of a namespace (`ns/NS`) or of a service account (`sa/NS/NAME`). Undefined: no node, whatever sets make of it.
 */
export type Topic = string;

type Row = (object: AnyObject, policyKey: string | undefined) => Topic | undefined;

const everybody: Row = () => '*';
const nobody: Row = () => undefined;
const byPolicy: Row = (_, policyKey) => `policy/${policyKey}`;
const textAt = (object: AnyObject, part: string, field: string): string | undefined => {
  const value = (object[part] as Record<string, unknown> | undefined)?.[field];
  return typeof value === 'string' && value !== '' ? value : undefined;
};
const onNode = (name: string | undefined) => (name === undefined ? undefined : `node/${name}`);

/** One row for each kind that is watched; kinds without one are policies. */
const ROWS: Readonly<Record<string, Row>> = {
  // Tunnels of a node lead to every other, by its addresses and blocks, borrowed addresses among them.
  Node: everybody,
  IPAMBlock: everybody,
  Namespace: ({ metadata }) => `ns/${metadata.name}`,
  Pod: object => onNode(textAt(object, 'spec', 'nodeName')),
  ServiceAccount: ({ metadata }) => `sa/${metadata.namespace}/${metadata.name}`,
  HostEndpoint: object => onNode(textAt(object, 'spec', 'node')),
  Service: nobody,
  EndpointSlice: nobody,
  NetworkSet: nobody,
  GlobalNetworkSet: nobody,
  Tier: everybody,
  IPPool: everybody,
  IPAMConfiguration: everybody,
  FelixConfiguration: everybody,
  // Addresses of Services that nodes advertise.
  BGPConfiguration: everybody,
  // Which pods are peers of their node.
  BGPPeer: everybody,
  IPReservation: everybody,
};

/** Who needs this object. */
export function topicOf({ kind, object, policyKey }: Sighting): Topic | undefined {
  return (ROWS[kind] ?? byPolicy)(object, policyKey);
}

/** What else a node needs because this object is on it: labels come down from namespaces, accounts and profiles. */
export function needsOf({ kind, object }: Pick<Sighting, 'kind' | 'object'>): readonly Topic[] {
  const { namespace } = object.metadata;
  if (kind === 'Pod')
    return [
      `ns/${namespace}`,
      `sa/${namespace}/${textAt(object, 'spec', 'serviceAccountName') ?? 'default'}`,
    ];
  if (kind !== 'HostEndpoint') return [];
  const profiles = (object['spec'] as { profiles?: unknown } | undefined)?.profiles;
  if (!Array.isArray(profiles)) return [];
  return profiles.flatMap(profile => {
    const [, type, ns, name] = /^(kns|ksa)\.([^.]+)(?:\.(.+))?$/.exec(String(profile)) ?? [];
    if (type === undefined) return [];
    return [type === 'kns' ? `ns/${ns}` : `sa/${ns}/${name}`];
  });
}
