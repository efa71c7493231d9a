import type { Ip, Prefix } from '@muslin/net';
import type { SendBytes } from './rib/out-group.ts';
import { type BestPaths, Rib } from './rib/rib.ts';
import { BestOutputs } from './speaker/best-output.ts';
import { DEFERRAL_TIME, REACH_TIME } from './speaker/graceful-restart.ts';
import type { Input } from './speaker/input.ts';
import { Jitter } from './speaker/jitter.ts';
import type { Output } from './speaker/output.ts';
import { type OwnRoute, ownAttributes } from './speaker/own-route.ts';
import { type PeerConfig, type PeerId, withDefaults } from './speaker/peer-config.ts';
import type { PeerSet } from './speaker/peer-set.ts';
import type { PeerView } from './speaker/peer-view.ts';
import { Peering } from './speaker/peering.ts';
import { RestartDeferral } from './speaker/restart-deferral.ts';
import { RouteExchange } from './speaker/route-exchange.ts';
import type { Explanation, RouteView } from './speaker/route-view.ts';
import type { RouteWindow } from './speaker/route-window.ts';
import { settingsOf, type SpeakerOptions } from './speaker/speaker-options.ts';
import { TimerBook } from './speaker/timer-book.ts';
import { DEFERRAL_TIMER, REACH_TIMER, timerParts } from './speaker/timer-id.ts';
import type { Turn } from './speaker/turn.ts';
import { advertisedRoutes, bestRoutes, explainPrefix, receivedRoutes, viewPeer } from './speaker/views.ts';
import { countMessages } from './wire/count-messages.ts';
import { cease } from './wire/notification.ts';
import type { RouteFamily } from './wire/route-family.ts';

/**
 * A BGP-4 speaker without I/O: inputs in, outputs out. Owns the peers and the routing tables.
 * All outputs of a call must be performed in order, then backlogs reported.
 */
export class Speaker {
  readonly #turn: Turn;
  readonly #rib: Rib;
  readonly #timers = new TimerBook(output => this.#turn.outputs.push(output));
  readonly #exchange: RouteExchange;
  readonly #peering: Peering;
  readonly #peers: PeerSet;
  readonly #bests: BestOutputs;
  readonly #deferral: RestartDeferral;
  readonly #deferralTime: number;
  readonly #reachTime: number;
  readonly #sendBytes: SendBytes = (slot, bytes) => this.#send(slot, bytes);
  readonly #tellBest = (best: BestPaths): void => {
    this.#turn.outputs.push(this.#bests.output(best));
  };

  constructor(options: SpeakerOptions) {
    this.#turn = { now: options.now ?? 0, settings: settingsOf(options), outputs: [] };
    this.#deferral = new RestartDeferral(this.#turn.settings.restarting);
    this.#deferralTime = options.deferralTime ?? DEFERRAL_TIME;
    this.#reachTime = Math.min(options.reachTime ?? REACH_TIME, this.#deferralTime);
    this.#rib = new Rib(options.routerId, options.maxPaths ?? 16);
    this.#bests = new BestOutputs(this.#rib);
    this.#exchange = new RouteExchange(this.#rib, this.#timers, this.#sendBytes);
    const jitter = new Jitter(options.seed ?? options.routerId.bits);
    this.#peering = new Peering(this.#turn, this.#rib, this.#timers, this.#exchange, jitter);
    this.#peers = this.#peering.peers;
  }

  /** Adds a peer, or changes it: only what differs is touched, and a changed filter costs no session. */
  setPeer(given: PeerConfig, now = this.#turn.now): Output[] {
    this.#turn.now = Math.max(this.#turn.now, now);
    const config = withDefaults(given);
    this.#peering.set(config);
    return this.#finish();
  }

  /** Ends the session and forgets the peer. */
  removePeer(id: PeerId, reason?: string, now = this.#turn.now): Output[] {
    this.#turn.now = Math.max(this.#turn.now, now);
    const peer = this.#peers.get(id);
    if (peer === undefined) return [];
    this.#peering.end(peer, reason ?? 'the peer was removed from the configuration');
    const outputs = this.#finish();
    this.#peering.forget(peer);
    return outputs;
  }

  /**
   * Ends all sessions. With `graceful` they are closed without a word, so that peers that agreed on graceful restart
   * keep our routes until we are back (RFC 4724 §4.1); else each peer is told `text` (RFC 9003).
   */
  shutDown(options: { readonly graceful?: boolean; readonly text?: string } = {}): Output[] {
    this.#peering.shutDown(options.graceful ?? false, options.text);
    return this.#finish();
  }

  /** Tells the speaker what happened. `now` in milliseconds; it never goes back. */
  handle(input: Input, now: number): Output[] {
    this.#turn.now = Math.max(this.#turn.now, now);
    this.#take(input);
    return this.#finish();
  }

  #take(input: Input): void {
    switch (input.kind) {
      case 'connected':
        this.#peering.connected(input.connection, input.localIp);
        break;
      case 'accepted':
        this.#peering.accept(input);
        break;
      case 'connectFailed':
        this.#peering
          .owner(input.connection)
          ?.history.failed(input.failure ?? 'not-tried', input.message, this.#turn.now);
        this.#peering.closed(input.connection, input.message);
        break;
      case 'closed':
        this.#peering.closed(input.connection, input.message ?? 'the peer closed the connection');
        break;
      case 'bytes':
        this.#peering.owner(input.connection)?.sessions.received(input.connection, input.bytes);
        break;
      case 'burst':
        for (const one of input.inputs) this.#take(one);
        break;
      case 'timer':
        this.#timer(input.id);
        break;
      case 'backlog':
        this.#peering.backlog(input.connection, input.bytes);
        break;
      case 'nextHop': {
        const cost = input.cost === 'unreachable' ? Number.POSITIVE_INFINITY : input.cost;
        this.#rib.setNextHopCost(input.ip, cost);
        break;
      }
      case 'peerDown': {
        const peer = this.#peers.get(input.peer);
        // Away already: it restarts, and takes its BFD along (RFC 5882 §4.3.2.1).
        if (peer !== undefined && (peer.live !== undefined || peer.stale.size === 0))
          this.#peering.stop(peer, cease(10), input.message, 1);
        break;
      }
      default:
        input satisfies never;
    }
  }

  /** Adds or replaces a route of our own. */
  originate(prefix: Prefix, route: OwnRoute = {}): Output[] {
    this.#rib.originate(prefix, ownAttributes(route));
    return this.#finish();
  }

  /** Removes a route of our own. */
  withdraw(prefix: Prefix): Output[] {
    this.#rib.withdrawOwn(prefix);
    return this.#finish();
  }

  /** Asks a peer to send its routes again (RFC 2918); nothing happens when it can't. */
  requestRefresh(id: PeerId, family: RouteFamily): Output[] {
    this.#peering.askAgain(this.#peers.get(id), family);
    return this.#finish();
  }

  /** The peer that may call from this address. */
  peerAt(remoteIp: Ip, iface?: string): PeerId | undefined {
    return this.#peers.at(remoteIp, iface)?.config.id;
  }

  /** What is going on with each peer. */
  peers(): readonly PeerView[] {
    return [...this.#peers.all()].map(peer => viewPeer(peer, this.#rib));
  }

  /** What is going on with one peer. */
  peer(id: PeerId): PeerView | undefined {
    const peer = this.#peers.get(id);
    return peer === undefined ? undefined : viewPeer(peer, this.#rib);
  }

  /** The best route of each prefix, in address order: all, or a window of them. */
  routes(family: RouteFamily, window?: RouteWindow): readonly RouteView[] {
    return bestRoutes(this.#rib, family, window);
  }

  /** What a peer sent, before import policy. */
  received(id: PeerId, window?: RouteWindow): readonly RouteView[] {
    const peer = this.#peers.get(id);
    return peer === undefined ? [] : receivedRoutes(this.#rib, peer.slot, window);
  }

  /** What a peer is, or is about to be, sent. */
  advertised(id: PeerId, window?: RouteWindow): readonly RouteView[] {
    const peer = this.#peers.get(id);
    return peer === undefined ? [] : advertisedRoutes(this.#rib, peer.slot, window);
  }

  /** The winner for a prefix and why each other path lost. */
  explain(prefix: Prefix): Explanation {
    return explainPrefix(this.#rib, prefix, [...this.#peers.all()]);
  }

  #timer(id: string): void {
    if (!this.#timers.fired(id, this.#turn.now)) return;
    if (id === DEFERRAL_TIMER) {
      this.#decideAfterRestart(this.#deferral.giveUp());
      return;
    }
    if (id === REACH_TIMER) {
      this.#deferral.late = true;
      return;
    }
    const { owner, timer, peer: name } = timerParts(id);
    const peer = this.#peers.get(name);
    if (peer === undefined) return;
    this.#peering.timer(peer, owner, timer);
  }

  #send(slot: number, bytes: Uint8Array): void {
    const peer = this.#peers.inSlot(slot);
    if (peer?.live === undefined) return;
    this.#turn.outputs.push({ kind: 'send', connection: peer.live.connection.id, bytes });
    countMessages(bytes, peer.messagesOut);
    this.#exchange.sent(peer, bytes.length);
  }

  /** Lets everything that this call changed take effect, and hands the outputs out. */
  #finish(): Output[] {
    if (!this.#deferral.over) {
      if (!this.#timers.has(DEFERRAL_TIMER)) {
        this.#timers.set(DEFERRAL_TIMER, this.#turn.now + this.#deferralTime * 1000);
        this.#timers.set(REACH_TIMER, this.#turn.now + this.#reachTime * 1000);
      }
      this.#decideAfterRestart(this.#deferral.review([...this.#peers.all()]));
    }
    this.#decide();
    this.#exchange.drain(this.#deferral.ready());
    this.#peering.noteStates();
    this.#rib.sweep();
    const outputs = this.#turn.outputs;
    this.#turn.outputs = [];
    return outputs;
  }

  #decide(): void {
    this.#rib.flush(this.#deferral.ready(), this.#sendBytes, this.#tellBest);
    this.#bests.forget();
  }

  /** These families need not wait for peers any longer (RFC 4724 §4.1). */
  #decideAfterRestart(families: readonly RouteFamily[]): void {
    if (families.length === 0) return;
    this.#decide();
    for (const family of families) this.#turn.outputs.push({ kind: 'converged', family });
    if (!this.#deferral.over) return;
    this.#timers.clear(DEFERRAL_TIMER);
    this.#timers.clear(REACH_TIMER);
    this.#turn.settings = { ...this.#turn.settings, restarting: false };
    for (const peer of this.#peers.all()) this.#peering.configure(peer);
  }
}
