/** A routing table to feed: prefixes that differ in their first 24 bits, grouped into UPDATEs. */
export interface Table {
  readonly count: number;
  /** Encoded UPDATE messages, several to a chunk. */
  readonly announce: readonly Buffer[];
  readonly withdraw: readonly Buffer[];
}

/** Who tells the table. */
export interface Teller {
  readonly as: number;
  readonly nextHop: readonly number[];
  /** The session is internal: LOCAL_PREF, and no AS of its own in the path. */
  readonly inside: boolean;
}

/** Lengths as they are spread in the default-free zone, per cent. */
const LENGTHS: readonly (readonly [length: number, share: number])[] = [
  [24, 60],
  [23, 10],
  [22, 12],
  [21, 6],
  [20, 6],
  [19, 3],
  [18, 2],
  [16, 1],
];
const CHUNK = 64 * 1024;
const MAX_MESSAGE = 4096;

/** A small generator, so that every speaker is fed the same bytes (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * `count` prefixes, about 5.6 to an UPDATE, each UPDATE with attributes of its own. All tellers have the same prefixes, each
 * with paths of its own, two to five hops beyond the teller.
 */
export function makeTable(count: number, teller: Teller): Table {
  const random = generator(7);
  const paths = generator(teller.as * 65_536 + (teller.nextHop[3] ?? 0));
  const announce = new Chunks();
  const withdraw = new Chunks();
  let cursor = 1 << 16; // 1.0.0.0, counted in /24s
  const nlri: number[] = [];
  let pending: number[] = [];
  const flushWithdraw = () => {
    if (pending.length === 0) return;
    withdraw.begin();
    withdraw.u16(pending.length);
    withdraw.octets(pending);
    withdraw.u16(0);
    withdraw.end();
    pending = [];
  };
  for (let done = 0; done < count; ) {
    const size = Math.min(count - done, 1 + Math.floor(random() * 10.2));
    nlri.length = 0;
    for (let i = 0; i < size; i++, done++) {
      const length = lengthFor(random() * 100);
      const step = 2 ** (24 - length);
      cursor = Math.ceil(cursor / step) * step;
      // 127.0.0.0/8 is nobody's, and some speakers refuse it.
      if (cursor >> 16 === 127) cursor = 128 << 16;
      nlri.push(length, cursor >> 16, (cursor >> 8) & 255);
      if (length > 16) nlri.push(cursor & 255);
      cursor += step;
    }
    announce.begin();
    announce.u16(0);
    writeAttributes(announce, teller, 2 + Math.floor(paths() * 4), paths);
    announce.octets(nlri);
    announce.end();
    if (pending.length + nlri.length > MAX_MESSAGE - 64) flushWithdraw();
    for (const octet of nlri) pending.push(octet);
  }
  flushWithdraw();
  return { count, announce: announce.done(), withdraw: withdraw.done() };
}

/** One UPDATE for some /24s, counted from 1.0.0.0 in /24s. */
export function someRoutes(slots: readonly number[], teller: Teller, announce: boolean): Buffer {
  const chunk = new Chunks();
  const nlri = slots.flatMap(slot => [24, slot >> 16, (slot >> 8) & 255, slot & 255]);
  chunk.begin();
  chunk.u16(announce ? 0 : nlri.length);
  if (announce) writeAttributes(chunk, teller, 0, () => 0);
  chunk.octets(nlri);
  if (!announce) chunk.u16(0);
  chunk.end();
  return chunk.done()[0] as Buffer;
}

function lengthFor(roll: number): number {
  let sum = 0;
  for (const [length, share] of LENGTHS) if (roll < (sum += share)) return length;
  return 24;
}

/** Length and attributes: ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF inside, one community. */
function writeAttributes(to: Chunks, teller: Teller, hops: number, random: () => number): void {
  const { as, nextHop, inside } = teller;
  const count = hops + (inside ? 0 : 1);
  to.u16(4 + 3 + (count === 0 ? 0 : 2 + count * 4) + 7 + (inside ? 7 : 0) + 7);
  to.octets([0x40, 1, 1, 0, 0x40, 2, count === 0 ? 0 : 2 + count * 4]);
  if (count > 0) to.octets([2, count]);
  if (!inside) to.octets([as >>> 24, (as >>> 16) & 255, (as >>> 8) & 255, as & 255]);
  for (let i = 0; i < hops; i++) {
    const hop = 1000 + Math.floor(random() * 60_000);
    to.octets([0, 0, hop >> 8, hop & 255]);
  }
  to.octets([0x40, 3, 4, ...nextHop]);
  if (inside) to.octets([0x40, 5, 4, 0, 0, 0, 100]);
  to.octets([0xc0, 8, 4, 0, 64, Math.floor(random() * 256), Math.floor(random() * 256)]);
}

/** Collects messages into buffers that are written as they are. */
class Chunks {
  readonly #done: Buffer[] = [];
  #buffer = Buffer.alloc(CHUNK);
  #used = 0;
  #start = 0;

  /** Begins an UPDATE. */
  begin(): void {
    if (this.#used + MAX_MESSAGE > CHUNK) this.#cut();
    this.#start = this.#used;
    this.#buffer.fill(255, this.#used, this.#used + 16);
    this.#buffer[this.#used + 18] = 2;
    this.#used += 19;
  }

  u16(value: number): void {
    this.#buffer[this.#used++] = value >> 8;
    this.#buffer[this.#used++] = value & 255;
  }

  octets(values: readonly number[]): void {
    for (const value of values) this.#buffer[this.#used++] = value;
  }

  end(): void {
    this.#buffer.writeUInt16BE(this.#used - this.#start, this.#start + 16);
  }

  done(): readonly Buffer[] {
    if (this.#used > 0) this.#cut();
    return this.#done;
  }

  #cut(): void {
    this.#done.push(this.#buffer.subarray(0, this.#used));
    this.#buffer = Buffer.alloc(CHUNK);
    this.#used = 0;
  }
}
