import type { ConnectionWitness, PeerView } from '@muslin/bgp';
import type { Ip } from '@muslin/net';
import type { DesiredPeer } from './desired-peer.ts';
import type { PeerReport } from './peer-report.ts';

/** Sessions as the speaker sees them, with where they come from, what BFD says, and what became of lost segments. */
export function peerReports(
  views: readonly PeerView[],
  wanted: ReadonlyMap<string, DesiredPeer>,
  bfd: ReadonlyMap<string, PeerReport['bfd']>,
  losses: (remoteIp: Ip) => ConnectionWitness,
): readonly PeerReport[] {
  return views.map(view => {
    const desired = wanted.get(view.id);
    return {
      ...view,
      type: desired?.type ?? 'NodePeer',
      asNumber: desired?.asNumber ?? 0,
      held: desired?.held,
      bfd: bfd.get(view.id),
      ...(view.state !== 'Established' && { losses: losses(view.remoteIp) }),
    };
  });
}
