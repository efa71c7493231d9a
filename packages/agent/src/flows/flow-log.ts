import type { NodeState } from '@muslin/api';
import type { ConntrackDriver, Flow, LoggedPacket } from '@muslin/linux';
import { FlowJoiner, type FlowRecord } from './flow-record.ts';
import { FollowedConnections } from './followed-connections.ts';
import { type FlowPage, FlowRing } from './flow-ring.ts';
import { readPacketHeader } from './packet-header.ts';

/** Records kept: about a kilobyte each. */
const KEPT = 4_096;
/** Allowed connections are looked for as long as somebody asked within this time; ms. */
const WATCHED_MS = 5_000;
/** Shortest time between two looks at the table; ms. */
const LOOK_MS = 1_000;
/** Most records of one answer. */
const PAGE = 1_000;

/** What telling of flows takes. */
export interface FlowLogOptions {
  readonly tracker: Pick<ConntrackDriver, 'read'>;
  /** The state that is enforced now. */
  readonly state: () => NodeState;
  readonly onDenied: (record: FlowRecord) => void;
  /** Packets that came faster than they were read. */
  readonly onLost: () => void;
  readonly now: () => number;
}

/**
 * The latest denied packets, as rules told of them, and while somebody watches a sample of new allowed connections, as
 * connection tracking knows them: when they open, and when they have ended with what went either way. Bounded: the kernel limits what rules tell, the ring what is kept.
 */
export class FlowLog {
  readonly #options: FlowLogOptions;
  readonly #ring = new FlowRing<FlowRecord>(KEPT);
  #joiner: { readonly state: NodeState; readonly joiner: FlowJoiner } | undefined;
  readonly #connections = new FollowedConnections<readonly FlowRecord[]>();
  #lookedAt = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  #lost = 0;

  constructor(options: FlowLogOptions) {
    this.#options = options;
  }

  /** Packets of the group that denied packets are told to. */
  heard(packets: readonly LoggedPacket[]): void {
    const at = this.#options.now();
    const joiner = this.#join();
    for (const { prefix, payload, original } of packets) {
      const header = readPacketHeader(payload);
      const record = header && joiner.denied(prefix, header, original, at);
      if (record === undefined) continue;
      this.#ring.put(record);
      this.#options.onDenied(record);
    }
  }

  /** The kernel had more to say than was read. */
  lost(): void {
    this.#lost++;
    this.#options.onLost();
  }

  /** Records from a number on; the first question of a reader has none. */
  read(from: number | undefined, allowed: boolean): FlowPage<FlowRecord> {
    if (allowed) this.#look();
    const page = this.#ring.read(from, PAGE);
    const lost = page.lost + this.#lost;
    this.#lost = 0;
    return { ...page, lost };
  }

  #look(): void {
    const now = this.#options.now();
    // Whoever comes after a pause begins anew: what opened in between is no news.
    if (now - this.#askedAt > WATCHED_MS) this.#connections.forget();
    this.#askedAt = now;
    if (now - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = now;
    const read = this.#options.tracker.read();
    if (!read.ok) return;
    const { opened, ended } = this.#connections.look(read.value);
    for (const flow of opened) {
      const records = this.#join().allowed(headerOf(flow), flow.original, now);
      if (records.length > 0) this.#connections.follow(flow, records);
      for (const record of records) this.#ring.put({ ...record, ...countsOf(flow) });
    }
    for (const { flow, told } of ended)
      for (const record of told) this.#ring.put({ ...record, at: now, ended: true, ...countsOf(flow) });
  }

  #join(): FlowJoiner {
    const state = this.#options.state();
    if (this.#joiner?.state !== state) this.#joiner = { state, joiner: new FlowJoiner(state) };
    return this.#joiner.joiner;
  }
}

/** Both ways, as far as the kernel counts them, and whether the other end answered. */
function countsOf({ seenReply, sent, received }: Flow): Pick<FlowRecord, 'answered' | 'sent' | 'received'> {
  return {
    answered: seenReply,
    ...(sent !== undefined && { sent }),
    ...(received !== undefined && { received }),
  };
}

/** The first packet as policies saw it: after the destination was translated. */
function headerOf({ original, reply }: Flow) {
  const { source, protocol, sourcePort, icmp } = original;
  return {
    source,
    destination: reply.source,
    protocol,
    ...(sourcePort !== undefined && { sourcePort }),
    ...(reply.sourcePort !== undefined && { destinationPort: reply.sourcePort }),
    ...(icmp !== undefined && { icmp: { type: icmp.type, code: icmp.code } }),
  };
}
