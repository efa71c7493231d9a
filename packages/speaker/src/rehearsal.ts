import { Speaker } from '@muslin/bgp';
import type { NetlinkSocket } from '@muslin/linux';
import { type Ip4, ip4 } from '@muslin/net';
import { collectGarbage } from './collect-garbage.ts';
import { compileAsUsual, compileEarly } from './compile-early.ts';
import { RehearsalPeer } from './rehearsal-peer.ts';
import { RehearsalScript } from './rehearsal-script.ts';
import { SpeakerShell, type Told } from './speaker-shell.ts';

const AS = 64_512;
const OWN_IP = ip4(0x7f_00_00_01);
/** Longer than it ever takes where loopback works; where it doesn't there is nothing to wait for. */
const PATIENCE_MS = 1_000;
const PER_UPDATE = 5;
const NEXT_HOP = ip4(0x0a_00_01_01);
/** Octets; few, so that peers read too slowly now and then, and more than a segment of loopback, which else waits. */
const SEND_BUFFER = 1 << 16;
/** Number of a route beyond all tables. */
const BEYOND = 50_000;

/** How much of everything is played. */
interface Scale {
  /** Internal peers that call at once. */
  readonly crowd: number;
  /** Routes that are told alone. */
  readonly single: number;
  /** UPDATEs of a table. */
  readonly table: number;
  /** How often it comes and goes. */
  readonly rounds: number;
  /** Octets that the speaker is told before it gets to read. */
  readonly chunk: number;
}

/** V8 trusts what it has seen once with one speaker; it takes a second to learn that there may be others. */
const FIRST: Scale = { crowd: 2, single: 20, table: 200, rounds: 1, chunk: 4_000 };
const SECOND: Scale = { crowd: 64, single: 400, table: 4_000, rounds: 3, chunk: 1 << 17 };

/** Machine code is for objects of a shape, and goes with the last object of that shape: one small stage stays. */
const kept: Stage[] = [];

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
  const small = new Stage(netlink, () => {});
  let large: Stage | undefined = new Stage(netlink, told => void told);
  const play = async () => {
    await small.play(FIRST);
    await large?.play(SECOND);
    return true;
  };
  const done = await Promise.race([play(), over]);
  clearTimeout(patience);
  // It may have been out of time in the middle.
  compileAsUsual();
  await large.clear();
  large = undefined;
  await new Promise(resolve => setImmediate(resolve));
  // While the small one has sockets, for their sake.
  if (done) collectGarbage();
  await small.clear();
  kept[0] = small;
  return done;
}

/** A speaker with its shell, and the peers that call it. */
class Stage {
  readonly #shell: SpeakerShell;
  readonly #peers: RehearsalPeer[] = [];
  readonly #speaker: Speaker;
  readonly #script = new RehearsalScript({ asNumber: AS + 1, inside: false, nextHop: NEXT_HOP });
  #port = 0;
  #beyond = BEYOND;

  constructor(netlink: NetlinkSocket, tell: (told: Told) => void) {
    this.#shell = new SpeakerShell({
      netlink,
      transportOf: () => undefined,
      log: () => {},
      tell,
      sendBuffer: SEND_BUFFER,
    });
    this.#speaker = new Speaker({ asNumber: AS, routerId: ip4(0x0a_00_00_01), now: performance.now() });
    this.#shell.speaker = this.#speaker;
  }

  async play({ crowd, single, table, rounds, chunk }: Scale): Promise<void> {
    const { listeners } = this.#shell.connections;
    await listeners.follow({ ips: [OWN_IP], port: 0 });
    this.#port = listeners.port ?? 0;
    const [feeder, sink] = [this.#peer(1, AS + 1), this.#peer(2, AS + 2)];
    await Promise.all([feeder.open(), sink.open()]);
    await this.#crowd(crowd, sink);
    for (let round = 0; round < rounds; round++) {
      await this.#tellTable(feeder, sink, { updates: table, chunk, takeBack: false });
      const late = this.#peer(3 + round, AS + 3);
      await late.open();
      await this.#tellTable(feeder, sink, { updates: table, chunk, takeBack: true });
      late.close();
    }
    // Last, so that V8 has seen everything that it has to expect.
    compileEarly();
    for (let i = 0; i < single; i++) await this.#tell(feeder, sink, i, i % 4 === 3);
    compileAsUsual();
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
    const script = new RehearsalScript({ asNumber: AS, inside: true, nextHop: NEXT_HOP });
    const heard = sink.hears(
      script
        .announce(count - 1, 1)
        .take()
        .subarray(-4),
    );
    crowd.forEach(async (peer, i) => {
      await peer.open();
      peer.say(script.announce(i, 1).take());
    });
    await heard;
    for (const peer of crowd) peer.close();
  }

  async #tell(from: RehearsalPeer, to: RehearsalPeer, i: number, back: boolean): Promise<void> {
    const bytes = (back ? this.#script.withdraw(i - 1, 1) : this.#script.announce(i, 1)).take();
    const heard = to.hears(bytes.subarray(back ? -6 : -4));
    from.say(bytes);
    await heard;
  }

  async #tellTable(
    from: RehearsalPeer,
    to: RehearsalPeer,
    { updates, chunk, takeBack }: Telling,
  ): Promise<void> {
    const script = this.#script;
    // Nobody has told this one yet: hearing it says that all before it were heard.
    const last = script.announce(this.#beyond++, 1).take();
    const heard = to.hears(last.subarray(-4));
    let said = 0;
    for (let i = 0; i < updates; i++) {
      const first = i * PER_UPDATE;
      if (takeBack) script.withdraw(first, PER_UPDATE);
      else script.announce(first, PER_UPDATE);
      if (!script.isFull) continue;
      const bytes = script.take();
      from.say(bytes);
      said += bytes.length;
      if (said < chunk) continue;
      said = 0;
      await new Promise(resolve => setImmediate(resolve));
    }
    from.say(script.take());
    from.say(last);
    await heard;
  }
}

/** How a table is told. */
interface Telling {
  readonly updates: number;
  readonly chunk: number;
  readonly takeBack: boolean;
}
