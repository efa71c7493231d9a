import type { ControlPacket } from './codec.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { BfdParameters, BfdRemote, BfdState, PollSequence } from './session-state.ts';
import { wantedTiming } from './timing.ts';

/** What can happen to a session. */
export type BfdEvent =
  /** A packet that passed every rule of RFC 5880 §6.8.6 up to the choice of this session. */
  | { readonly kind: 'packet'; readonly packet: ControlPacket }
  /** `detectionTime` went by without a packet. */
  | { readonly kind: 'detectionTimeExpired' }
  /** `transmitInterval` went by since we last sent. */
  | { readonly kind: 'transmitDue' }
  /** The parameters of the step are new ones. */
  | { readonly kind: 'reconfigured' }
  /** RFC 5880 §6.8.16. */
  | { readonly kind: 'disabled' }
  | { readonly kind: 'enabled' };

/**
 * What a session wants done. Its timers are no effects: `transmitInterval` and `detectionTime` are functions of the
 * state, counted from the last packet sent and received.
 */
export type BfdEffect = {
  readonly kind: 'send';
  readonly poll: boolean;
  readonly final: boolean;
};

/** A new state and what to do, in order. */
export type BfdStep = readonly [BfdState, readonly BfdEffect[]];

/** The state before anything happened. */
export function freshBfd(parameters: BfdParameters): BfdState {
  const timing = wantedTiming('Down', parameters);
  return { name: 'Down', diagnostic: 'none', remote: undefined, told: timing, inForce: timing, poll: 'idle' };
}

/** The session machine of RFC 5880 §6.8: total over every state and event. */
export function stepBfd(state: BfdState, event: BfdEvent, parameters: BfdParameters): BfdStep {
  switch (event.kind) {
    case 'packet':
      return hear(state, event.packet, parameters);
    case 'transmitDue':
      return [state, [send(state)]];
    case 'detectionTimeExpired':
      return settle(state, loseRemote(state), parameters);
    case 'disabled':
      return settle(state, { ...state, name: 'AdminDown', diagnostic: 'administrativelyDown' }, parameters);
    case 'enabled':
      return settle(state, state.name === 'AdminDown' ? { ...state, name: 'Down' } : state, parameters);
    case 'reconfigured':
      return settle(state, state, parameters);
    default:
      return event satisfies never;
  }
}

/** The second half of RFC 5880 §6.8.6, from “Set bfd.RemoteDiscr” on. */
function hear(state: BfdState, packet: ControlPacket, parameters: BfdParameters): BfdStep {
  const remote: BfdRemote = {
    discriminator: packet.myDiscriminator,
    state: packet.state,
    diagnostic: packet.diagnostic,
    demand: packet.demand,
    desiredMinTx: packet.desiredMinTx,
    requiredMinRx: packet.requiredMinRx,
    detectMultiplier: packet.detectMultiplier,
  };
  const heard: BfdState = packet.final ? endPoll({ ...state, remote }) : { ...state, remote };
  if (heard.name === 'AdminDown') return [heard, []];
  const [next, effects] = settle(state, move(heard, remote), parameters);
  if (!packet.poll) return [next, effects];
  // A packet has one of Poll and Final (§6.5), and the Final tells a changed state as well as any other packet.
  return [next, [{ kind: 'send', poll: false, final: true }]];
}

function move(state: BfdState, remote: BfdRemote): BfdState {
  const { state: theirs } = remote;
  switch (state.name) {
    case 'AdminDown':
      return state;
    case 'Down':
      if (theirs === 'Down') return { ...state, name: 'Init', remote };
      return theirs === 'Init' ? { ...state, name: 'Up', diagnostic: 'none', remote } : state;
    case 'Init':
      if (theirs === 'AdminDown') return fall(state, 'neighbourSignaledDown');
      return theirs === 'Down' ? state : { ...state, name: 'Up', diagnostic: 'none', remote };
    case 'Up':
      return theirs === 'AdminDown' || theirs === 'Down' ? fall(state, 'neighbourSignaledDown') : state;
    default:
      return state satisfies never;
  }
}

function fall(state: BfdState, diagnostic: Diagnostic): BfdState {
  return { ...state, name: 'Down', diagnostic };
}

/** Silence: bfd.RemoteDiscr becomes 0 in every state (RFC 5880 §6.8.1), and what lived falls (§6.8.4). */
function loseRemote(state: BfdState): BfdState {
  const forgotten = { ...state, remote: undefined };
  if (state.name === 'AdminDown') return { ...forgotten, name: 'AdminDown' };
  if (state.name === 'Down') return { ...forgotten, name: 'Down' };
  return { ...forgotten, name: 'Down', diagnostic: 'detectionTimeExpired' };
}

/** A Final came: what was told holds, unless it changed during the sequence. */
function endPoll(state: BfdState): BfdState {
  if (state.poll === 'idle') return state;
  if (state.poll === 'again') return { ...state, poll: 'active' };
  return { ...state, poll: 'idle', inForce: state.told };
}

/**
 * Brings what is told up to date with the new state and parameters, begins a Poll Sequence when it changed
 * (RFC 5880 §6.8.3), and says a change at once instead of at the next interval (§6.8.7).
 */
function settle(before: BfdState, state: BfdState, parameters: BfdParameters): BfdStep {
  const told = wantedTiming(state.name, parameters);
  const same =
    told.desiredMinTx === state.told.desiredMinTx && told.requiredMinRx === state.told.requiredMinRx;
  const next: BfdState = same
    ? state
    : {
        ...state,
        told,
        poll: pollAfter(state),
        // In Up, a slower pace waits for the peer's Final; a faster one does not.
        inForce:
          state.name === 'Up'
            ? {
                desiredMinTx: Math.min(told.desiredMinTx, state.inForce.desiredMinTx),
                requiredMinRx: Math.max(told.requiredMinRx, state.inForce.requiredMinRx),
              }
            : told,
      };
  const quiet = same && next.name === before.name;
  return [next, quiet ? [] : [send(next)]];
}

/** Nobody answers a Poll of ours in AdminDown, since we would not hear it. */
function pollAfter(state: BfdState): PollSequence {
  if (state.name === 'AdminDown') return 'idle';
  return state.poll === 'idle' ? 'active' : 'again';
}

function send(state: BfdState): BfdEffect {
  return { kind: 'send', poll: state.poll !== 'idle' && state.name !== 'AdminDown', final: false };
}
