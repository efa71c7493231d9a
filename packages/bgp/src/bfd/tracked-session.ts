import type { BfdView, Reachability } from './bfd-output.ts';
import { type ControlPacket, encodeControl } from './codec.ts';
import { DIAGNOSTICS, diagnosticText } from './diagnostic.ts';
import { type BfdSession, type BfdSessionId, bfdSessionId, parametersOf } from './session-config.ts';
import { freshBfd } from './session.ts';
import type { BfdParameters, BfdState } from './session-state.ts';
import { detectionTime, jitterFactor, transmitInterval } from './timing.ts';

/** One session with what its machine leaves out: times of the last packets, counters, what clients were told. */
export class TrackedSession {
  readonly id: BfdSessionId;
  readonly discriminator: number;
  session: BfdSession;
  parameters: BfdParameters;
  state: BfdState;
  reachability: Reachability | undefined;
  /** Says goodbye and is not wanted any more. */
  leaving = false;
  lastSent = Number.NEGATIVE_INFINITY;
  lastReceived = Number.NEGATIVE_INFINITY;
  /** Drawn once for each packet. */
  jitter = 1;
  sent = 0;
  received = 0;
  ups = 0;

  constructor(session: BfdSession, discriminator: number) {
    this.id = bfdSessionId(session);
    this.session = session;
    this.discriminator = discriminator;
    this.parameters = parametersOf(session);
    this.state = freshBfd(this.parameters);
  }

  /** When to send next, in milliseconds; undefined: not until something happens. */
  get nextTransmit(): number | undefined {
    const interval = transmitInterval(this.state);
    if (interval === undefined) return undefined;
    return this.lastSent + (interval / 1000) * jitterFactor(this.parameters.detectMultiplier, this.jitter);
  }

  /** When silence becomes failure, in milliseconds. */
  get silentAt(): number | undefined {
    const time = detectionTime(this.state);
    return time === undefined ? undefined : this.lastReceived + time / 1000;
  }

  packet(flags: Pick<ControlPacket, 'poll' | 'final'>): Uint8Array {
    const { state, parameters } = this;
    return encodeControl({
      ...flags,
      ...state.told,
      diagnostic: DIAGNOSTICS[state.diagnostic].code,
      state: state.name,
      // We share the fate of the speaker that we run in (RFC 5882 §4.3.2).
      independent: false,
      demand: false,
      detectMultiplier: parameters.detectMultiplier,
      myDiscriminator: this.discriminator,
      yourDiscriminator: state.remote?.discriminator ?? 0,
      requiredMinEchoRx: 0,
    });
  }

  view(): BfdView {
    const { state } = this;
    const ms = (micros: number | undefined) => (micros === undefined ? undefined : micros / 1000);
    return {
      id: this.id,
      session: this.session,
      state: state.name,
      reachability: this.reachability,
      diagnostic: DIAGNOSTICS[state.diagnostic].words,
      localDiscriminator: this.discriminator,
      remoteDiscriminator: state.remote?.discriminator ?? 0,
      remoteState: state.remote?.state,
      remoteDiagnostic: state.remote === undefined ? undefined : diagnosticText(state.remote.diagnostic),
      transmitInterval: ms(transmitInterval(state)),
      detectionTime: ms(detectionTime(state)),
      polling: state.poll !== 'idle',
      sent: this.sent,
      received: this.received,
      ups: this.ups,
    };
  }
}
