import { readSync } from 'node:fs';
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import {
  BFD_PORT,
  Bfd,
  type BfdOutput,
  type BfdSession,
  type BfdSessionId,
  bfdSessionId,
  type DiscardCode,
} from '@muslin/bgp';
import { type Namespace, systemCalls } from '@muslin/linux';
import { formatIp } from '@muslin/net';
import { AlarmQueue } from './alarm-queue.ts';
import { BATCH, type BfdListener, drain, openListener } from './bfd-listener.ts';
import type { BfdCommand, BfdNews, BfdStart } from './bfd-messages.ts';
import { BfdSender } from './bfd-sender.ts';
import { LinkNames } from './link-names.ts';

const POLL_IN = 1;
/** Bounds how long the thread may be asleep when somebody ends it from outside. */
const TICK_MS = 500;
const LISTEN_AGAIN_MS = 5000;
/** Goodbyes when the program ends: the peer needs to get one (RFC 5880 §6.8.16 has a whole detection time for it). */
const GOODBYES = 3;
const GOODBYE_PAUSE_MS = 10;

/** Drives `Bfd` on a thread of its own: waits in poll(2) for packets, commands and timers. */
export class BfdThread {
  readonly #port: MessagePort;
  readonly #wake: number;
  readonly #namespace: Namespace | undefined;
  readonly #bfd: Bfd;
  readonly #alarms = new AlarmQueue();
  readonly #listeners = new Map<string, BfdListener>();
  readonly #senders = new Map<BfdSessionId, BfdSender>();
  readonly #sessions = new Map<BfdSessionId, BfdSession>();
  readonly #links: LinkNames;
  readonly #discarded: Partial<Record<DiscardCode, number>> = {};
  /** Said already: a fault that repeats is told once. */
  readonly #complaints = new Set<string>();
  #listenAgainAt = Number.POSITIVE_INFINITY;
  #stopping = false;

  constructor(port: MessagePort, start: BfdStart, namespace: Namespace | undefined) {
    this.#port = port;
    this.#wake = start.wake;
    this.#namespace = namespace;
    this.#bfd = new Bfd({ seed: start.seed });
    this.#links = new LinkNames(namespace);
  }

  /** Returns when it was told to stop. */
  run(): void {
    while (!this.#stopping) {
      this.#wait();
      // Packets first: a thread that was held up must not take its own delay for the silence of others.
      const began = performance.now();
      let flooded = false;
      for (const listener of this.#listeners.values()) flooded = this.#read(listener) >= BATCH || flooded;
      const now = performance.now();
      for (let id = this.#alarms.take(now); id !== undefined; id = this.#alarms.take(now))
        this.#perform(this.#bfd.handle({ kind: 'timer', id }, performance.now()));
      if (now >= this.#listenAgainAt) this.#listen();
      for (let next = receiveMessageOnPort(this.#port); next; next = receiveMessageOnPort(this.#port))
        this.#obey(next.message as BfdCommand);
      // A flood of packets must not get more than half of a processor from a thread that runs before all others.
      if (flooded) systemCalls().poll([], Math.ceil(performance.now() - began));
    }
    this.#leave();
  }

  #wait(): void {
    const next = Math.min(this.#alarms.next() ?? Number.POSITIVE_INFINITY, this.#listenAgainAt);
    // Up to a millisecond late rather than early, which would spin.
    const timeout = Math.min(TICK_MS, Math.max(0, Math.ceil(next - performance.now())));
    const entries = [this.#wake, ...[...this.#listeners.values()].map(listener => listener.fd)];
    const ready = systemCalls().poll(
      entries.map(fd => ({ fd, events: POLL_IN })),
      timeout,
    );
    if (typeof ready !== 'number' && ready[0] !== 0) readSync(this.#wake, new Uint8Array(8));
  }

  /** How many there were. */
  #read(listener: BfdListener): number {
    const datagrams = drain(listener);
    for (const { linkIndex, ...received } of datagrams) {
      const now = performance.now();
      const name = this.#links.nameOf(linkIndex, now);
      const link = name === undefined ? {} : { interface: name };
      this.#perform(this.#bfd.handle({ kind: 'packet', ...received, ...link }, now));
    }
    return datagrams.length;
  }

  #obey(command: BfdCommand): void {
    switch (command.kind) {
      case 'sessions':
        this.#setSessions(command.sessions);
        break;
      case 'report': {
        const report = { sessions: this.#bfd.sessions(), discarded: { ...this.#discarded } };
        this.#tell({ kind: 'report', ticket: command.ticket, report });
        break;
      }
      case 'stop':
        this.#stopping = true;
        break;
      default:
        command satisfies never;
    }
  }

  #setSessions(wanted: readonly BfdSession[]): void {
    const sessions = new Map(wanted.map(session => [bfdSessionId(session), session]));
    for (const id of this.#sessions.keys())
      if (!sessions.has(id)) {
        this.#sessions.delete(id);
        this.#perform(this.#bfd.removeSession(id, performance.now()));
      }
    for (const [id, session] of sessions) {
      this.#sessions.set(id, session);
      if (!this.#senders.has(id)) this.#senders.set(id, new BfdSender(this.#namespace, session, Math.random));
    }
    this.#listen();
    for (const session of sessions.values()) this.#perform(this.#bfd.setSession(session, performance.now()));
  }

  /** Opens the listeners that the sessions need; those that fail are tried again. */
  #listen(): void {
    this.#listenAgainAt = Number.POSITIVE_INFINITY;
    for (const { peer, multihop = false } of this.#sessions.values()) {
      const port = multihop ? BFD_PORT.multihop : BFD_PORT.singleHop;
      const key = `${peer.family}/${port}`;
      if (this.#listeners.has(key)) continue;
      const opened = openListener(this.#namespace, peer.family, port, multihop);
      if (opened.ok) {
        this.#listeners.set(key, opened.value);
        continue;
      }
      this.#listenAgainAt = performance.now() + LISTEN_AGAIN_MS;
      const hint = opened.fault.code === 'EADDRINUSE' ? ': another BFD daemon runs on this node' : '';
      this.#complain(`${opened.fault.message}${hint}`);
    }
  }

  #perform(outputs: readonly BfdOutput[]): void {
    for (const output of outputs) {
      switch (output.kind) {
        case 'send':
          this.#send(output.session, output.bytes);
          break;
        case 'setTimer':
          this.#alarms.set(output.id, output.at);
          break;
        case 'clearTimer':
          this.#alarms.clear(output.id);
          break;
        case 'stateChanged': {
          const { kind: _, ...change } = output;
          const at = performance.timeOrigin + performance.now();
          this.#tell({ kind: 'state', change: { ...change, at } });
          break;
        }
        case 'discarded':
          this.#discarded[output.fault.code] = (this.#discarded[output.fault.code] ?? 0) + 1;
          break;
        case 'ended':
          this.#senders.get(output.session)?.close();
          this.#senders.delete(output.session);
          break;
        default:
          output satisfies never;
      }
    }
  }

  #send(id: BfdSessionId, bytes: Uint8Array): void {
    const fault = this.#senders.get(id)?.send(bytes);
    const peer = this.#sessions.get(id)?.peer;
    if (fault !== undefined && peer !== undefined)
      this.#complain(`can't send BFD packets to ${formatIp(peer)}: ${fault.message}`);
  }

  #leave(): void {
    const goodbyes: (readonly [BfdSessionId, Uint8Array])[] = [];
    for (const id of this.#sessions.keys())
      for (const output of this.#bfd.removeSession(id, performance.now()))
        if (output.kind === 'send') goodbyes.push([id, output.bytes]);
    for (let i = 0; i < GOODBYES && goodbyes.length > 0; i++) {
      for (const [id, bytes] of goodbyes) this.#senders.get(id)?.send(bytes);
      if (i < GOODBYES - 1) systemCalls().poll([], GOODBYE_PAUSE_MS);
    }
    for (const sender of this.#senders.values()) sender.close();
    for (const { fd } of this.#listeners.values()) systemCalls().close(fd);
  }

  #complain(message: string): void {
    if (this.#complaints.has(message)) return;
    this.#complaints.add(message);
    this.#tell({ kind: 'fault', message });
  }

  #tell(news: BfdNews): void {
    this.#port.postMessage(news);
  }
}
