import { type Input, type Output, type PeerView, Speaker } from '@muslin/bgp';
import type { NetlinkSocket, RouteDriver } from '@muslin/linux';
import { formatIp, formatPrefix, mustIp, type Prefix } from '@muslin/net';
import { Connections } from './connections.ts';
import type { ClusterFacts } from './core/cluster-facts.ts';
import { type DesiredSpeaker, desiredSpeaker } from './core/desired-speaker.ts';
import type { PeerType } from './core/peers-of.ts';
import { Fib } from './fib.ts';

/** What the program needs of the world. */
export interface ProgramOptions {
  readonly node: string;
  readonly facts: ClusterFacts;
  readonly netlink: NetlinkSocket;
  readonly routes: RouteDriver;
  readonly log: (line: string) => void;
  /** Something that people see has changed. */
  readonly onChange: () => void;
}

/** A peer as people see it. */
export interface PeerReport extends PeerView {
  readonly type: PeerType;
  readonly asNumber: number;
}

/** Longest that routes of an earlier life stay without being confirmed (RFC 4724 §4.1, selection deferral). */
const DEFERRAL_MS = 120_000;
const IDLE_SYNC_MS = 10_000;

/** Drives one `Speaker` from cluster facts: sockets and timers in, kernel routes out. */
export class SpeakerProgram {
  readonly #options: ProgramOptions;
  readonly #fib: Fib;
  readonly #connections: Connections;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #ids = new Set<string>();
  readonly #told = new Map<string, { readonly prefix: Prefix; readonly localPref: number }>();
  #desired: DesiredSpeaker | undefined;
  #speaker: Speaker | undefined;
  #listening = false;
  #idle: NodeJS.Timeout | undefined;
  #deferral: NodeJS.Timeout | undefined;

  constructor(options: ProgramOptions) {
    this.#options = options;
    this.#fib = new Fib({
      driver: options.routes,
      metrics: () => this.#desired?.metrics ?? { 4: 1024, 6: 1024 },
      log: options.log,
    });
    this.#connections = new Connections({
      netlink: options.netlink,
      feed: input => this.#feed(input),
      passwordOf: () => undefined,
      log: options.log,
    });
  }

  get desired(): DesiredSpeaker | undefined {
    return this.#desired;
  }

  /** Begins to follow the facts. Before this the kernel's routes are left alone. */
  async start(): Promise<void> {
    this.#deferral = setTimeout(() => this.#fib.settle(), DEFERRAL_MS);
    this.#deferral.unref();
    this.#idle = setInterval(() => this.#fib.sync(), IDLE_SYNC_MS);
    this.#idle.unref();
    await this.review();
  }

  /** Compares what should be with what is, and changes only what differs. */
  async review(): Promise<void> {
    const desired = desiredSpeaker(this.#options.facts, this.#options.node);
    if (desired === undefined) return;
    const before = this.#desired;
    this.#desired = desired;
    const identity = (d: DesiredSpeaker) => `${d.asNumber} ${formatIp(d.routerId)}`;
    if (this.#speaker === undefined || before === undefined || identity(before) !== identity(desired))
      this.#renew(desired);
    if (!this.#listening) {
      this.#listening = true;
      await this.#connections.listen([mustIp('0.0.0.0'), mustIp('::')], desired.listenPort);
    }
    const speaker = this.#speaker as Speaker;
    for (const id of this.#ids)
      if (!desired.peers.has(id)) {
        this.#ids.delete(id);
        this.#perform(speaker.removePeer(id));
      }
    for (const [id, { config }] of desired.peers) {
      this.#ids.add(id);
      this.#perform(speaker.setPeer(config));
    }
    this.#reviewRoutes(desired, speaker);
    this.#options.onChange();
  }

  peers(): readonly PeerReport[] {
    return (this.#speaker?.peers() ?? []).map(view => {
      const desired = this.#desired?.peers.get(view.id);
      return { ...view, type: desired?.type ?? 'NodePeer', asNumber: desired?.asNumber ?? 0 };
    });
  }

  get speaker(): Speaker | undefined {
    return this.#speaker;
  }

  get fib(): Fib {
    return this.#fib;
  }

  /** Milliseconds since the epoch of a time on the speaker's clock. */
  wallClock(at: number): number {
    return performance.timeOrigin + at;
  }

  /** Ends all sessions so that peers keep our routes while we are away; the kernel's routes stay. */
  async stop(): Promise<void> {
    clearInterval(this.#idle);
    clearTimeout(this.#deferral);
    for (const timer of this.#timers.values()) clearTimeout(timer);
    if (this.#speaker !== undefined) this.#perform(this.#speaker.shutDown({ graceful: true }));
    await this.#connections.stop();
  }

  /** Another AS number or router ID is another speaker: all sessions begin anew. */
  #renew(desired: DesiredSpeaker): void {
    const { asNumber, routerId } = desired;
    if (this.#speaker !== undefined)
      this.#perform(this.#speaker.shutDown({ text: 'AS number or router ID changed' }));
    this.#ids.clear();
    this.#told.clear();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    const hostName = this.#options.node;
    this.#speaker = new Speaker({ asNumber, routerId, hostName, restarting: true });
  }

  #reviewRoutes(desired: DesiredSpeaker, speaker: Speaker): void {
    const wanted = new Map(desired.advertisements.map(a => [formatPrefix(a.prefix), a]));
    for (const [key, { prefix }] of this.#told)
      if (!wanted.has(key)) {
        this.#told.delete(key);
        this.#perform(speaker.withdraw(prefix));
      }
    for (const [key, advertisement] of wanted) {
      if (this.#told.get(key)?.localPref === advertisement.localPref) continue;
      this.#told.set(key, advertisement);
      this.#perform(speaker.originate(advertisement.prefix, { localPref: advertisement.localPref }));
    }
  }

  #feed(input: Input): void {
    if (this.#speaker !== undefined) this.#perform(this.#speaker.handle(input, performance.now()));
  }

  #perform(outputs: readonly Output[]): void {
    const sent = new Set<string>();
    for (const output of outputs) {
      switch (output.kind) {
        case 'dial':
          this.#connections.dial(output);
          break;
        case 'send':
          this.#connections.send(output.connection, output.bytes);
          sent.add(output.connection);
          break;
        case 'close':
          this.#connections.close(output.connection);
          break;
        case 'setTimer':
          this.#setTimer(output.id, output.at);
          break;
        case 'clearTimer':
          clearTimeout(this.#timers.get(output.id));
          this.#timers.delete(output.id);
          break;
        case 'bestChanged':
          this.#fib.change(output);
          break;
        case 'peerChanged':
          this.#options.log(
            `peer ${output.peer}: ${output.state}${output.reason === undefined ? '' : ` (${output.reason})`}`,
          );
          this.#options.onChange();
          break;
        default:
          output satisfies never;
      }
    }
    for (const connection of sent) {
      const bytes = this.#connections.backlog(connection);
      if (bytes !== undefined) this.#feed({ kind: 'backlog', connection, bytes });
    }
    this.#maybeSettle();
  }

  /** All peers that came up have told all they know: routes of an earlier life that nobody confirmed may go. */
  #maybeSettle(): void {
    if (this.#fib.settled || this.#speaker === undefined) return;
    const peers = this.#speaker.peers();
    const told = peers.every(
      peer =>
        peer.state === 'Established' && peer.families.every(family => !family.agreed || family.endOfRib),
    );
    if (peers.length > 0 && told) this.#fib.settle();
  }

  #setTimer(id: string, at: number): void {
    clearTimeout(this.#timers.get(id));
    const delay = Math.max(0, at - performance.now());
    this.#timers.set(
      id,
      setTimeout(() => {
        this.#timers.delete(id);
        this.#feed({ kind: 'timer', id });
      }, delay),
    );
  }
}
