import { Speaker } from '@muslin/bgp';
import type { NetlinkSocket } from '@muslin/linux';
import { type Ip4, ip4 } from '@muslin/net';
import { RehearsalPeer } from './rehearsal-peer.ts';
import { SpeakerShell, type Told } from './speaker-shell.ts';

const AS = 64_512;
const OWN_IP = ip4(0x7f_00_00_01);
/** Longer than it ever takes where loopback works; where it doesn't there is nothing to wait for. */
const PATIENCE_MS = 1_000;
const PER_UPDATE = 5;
/** Octets that are written at once; most cut a message in two. */
const PIECE = 4_000;

/** How much of everything is played. */
interface Scale {
  /** Internal peers that call at once. */
  readonly crowd: number;
  /** Routes that are told alone. */
  readonly single: number;
  /** UPDATEs of a table. */
  readonly table: number;
  /** Octets that the speaker is told before it gets to read. */
  readonly chunk: number;
}

/** V8 trusts what it has seen once with one speaker; it takes a second to learn that there may be others. */
const FIRST: Scale = { crowd: 2, single: 20, table: 200, chunk: PIECE };
const SECOND: Scale = { crowd: 24, single: 200, table: 8_000, chunk: 1 << 17 };

/**
 * Plays a morning of a speaker's life with made-up peers over loopback, and forgets it: a crowd calls, routes come one by
 * one, a table comes, is told to somebody who is late, and goes. V8 makes machine code of what has run often enough, for
 * what it has seen so far: after this the first real route, and the first full table, already meet it. Takes about 0.3 s
 * of one core, before the first session. Says whether it came to its end.
 */
export async function rehearse(netlink: NetlinkSocket, patienceMs = PATIENCE_MS): Promise<boolean> {
  let patience: NodeJS.Timeout | undefined;
  const over = new Promise<boolean>(resolve => {
    patience = setTimeout(() => resolve(false), patienceMs);
  });
  const stages = [new Stage(netlink, () => {}), new Stage(netlink, told => void told)] as const;
  const play = async () => {
    await stages[0].play(FIRST);
    await stages[1].play(SECOND);
    return true;
  };
  const done = await Promise.race([play(), over]);
  clearTimeout(patience);
  await Promise.all(stages.map(stage => stage.clear()));
  return done;
}

/** A speaker with its shell, and the peers that call it. */
class Stage {
  readonly #shell: SpeakerShell;
  readonly #peers: RehearsalPeer[] = [];
  readonly #speaker: Speaker;
  #port = 0;

  constructor(netlink: NetlinkSocket, tell: (told: Told) => void) {
    this.#shell = new SpeakerShell({ netlink, transportOf: () => undefined, log: () => {}, tell });
    this.#speaker = new Speaker({ asNumber: AS, routerId: ip4(0x0a_00_00_01), now: performance.now() });
    this.#shell.speaker = this.#speaker;
  }

  async play({ crowd, single, table, chunk }: Scale): Promise<void> {
    const { listeners } = this.#shell.connections;
    await listeners.follow({ ips: [OWN_IP], port: 0 });
    this.#port = listeners.port ?? 0;
    const [feeder, sink] = [this.#peer(1, AS + 1), this.#peer(2, AS + 2)];
    await Promise.all([feeder.open(), sink.open()]);
    await this.#crowd(crowd, sink);
    for (let i = 0; i < single; i++) await this.#tell(feeder, sink, i, i % 4 === 3);
    const way = { from: feeder, to: sink, updates: table, chunk };
    await tellTable({ ...way, make: announcement, beyond: table });
    const late = this.#peer(3, AS + 3);
    await late.open();
    await tellTable({ ...way, make: withdrawal, beyond: table + 1 });
  }

  async clear(): Promise<void> {
    for (const peer of this.#peers) peer.close();
    this.#shell.timers.stop();
    this.#shell.speaker = undefined;
    await this.#shell.connections.stop();
  }

  #peer(number: number, asNumber: number): RehearsalPeer {
    const ip: Ip4 = ip4(0x7f_00_01_00 + number);
    const config = { id: `rehearsal-${number}`, remoteIp: ip, remoteAs: asNumber, passive: true };
    const now = performance.now();
    this.#shell.perform(this.#speaker.setPeer({ ...config, gracefulRestartTime: 0 }, now));
    const peer = new RehearsalPeer({ ip, asNumber, target: OWN_IP, port: this.#port });
    this.#peers.push(peer);
    return peer;
  }

  /** Many call at once, tell some routes each, and leave. */
  async #crowd(count: number, sink: RehearsalPeer): Promise<void> {
    const crowd = Array.from({ length: count }, (_, i) => this.#peer(10 + i, AS));
    const heard = sink.hears(Buffer.of(24, 11, 0, count - 1));
    crowd.forEach(async (peer, i) => {
      await peer.open();
      peer.say(Buffer.from(message([0, 0, ...attributes(i, AS), 24, 11, 0, i])));
    });
    await heard;
    for (const peer of crowd) peer.close();
  }

  async #tell(from: RehearsalPeer, to: RehearsalPeer, i: number, back: boolean): Promise<void> {
    const bytes = Buffer.from(back ? withdrawal(i - 1, 1) : announcement(i, 1));
    const heard = to.hears(bytes.subarray(back ? -6 : -4));
    from.say(bytes);
    await heard;
  }
}

/** A table on its way from one peer to another. */
interface Telling {
  readonly from: RehearsalPeer;
  readonly to: RehearsalPeer;
  readonly updates: number;
  readonly make: (from: number, count: number) => readonly number[];
  /** Number of an UPDATE that nobody has told yet: hearing it says that all before it were heard. */
  readonly beyond: number;
  readonly chunk: number;
}

async function tellTable({ from, to, updates, make, beyond, chunk }: Telling): Promise<void> {
  const last = Buffer.from(announcement(beyond * PER_UPDATE, 1));
  const heard = to.hears(last.subarray(-4));
  let octets: number[] = [];
  let said = 0;
  for (let i = 0; i < updates; i++) {
    octets.push(...make(i * PER_UPDATE, PER_UPDATE));
    if (octets.length < PIECE) continue;
    from.say(Buffer.from(octets));
    said += octets.length;
    octets = [];
    if (said < chunk) continue;
    said = 0;
    await new Promise(resolve => setImmediate(resolve));
  }
  from.say(Buffer.concat([Buffer.from(octets), last]));
  await heard;
}

function announcement(from: number, count: number): readonly number[] {
  return message([0, 0, ...attributes(from, AS + 1), ...routes(from, count)]);
}

function withdrawal(from: number, count: number): readonly number[] {
  const octets = routes(from, count);
  return message([octets.length >> 8, octets.length & 255, ...octets, 0, 0]);
}

/** Length and octets of attributes that are alike for nobody else: ORIGIN, AS_PATH, NEXT_HOP, a community (RFC 4271 §5). */
function attributes(i: number, asNumber: number): readonly number[] {
  const hops = [asNumber, 1000 + (i % 977), 2000 + (i % 31), 3000].slice(
    asNumber === AS ? 1 : 0,
    2 + (i % 3),
  );
  const path = [2, hops.length, ...hops.flatMap(hop => [0, 0, hop >> 8, hop & 255])];
  const inside = asNumber === AS ? [0x40, 5, 4, 0, 0, 0, 100] : [];
  const all = [0x40, 1, 1, 0, 0x40, 2, path.length, ...path, 0x40, 3, 4, 10, 0, 1, 1, ...inside];
  all.push(0xc0, 8, 4, 0, 64 + (i >> 16), (i >> 8) & 255, i & 255);
  return [0, all.length, ...all];
}

/** Prefixes of several lengths from both halves of the address space. */
function routes(from: number, count: number): readonly number[] {
  const octets: number[] = [];
  for (let i = from; i < from + count; i++) {
    const first = 20 + ((i >> 4) % 6) * 40;
    if (i % 16 === 0) octets.push(20, first, (i >> 8) & 255, i & 0xf0);
    else octets.push(24, first, (i >> 8) & 255, i & 255);
  }
  return octets;
}

/** An UPDATE (RFC 4271 §4.3). */
function message(body: readonly number[]): readonly number[] {
  const length = 19 + body.length;
  return [...MARKER, length >> 8, length & 255, 2, ...body];
}

const MARKER = new Array<number>(16).fill(255);
