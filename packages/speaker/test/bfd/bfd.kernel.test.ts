import { execFileSync } from 'node:child_process';
import type { BfdSession } from '@muslin/bgp';
import { createNamespace, deleteNamespace } from '@muslin/linux';
import { mustIp } from '@muslin/net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BfdChange } from '../../src/bfd/bfd-messages.ts';
import { type BfdWorker, startBfd } from '../../src/bfd/start-bfd.ts';
import { pause, TwoRooms, until } from './two-rooms.ts';

/** Shared machines stall: what must hold is the event and its order; the measured time is printed. */
const GENEROUS_MS = 2000;

let rooms: TwoRooms;
const running: BfdWorker[] = [];

beforeAll(() => {
  rooms = new TwoRooms('k');
});
afterAll(() => rooms.close());
afterEach(async () => {
  for (const worker of running.splice(0)) await worker.stop();
});

/** A worker in a room, and what it said. */
function start(room: string, sessions: readonly BfdSession[]) {
  const changes: BfdChange[] = [];
  const faults: string[] = [];
  const worker = startBfd({
    namespace: room,
    onState: change => changes.push(change),
    // Without real time the tests are as true, only slower.
    onFault: message => message.startsWith('BFD runs as') || faults.push(message),
  });
  running.push(worker);
  worker.setSessions(sessions);
  const states = (peer?: string) =>
    changes.filter(change => peer === undefined || change.session.startsWith(peer)).map(({ state }) => state);
  return { worker, changes, faults, states };
}

const at = (peer: string, interval: number, more: Partial<BfdSession> = {}): BfdSession => ({
  peer: mustIp(peer),
  transmitInterval: interval,
  receiveInterval: interval,
  detectMultiplier: 3,
  ...more,
});

/** A measured time for people who read the output. */
function record(what: string, from: number, change: BfdChange | undefined): number {
  const took = (change?.at ?? Number.NaN) - from;
  process.stdout.write(`  ${what}: noticed after ${took.toFixed(1)} ms\n`);
  return took;
}
const wallClock = () => performance.timeOrigin + performance.now();

describe('two workers', () => {
  test.each([
    ['IPv4', '10.78.0.2', '10.78.0.1', {}],
    ['IPv6', 'fd78::2', 'fd78::1', {}],
    ['IPv4 over several hops', '10.78.0.2', '10.78.0.1', { multihop: true }],
    ['IPv6 over several hops', 'fd78::2', 'fd78::1', { multihop: true }],
  ] as const)('come up by %s, and a stop is no failure', async (_name, theirs, ours, more) => {
    const left = start(rooms.ours, [at(theirs, 50, more)]);
    const right = start(rooms.theirs, [at(ours, 50, more)]);
    await until('both up', () => left.states().includes('up') && right.states().includes('up'));
    await right.worker.stop();
    await until('AdminDown heard', () => left.states().length === 2);
    expect(left.states()).toEqual(['up', 'adminDown']);
    expect([left.faults, right.faults]).toEqual([[], []]);
  });

  test('come up between link-local addresses on an interface', async () => {
    const link = { interface: 'msl0' };
    const left = start(rooms.ours, [at(rooms.linkLocal(rooms.theirs), 50, link)]);
    const right = start(rooms.theirs, [at(rooms.linkLocal(rooms.ours), 50, link)]);
    await until('both up', () => left.states().includes('up') && right.states().includes('up'));
  });

  test('do not flap while the thread that started them is blocked for half a second, at 50 ms × 3', async () => {
    const left = start(rooms.ours, [at('10.78.0.2', 50)]);
    const right = start(rooms.theirs, [at('10.78.0.1', 50)]);
    await until('both up', () => left.states().includes('up') && right.states().includes('up'));
    const before = (await left.worker.report()).sessions[0]?.received ?? 0;
    const end = performance.now() + 500;
    while (performance.now() < end);
    const after = (await left.worker.report()).sessions[0]?.received ?? 0;
    expect(after - before).toBeGreaterThanOrEqual(5);
    await pause(300);
    expect([left.states(), right.states()]).toEqual([['up'], ['up']]);
  });

  test('follow a change of pace without a flap', async () => {
    const left = start(rooms.ours, [at('10.78.0.2', 50)]);
    const right = start(rooms.theirs, [at('10.78.0.1', 50)]);
    await until('both up', () => left.states().includes('up') && right.states().includes('up'));
    const settled = (interval: number) => async () => {
      const [session] = (await right.worker.report()).sessions;
      return session?.polling === false && session.detectionTime === 3 * interval;
    };
    left.worker.setSessions([at('10.78.0.2', 400)]);
    await until('the slower pace', settled(400));
    left.worker.setSessions([at('10.78.0.2', 60)]);
    await until('the faster pace', settled(60));
    expect([left.states(), right.states()]).toEqual([['up'], ['up']]);
  });

  test('ignore packets that came from further away than the link (RFC 5881 §5)', async () => {
    const left = start(rooms.ours, [at('10.78.0.2', 50)]);
    rooms.in(
      rooms.theirs,
      'nft',
      'add table ip low { chain c { type filter hook output priority 0; ip ttl set 254; }; }',
    );
    try {
      start(rooms.theirs, [at('10.78.0.1', 50)]);
      await until(
        'a discarded packet',
        async () => ((await left.worker.report()).discarded.wrongTtl ?? 0) >= 2,
      );
      expect(left.states()).toEqual([]);
      expect((await left.worker.report()).sessions[0]).toMatchObject({ state: 'Down', received: 0 });
    } finally {
      rooms.in(rooms.theirs, 'nft', 'delete', 'table', 'ip', 'low');
    }
  });

  test('send from ports 49152 and above, one for each session (RFC 5881 §4)', async () => {
    start(rooms.ours, [at('10.78.0.2', 50), at('10.78.0.3', 50), at('fd78::2', 50)]);
    const ports = () => {
      const sockets = rooms.in(rooms.ours, 'ss', '-Hlun').split('\n');
      return sockets.map(line => Number(/:(\d+)\s+\S+\s*$/.exec(line)?.[1])).filter(port => port >= 49_152);
    };
    await until('three sockets', () => ports().length === 3);
    expect(new Set(ports()).size).toBe(3);
  });

  test('say so when another BFD daemon has the port, and take over when it is gone', async () => {
    const first = start(rooms.ours, [at('10.78.0.2', 50)]);
    await until('the first listens', async () => (await first.worker.report()).sessions.length === 1);
    const second = start(rooms.ours, [at('10.78.0.2', 50)]);
    await until('a complaint', () => second.faults.length > 0);
    expect(second.faults).toEqual([
      expect.stringMatching(/BFD port 3784.*another BFD daemon runs on this node/),
    ]);
    await first.worker.stop();
    start(rooms.theirs, [at('10.78.0.1', 50)]);
    await until('the second is up', () => second.states().includes('up'));
  });

  test('a link that goes down is noticed at both ends', async () => {
    const left = start(rooms.ours, [at('10.78.0.2', 300)]);
    const right = start(rooms.theirs, [at('10.78.0.1', 300)]);
    await until('both up', () => left.states().includes('up') && right.states().includes('up'));
    await pause(1000);
    const cut = wallClock();
    rooms.in(rooms.theirs, 'ip', 'link', 'set', 'msl0', 'down');
    try {
      await until('both down', () => left.states().includes('down') && right.states().includes('down'));
      expect(record('link down, 300 ms × 3', cut, left.changes.at(-1))).toBeLessThan(900 + GENEROUS_MS);
      expect([left.states(), right.states()]).toEqual([
        ['up', 'down'],
        ['up', 'down'],
      ]);
    } finally {
      rooms.in(rooms.theirs, 'ip', 'link', 'set', 'msl0', 'up');
      rooms.in(rooms.theirs, 'ip', 'addr', 'replace', 'fd78::2/64', 'dev', 'msl0', 'nodad');
    }
    await until('both up again', () => left.states().at(-1) === 'up' && right.states().at(-1) === 'up');
  });
});

describe('a thread', () => {
  test('that can’t run says why, and starts again until it can, with the sessions that are wanted', async () => {
    const name = `${rooms.ours}-late`;
    const late = start(name, [at('10.79.0.2', 50)]);
    await until('a complaint', () => late.faults.length > 0);
    expect(late.faults[0]).toMatch(/^the BFD thread failed: open .*msl-t-bfd-k-a-late: ENOENT/);
    expect(await late.worker.report()).toEqual({ sessions: [], discarded: {} });
    createNamespace(name);
    try {
      await until('it runs', async () => (await late.worker.report()).sessions.length === 1);
      await late.worker.stop();
    } finally {
      deleteNamespace(name);
    }
  });

  test('keeps no process alive', () => {
    const start = new URL('../../src/bfd/start-bfd.ts', import.meta.url).href;
    const program = `import { startBfd } from '${start}'; startBfd({ onState() {} }).setSessions([]);`;
    const flags = [
      '--conditions=@muslin/source',
      '--disable-warning=ExperimentalWarning',
      '--input-type=module',
    ];
    expect(execFileSync(process.execPath, [...flags, '-e', program], { timeout: 30_000 }).toString()).toBe(
      '',
    );
  });
});

describe('with BIRD', () => {
  let bird: ReturnType<TwoRooms['bird']>;
  const NEIGHBOURS = [
    '10.78.0.1 dev "msl0" local 10.78.0.2',
    'fd78::1 dev "msl0" local fd78::2',
    '10.78.0.1 local 10.78.0.2 multihop yes',
  ];
  beforeEach(async () => {
    bird = rooms.bird(50, NEIGHBOURS);
    await until('BIRD answers', bird.answers);
  });
  afterEach(() => {
    bird.kill();
  });

  const upInBird = () =>
    bird
      .sessions()
      .split('\n')
      .filter(line => / Up /.test(line)).length;
  const both = (interval: number) => [
    at('10.78.0.2', interval, { local: mustIp('10.78.0.1') }),
    at('fd78::2', interval, { local: mustIp('fd78::1') }),
    at('10.78.0.2', interval, { local: mustIp('10.78.0.1'), multihop: true }),
  ];

  test('IPv4, IPv6 and multihop sessions are Up at both ends with the pace of both', async () => {
    const muslin = start(rooms.ours, both(50));
    await until('three up', () => muslin.states().length === 3 && upInBird() === 3);
    expect(muslin.states()).toEqual(['up', 'up', 'up']);
    await until('BIRD’s pace', () => (bird.sessions().match(/0\.050\s+0\.150/g) ?? []).length === 3);
    for (const session of (await muslin.worker.report()).sessions)
      expect(session).toMatchObject({ transmitInterval: 50, detectionTime: 150, polling: false });
  });

  test('either end changes its pace without a flap', async () => {
    const muslin = start(rooms.ours, both(50));
    await until('three up', () => upInBird() === 3 && muslin.states().length === 3);
    muslin.worker.setSessions(both(200));
    await until('our pace in BIRD', () => (bird.sessions().match(/0\.200\s+0\.600/g) ?? []).length === 3);
    bird.reconfigure(400);
    const detection = async () =>
      (await muslin.worker.report()).sessions.map(session => session.detectionTime);
    await until('BIRD’s pace here', async () => (await detection()).every(ms => ms === 1200));
    muslin.worker.setSessions(both(50));
    bird.reconfigure(50);
    await until('both fast again', async () => (await detection()).every(ms => ms === 150));
    await pause(500);
    expect(muslin.states()).toEqual(['up', 'up', 'up']);
    expect(upInBird()).toBe(3);
  });

  test.each([50, 300])('a BIRD that is killed is noticed, at %i ms × 3, in both families', async interval => {
    bird.reconfigure(interval);
    const muslin = start(rooms.ours, both(interval).slice(0, 2));
    const settled = async () =>
      (await muslin.worker.report()).sessions.every(
        ({ state, detectionTime }) => state === 'Up' && detectionTime === 3 * interval,
      );
    await until('two up', async () => muslin.states().length === 2 && (await settled()));
    await pause(500);
    const killed = wallClock();
    bird.kill();
    await until('both down', () => muslin.states().filter(state => state === 'down').length === 2);
    for (const change of muslin.changes.slice(2)) {
      const took = record(`BIRD killed, ${interval} ms × 3, ${change.session}`, killed, change);
      expect(took).toBeLessThan(3 * interval + GENEROUS_MS);
      expect(change).toMatchObject({ state: 'down', diagnostic: 1 });
      expect(change.inWords).toMatch(/was silent for \d+ ms \(RFC 5880 §6\.8\.4\)/);
    }
    expect(muslin.states()).toEqual(['up', 'up', 'down', 'down']);
  });

  test('a BIRD that is killed is noticed while the thread that asked is blocked', async () => {
    const muslin = start(rooms.ours, both(50).slice(0, 1));
    await until('up', () => muslin.states().includes('up') && upInBird() === 1);
    await until('our pace', async () => (await muslin.worker.report()).sessions[0]?.detectionTime === 150);
    const killed = wallClock();
    bird.kill();
    const unblocked = killed + 1500;
    while (wallClock() < unblocked);
    await until('down', () => muslin.states().includes('down'));
    record('BIRD killed before a blocked thread, 50 ms × 3', killed, muslin.changes.at(-1));
    expect(muslin.changes.at(-1)?.at).toBeLessThan(unblocked);
  });

  test('a stop of ours is AdminDown to BIRD; BIRD ends its sessions without a word, which is a failure', async () => {
    const muslin = start(rooms.ours, both(50).slice(0, 1));
    await until('up', () => muslin.states().includes('up') && upInBird() === 1);
    await muslin.worker.stop();
    await until('down in BIRD', () => upInBird() === 0);
    const again = start(rooms.ours, both(50).slice(0, 1));
    await until('up again', () => again.states().includes('up') && upInBird() === 1);
    bird.ask('disable', 'bfd1');
    await until('silence', () => again.states().length === 2);
    expect(again.changes.at(-1)).toMatchObject({ state: 'down', diagnostic: 1 });
  });
});
