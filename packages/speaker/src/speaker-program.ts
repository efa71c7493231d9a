import {
  isLinkLocal,
  type Output,
  RecordedSpeaker,
  SessionLog,
  Speaker,
  type SpeakerOptions,
} from '@muslin/bgp';
import { type Route, ROUTE_PROTOCOL_BGP } from '@muslin/dataplane';
import type { NetlinkSocket, RouteDriver } from '@muslin/linux';
import { formatIp, formatPrefix, type Ip } from '@muslin/net';
import { isAwaited, type Returners, STRANGERS_WAIT_MS } from './core/awaited-route.ts';
import type { ClusterFacts } from './core/cluster-facts.ts';
import type { DesiredPeer } from './core/desired-peer.ts';
import { type DesiredSpeaker, desiredSpeaker, podRoutes } from './core/desired-speaker.ts';
import { asksForInterfaces } from './core/export-policy.ts';
import { peerIdOf } from './core/heard.ts';
import { keepLastGood } from './core/last-good.ts';
import type { PeerReport } from './core/peer-report.ts';
import { peerReports } from './core/peer-reports.ts';
import type { Problem } from './core/problem.ts';
import { type Arrival, Convergence } from './convergence.ts';
import { Fib } from './fib.ts';
import { Links } from './links.ts';
import { OwnRoutes } from './own-routes.ts';
import { PeerBfd } from './peer-bfd.ts';
import { peerKeys } from './peer-keys.ts';
import { Routers } from './routers.ts';
import { SharedSubnets } from './shared-subnets.ts';
import { type ShellObserver, SpeakerShell, type Told } from './speaker-shell.ts';
import { Strangers } from './strangers.ts';

/** What the program needs of the world. */
export interface ProgramOptions {
  readonly node: string;
  readonly facts: ClusterFacts;
  readonly netlink: NetlinkSocket;
  readonly routes: RouteDriver;
  /** The password called `secret/key`, if it is known. */
  readonly passwordOf: (name: string) => string | undefined;
  readonly log: (line: string) => void;
  /** Takes the entries of a journal, when one is wanted. */
  readonly journal?: (entry: Uint8Array) => void;
  /** A change of routes arrived, after so many seconds. */
  readonly onArrival?: (to: Arrival, seconds: number) => void;
  /** Something that people see has changed. */
  readonly onChange: () => void;
}

const IDLE_SYNC_MS = 10_000;

/** Drives one `Speaker` from cluster facts: sockets and timers in, kernel routes out. */
export class SpeakerProgram {
  readonly #options: ProgramOptions;
  readonly #fib: Fib;
  readonly #shell: SpeakerShell;
  readonly #bfd: PeerBfd;
  readonly #routers: Routers;
  readonly #strangers: Strangers;
  readonly #subnets: SharedSubnets;
  readonly #links: Links;
  readonly #convergence: Convergence;
  readonly #ownRoutes = new OwnRoutes(outputs => this.#shell.perform(outputs));
  readonly #falls = new Map<string, number>();
  readonly #converged = new Set<string>();
  #desired: DesiredSpeaker | undefined;
  #peers: ReadonlyMap<string, DesiredPeer> = new Map();
  #restarting = false;
  /** Until then peers that nobody named may come back for their routes. */
  #strangersUntil = 0;
  #idle: NodeJS.Timeout | undefined;
  #changedAt: number | undefined;
  #left = false;
  #unconfirmed: number | undefined;

  constructor(options: ProgramOptions) {
    this.#options = options;
    this.#convergence = new Convergence((to, seconds) => options.onArrival?.(to, seconds));
    this.#fib = new Fib({
      driver: options.routes,
      shape: () => ({
        metrics: this.#desired?.metrics ?? { 4: 1024, 6: 1024 },
        keepOut: [...(this.#desired?.serviceCidrs ?? []), ...(this.#desired?.foreignPools ?? [])],
        ways: [...this.#peers.values()].flatMap(({ config, reachableBy }) =>
          reachableBy === undefined ? [] : [{ to: config.remoteIp, by: reachableBy }],
        ),
        interfaceOf: peer => this.#peers.get(peer)?.config.transport?.interface,
        awaited: this.#awaiting(),
      }),
      log: options.log,
      onSynced: from => this.#convergence.synced(from, performance.now()),
    });
    this.#shell = new SpeakerShell({
      netlink: options.netlink,
      transportOf: (ip, link) => this.#transportOf(ip, link),
      log: options.log,
      tell: told => this.#take(told),
      observer: this.#observer(),
    });
    this.#strangers = new Strangers(options.log);
    this.#subnets = new SharedSubnets(options.netlink);
    this.#links = new Links(options.routes, () => this.review());
    this.#routers = new Routers({
      netlink: options.netlink,
      onRouter: (link, ip) => this.#strangers.router(link, ip) && this.review(),
      log: options.log,
    });
    this.#bfd = new PeerBfd({
      onDown: (peer, message) => this.#shell.feed({ kind: 'peerDown', peer, message }),
      onFault: message => options.log(message),
      onChange: options.onChange,
    });
  }

  /** What goes over the sessions, for whoever wants to listen. */
  readonly sessionLog: SessionLog = new SessionLog(() => this.speaker?.peers() ?? []);

  get desired(): DesiredSpeaker | undefined {
    return this.#desired;
  }

  get speaker(): Speaker | undefined {
    return this.#shell.speaker;
  }

  get fib(): Fib {
    return this.#fib;
  }

  /** When peers or routes were last configured anew, on the clock of `performance.now`. */
  get changedAt(): number | undefined {
    return this.#changedAt;
  }

  /** How often each session ended since it was configured, by id. */
  get falls(): ReadonlyMap<string, number> {
    return this.#falls;
  }

  /** What of the configuration is not in effect. */
  get problems(): readonly Problem[] {
    const { fault } = this.#shell.connections.listeners;
    const port = { object: `Node ${this.#options.node}`, reason: 'PortTaken' } as const;
    return [
      ...(this.#desired?.problems ?? []),
      ...(fault === undefined
        ? []
        : [{ ...port, message: `${fault}: only sessions that this node begins come up` }]),
    ];
  }

  peers(): readonly PeerReport[] {
    const losses = (ip: Ip) => this.#shell.connections.losses(ip);
    return peerReports(this.#shell.speaker?.peers() ?? [], this.#peers, this.#bfd.states, losses);
  }

  /** Begins to follow the facts. Before this the kernel's routes are left alone. */
  async start(): Promise<void> {
    const left = await this.#options.routes.read({ protocol: ROUTE_PROTOCOL_BGP });
    // What can't be read may be there. Without an earlier life there is nothing to wait for (RFC 4724 §4.1).
    this.#restarting = !left.ok || left.value.length > 0;
    if (this.#restarting)
      this.#options.log(
        'routes of an earlier life are in the kernel: they stay until peers have told theirs',
      );
    else this.#fib.settle();
    if (left.ok) this.#fib.inherit(left.value);
    this.#strangersUntil = performance.now() + STRANGERS_WAIT_MS;
    this.#subnets.read();
    this.#idle = setInterval(() => this.#tidy(), IDLE_SYNC_MS);
    this.#idle.unref();
    this.review();
  }

  /** Compares what should be with what is, and changes only what differs. */
  review(): void {
    if (this.#left) return;
    const facts = { ...this.#options.facts, links: this.#links.ways };
    const desired = desiredSpeaker(facts, this.#options.node, this.#strangers.heard);
    void this.#links.follow(asksForInterfaces(this.#options.facts));
    if (desired === undefined) {
      this.#leaveRoutes();
      return;
    }
    const before = this.#desired;
    this.#desired = desired;
    this.#subnets.ignore(desired.ignoredInterfaces);
    if (desired.service === 'left') this.#fib.freeze();
    else if (before?.service === 'left') this.#return();
    const identity = (d: DesiredSpeaker) => `${d.asNumber} ${formatIp(d.routerId)}`;
    const returned = before?.service === 'left' && desired.service !== 'left';
    if (before === undefined || identity(before) !== identity(desired) || returned) this.#renew(desired);
    const speaker = this.#shell.speaker as Speaker;
    const earlier = this.#peers;
    this.#peers = keepLastGood(desired.peers, earlier);
    this.#shell.connections.setKeys(peerKeys(this.#peers.values(), desired.ranges, this.#options.passwordOf));
    void this.#shell.connections.listeners.follow(desired.listen).then(() => this.#options.onChange());
    for (const id of earlier.keys())
      if (!this.#peers.has(id)) {
        this.#falls.delete(id);
        this.#shell.perform(speaker.removePeer(id, undefined, performance.now()));
      }
    // Routes first: a new peer then hears of all of them at once.
    this.#ownRoutes.follow(desired.advertisements, speaker);
    this.#setPeers(speaker);
    this.#bfd.follow(this.#peers.values());
    this.#routers.follow(desired.unnumbered);
    if (desired.service === 'left' && before?.service !== 'left') void this.#depart();
    this.#fib.sync();
    this.#changedAt = performance.now();
    this.#options.onChange();
  }

  /** How many peers did not confirm in time that this node left; undefined while it has not. */
  get unconfirmed(): number | undefined {
    return this.#unconfirmed;
  }

  /** The peers have been told; waits until they have read it. */
  async #depart(): Promise<void> {
    const silent = await this.#shell.connections.parted();
    if (this.#desired?.service !== 'left') return;
    this.#unconfirmed = silent;
    this.#options.log('this node is out of the network, as its annotation muslin.dev/drain says');
    this.#options.onChange();
  }

  /** Begins as after a restart: the kernel's routes stay until peers have told theirs (RFC 4724 §4.1). */
  #return(): void {
    this.#unconfirmed = undefined;
    this.#restarting = true;
    this.#converged.clear();
    this.#fib.thaw();
  }

  /**
   * Ends all sessions so that peers keep our routes while we are away (RFC 4724 §4.1); the kernel's routes stay.
   * With `text` for good: peers are told and forget our routes (RFC 9003).
   */
  async stop(text?: string): Promise<void> {
    clearInterval(this.#idle);
    this.#fib.freeze();
    if (this.#shell.speaker !== undefined)
      this.#shell.perform(this.#shell.speaker.shutDown(text === undefined ? { graceful: true } : { text }));
    this.#shell.timers.stop();
    this.#routers.stop();
    await Promise.all([this.#shell.connections.stop(), this.#bfd.stop()]);
  }

  #observer(): ShellObserver {
    return {
      input: input => {
        this.#convergence.input(input, performance.now());
        this.sessionLog.input(input, epochNow());
      },
      output: output => {
        this.#convergence.output(output);
        // There may be a million of these, and no session says them.
        if (output.kind !== 'bestChanged') this.sessionLog.output(output, epochNow());
      },
      performed: () => this.#convergence.performed(performance.now()),
    };
  }

  /**
   * Leaves the network for good, or until the program starts again: withdraws its routes, then ends all sessions with
   * `text` (RFC 9003), and waits until the peers have it. The node goes on forwarding, for packets on their way.
   * Gives how many peers did not confirm in time.
   */
  async leave(text: string | undefined): Promise<number> {
    const { speaker, connections, timers } = this.#shell;
    if (this.#left || speaker === undefined) return 0;
    this.#left = true;
    clearInterval(this.#idle);
    this.#fib.freeze();
    this.#routers.stop();
    await Promise.all([connections.listeners.stop(), this.#bfd.stop()]);
    this.#ownRoutes.keepOnly(new Set(), speaker);
    this.#shell.perform(speaker.shutDown(text === undefined ? {} : { text }));
    timers.stop();
    const silent = await connections.parted();
    const more = silent === 0 ? 'all peers have heard it' : `${silent} peers did not confirm in time`;
    this.#options.log(`left the network: ${more}`);
    this.#options.onChange();
    return silent;
  }

  /** Whether it left the network. */
  get left(): boolean {
    return this.#left;
  }

  /** How a call is to be protected; a stranger from a listen range becomes a peer by it. */
  #transportOf(ip: Ip, link: string | undefined) {
    const id = isLinkLocal(ip) ? peerIdOf(ip, link) : formatIp(ip);
    const known = this.#peers.get(id) ?? this.#peers.get(formatIp(ip));
    if (known !== undefined) return known.config.transport;
    if (this.#desired === undefined || !this.#strangers.admit(this.#desired, ip, link)) return undefined;
    this.review();
    return this.#peers.get(id)?.config.transport;
  }

  #awaiting(): (route: Route) => boolean {
    if (performance.now() >= this.#strangersUntil) return () => false;
    const { ranges = [], unnumbered = [] } = this.#desired ?? {};
    const strangers = ranges.length + unnumbered.length > 0;
    let view: Returners | undefined;
    return route => {
      view ??= { strangers, wanted: this.#peers, seen: this.#shell.speaker?.peers() ?? [] };
      return isAwaited(route, view);
    };
  }

  #setPeers(speaker: Speaker): void {
    for (const { config } of this.#peers.values()) {
      const sharedSubnets = this.#subnets.with(config.remoteIp);
      this.#shell.perform(speaker.setPeer({ ...config, sharedSubnets }, performance.now()));
    }
  }

  #tidy(): void {
    this.#fib.sync();
    void this.#links.follow(asksForInterfaces(this.#options.facts));
    if (this.#subnets.read() && this.#shell.speaker !== undefined && !this.#left)
      this.#setPeers(this.#shell.speaker);
    const { callers } = this.#strangers.heard;
    if (callers.size === 0) return;
    if (this.#strangers.forget(this.#shell.speaker?.peers() ?? [], performance.now())) this.review();
  }

  /** Another AS number or router ID is another speaker: all sessions begin anew. */
  #renew(desired: DesiredSpeaker): void {
    const { asNumber, routerId } = desired;
    if (this.#shell.speaker !== undefined)
      this.#shell.perform(this.#shell.speaker.shutDown({ text: 'AS number or router ID changed' }));
    this.#peers = new Map();
    this.#ownRoutes.clear();
    this.#shell.timers.stop();
    const { journal } = this.#options;
    const options: SpeakerOptions = {
      asNumber,
      routerId,
      hostName: this.#options.node,
      restarting: this.#restarting && !this.#fib.settled,
      now: performance.now(),
      seed: Math.floor(Math.random() * 0x7fff_ffff),
    };
    this.#shell.speaker =
      journal === undefined ? new Speaker(options) : new RecordedSpeaker(options, journal);
  }

  /**
   * The Node is gone while this program lives: sessions stay, and so do routes to what the node still holds. A block
   * that was given back may soon be another's, and Services are for others to answer.
   */
  #leaveRoutes(): void {
    const { facts, node } = this.#options;
    if (this.#shell.speaker === undefined || facts.nodes.has(node)) return;
    this.#ownRoutes.keepOnly(new Set(podRoutes(facts, node).map(formatPrefix)), this.#shell.speaker);
    this.#options.onChange();
  }

  #take(told: Told): void {
    switch (told.kind) {
      case 'bestChanged':
        this.#fib.change(told);
        break;
      case 'converged':
        this.#converged.add(told.family);
        if (this.#converged.size === 2) this.#fib.settle();
        break;
      case 'peerChanged':
        this.#peerChanged(told);
        break;
      default:
        told satisfies never;
    }
  }

  #peerChanged({ peer, state, reason }: Output & { readonly kind: 'peerChanged' }): void {
    if (reason !== undefined) this.#falls.set(peer, (this.#falls.get(peer) ?? 0) + 1);
    this.#options.log(`peer ${peer}: ${state}${reason === undefined ? '' : ` (${reason})`}`);
    this.#options.onChange();
    // Not in the middle of what the speaker is telling.
    if (state === 'Established' && this.#peers.get(peer)?.type === 'NodeMesh')
      setImmediate(() => this.#hearFamilies(peer));
  }

  #hearFamilies(id: string): void {
    const peer = this.#shell.speaker?.peer(id);
    if (peer?.state === 'Established' && this.#strangers.families(peer)) this.review();
  }
}

function epochNow(): number {
  return performance.timeOrigin + performance.now();
}
