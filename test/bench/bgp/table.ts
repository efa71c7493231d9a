/** A routing table to feed: prefixes that differ in their first 24 bits, grouped into UPDATEs. */
export interface Table {
  readonly count: number;
  /** Encoded UPDATE messages, several to a chunk. */
  readonly announce: readonly Buffer[];
  readonly withdraw: readonly Buffer[];
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
 * `count` prefixes as feeder `as` at `nextHop` tells them: about 5.6 to an UPDATE, each UPDATE with attributes of its own.
 * Two feeders with the same seed tell the same prefixes. `inside`: an internal session, with LOCAL_PREF.
 */
export function makeTable(count: number, as: number, nextHop: readonly number[], inside: boolean): Table {
  const random = generator(7);
  const announce = new Chunks();
  const withdraw = new Chunks();
  let cursor = 1 << 16; // 1.0.0.0, counted in /24s
  let pending: number[] = [];
  const flushWithdraw = () => {
    if (pending.length > 0) withdraw.message([pending.length >> 8, pending.length & 255, ...pending, 0, 0]);
    pending = [];
  };
  for (let done = 0; done < count; ) {
    const size = Math.min(count - done, 1 + Math.floor(random() * 10.2));
    const nlri: number[] = [];
    for (let i = 0; i < size; i++, done++) {
      const length = lengthFor(random() * 100);
      const step = 2 ** (24 - length);
      cursor = Math.ceil(cursor / step) * step;
      // 127.0.0.0/8 is nobody's, and some speakers refuse it.
      if (cursor >> 16 === 127) cursor = 128 << 16;
      const octets = [cursor >> 16, (cursor >> 8) & 255, cursor & 255].slice(0, length > 16 ? 3 : 2);
      nlri.push(length, ...octets);
      cursor += step;
    }
    const path = [
      ...(inside ? [] : [as]),
      ...Array.from({ length: 2 + Math.floor(random() * 4) }, () => 1000 + Math.floor(random() * 60_000)),
    ];
    const community = [0, 64, Math.floor(random() * 256), Math.floor(random() * 256)];
    const attributes = attributesOf(path, nextHop, community, inside);
    announce.message([0, 0, attributes.length >> 8, attributes.length & 255, ...attributes, ...nlri]);
    if (pending.length + nlri.length > MAX_MESSAGE - 64) flushWithdraw();
    pending.push(...nlri);
  }
  flushWithdraw();
  return { count, announce: announce.done(), withdraw: withdraw.done() };
}

/** One UPDATE for one /24, counted from 1.0.0.0: for latencies. */
export function oneRoute(slot: number, as: number, nextHop: readonly number[], announce: boolean): Buffer {
  const chunk = new Chunks();
  const nlri = [24, slot >> 16, (slot >> 8) & 255, slot & 255];
  const attributes = attributesOf([as], nextHop, [0, 64, 0, 1], false);
  if (announce) chunk.message([0, 0, 0, attributes.length, ...attributes, ...nlri]);
  else chunk.message([0, nlri.length, ...nlri, 0, 0]);
  return chunk.done()[0] as Buffer;
}

function lengthFor(roll: number): number {
  let sum = 0;
  for (const [length, share] of LENGTHS) if (roll < (sum += share)) return length;
  return 24;
}

function attributesOf(
  path: readonly number[],
  nextHop: readonly number[],
  community: readonly number[],
  inside: boolean,
): number[] {
  const octets = path.flatMap(as => [as >>> 24, (as >>> 16) & 255, (as >>> 8) & 255, as & 255]);
  return [
    ...[0x40, 1, 1, 0],
    ...[0x40, 2, 2 + octets.length, 2, path.length, ...octets],
    ...[0x40, 3, 4, ...nextHop],
    ...(inside ? [0x40, 5, 4, 0, 0, 0, 100] : []),
    ...[0xc0, 8, 4, ...community],
  ];
}

/** Collects messages into buffers that are written as they are. */
class Chunks {
  readonly #done: Buffer[] = [];
  #buffer = Buffer.alloc(CHUNK);
  #used = 0;

  message(body: readonly number[]): void {
    const length = 19 + body.length;
    if (this.#used + length > CHUNK) this.#cut();
    this.#buffer.fill(255, this.#used, this.#used + 16);
    this.#buffer.writeUInt16BE(length, this.#used + 16);
    this.#buffer[this.#used + 18] = 2;
    this.#buffer.set(body, this.#used + 19);
    this.#used += length;
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
