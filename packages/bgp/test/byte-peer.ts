import { type Ip4, mustIp, mustPrefix } from '@muslin/net';
import {
  asSequence,
  type Capability,
  decodeMessage,
  encodeMessage,
  Framer,
  KEEPALIVE,
  type Message,
  notificationText,
  type Output,
  type PeerConfig,
  PLAIN_OPTIONS,
  packNlri,
  Speaker,
  type SpeakerOptions,
  type WireOptions,
} from '../src/index.ts';

/** Hexadecimal digits, spaces ignored, as bytes. */
export function hex(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, '');
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) =>
    Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  );
}

/** Joins byte strings. */
export function join(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap(part => [...part]));
}

const u16 = (value: number) => [value >> 8, value & 0xff];
const u32 = (value: number) => [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];

/** A message with any header. */
export function raw(type: number, body: Uint8Array, length = body.length + 19): Uint8Array {
  return join(new Array(16).fill(0xff), u16(length), [type], body);
}

/** One attribute: flags, code, value. */
export function attr(flags: number, code: number, value: Uint8Array | readonly number[]): Uint8Array {
  return flags & 0x10
    ? join([flags, code], u16(value.length), value)
    : join([flags, code, value.length], value);
}

/** A four-octet AS_PATH attribute of one sequence. */
export const asPath = (...as: readonly number[]) => attr(0x40, 2, [2, as.length, ...as.flatMap(u32)]);
/** The attributes that every probe starts from. */
export const BASE = {
  origin: attr(0x40, 1, [0]),
  asPath: asPath(65001),
  nextHop: attr(0x40, 3, [10, 0, 0, 2]),
};

/** An UPDATE body of parts. */
export function updateBody(
  attributes: readonly Uint8Array[],
  nlri: Uint8Array | readonly number[] = PROBE,
  withdrawn: Uint8Array | readonly number[] = [],
): Uint8Array {
  const list = join(...attributes);
  return join(u16(withdrawn.length), withdrawn, u16(list.length), list, nlri);
}

/** 192.0.2.0/24, the prefix of every probe. */
export const PROBE = [24, 192, 0, 2];

/** What a probe led to. */
export type Outcome = 'ok' | 'W' | string;

/** A scripted peer that writes bytes to a speaker: AS 65001 at 10.0.0.2, the speaker is AS 65000 at 10.0.0.1. */
export class BytePeer {
  readonly speaker: Speaker;
  readonly sent: Message[] = [];
  readonly outputs: Output[] = [];
  readonly #framer = new Framer();
  readonly connection: string;
  closed = false;
  now = 0;
  options: WireOptions = PLAIN_OPTIONS;

  constructor(config: Partial<PeerConfig> = {}, options: Partial<SpeakerOptions> = {}, speaker?: Speaker) {
    const routerId = mustIp('10.0.0.1') as Ip4;
    this.speaker = speaker ?? new Speaker({ asNumber: 65000, routerId, ...options });
    this.connection = `in-${config.id ?? 'probe'}`;
    const remoteIp = mustIp('10.0.0.2');
    const base: PeerConfig = {
      id: 'probe',
      remoteIp,
      remoteAs: 65001,
      passive: true,
      gracefulRestartTime: 0,
    };
    this.take(this.speaker.setPeer({ ...base, ...config }));
    this.take(
      this.speaker.handle(
        {
          kind: 'accepted',
          connection: this.connection,
          localIp: mustIp('10.0.0.1'),
          remoteIp: config.remoteIp ?? remoteIp,
        },
        this.now,
      ),
    );
  }

  /** Performs what concerns this peer. */
  take(outputs: readonly Output[]): readonly Output[] {
    this.outputs.push(...outputs);
    for (const output of outputs) {
      if (output.kind === 'close' && output.connection === this.connection) this.closed = true;
      if (output.kind !== 'send' || output.connection !== this.connection) continue;
      this.#framer.push(output.bytes);
      for (let frame = this.#framer.next(); frame !== undefined; frame = this.#framer.next()) {
        if ('severity' in frame) throw new Error(`the speaker sent nonsense: ${frame.message}`);
        const message = decodeMessage(frame, this.options);
        if (!message.ok) throw new Error(`the speaker sent nonsense: ${message.fault.message}`);
        this.sent.push(message.value);
      }
    }
    return outputs;
  }

  write(bytes: Uint8Array): readonly Output[] {
    if (this.closed) return [];
    // Shells read everything into the same room: nothing may be remembered by reference.
    const room = bytes.slice();
    const outputs = this.speaker.handle(
      { kind: 'bytes', connection: this.connection, bytes: room },
      this.now,
    );
    room.fill(0xa5);
    return this.take(outputs);
  }

  say(message: Message): void {
    this.write(encodeMessage(message, this.options));
  }

  /** Sends an OPEN; by default one that the speaker likes. */
  open(
    fields: { asNumber?: number; holdTime?: number; id?: string; capabilities?: readonly Capability[] } = {},
  ): this {
    const { asNumber = 65001, holdTime = 90, id = '10.0.0.2' } = fields;
    const capabilities = fields.capabilities ?? [
      { kind: 'multiprotocol', value: { afi: 1, safi: 1 } },
      { kind: 'multiprotocol', value: { afi: 2, safi: 1 } },
      { kind: 'routeRefresh', value: true },
      { kind: 'fourOctetAs', value: asNumber },
    ];
    const identifier = mustIp(id) as Ip4;
    const as = asNumber > 65535 ? 23456 : asNumber;
    this.say({ kind: 'open', version: 4, asNumber: as, holdTime, identifier, capabilities });
    return this;
  }

  /** Goes to Established. */
  establish(fields: Parameters<BytePeer['open']>[0] = {}): this {
    this.open(fields);
    this.say(KEEPALIVE);
    if (this.state !== 'Established') throw new Error(`not Established but ${this.state}: ${this.lastError}`);
    this.sent.length = 0;
    return this;
  }

  /** Announces a prefix with good attributes. */
  announce(prefix: string, as: readonly number[] = [65001], more: object = {}): void {
    const announced = packNlri('ipv4-unicast', [{ prefix: mustPrefix(prefix), pathId: 0 }]);
    const none = packNlri('ipv4-unicast', []);
    const nextHop = { ip: mustIp('10.0.0.2') };
    const attributes = { origin: 'igp' as const, asPath: asSequence(...as), nextHop, ...more };
    this.say({ kind: 'update', withdrawn: none, announced, attributes, faults: [] });
  }

  get state(): string {
    return this.speaker.peers()[0]?.state ?? 'gone';
  }

  get lastError(): string {
    return this.speaker.peers()[0]?.lastError ?? '';
  }

  /** The last NOTIFICATION that the speaker sent: `code/subcode` and data in hexadecimal. */
  get farewell(): string {
    const message = this.sent.findLast(m => m.kind === 'notification');
    if (message === undefined) return 'none';
    const data = [...message.data].map(b => b.toString(16).padStart(2, '0')).join('');
    return `${message.code}/${message.subcode}${data === '' ? '' : ` ${data}`}`;
  }

  /** The farewell in words, for messages of failing tests. */
  get words(): string {
    const message = this.sent.findLast(m => m.kind === 'notification');
    return message === undefined ? 'none' : notificationText(message);
  }

  routes(): string[] {
    return this.speaker.routes('ipv4-unicast').map(r => `${r.prefix.length}`);
  }
}

/** Has the probe's prefix announced, writes the bytes, and tells what they did. */
export function probe(
  bytes: Uint8Array,
  config: Partial<PeerConfig> = {},
  open: Parameters<BytePeer['open']>[0] = {},
): {
  readonly outcome: Outcome;
  readonly peer: BytePeer;
} {
  const peer = new BytePeer(config).establish(open);
  const nearest = open.asNumber === 65000 ? [] : [open.asNumber ?? 65001];
  peer.announce('198.51.100.0/24', nearest);
  peer.announce('192.0.2.0/24', [...nearest, 64999]);
  peer.write(bytes);
  if (peer.closed) return { outcome: `R ${peer.farewell.split(' ')[0]}`, peer };
  const prefixes = peer.speaker.routes('ipv4-unicast').map(r => r.prefix.ip);
  // The control route must survive everything short of a reset.
  if (!prefixes.some(ip => ip.family === 4 && ip.bits === 0xc6336400))
    return { outcome: 'control lost', peer };
  const kept = prefixes.some(ip => ip.family === 4 && ip.bits === 0xc0000200);
  return { outcome: kept ? 'ok' : 'W', peer };
}
