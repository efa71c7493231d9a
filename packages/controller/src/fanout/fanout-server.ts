import { randomUUID } from 'node:crypto';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import {
  decodeEnrolment,
  decodeHello,
  encodeBeat,
  encodeCertificate,
  encodeEnd,
  encodeRefusal,
  encodeWelcome,
  FANOUT_PROTOCOL,
  type FanoutEnrolment,
  LineSplitter,
  type Sighting,
} from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import { Fanout } from './fanout.ts';
import { LineQueue } from './line-queue.ts';
import type { FeedLimits, NodeFeed } from './node-feed.ts';
import { nodeOfCertificate } from './node-identity.ts';

/** What the listener shows, and who may sign certificates of nodes; PEM. */
export interface FanoutMaterial {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export interface FanoutServerOptions {
  readonly host: string;
  /** 0: any. */
  readonly port: number;
  /** Asked again now and then; may throw when it can't be had. */
  readonly material: () => FanoutMaterial;
  /** Gives agents certificates that have none yet; absent: others do. */
  readonly enrol?: (enrolment: FanoutEnrolment) => Promise<Result<string, string>>;
  /** How long the controller has not heard from the API server, in ms; undefined until it has seen everything. */
  readonly staleMs: () => number | undefined;
  readonly log: (line: string) => void;
  readonly beatMs?: number;
  readonly limits?: FeedLimits;
}

/** What is waiting for one another before it is worked out and told: bursts cost one flush. */
const GATHER_MS = 5;
const HELLO_MS = 10_000;
/** Whoever was told its last word has this long to go; anybody may knock, so nobody may stay. */
const LEAVE_MS = 1_000;
/** A token of a service account is below 2 KiB. */
const HELLO_BYTES = 8 << 10;
/** Each asks the API server who the agent is: strangers must not make that many. */
const ENROLLING = 32;
/** An agent that takes nothing for so long is gone, or as good as. */
const STUCK_MS = 60_000;
/** How long messages are kept for an agent that left. */
const AWAY_MS = 120_000;
const RELOAD_MS = 30_000;
/** How long after a policy every node is told that it was worked in: many that come at once are told of once. */
const THROUGH_MS = 200;
/** What a socket is handed at once. */
const PIECE_BYTES = 64 << 10;

interface Listener {
  readonly node: string;
  readonly socket: TLSSocket;
  readonly feed: NodeFeed;
  /** The last message that was sent; undefined: it needs the whole. */
  sent: number | undefined;
  /** What of the last message was not handed to the socket yet. */
  readonly waiting: LineQueue;
  stuckSince: number | undefined;
}

/** Serves every node what concerns it over mutual TLS. A replica needs no lead: it only reads. */
export class FanoutServer {
  readonly epoch = randomUUID();
  readonly #options: FanoutServerOptions;
  readonly #fanout: Fanout;
  readonly #listeners = new Map<string, Listener>();
  readonly #away = new Map<string, number>();
  /** Of everybody, those too who never said a word. */
  readonly #connections = new Set<Socket>();
  readonly #beatMs: number;
  readonly #server;
  readonly #timers: NodeJS.Timeout[] = [];
  #gathering: NodeJS.Timeout | undefined;
  #material: FanoutMaterial;
  #enrolling = 0;
  #policies = false;
  #telling: NodeJS.Timeout | undefined;
  /** Counted for the status page. */
  readonly counts = { events: 0, flushes: 0, told: 0, bytes: 0, wholes: 0, refused: 0, enrolled: 0 };

  constructor(options: FanoutServerOptions) {
    this.#options = options;
    this.#fanout = new Fanout(options.limits);
    this.#beatMs = options.beatMs ?? 10_000;
    this.#material = options.material();
    this.#server = createServer(
      {
        ...this.#material,
        requestCert: true,
        rejectUnauthorized: false,
        minVersion: 'TLSv1.3',
        handshakeTimeout: HELLO_MS,
      },
      socket => this.#greet(socket),
    );
    this.#server.on('connection', socket => {
      this.#connections.add(socket);
      socket.once('close', () => this.#connections.delete(socket));
    });
    this.#server.on('tlsClientError', error =>
      options.log(`fan-out: a client left the handshake: ${error.message}`),
    );
  }

  /** Opens the port; the number of it. Rejects when it can't be had. */
  async listen(): Promise<number> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, resolve);
    });
    this.#timers.push(setInterval(() => this.#beat(), this.#beatMs));
    this.#timers.push(setInterval(() => this.#reload(), RELOAD_MS));
    return (this.#server.address() as AddressInfo).port;
  }

  /** A watch showed something. */
  saw(sighting: Sighting): void {
    this.counts.events++;
    this.#fanout.saw(sighting);
    if (this.#options.staleMs() === undefined) return;
    this.#gathering ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  /** Works out and tells what was seen; when the first complete view is there, and whenever something came. */
  flush(): void {
    this.#workOut();
    for (const listener of this.#listeners.values()) this.#pump(listener);
    if (this.#policies) this.#tellThrough();
  }

  /** Policies that concern a node or not: it says how far it follows them, so it must know how far that is. */
  #tellThrough(): void {
    if (this.#telling !== undefined) return;
    this.#telling = setTimeout(() => {
      this.#telling = undefined;
      this.#policies = false;
      this.#beatAll();
    }, THROUGH_MS);
  }

  /** Brings every feed up to what was seen; whether there was news. */
  #workOut(): boolean {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    const { nodes, bytes, policies } = this.#fanout.flush();
    this.#policies ||= policies;
    this.counts.flushes++;
    this.counts.told += nodes;
    this.counts.bytes += bytes;
    return nodes > 0;
  }

  /** Connections, listening nodes, and bytes kept for those that are away or slow. */
  get status() {
    const [connected, listening] = [this.#connections.size, this.#listeners.size];
    return { epoch: this.epoch, connected, listening, kept: this.#fanout.kept, ...this.counts };
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#telling);
    clearTimeout(this.#gathering);
    for (const socket of this.#connections) socket.destroy();
    await new Promise<void>(resolve => this.#server.close(() => resolve()));
  }

  #greet(socket: TLSSocket): void {
    socket.on('error', () => {});
    const refuse = (message: string) => {
      this.counts.refused++;
      this.#options.log(`fan-out: refused ${socket.remoteAddress}: ${message}`);
      socket.off('data', first).resume();
      leave(socket, encodeRefusal(message));
    };
    const lines = new LineSplitter(HELLO_BYTES);
    const timer = setTimeout(() => refuse(`no hello within ${HELLO_MS / 1000} seconds`), HELLO_MS);
    socket.once('close', () => clearTimeout(timer));
    const first = (chunk: Buffer) => {
      const [step] = lines.push(chunk);
      if (step === undefined) return;
      clearTimeout(timer);
      // Nothing that comes later is read, but it must not stop the flow.
      socket.off('data', first).resume();
      const enrolment = 'tooLong' in step ? undefined : decodeEnrolment(step.line);
      if (enrolment !== undefined) {
        void this.#enrol(socket, enrolment).then(done => (done.ok ? undefined : refuse(done.fault)));
        return;
      }
      const hello =
        'tooLong' in step ? fail('hello is longer than any hello') : this.#judge(socket, step.line);
      if (hello.ok) this.#admit(socket, hello.value.node, hello.value.seq);
      else refuse(hello.fault);
    };
    socket.on('data', first);
  }

  /** Answers an agent that has no certificate yet, once. */
  async #enrol(socket: TLSSocket, enrolment: FanoutEnrolment): Promise<Result<void, string>> {
    const { enrol } = this.#options;
    if (enrol === undefined) return fail('this controller gives no certificates: agents bring their own');
    if (enrolment.protocol !== FANOUT_PROTOCOL) return fail(otherVersion(enrolment.protocol));
    if (this.#enrolling >= ENROLLING) return fail('too many agents ask for certificates at once: try again');
    this.#enrolling++;
    try {
      const done = await enrol(enrolment);
      if (!done.ok) return done;
      this.counts.enrolled++;
      leave(socket, encodeCertificate(done.value));
      return ok(undefined);
    } finally {
      this.#enrolling--;
    }
  }

  /** Whether the client may be told what it asks for. Verified here and not by the library: whoever is refused reads why. */
  #judge(socket: TLSSocket, line: Uint8Array): Result<{ node: string; seq: number | undefined }, string> {
    if (!socket.authorized) return fail(unauthorized(socket));
    const own = nodeOfCertificate(socket.getPeerCertificate());
    if (!own.ok) return own;
    const hello = decodeHello(line);
    if (!hello.ok) return fail(hello.fault.message);
    const { protocol, node, epoch, seq } = hello.value;
    if (protocol !== FANOUT_PROTOCOL) return fail(otherVersion(protocol));
    if (node !== own.value)
      return fail(`the certificate is of node ${own.value}, which gets nothing of node ${node}`);
    if (this.#options.staleMs() === undefined)
      return fail('this controller has not seen the whole cluster yet: try again');
    return ok({ node, seq: epoch === this.epoch ? seq : undefined });
  }

  #admit(socket: TLSSocket, node: string, seq: number | undefined): void {
    // What was seen and not told yet must not be in the whole and told again in another order.
    this.flush();
    this.#listeners.get(node)?.socket.destroy();
    this.#away.delete(node);
    const listener: Listener = {
      node,
      socket,
      feed: this.#fanout.listen(node),
      sent: seq,
      waiting: new LineQueue(),
      stuckSince: undefined,
    };
    this.#listeners.set(node, listener);
    socket.write(encodeWelcome(this.epoch, this.#beatMs));
    socket.on('drain', () => {
      listener.stuckSince = undefined;
      // It may need the whole, which is as of a flush.
      if (this.#workOut()) this.flush();
      else this.#pump(listener);
    });
    socket.once('close', () => {
      if (this.#listeners.get(node) !== listener) return;
      this.#listeners.delete(node);
      this.#away.set(node, Date.now());
    });
    this.#pump(listener);
  }

  /** Sends what is missing as long as the agent takes it; one that lags too far gets the whole instead. */
  #pump(listener: Listener): void {
    const { socket, feed, node, waiting } = listener;
    // A socket that is handed everything at once encrypts everything at once: a thousand wholes would be in memory.
    while (!socket.destroyed && !socket.writableNeedDrain) {
      const piece = waiting.take(PIECE_BYTES);
      if (piece !== undefined) {
        socket.write(piece);
        continue;
      }
      if (listener.sent === feed.seq) break;
      const next = listener.sent === undefined ? undefined : feed.after(listener.sent);
      if (next === undefined) this.counts.wholes++;
      listener.sent = next?.seq ?? feed.seq;
      waiting.put(next?.lines ?? this.#fanout.whole(node));
      waiting.put([encodeEnd(listener.sent, next === undefined)]);
    }
    if (socket.writableNeedDrain) listener.stuckSince ??= Date.now();
  }

  #beat(): void {
    this.#beatAll();
    const now = Date.now();
    for (const [node, since] of this.#away)
      if (now - since > AWAY_MS) {
        this.#away.delete(node);
        this.#fanout.forget(node);
      }
  }

  #beatAll(): void {
    const now = Date.now();
    for (const { socket, sent, stuckSince, waiting, feed } of this.#listeners.values()) {
      if (stuckSince !== undefined && now - stuckSince > STUCK_MS) socket.destroy();
      // Amid a message, or before one, a beat would say that nothing is missing.
      else if (waiting.empty && sent === feed.seq && !socket.writableNeedDrain)
        socket.write(encodeBeat(sent, this.#options.staleMs() ?? 0, this.#fanout.through));
    }
  }

  #reload(): void {
    try {
      const material = this.#options.material();
      if (
        `${material.cert}${material.key}${material.ca}` ===
        `${this.#material.cert}${this.#material.key}${this.#material.ca}`
      )
        return;
      this.#server.setSecureContext(material);
      this.#material = material;
    } catch (error) {
      this.#options.log(
        `fan-out: certificates can't be read again, the old ones serve on: ${(error as Error).message}`,
      );
    }
  }
}

/** Says the last word, and closes when it is read or should be. */
function leave(socket: TLSSocket, word: Uint8Array): void {
  socket.end(word);
  const late = setTimeout(() => socket.destroy(), LEAVE_MS);
  socket.once('close', () => clearTimeout(late));
}

const otherVersion = (protocol: number) =>
  `the agent speaks version ${protocol} of fan-out, this controller ${FANOUT_PROTOCOL}: upgrade the older one`;

function unauthorized(socket: TLSSocket): string {
  const subject = socket.getPeerCertificate()?.subject;
  if (subject === undefined || Object.keys(subject).length === 0)
    return 'an agent must show a client certificate, and showed none';
  const code = String(socket.authorizationError);
  if (code.includes('CERT_HAS_EXPIRED')) return `the certificate of ${subject.CN} has expired: renew it`;
  return `the certificate of ${subject.CN} is not signed by an authority that this controller knows (${code})`;
}
