import {
  type BgpPeerFacts,
  type BgpPeerPolicyFacts,
  type BgpSessionTraits,
  matchesSelector,
  type NodeFacts,
} from '@muslin/api';
import type { ClusterFacts } from './cluster-facts.ts';
import type { Problem } from './problem.ts';

/** A session as policies choose it: from a BGPPeer, of the mesh, or made by a policy itself. */
export type TraitsSubject =
  | { readonly type: 'peer'; readonly peer: BgpPeerFacts }
  | { readonly type: 'mesh' }
  | { readonly type: 'policy'; readonly name: string };

const SILENT: BgpSessionTraits = {
  holdTime: undefined,
  keepaliveTime: undefined,
  connectRetryTime: undefined,
  bfd: undefined,
  prefixLimits: undefined,
  addPath: undefined,
  clientToClient: undefined,
  gracefulShutdown: undefined,
  longLivedRestart: undefined,
  ttlSecurityHops: undefined,
  authentication: undefined,
  role: undefined,
  strictRole: undefined,
  localAsPrepend: undefined,
  enforceFirstAs: undefined,
  passive: undefined,
  shutdown: undefined,
  sendHoldTime: undefined,
};

/** Policies for a node, in the order in which they count. */
export function policiesFor(facts: ClusterFacts, node: NodeFacts): readonly BgpPeerPolicyFacts[] {
  return [...facts.policies.values()]
    .filter(({ nodeSelector }) => nodeSelector === undefined || matchesSelector(nodeSelector, node.labels))
    .sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1));
}

/** What all policies together say of a session: field by field, the first that says something. */
export function traitsOf(policies: readonly BgpPeerPolicyFacts[], subject: TraitsSubject): BgpSessionTraits {
  const merged: Record<string, unknown> = { ...SILENT };
  // A policy knows best about the sessions that it makes.
  const own = (policy: BgpPeerPolicyFacts) => subject.type === 'policy' && policy.name === subject.name;
  for (const { traits } of [
    ...policies.filter(own),
    ...policies.filter(policy => !own(policy) && isFor(policy, subject)),
  ])
    for (const [key, value] of Object.entries(traits)) merged[key] ??= value;
  return merged as unknown as BgpSessionTraits;
}

function isFor(policy: BgpPeerPolicyFacts, subject: TraitsSubject): boolean {
  switch (subject.type) {
    case 'mesh':
      return policy.nodeMesh;
    case 'policy':
      return false;
    case 'peer': {
      const { name, labels } = subject.peer;
      const { peerNames, peerSelector } = policy;
      return peerNames.has(name) || (peerSelector !== undefined && matchesSelector(peerSelector, labels));
    }
  }
}

/** Names in policies that no BGPPeer has. */
export function unknownNames(
  facts: ClusterFacts,
  policies: readonly BgpPeerPolicyFacts[],
): readonly Problem[] {
  return policies.flatMap(({ name, peerNames }) =>
    [...peerNames]
      .filter(peer => !facts.peers.has(peer))
      .map(peer => ({
        object: `BGPPeerPolicy ${name}`,
        reason: 'PeerMissing',
        message: `spec.peerNames: BGPPeer ${peer} does not exist`,
      })),
  );
}
