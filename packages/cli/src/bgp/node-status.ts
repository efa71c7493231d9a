import type { Resource } from '@muslin/kube';
import { listAt, numberAt, textAt, valueAt } from '../files/json.ts';

/** Where each node's speaker writes what its sessions do: one object per node, named like it. */
export const BGP_NODE_STATUS: Resource = {
  group: 'muslin.dev',
  version: 'v1alpha1',
  plural: 'bgpnodestatuses',
  kind: 'BGPNodeStatus',
  namespaced: false,
};

/** One session of one node. */
export interface PeerRow {
  readonly node: string;
  readonly peer: string;
  readonly asn: number | undefined;
  readonly type: string | undefined;
  /** RFC 4271 §8.2.2: Idle, Connect, Active, OpenSent, OpenConfirm, Established. */
  readonly state: string;
  /** RFC 3339. */
  readonly since: string | undefined;
  readonly received: number | undefined;
  readonly advertised: number | undefined;
  /** Why it is not up, in the speaker's words. */
  readonly info: string | undefined;
}

/** The sessions that a status object tells of. */
export function peersOfStatus(status: { readonly metadata: { readonly name?: string } }): readonly PeerRow[] {
  return listAt(status, 'status', 'peers').map(peer => ({
    node: status.metadata.name ?? '',
    peer: textAt(peer, 'address') ?? '?',
    asn: numberAt(peer, 'asNumber'),
    type: textAt(peer, 'type'),
    state: textAt(peer, 'state') ?? 'Unknown',
    since: textAt(peer, 'since'),
    received: numberAt(peer, 'prefixesReceived'),
    advertised: numberAt(peer, 'prefixesAdvertised'),
    info: errorText(valueAt(peer, 'lastError')),
  }));
}

function errorText(error: unknown): string | undefined {
  if (typeof error === 'string') return error === '' ? undefined : error;
  return textAt(error, 'message') ?? (error === undefined ? undefined : JSON.stringify(error));
}
