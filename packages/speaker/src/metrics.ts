import { type KernelWitness, NO_WITNESS, STATE_NAMES } from '@muslin/bgp';
import { Counter, Gauge, Registry } from 'prom-client';
import { type Arrival, convergenceHistogram } from './convergence.ts';
import { findingOf, type PeerReport, routeCount } from './core/peer-report.ts';

/** What is measured at each scrape. */
export interface MetricsView {
  readonly peers: readonly PeerReport[];
  /** How often each session fell or failed to come up, by id. */
  readonly falls: ReadonlyMap<string, number>;
  readonly routesLearned: number;
  readonly routesRefused: number;
  readonly problems: number;
  /** On the speaker's clock, in milliseconds. */
  readonly now?: number;
  readonly witness?: KernelWitness;
  /** What 0 on the speaker's clock is in milliseconds since the epoch. */
  readonly origin?: number;
}

type Total = (peer: PeerReport, view: MetricsView) => number;

const sum = (counts: object) => Object.values(counts).reduce((a: number, b: number) => a + b, 0);

/** One row per series of a peer; those that end in `_total` only go up while the speaker runs. */
const PER_PEER: readonly (readonly [name: string, help: string, value: Total])[] = [
  ['up', '1 while the session is Established', peer => (peer.state === 'Established' ? 1 : 0)],
  [
    'state',
    'State of the session: 1 Idle, 2 Connect, 3 Active, 4 OpenSent, 5 OpenConfirm, 6 Established (RFC 4273)',
    peer => STATE_NAMES.indexOf(peer.state) + 1,
  ],
  ['established_total', 'How often the session came up', peer => peer.established],
  ['flaps_total', 'How often a session that was up ended', flaps],
  [
    'errors_total',
    'How often the session ended or could not be begun',
    (peer, view) => view.falls.get(peer.id) ?? 0,
  ],
  ['messages_received_total', 'Messages from the peer', peer => sum(peer.messagesIn)],
  ['messages_sent_total', 'Messages to the peer', peer => sum(peer.messagesOut)],
  ['updates_received_total', 'UPDATE messages from the peer', peer => peer.messagesIn.update],
  ['updates_sent_total', 'UPDATE messages to the peer', peer => peer.messagesOut.update],
  ['prefixes_received', 'Routes that the peer told', peer => routeCount(peer, 'received')],
  ['prefixes_accepted', 'Routes of the peer that passed the filters', peer => routeCount(peer, 'accepted')],
  [
    'prefixes_rejected',
    'Routes that the peer told and that are not used: filters, loops, unknown next hops',
    peer => routeCount(peer, 'received') - routeCount(peer, 'accepted'),
  ],
  ['prefixes_advertised', 'Routes that the peer was told', peer => routeCount(peer, 'advertised')],
  [
    'update_faults_total',
    'UPDATEs with faults that the session survived (RFC 7606)',
    peer => peer.faults.withdraw + peer.faults.discard,
  ],
];

const WHOLE: readonly (readonly [name: string, help: string, value: (view: MetricsView) => number])[] = [
  ['muslin_bgp_routes_learned', 'Prefixes learned by BGP', view => view.routesLearned],
  ['muslin_bgp_routes_refused', 'Learned routes that the kernel does not take', view => view.routesRefused],
  [
    'muslin_bgp_configuration_problems',
    'Things written down about BGP that are not in effect here',
    view => view.problems,
  ],
];

/** Metrics in Prometheus' text format, computed when they are asked for. */
export function metrics(view: () => MetricsView): {
  readonly text: () => Promise<string>;
  /** Takes a measured convergence in. */
  readonly arrived: (to: Arrival, seconds: number) => void;
} {
  const registry = new Registry();
  const registers = [registry];
  for (const [name, help, value] of PER_PEER) {
    const shape = { name: `muslin_bgp_peer_${name}`, help, labelNames: ['peer', 'type'], registers };
    const each = (put: (labels: Record<string, string>, count: number) => void) => {
      const now = view();
      for (const peer of now.peers) put({ peer: peer.id, type: peer.type }, value(peer, now));
    };
    if (name.endsWith('_total'))
      new Counter({
        ...shape,
        collect() {
          this.reset();
          each((labels, count) => this.inc(labels, count));
        },
      });
    else
      new Gauge({
        ...shape,
        collect() {
          this.reset();
          each((labels, count) => this.set(labels, count));
        },
      });
  }
  for (const [name, help, value] of WHOLE)
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value(view()));
      },
    });
  new Counter({
    name: 'muslin_bgp_peer_messages_total',
    help: 'Messages by type and direction',
    labelNames: ['peer', 'direction', 'type'],
    registers,
    collect() {
      this.reset();
      for (const { id, messagesIn, messagesOut } of view().peers)
        for (const [direction, counts] of Object.entries({ in: messagesIn, out: messagesOut }))
          for (const [type, count] of Object.entries(counts))
            this.inc({ peer: id, direction, type }, count as number);
    },
  });
  new Gauge({
    name: 'muslin_bgp_peer_finding',
    help: 'What the doctor finds on the session, as labels; always 1. muslinctl bgp doctor says it in words',
    labelNames: ['peer', 'code', 'severity', 'whose'],
    registers,
    collect() {
      this.reset();
      const { peers, now = 0, witness = NO_WITNESS } = view();
      for (const peer of peers) {
        const { code, severity, whose } = findingOf(peer, now, witness);
        this.set({ peer: peer.id, code, severity, whose }, 1);
      }
    },
  });
  new Gauge({
    name: 'muslin_bgp_peer_last_error_timestamp_seconds',
    help: 'When a session last ended or a call last failed; why, and the codes of the NOTIFICATION if there was one, as labels',
    labelNames: ['peer', 'cause', 'code', 'subcode'],
    registers,
    collect() {
      this.reset();
      const { peers, origin = 0 } = view();
      for (const { id, history } of peers) {
        const { lastEnd: end, reach } = history;
        if (reach !== undefined && reach.at >= (end?.at ?? 0))
          this.set({ peer: id, cause: reach.failure, code: '', subcode: '' }, (origin + reach.at) / 1000);
        else if (end !== undefined) {
          const { cause, notification: said } = end.reason;
          const codes = { code: `${said?.code ?? ''}`, subcode: `${said?.subcode ?? ''}` };
          this.set({ peer: id, cause, ...codes }, (origin + end.at) / 1000);
        }
      }
    },
  });
  const arrived = convergenceHistogram(registry);
  return { text: () => registry.metrics(), arrived };
}

function flaps(peer: PeerReport): number {
  return peer.established - (peer.state === 'Established' ? 1 : 0);
}
