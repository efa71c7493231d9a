import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Ip4, mustIp, mustPrefix, formatPrefix } from '@muslin/net';
import {
  decodeMessage,
  encodeMessage,
  Framer,
  type Output,
  type PeerConfig,
  PLAIN_OPTIONS,
  Speaker,
  type WireOptions,
} from '../../src/index.ts';
import { BASE, raw, updateBody } from '../byte-peer.ts';
import { GREETING, spoiltMessage } from './message-mutation.ts';
import { Dice } from './update-mutation.ts';

/** What came of a run. */
export interface FuzzReport {
  readonly messages: number;
  /** Messages that were decoded, and how: without a fault, with one that the session survives, with one that ends it. */
  readonly clean: number;
  readonly survived: number;
  readonly reset: number;
  /** Of those, the ones that a live session received, and how many sessions that took. */
  readonly spoken: number;
  readonly sessions: number;
  /** Octets that memory grew by in the last three quarters of the run. */
  readonly growth: number;
  /** CPU milliseconds of the slowest message. */
  readonly slowest: number;
}

const OPTIONS: readonly WireOptions[] = [
  PLAIN_OPTIONS,
  { ...PLAIN_OPTIONS, external: true },
  { ...PLAIN_OPTIONS, fourOctetAs: false, external: true },
  { ...PLAIN_OPTIONS, addPath: { 'ipv4-unicast': true, 'ipv6-unicast': true }, extendedNextHop: true },
];

const peer = (id: string, ip: string, remoteAs: number): PeerConfig => ({
  id,
  remoteIp: mustIp(ip),
  remoteAs,
  passive: true,
  gracefulRestartTime: 0,
});

/** Feeds spoilt messages to the decoder, and every `speakEach`-th to a speaker with a live session. Throws when anything gives way. */
export function fuzz(
  messages: number,
  seed: number,
  speakEach: number,
  said: (done: number) => void = () => {},
): FuzzReport {
  const dice = new Dice(seed);
  const victim = new Victim();
  const tally = { clean: 0, survived: 0, reset: 0 };
  const memory: number[] = [];
  let spoken = 0;
  let slowest = 0;
  for (let n = 0; n < messages; n++) {
    const bytes = spoiltMessage(dice);
    const before = n % 64 === 0 ? process.cpuUsage() : undefined;
    tally[decodeTwice(bytes, OPTIONS[n % OPTIONS.length] as WireOptions)]++;
    if (n % speakEach === 0) {
      victim.hear(bytes);
      spoken++;
    }
    if (before !== undefined) {
      const { user, system } = process.cpuUsage(before);
      slowest = Math.max(slowest, (user + system) / 1000);
    }
    if (n === messages >> 2 || n === messages - 1) memory.push(victim.quietMemory());
    if (n % 100_000 === 99_999) said(n + 1);
  }
  return {
    messages,
    ...tally,
    spoken,
    sessions: victim.sessions,
    growth: (memory[1] as number) - (memory[0] as number),
    slowest,
  };
}

/** Decodes a message; what was understood must survive being written and read again. */
function decodeTwice(bytes: Uint8Array, options: WireOptions): 'clean' | 'survived' | 'reset' {
  const framer = new Framer();
  framer.push(bytes);
  const frame = framer.next();
  if (frame === undefined || 'severity' in frame) return 'reset';
  const message = decodeMessage(frame, options);
  if (!message.ok) return 'reset';
  if (message.value.kind === 'update' && message.value.faults.length > 0) return 'survived';
  const written = encodeMessage(message.value, options);
  const second = new Framer();
  second.maxLength = 65_535;
  second.push(written);
  const frame2 = second.next();
  if (frame2 === undefined || 'severity' in frame2) throw new Error(`can't be framed again: ${hexOf(bytes)}`);
  const again = decodeMessage(frame2, options);
  if (!again.ok || hexOf(encodeMessage(again.value, options)) !== hexOf(written)) {
    throw new Error(`means something else once it was written again: ${hexOf(bytes)}`);
  }
  return 'clean';
}

const hexOf = (bytes: Uint8Array) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');

/** A speaker with one hostile session, which comes back each time it falls, and a guest that must not notice. */
class Victim {
  readonly #speaker = new Speaker({ asNumber: 65000, routerId: mustIp('10.0.0.1') as Ip4 });
  sessions = 0;
  #connection = '';
  #now = 0;

  constructor() {
    this.#speaker.setPeer(peer('hostile', '10.0.0.2', 65001));
    this.#speaker.setPeer(peer('guest', '10.0.0.3', 65003));
    this.#call('guest-1', '10.0.0.3');
    const greeting = GREETING.slice();
    // The guest is in AS 65003: the two places where the OPEN says so.
    greeting.set([0xfd, 0xeb], 20);
    greeting.set([0xfd, 0xeb], 19 + 30);
    this.#take('guest-1', greeting);
    const path = Uint8Array.of(0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xeb);
    this.#take('guest-1', raw(2, updateBody([BASE.origin, path, BASE.nextHop], [24, 198, 51, 100])));
    this.#greet();
  }

  hear(bytes: Uint8Array): void {
    const connection = this.#connection;
    const outputs = this.#take(connection, bytes);
    if (outputs.some(o => o.kind === 'close' && o.connection === connection)) this.#greet();
    else if (!bytesAreWhole(bytes)) {
      // The framer waits for the rest; nobody would send it.
      this.#speaker.handle({ kind: 'closed', connection }, this.#now);
      this.#greet();
    }
  }

  /** Ends the hostile session, looks whether all is forgotten that must be, and gives the octets in use. */
  quietMemory(): number {
    this.#speaker.handle({ kind: 'closed', connection: this.#connection }, this.#now);
    const routes = this.#speaker.routes('ipv4-unicast').map(r => formatPrefix(r.prefix));
    if (routes.join() !== formatPrefix(mustPrefix('198.51.100.0/24')))
      throw new Error(`routes are left over, or the guest lost its own: ${routes}`);
    const guest = this.#speaker.peers().find(p => p.id === 'guest');
    if (guest?.state !== 'Established' || guest.established !== 1) throw new Error('the guest was disturbed');
    this.#greet();
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  }

  #greet(): void {
    // Long enough for every pause after an error.
    this.#now += 61_000;
    this.#speaker.handle({ kind: 'timer', id: 'first/idleHold/hostile' }, this.#now);
    this.#take('guest-1', GREETING.slice(-19));
    this.#connection = `in-${++this.sessions}`;
    this.#call(this.#connection, '10.0.0.2');
    this.#take(this.#connection, GREETING);
    const state = this.#speaker.peers().find(p => p.id === 'hostile')?.state;
    if (state !== 'Established') throw new Error(`the hostile peer can't come back: ${state}`);
  }

  #call(connection: string, ip: string): void {
    const localIp = mustIp('10.0.0.1');
    this.#speaker.handle({ kind: 'accepted', connection, localIp, remoteIp: mustIp(ip) }, this.#now);
  }

  #take(connection: string, bytes: Uint8Array): Output[] {
    return this.#speaker.handle({ kind: 'bytes', connection, bytes }, this.#now);
  }
}

function bytesAreWhole(bytes: Uint8Array): boolean {
  return (((bytes[16] as number) << 8) | (bytes[17] as number)) === bytes.length;
}
