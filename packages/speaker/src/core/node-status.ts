import type { KernelWitness } from '@muslin/bgp';
import type { bgpNodeStatus, StatusOf } from '@muslin/api';
import { formatIp } from '@muslin/net';
import type { DesiredSpeaker } from './desired-speaker.ts';
import { errorOf, findingOf, type PeerReport, routeCount } from './peer-report.ts';
import { type Problem, problemText } from './problem.ts';

/** The status of a BGPNodeStatus (muslin.dev/v1alpha1). */
export type NodeStatus = StatusOf<typeof bgpNodeStatus>;
type Condition = NonNullable<NonNullable<NodeStatus>['conditions']>[number];

/** What there is to tell about a node's speaker. */
export interface SpeakerView {
  readonly desired: DesiredSpeaker | undefined;
  readonly peers: readonly PeerReport[];
  readonly routesLearned: number;
  /** Since the node left: how many peers did not confirm in time. */
  readonly unconfirmed: number | undefined;
  readonly problems: readonly Problem[];
  /** When it is, on the speaker's clock, in milliseconds. */
  readonly now: number;
  readonly witness: KernelWitness;
  /** RFC 3339 of a time on the speaker's clock. */
  readonly timeOf: (at: number) => string;
}

/** The status that everybody may read. `before` are the conditions last told; `now` is RFC 3339. */
export function nodeStatus(view: SpeakerView, before: readonly Condition[], now: string) {
  const { desired, peers, problems } = view;
  return {
    ...(desired === undefined ? {} : { routerID: formatIp(desired.routerId), asNumber: desired.asNumber }),
    peers: [...peers].sort((a, b) => (a.id < b.id ? -1 : 1)).map(peer => peerStatus(peer, view)),
    peersEstablished: peers.filter(peer => peer.state === 'Established').length,
    routesLearned: view.routesLearned,
    ...service(view),
    conditions: [condition(problems, before, now)],
  } satisfies NodeStatus;
}

/** A node is drained when all peers that are up have been told. */
function service({ desired, peers, unconfirmed }: SpeakerView): Pick<NodeStatus, 'service' | 'unconfirmed'> {
  switch (desired?.service) {
    case undefined:
      return {};
    case 'left':
      return unconfirmed === undefined ? { service: 'Leaving' } : { service: 'Left', unconfirmed };
    case 'drained':
      return { service: peers.every(isTold) ? 'Drained' : 'InService' };
    case 'in':
      return { service: 'InService' };
  }
}

function isTold({ state, families }: PeerReport): boolean {
  return state !== 'Established' || families.every(({ queued }) => queued === 0);
}

function peerStatus(peer: PeerReport, { timeOf, now, witness }: SpeakerView) {
  const error = errorOf(peer)?.slice(0, 512);
  const { code, severity, whose, message } = findingOf(peer, now, witness);
  return {
    address: peer.id,
    asNumber: peer.asNumber || (peer.remoteAs ?? 0),
    type: peer.type,
    state: peer.state,
    since: timeOf(peer.since),
    ...(error === undefined ? {} : { lastError: error }),
    finding: { code, severity, whose, message: message.slice(0, 1024) },
    families: peer.families.filter(family => family.agreed).map(family => family.family),
    prefixesReceived: routeCount(peer, 'received'),
    prefixesAccepted: routeCount(peer, 'accepted'),
    prefixesAdvertised: routeCount(peer, 'advertised'),
  };
}

const MOST_TOLD = 20;

/** Whether all that was written down about BGP is in effect on the node. */
function condition(problems: readonly Problem[], before: readonly Condition[], now: string): Condition {
  const [first] = problems;
  const shown = problems.slice(0, MOST_TOLD).map(problemText);
  const more = problems.length > MOST_TOLD ? [`and ${problems.length - MOST_TOLD} more`] : [];
  const state = first === undefined ? 'True' : 'False';
  const earlier = before.find(({ type, status }) => type === 'PeersConfigured' && status === state);
  return {
    type: 'PeersConfigured',
    status: state,
    reason: first?.reason ?? 'AllInEffect',
    message:
      first === undefined
        ? 'All BGPPeers, BGPFilters and passwords are in effect'
        : [...shown, ...more].join('; '),
    lastTransitionTime: earlier?.lastTransitionTime ?? now,
  };
}
