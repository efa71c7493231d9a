import type { Resource } from '@muslin/kube';
import { listAt, numberAt, recordAt, textAt, valueAt } from '../files/json.ts';

/** Where each node's speaker writes what its sessions do: one object per node, named like it. */
export const BGP_NODE_STATUS: Resource = {
  group: 'muslin.dev',
  version: 'v1alpha1',
  plural: 'bgpnodestatuses',
  kind: 'BGPNodeStatus',
  namespaced: false,
};

/** What a node says of itself. */
export interface NodeReport {
  readonly metadata: { readonly name?: string };
}

/** What is the matter with something, in the speaker's words. */
export interface PeerFinding {
  readonly code: string;
  /** ok, waiting, warning or problem. */
  readonly severity: string;
  readonly whose: string | undefined;
  readonly message: string;
}

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
  readonly accepted: number | undefined;
  readonly advertised: number | undefined;
  readonly families: string | undefined;
  /** Why it is not up, in the speaker's words. */
  readonly info: string | undefined;
  readonly finding: PeerFinding | undefined;
}

export const isUp = (peer: PeerRow): boolean => peer.state === 'Established';

/** The sessions that a status object tells of. */
export function peersOfStatus(status: NodeReport): readonly PeerRow[] {
  return listAt(status, 'status', 'peers').map(peer => {
    const finding = findingOf(valueAt(peer, 'finding'));
    const error = errorText(valueAt(peer, 'lastError'));
    return {
      node: status.metadata.name ?? '',
      peer: textAt(peer, 'address') ?? '?',
      asn: numberAt(peer, 'asNumber'),
      type: textAt(peer, 'type'),
      state: textAt(peer, 'state') ?? 'Unknown',
      since: textAt(peer, 'since'),
      received: numberAt(peer, 'prefixesReceived'),
      accepted: numberAt(peer, 'prefixesAccepted'),
      advertised: numberAt(peer, 'prefixesAdvertised'),
      families: listAt(peer, 'families').join(',') || undefined,
      info: finding === undefined || finding.severity === 'waiting' ? error : finding.message,
      finding,
    };
  });
}

function findingOf(value: unknown): PeerFinding | undefined {
  const message = textAt(value, 'message');
  if (message === undefined) return undefined;
  return {
    code: textAt(value, 'code') ?? 'unknown',
    severity: textAt(value, 'severity') ?? 'problem',
    whose: textAt(value, 'whose'),
    message,
  };
}

/** What the node could not put into effect of what is written down, as it says itself. */
export function configurationProblem(status: NodeReport): string | undefined {
  const condition = listAt(status, 'status', 'conditions').find(
    each => textAt(each, 'type') === 'PeersConfigured' && textAt(each, 'status') === 'False',
  );
  return condition === undefined ? undefined : textAt(recordAt(condition), 'message');
}

function errorText(error: unknown): string | undefined {
  if (typeof error === 'string') return error === '' ? undefined : error;
  return textAt(error, 'message') ?? (error === undefined ? undefined : JSON.stringify(error));
}
