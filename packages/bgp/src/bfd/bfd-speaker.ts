import { fail, formatIp, ok, type Result, sameIp } from '@muslin/net';
import { Jitter } from '../speaker/jitter.ts';
import { TimerBook } from '../speaker/timer-book.ts';
import type { BfdInput, ReceivedControl } from './bfd-input.ts';
import type { BfdOutput, BfdView, Reachability } from './bfd-output.ts';
import { changeText } from './change-text.ts';
import { type ControlPacket, decodeControl } from './codec.ts';
import { DIAGNOSTICS } from './diagnostic.ts';
import { type DiscardFault, discardFault } from './discard.ts';
import {
  type BfdSession,
  type BfdSessionId,
  bfdSessionId,
  minimumTtlOf,
  parametersOf,
} from './session-config.ts';
import { type BfdEvent, stepBfd } from './session.ts';
import { TrackedSession } from './tracked-session.ts';
import { transmitInterval } from './timing.ts';

/** What a set of sessions needs to begin. */
export interface BfdOptions {
  /** 32 random bits, from which discriminators (RFC 5880 §9: hard to guess) and jitter are drawn. */
  readonly seed: number;
}

const MAX_TTL = 255;

/** BFD with many peers, without sockets and clock: hand in what happens, perform what comes out, in order. */
export class Bfd {
  readonly #sessions = new Map<BfdSessionId, TrackedSession>();
  readonly #byDiscriminator = new Map<number, TrackedSession>();
  readonly #byPeer = new Map<string, Set<TrackedSession>>();
  readonly #random: Jitter;
  readonly #timers: TimerBook;
  #outputs: BfdOutput[] = [];

  constructor(options: BfdOptions) {
    this.#random = new Jitter(options.seed);
    this.#timers = new TimerBook(output => {
      if (output.kind === 'setTimer' || output.kind === 'clearTimer') this.#outputs.push(output);
    });
  }

  /** Begins a session, or changes one with the same peer, local address, interface and hops; repeats do nothing. */
  setSession(session: BfdSession, now: number): readonly BfdOutput[] {
    const known = this.#sessions.get(bfdSessionId(session));
    const tracked = known ?? this.#begin(session);
    tracked.session = session;
    tracked.parameters = parametersOf(session);
    tracked.leaving = false;
    this.#timers.clear(`goodbye/${tracked.id}`);
    if (session.enabled === false && tracked.state.name !== 'AdminDown')
      this.#step(tracked, { kind: 'disabled' }, now);
    if (session.enabled !== false && tracked.state.name === 'AdminDown')
      this.#step(tracked, { kind: 'enabled' }, now);
    this.#step(tracked, { kind: 'reconfigured' }, now);
    if (tracked.sent === 0) this.#step(tracked, { kind: 'transmitDue' }, now);
    return this.#take();
  }

  /**
   * Ends a session: the peer hears AdminDown for as long as it may take to notice (RFC 5880 §6.8.16), then the
   * output `ended` comes. Clients hear nothing. Unknown names do nothing.
   */
  removeSession(id: BfdSessionId, now: number): readonly BfdOutput[] {
    const tracked = this.#sessions.get(id);
    if (tracked === undefined || tracked.leaving) return [];
    tracked.leaving = true;
    if (tracked.state.name !== 'AdminDown') this.#step(tracked, { kind: 'disabled' }, now);
    const interval = transmitInterval(tracked.state) ?? tracked.state.told.desiredMinTx;
    this.#timers.set(`goodbye/${id}`, now + (tracked.parameters.detectMultiplier * interval) / 1000);
    return this.#take();
  }

  /** Takes an input. `now` is in milliseconds, with fractions, and never goes back. */
  handle(input: BfdInput, now: number): readonly BfdOutput[] {
    if (input.kind === 'timer') this.#fire(input.id, now);
    else this.#receive(input, now);
    return this.#take();
  }

  /** All sessions, those that say goodbye included. */
  sessions(): readonly BfdView[] {
    return [...this.#sessions.values()].map(tracked => tracked.view());
  }

  #begin(session: BfdSession): TrackedSession {
    let discriminator = 0;
    while (discriminator === 0 || this.#byDiscriminator.has(discriminator))
      discriminator = Math.floor(this.#random.next() * 0x1_0000_0000);
    const tracked = new TrackedSession(session, discriminator);
    this.#sessions.set(tracked.id, tracked);
    this.#byDiscriminator.set(discriminator, tracked);
    const peer = formatIp(session.peer);
    this.#byPeer.set(peer, (this.#byPeer.get(peer) ?? new Set()).add(tracked));
    return tracked;
  }

  #end(tracked: TrackedSession): void {
    this.#sessions.delete(tracked.id);
    this.#byDiscriminator.delete(tracked.discriminator);
    const peer = formatIp(tracked.session.peer);
    this.#byPeer.get(peer)?.delete(tracked);
    if (this.#byPeer.get(peer)?.size === 0) this.#byPeer.delete(peer);
    for (const timer of ['transmit', 'detect']) this.#timers.clear(`${timer}/${tracked.id}`);
    this.#outputs.push({ kind: 'ended', session: tracked.id });
  }

  #fire(id: string, now: number): void {
    const at = id.indexOf('/');
    const tracked = this.#sessions.get(id.slice(at + 1));
    if (!this.#timers.fired(id, now) || tracked === undefined) return;
    const timer = id.slice(0, at);
    if (timer === 'transmit') this.#step(tracked, { kind: 'transmitDue' }, now);
    if (timer === 'detect') this.#step(tracked, { kind: 'detectionTimeExpired' }, now);
    if (timer === 'goodbye') this.#end(tracked);
  }

  #receive(received: ReceivedControl, now: number): void {
    const chosen = this.#choose(received);
    if (!chosen.ok) {
      this.#outputs.push({ kind: 'discarded', from: received.from, fault: chosen.fault });
      return;
    }
    const [tracked, packet] = chosen.value;
    tracked.received++;
    tracked.lastReceived = now;
    this.#step(tracked, { kind: 'packet', packet }, now);
  }

  /** The rules of RFC 5880 §6.8.6 before a session hears a packet, with those of RFC 5881 §3–5. */
  #choose(received: ReceivedControl): Result<readonly [TrackedSession, ControlPacket], DiscardFault> {
    if (!received.multihop && received.ttl !== MAX_TTL) return fail(discardFault('wrongTtl'));
    const decoded = decodeControl(received.bytes);
    if (!decoded.ok) return decoded;
    const packet = decoded.value;
    const { yourDiscriminator } = packet;
    const named = this.#byDiscriminator.get(yourDiscriminator);
    if (yourDiscriminator !== 0 && named === undefined) return fail(discardFault('unknownDiscriminator'));
    const tracked = named ?? this.#byAddress(received);
    if (tracked === undefined) return fail(discardFault('unknownPeer'));
    if (!fits(tracked.session, received)) return fail(discardFault('wrongPath'));
    if (received.ttl < minimumTtlOf(tracked.session)) return fail(discardFault('wrongTtl'));
    if (packet.authenticated) return fail(discardFault('authenticated'));
    return ok([tracked, packet]);
  }

  #byAddress(received: ReceivedControl): TrackedSession | undefined {
    for (const tracked of this.#byPeer.get(formatIp(received.from)) ?? []) {
      const { local } = tracked.session;
      if (fits(tracked.session, received) && (local === undefined || sameIp(local, received.to)))
        return tracked;
    }
    return undefined;
  }

  #step(tracked: TrackedSession, event: BfdEvent, now: number): void {
    const before = tracked.state;
    const [state, effects] = stepBfd(before, event, tracked.parameters);
    tracked.state = state;
    for (const { poll, final } of effects) {
      const bytes = tracked.packet({ poll, final });
      this.#outputs.push({ kind: 'send', session: tracked.id, bytes, ttl: MAX_TTL });
      tracked.sent++;
      // An answer to a Poll must not keep our own packets waiting.
      if (final) continue;
      tracked.lastSent = now;
      tracked.jitter = this.#random.next();
    }
    if (state.name === 'Up' && before.name !== 'Up') tracked.ups++;
    this.#schedule(`transmit/${tracked.id}`, tracked.nextTransmit, now);
    this.#schedule(`detect/${tracked.id}`, tracked.silentAt, now);
    const reachability = reachabilityAfter(tracked);
    if (reachability === tracked.reachability) return;
    tracked.reachability = reachability;
    if (tracked.leaving || reachability === undefined) return;
    this.#outputs.push({
      kind: 'stateChanged',
      session: tracked.id,
      peer: tracked.session.peer,
      state: reachability,
      diagnostic: DIAGNOSTICS[state.diagnostic].code,
      inWords: changeText(tracked.session, before, state),
    });
  }

  #schedule(id: string, at: number | undefined, now: number): void {
    if (at === undefined) this.#timers.clear(id);
    else this.#timers.set(id, Math.max(now, at));
  }

  #take(): readonly BfdOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }
}

/** Whether a packet came by the port and interface of a session. */
function fits(
  session: BfdSession,
  received: { readonly multihop: boolean; readonly interface?: string },
): boolean {
  const sameLink =
    session.interface === undefined ||
    received.interface === undefined ||
    received.interface === session.interface;
  return sameLink && (session.multihop === true) === received.multihop;
}

/**
 * What clients should believe. A session that was never Up says nothing; silence after AdminDown is still AdminDown,
 * since a peer that turns BFD off falls silent soon (RFC 5882 §3.2).
 */
function reachabilityAfter(tracked: TrackedSession): Reachability | undefined {
  const { state, reachability } = tracked;
  if (state.name === 'Up') return 'up';
  if (state.name === 'AdminDown' || state.remote?.state === 'AdminDown') return 'adminDown';
  return reachability === 'up' ? 'down' : reachability;
}
