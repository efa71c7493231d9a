import { type Ip4, mustIp } from '@muslin/net';
import {
  type BurstInput,
  decodeMessage,
  encodeMessage,
  Framer,
  KEEPALIVE,
  PLAIN_OPTIONS,
  Speaker,
} from '../src/index.ts';

/**
 * Relays a table from feeders to a sink inside one process: bytes in, bytes out, no sockets.
 * Usage: relay.ts [prefixes=200000] [feeders=1] [sinks=1] [shape=real|packed] [inside|outside] [maxPaths=16]
 */
const [prefixes = 200_000, feeders = 1, sinks = 1] = process.argv.slice(2, 5).map(Number);
const packed = process.argv[5] === 'packed';
const inside = process.argv[6] === 'inside';

function generator(start: number): (n: number) => number {
  let seed = start;
  return n => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % n;
  };
}

/** A stream of UPDATEs like a full table: many attribute sets, a handful of prefixes each; paths differ by feeder. */
function makeStream(as: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let buffer: number[] = [];
  const random = generator(42);
  const hops = generator(as);
  for (let done = 0; done < prefixes; ) {
    const path = packed ? [as, 3356] : [as, ...Array.from({ length: 1 + hops(4) }, () => 1000 + hops(60000))];
    const octets = path.flatMap(n => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]);
    const attributes = [
      0x40,
      1,
      1,
      0,
      0x40,
      2,
      2 + octets.length,
      2,
      path.length,
      ...octets,
      0x40,
      3,
      4,
      10,
      0,
      0,
      2,
    ];
    if (!packed) attributes.push(0xc0, 8, 8, 0, 1, random(256), random(256), 0, 2, random(256), random(256));
    if (inside) attributes.push(0x40, 5, 4, 0, 0, 0, 100);
    const nlri: number[] = [];
    const count = packed ? 900 : 1 + random(10);
    for (let i = 0; i < count && done < prefixes; i++, done++) {
      nlri.push(24, 1 + (done >>> 16), (done >>> 8) & 255, done & 255);
    }
    const length = 23 + attributes.length + nlri.length;
    buffer.push(
      ...new Array(16).fill(255),
      length >> 8,
      length & 255,
      2,
      0,
      0,
      attributes.length >> 8,
      attributes.length & 255,
      ...attributes,
      ...nlri,
    );
    if (buffer.length > 60_000) {
      chunks.push(Uint8Array.from(buffer));
      buffer = [];
    }
  }
  chunks.push(Uint8Array.from(buffer));
  return chunks;
}

const maxPaths = Number(process.argv[7] ?? 16);
const speaker = new Speaker({ asNumber: 65000, routerId: mustIp('10.0.0.1') as Ip4, maxPaths });

function connect(index: number): string {
  const ip = mustIp(`10.0.${index >> 8}.${(index & 255) + 2}`) as Ip4;
  const asNumber = inside ? 65000 : 65001 + index;
  const connection = `in-${index}`;
  speaker.setPeer({
    id: `p${index}`,
    remoteIp: ip,
    remoteAs: asNumber,
    passive: true,
    gracefulRestartTime: 0,
    routeReflectorClient: inside,
  });
  speaker.handle({ kind: 'accepted', connection, localIp: mustIp('10.0.0.1'), remoteIp: ip }, 0);
  const capabilities = [
    { kind: 'multiprotocol', value: { afi: 1, safi: 1 } },
    { kind: 'fourOctetAs', value: asNumber },
  ] as const;
  const as2 = asNumber;
  const open = encodeMessage(
    { kind: 'open', version: 4, asNumber: as2, holdTime: 180, identifier: ip, capabilities },
    PLAIN_OPTIONS,
  );
  speaker.handle({ kind: 'bytes', connection, bytes: open }, 0);
  speaker.handle({ kind: 'bytes', connection, bytes: encodeMessage(KEEPALIVE, PLAIN_OPTIONS) }, 0);
  return connection;
}

const sources = Array.from({ length: feeders }, (_, i) => connect(i));
const targets = new Set(Array.from({ length: sinks }, (_, i) => connect(feeders + i)));
const streams = sources.map((_, i) => makeStream(inside ? 7000 : 65001 + i));
globalThis.gc?.();
const before = process.memoryUsage().rss;
const cpu = process.cpuUsage();
const start = performance.now();
let out = 0;
let best = 0;
let sample: Uint8Array | undefined;
const tell = (inputs: BurstInput[]) => {
  const outputs = speaker.handle({ kind: 'burst', inputs }, 0);
  const sent = new Set<string>();
  for (const output of outputs) {
    if (output.kind === 'send' && targets.has(output.connection)) {
      out += output.bytes.length;
      sample = output.bytes;
      sent.add(output.connection);
    }
    if (output.kind === 'bestChanged') best++;
  }
  for (const target of sent) speaker.handle({ kind: 'backlog', connection: target, bytes: 0 }, 0);
};
for (let i = 0; i < Math.max(...streams.map(s => s.length)); i++) {
  tell(
    streams.flatMap((stream, n) => {
      const bytes = stream[i];
      return bytes === undefined ? [] : [{ kind: 'bytes', connection: sources[n] as string, bytes }];
    }),
  );
}
const relay = performance.now() - start;
const used = process.cpuUsage(cpu);
console.log(
  `relay ${prefixes} x ${feeders} -> ${sinks}: ${relay.toFixed(0)} ms, CPU ${((used.user + used.system) / 1000).toFixed(0)} ms, ${((relay * 1e6) / prefixes / feeders).toFixed(0)} ns per path, ${(out / 1e6).toFixed(1)} MB out, ${best} bests, RSS +${((process.memoryUsage().rss - before) / 1e6).toFixed(0)} MB`,
);
const framer = new Framer();
framer.push(sample as Uint8Array);
const frame = framer.next();
if (frame === undefined || 'severity' in frame || !decodeMessage(frame, PLAIN_OPTIONS).ok)
  throw new Error('the last output is no message');

let t = performance.now();
const late = connect(feeders + sinks);
targets.add(late);
for (let n = 1; n > 0; ) {
  const outputs = speaker.handle({ kind: 'backlog', connection: late, bytes: 0 }, 0);
  n = outputs.length;
}
console.log(`late joiner: ${(performance.now() - t).toFixed(0)} ms`);
t = performance.now();
for (const source of sources) speaker.handle({ kind: 'closed', connection: source }, 0);
console.log(`feeders gone: ${(performance.now() - t).toFixed(0)} ms`);
