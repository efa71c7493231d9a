import { quantile } from '../figure.ts';
import { DEVICE_IP } from './device.ts';
import { Phases } from './phases.ts';
import { RawPeer } from './raw-peer.ts';
import { makeTable, someRoutes, type Teller } from './table.ts';

/** One case: peers around the speaker under test, and what is timed. Runs inside the harness's namespace. */
type Case = (size: number, phases: Phases) => Promise<void>;

const peer = (ip: string, as: number) => new RawPeer({ ip, as, target: DEVICE_IP, port: 179 });
const feederIp = (i: number) => `10.66.1.${i + 1}`;
const teller = ({ plan }: RawPeer, inside: boolean): Teller => ({
  as: plan.as,
  nextHop: plan.ip.split('.').map(Number),
  inside,
});
/** The first of the /24s that single announcements use: beyond every table. */
const SINGLE = 0xdf_00_00;
const SAMPLES = Number(process.argv[5] ?? 200);

/** Announces one route after the other, withdraws them together, and tells how long each took. */
async function latencies(feeder: RawPeer, sink: RawPeer): Promise<readonly number[]> {
  const taken: number[] = [];
  const slots = Array.from({ length: SAMPLES }, (_, i) => SINGLE + i);
  const before = sink.count;
  for (const slot of slots) {
    const announced = new Promise<void>(resolve => {
      sink.onChange = () => {
        if (sink.has(slot)) resolve();
      };
    });
    const bytes = someRoutes([slot], teller(feeder, false), true);
    const started = performance.now();
    feeder.write(bytes);
    await announced;
    taken.push((performance.now() - started) / 1000);
    await new Promise(resolve => setTimeout(resolve, 5 + Math.random() * 10));
  }
  feeder.write(someRoutes(slots, teller(feeder, false), false));
  await sink.until(before);
  return taken;
}

const CASES: Readonly<Record<string, Case>> = {
  /** (a), (e), (f) and (g): one feeder, one sink; a late joiner; then everything is withdrawn. */
  async relay(size, phases) {
    const feeder = peer(feederIp(0), 65_101);
    const sink = peer('10.66.0.9', 65_009);
    const late = peer('10.66.0.8', 65_008);
    const table = makeTable(size, teller(feeder, false));
    await Promise.all([feeder.open(), sink.open()]);
    const oneRoute = async (name: string) => {
      await phases.run(name, async () => {
        const taken = await latencies(feeder, sink);
        return { [`${name} p50`]: quantile(taken, 0.5), [`${name} p99`]: quantile(taken, 0.99) };
      });
    };
    await oneRoute('one route, idle');
    await phases.time('relay', () => Promise.all([sink.until(size), feeder.feed(table.announce)]), true);
    await oneRoute('one route, full table');
    await late.open();
    await phases.time('late joiner', () => late.until(size));
    await phases.time('withdraw all', () => Promise.all([sink.until(0), feeder.feed(table.withdraw)]));
  },
  /** (e) alone, in an idle table. */
  async single(_size, phases) {
    const feeder = peer(feederIp(0), 65_101);
    const sink = peer('10.66.0.9', 65_009);
    await Promise.all([feeder.open(), sink.open()]);
    await phases.run('one route', async () => {
      const taken = await latencies(feeder, sink);
      return { 'one route p50': quantile(taken, 0.5), 'one route p99': quantile(taken, 0.99) };
    });
  },
  /** (a) again, beside a peer that has asked for everything and reads nothing. */
  async slow(size, phases) {
    const feeder = peer(feederIp(0), 65_101);
    const sink = peer('10.66.0.9', 65_009);
    const idle = peer('10.66.0.8', 65_008);
    const table = makeTable(size, teller(feeder, false));
    await Promise.all([feeder, sink, idle].map(p => p.open()));
    idle.stopReading();
    await phases.time('relay', () => Promise.all([sink.until(size), feeder.feed(table.announce)]), true);
  },
  /** (b): twenty feeders with the same prefixes. */
  async feeders(size, phases) {
    const feeders = Array.from({ length: 20 }, (_, i) => peer(feederIp(i), 65_101 + i));
    const sink = peer('10.66.0.9', 65_009);
    const tables = feeders.map(feeder => makeTable(size, teller(feeder, false)));
    await Promise.all([...feeders, sink].map(p => p.open()));
    await phases.time(
      'relay',
      () =>
        Promise.all([
          sink.until(size),
          ...feeders.map((feeder, i) => feeder.feed(tables[i]?.announce ?? [])),
        ]),
      true,
    );
  },
  /** (c): a route reflector with fifty clients. */
  async reflector(size, phases) {
    const feeder = peer(feederIp(0), 65_000);
    const clients = Array.from({ length: 50 }, (_, i) => peer(feederIp(i + 1), 65_000));
    const table = makeTable(size, teller(feeder, true));
    await Promise.all([feeder, ...clients].map(p => p.open()));
    await phases.time(
      'reflect',
      () => Promise.all([feeder.feed(table.announce), ...clients.map(client => client.until(size))]),
      true,
    );
  },
  /** (d): internal peers that all dial at once, ten routes each, and one external sink. */
  async mesh(size, phases) {
    const peers = Array.from({ length: size }, (_, i) =>
      peer(`10.66.${2 + (i >> 7)}.${(i & 127) + 1}`, 65_000),
    );
    const sink = peer('10.66.0.9', 65_009);
    await sink.open();
    const dial = async (p: RawPeer, n: number) => {
      await p.open();
      const slots = Array.from({ length: 10 }, (_, i) => (1 << 16) + n * 10 + i);
      p.write(someRoutes(slots, teller(p, true), true));
    };
    await phases.time('all routes', () => Promise.all([sink.until(size * 10), ...peers.map(dial)]), true);
  },
};

const [name = '', size = '0', limitS = '60'] = process.argv.slice(2);
const run = CASES[name];
if (run === undefined) throw new Error(`no case ${name}`);
await run(Number(size), new Phases(Number(limitS)));
process.exit(0);
