import { ByteReader, ByteWriter, fail, ok, type Result } from '@muslin/net';
import { type DiscardFault, discardFault } from './discard.ts';

/** States in the order of their codes 0 to 3 (RFC 5880 §4.1, Sta). */
export const BFD_STATES = ['AdminDown', 'Down', 'Init', 'Up'] as const;
/** Name of a session state. */
export type BfdStateName = (typeof BFD_STATES)[number];

/** A BFD control packet without authentication (RFC 5880 §4.1). Intervals in microseconds, 32 bits. */
export interface ControlPacket {
  /** Diagnostic code, 0 to 31. */
  readonly diagnostic: number;
  readonly state: BfdStateName;
  readonly poll: boolean;
  readonly final: boolean;
  /** The sender's BFD outlives its control plane. */
  readonly independent: boolean;
  /** An authentication section follows; it is not read. */
  readonly authenticated: boolean;
  readonly demand: boolean;
  /** 1 to 255. */
  readonly detectMultiplier: number;
  readonly myDiscriminator: number;
  /** 0 when the sender has not heard of us. */
  readonly yourDiscriminator: number;
  readonly desiredMinTx: number;
  /** 0: send nothing periodic. */
  readonly requiredMinRx: number;
  readonly requiredMinEchoRx: number;
}

/** What we send: never authenticated. */
export type OwnControlPacket = Omit<ControlPacket, 'authenticated'>;

const VERSION = 1;
const LENGTH = 24;
const LENGTH_WITH_AUTHENTICATION = 26;
const FLAG = {
  poll: 0x20,
  final: 0x10,
  independent: 0x08,
  authenticated: 0x04,
  demand: 0x02,
  multipoint: 0x01,
} as const;

/** Writes a control packet: always 24 octets. */
export function encodeControl(packet: OwnControlPacket): Uint8Array {
  const flags =
    (packet.poll ? FLAG.poll : 0) |
    (packet.final ? FLAG.final : 0) |
    (packet.independent ? FLAG.independent : 0) |
    (packet.demand ? FLAG.demand : 0);
  return new ByteWriter(LENGTH)
    .u8((VERSION << 5) | packet.diagnostic)
    .u8((BFD_STATES.indexOf(packet.state) << 6) | flags)
    .u8(packet.detectMultiplier)
    .u8(LENGTH)
    .u32(packet.myDiscriminator)
    .u32(packet.yourDiscriminator)
    .u32(packet.desiredMinTx)
    .u32(packet.requiredMinRx)
    .u32(packet.requiredMinEchoRx)
    .finish();
}

/** Reads a UDP payload by those rules of RFC 5880 §6.8.6 that need no session, in the order given there. Total. */
export function decodeControl(bytes: Uint8Array): Result<ControlPacket, DiscardFault> {
  const reader = new ByteReader(bytes);
  const first = reader.u8();
  const second = reader.u8();
  const detectMultiplier = reader.u8();
  const length = reader.u8();
  if (bytes.length > 0 && first >> 5 !== VERSION) return fail(discardFault('badVersion'));
  const authenticated = (second & FLAG.authenticated) !== 0;
  if (reader.overrun || length < (authenticated ? LENGTH_WITH_AUTHENTICATION : LENGTH))
    return fail(discardFault('tooShort'));
  if (length > bytes.length) return fail(discardFault('beyondPayload'));
  if (detectMultiplier === 0) return fail(discardFault('zeroMultiplier'));
  if ((second & FLAG.multipoint) !== 0) return fail(discardFault('multipoint'));
  const myDiscriminator = reader.u32();
  if (myDiscriminator === 0) return fail(discardFault('zeroDiscriminator'));
  const yourDiscriminator = reader.u32();
  const state = BFD_STATES[second >> 6] as BfdStateName;
  if (yourDiscriminator === 0 && (state === 'Init' || state === 'Up'))
    return fail(discardFault('missingDiscriminator'));
  return ok({
    diagnostic: first & 0x1f,
    state,
    poll: (second & FLAG.poll) !== 0,
    final: (second & FLAG.final) !== 0,
    independent: (second & FLAG.independent) !== 0,
    authenticated,
    demand: (second & FLAG.demand) !== 0,
    detectMultiplier,
    myDiscriminator,
    yourDiscriminator,
    desiredMinTx: reader.u32(),
    requiredMinRx: reader.u32(),
    requiredMinEchoRx: reader.u32(),
  });
}
