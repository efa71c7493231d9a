import { formatIp, type Ip, sameIp } from '@muslin/net';
import type { StateName } from '../session/session-state.ts';
import type { ConnectionId, Input } from '../speaker/input.ts';
import type { Output } from '../speaker/output.ts';
import type { PeerView } from '../speaker/peer-view.ts';
import { MessageCutter } from './message-cutter.ts';
import { encodeMrt } from './mrt-codec.ts';
import type { MrtEnds, MrtTime } from './mrt-record.ts';

/** Milliseconds since 1970, with a fraction. */
export type EpochMs = number;

interface Link {
  readonly remoteIp: Ip;
  localIp: Ip | undefined;
  readonly in: MessageCutter;
  readonly out: MessageCutter;
}

/**
 * Listens to what goes in and out of a speaker, and writes BGP4MP_ET records of it (RFC 6396 §4.4, RFC 8050) while
 * somebody wants them. Without anybody it only remembers the ends of connections.
 */
export class SessionLog {
  /** What is known of the peers; asked for when a record is made. */
  readonly #peers: () => readonly PeerView[];
  readonly #links = new Map<ConnectionId, Link>();
  /** Our end towards each address, also after the connection is gone. */
  readonly #localIps = new Map<string, Ip>();
  readonly #states = new Map<string, StateName>();
  readonly #readers = new Set<(record: Uint8Array) => void>();

  constructor(peers: () => readonly PeerView[]) {
    this.#peers = peers;
  }

  /** Hands every record from now on to `reader`; gives what ends that. */
  follow(reader: (record: Uint8Array) => void): () => void {
    this.#readers.add(reader);
    return () => this.#readers.delete(reader);
  }

  /** To be told before the speaker handles the input. */
  input(input: Input, now: EpochMs): void {
    switch (input.kind) {
      case 'accepted':
        this.#open(input.connection, input.remoteIp, input.localIp);
        break;
      case 'connected': {
        const link = this.#links.get(input.connection);
        if (link !== undefined) this.#ours(link, input.localIp);
        break;
      }
      case 'bytes':
        this.#bytes(input.connection, input.bytes, 'in', now);
        break;
      case 'burst':
        for (const each of input.inputs) this.input(each, now);
        break;
      case 'closed':
      case 'connectFailed':
        this.#links.delete(input.connection);
        break;
      default:
    }
  }

  /** To be told of everything that the speaker wants done. */
  output(output: Output, now: EpochMs): void {
    switch (output.kind) {
      case 'dial':
        this.#open(output.connection, output.remoteIp, undefined);
        break;
      case 'send':
        this.#bytes(output.connection, output.bytes, 'out', now);
        break;
      case 'close':
        this.#links.delete(output.connection);
        break;
      case 'peerChanged':
        this.#changed(output.peer, output.state, now);
        break;
      default:
    }
  }

  #open(connection: ConnectionId, remoteIp: Ip, localIp: Ip | undefined): void {
    const link: Link = { remoteIp, localIp: undefined, in: new MessageCutter(), out: new MessageCutter() };
    this.#links.set(connection, link);
    if (localIp !== undefined) this.#ours(link, localIp);
  }

  #ours(link: Link, localIp: Ip): void {
    link.localIp = localIp;
    this.#localIps.set(formatIp(link.remoteIp), localIp);
  }

  #bytes(connection: ConnectionId, bytes: Uint8Array, direction: 'in' | 'out', now: EpochMs): void {
    const link = this.#links.get(connection);
    if (link?.localIp === undefined || this.#readers.size === 0) return;
    const messages = link[direction].push(bytes);
    const peer = this.#peers().find(view => sameIp(view.remoteIp, link.remoteIp));
    if (messages.length === 0 || peer === undefined) return;
    const local = direction === 'out';
    const addPath = local ? peer.addPath.send : peer.addPath.receive;
    for (const message of messages)
      this.#tell(
        encodeMrt({
          ...{ kind: 'message', at: timeOf(now), local, addPath, bytes: message },
          ...endsOf(peer, link.localIp),
        }),
      );
  }

  #changed(id: string, to: StateName, now: EpochMs): void {
    const from = this.#states.get(id) ?? 'Idle';
    this.#states.set(id, to);
    if (this.#readers.size === 0) return;
    const peer = this.#peers().find(view => view.id === id);
    const localIp = peer === undefined ? undefined : this.#localIps.get(formatIp(peer.remoteIp));
    // Before the first connection there is no address of ours to name.
    if (peer === undefined || localIp === undefined) return;
    this.#tell(encodeMrt({ kind: 'state-change', at: timeOf(now), from, to, ...endsOf(peer, localIp) }));
  }

  #tell(record: Uint8Array): void {
    for (const reader of this.#readers) reader(record);
  }
}

function endsOf(peer: PeerView, localIp: Ip): MrtEnds {
  const { wish, remoteIp } = peer;
  const remoteAs = peer.remoteAs ?? (typeof wish.remoteAs === 'number' ? wish.remoteAs : 0);
  return { remoteAs, localAs: wish.localAs, remoteIp, localIp, interfaceIndex: 0, fourOctetAs: true };
}

function timeOf(now: EpochMs): MrtTime {
  const seconds = Math.floor(now / 1000);
  return { seconds, microseconds: Math.min(999_999, Math.round((now - seconds * 1000) * 1000)) };
}
