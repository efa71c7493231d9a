import { DEVICE_IP } from './device.ts';
import { RawPeer } from './raw-peer.ts';
import { makeTable, oneRoute } from './table.ts';

/** One case: peers around the speaker under test, and what is timed. Runs inside the harness's namespace. */
type Case = (size: number) => Promise<Readonly<Record<string, number>>>;

const peer = (ip: string, as: number) => new RawPeer({ ip, as, target: DEVICE_IP, port: 179 });
const octets = (ip: string) => ip.split('.').map(Number);
const seconds = (started: number) => (performance.now() - started) / 1000;
const feederIp = (i: number) => `10.66.1.${i + 1}`;

const CASES: Readonly<Record<string, Case>> = {
  /** (a), (f) and (g): one feeder, one sink; then a late joiner; then everything withdrawn. */
  async relay(size) {
    const feeder = peer(feederIp(0), 65_101);
    const sink = peer('10.66.0.9', 65_009);
    await Promise.all([feeder.open(), sink.open()]);
    const table = makeTable(size, 65_101, octets(feederIp(0)), false);
    let started = performance.now();
    const [relay] = await Promise.all([
      sink.until(size).then(() => seconds(started)),
      feeder.feed(table.announce),
    ]);
    const late = peer('10.66.0.8', 65_008);
    await late.open();
    started = performance.now();
    await late.until(size);
    const joined = seconds(started);
    started = performance.now();
    const [gone] = await Promise.all([
      sink.until(0).then(() => seconds(started)),
      feeder.feed(table.withdraw),
    ]);
    return { relay: relay, 'late joiner': joined, 'withdraw all': gone };
  },
  /** (b): twenty feeders with the same prefixes. */
  async feeders(size) {
    const feeders = Array.from({ length: 20 }, (_, i) => peer(feederIp(i), 65_101 + i));
    const sink = peer('10.66.0.9', 65_009);
    await Promise.all([...feeders, sink].map(p => p.open()));
    const tables = feeders.map(({ plan }) => makeTable(size, plan.as, octets(plan.ip), false));
    const started = performance.now();
    const fed = feeders.map((feeder, i) => feeder.feed(tables[i]?.announce ?? []));
    await sink.until(size);
    await Promise.all(fed);
    return { '20 feeders, same prefixes': seconds(started) };
  },
  /** (c): a route reflector with fifty clients. */
  async reflector(size) {
    const feeder = peer(feederIp(0), 65_000);
    const clients = Array.from({ length: 50 }, (_, i) => peer(feederIp(i + 1), 65_000));
    await Promise.all([feeder, ...clients].map(p => p.open()));
    const table = makeTable(size, 65_000, octets(feederIp(0)), true);
    const started = performance.now();
    await Promise.all([feeder.feed(table.announce), ...clients.map(client => client.until(size))]);
    return { 'reflected to 50 clients': seconds(started) };
  },
  /** (d): internal peers that all dial at once, ten routes each, and one external sink. */
  async mesh(size) {
    const peers = Array.from({ length: size }, (_, i) =>
      peer(`10.66.${2 + (i >> 7)}.${(i & 127) + 1}`, 65_000),
    );
    const sink = peer('10.66.0.9', 65_009);
    await sink.open();
    const started = performance.now();
    await Promise.all([
      sink.until(size * 10),
      ...peers.map(async (p, n) => {
        await p.open();
        for (let i = 0; i < 10; i++) p.write(insideRoute((1 << 16) + n * 10 + i, octets(p.plan.ip)));
      }),
    ]);
    return { [`${size} peers dial at once`]: seconds(started) };
  },
  /** (e): one announcement through a table of `size`. */
  async latency(size) {
    const feeder = peer(feederIp(0), 65_101);
    const sink = peer('10.66.0.9', 65_009);
    await Promise.all([feeder.open(), sink.open()]);
    if (size > 0) {
      const table = makeTable(size, 65_101, octets(feederIp(0)), false);
      await Promise.all([sink.until(size), feeder.feed(table.announce)]);
    }
    const slot = 0xdf_00_00;
    const taken: number[] = [];
    for (let i = 0; i < 200; i++) {
      const announced = new Promise<void>(resolve => {
        sink.onChange = () => {
          if (sink.has(slot + i)) resolve();
        };
      });
      const started = performance.now();
      feeder.write(oneRoute(slot + i, 65_101, octets(feederIp(0)), true));
      await announced;
      taken.push(performance.now() - started);
      await new Promise(resolve => setTimeout(resolve, 5 + Math.random() * 10));
    }
    taken.sort((a, b) => a - b);
    return { 'one route p50': (taken[99] as number) / 1000, 'one route p99': (taken[197] as number) / 1000 };
  },
};

function insideRoute(slot: number, nextHop: readonly number[]): Buffer {
  const attributes = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, ...nextHop, 0x40, 5, 4, 0, 0, 0, 100];
  const body = [0, 0, 0, attributes.length, ...attributes, 24, slot >> 16, (slot >> 8) & 255, slot & 255];
  const length = 19 + body.length;
  return Buffer.from([...new Array(16).fill(255), length >> 8, length & 255, 2, ...body]);
}

const [name = '', size = '0'] = process.argv.slice(2);
const run = CASES[name];
if (run === undefined) throw new Error(`no case ${name}`);
process.stdout.write(`${JSON.stringify(await run(Number(size)))}\n`);
process.exit(0);
