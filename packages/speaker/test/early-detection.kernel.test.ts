import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, Stage } from './stage.ts';

const [BIRD, FRR] = ['10.78.0.3', '10.78.0.4'];
/** The main thread of the speaker is busy for a second after SIGUSR2. */
const BUSY = `data:text/javascript,process.on('SIGUSR2',()=>{const end=performance.now()+1000;while(performance.now()<end);})`;
/** Shared machines stall: what must hold is that nobody waited for the hold timer of 30 s. */
const SOON_MS = 5_000;

let stage: Stage;
let speaker: ChildProcess;
let bird: ReturnType<Stage['startBird']>;
let frr: Awaited<ReturnType<Stage['startFrr']>>;

const birdConfig = (interval: number) => `
router id ${BIRD};
log stderr all;
debug protocols { states, events };
protocol device {}
protocol static { ipv4; route 203.0.113.0/24 blackhole; }
protocol bfd { interface "*" { interval ${interval} ms; multiplier 3; }; }
protocol bgp n1 {
  local ${BIRD} as 65000; neighbor 10.78.0.1 as 64512; bfd on;
  connect retry time 1; connect delay time 1; error wait time 1, 2; hold time 30;
  graceful restart on;
  ipv4 { import all; export where source = RTS_STATIC; next hop self; };
}`;
const frrConfig = {
  bfdd: 'hostname frr\n',
  bgpd: `
router bgp 65001
 bgp router-id ${FRR}
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 10.78.0.1 remote-as 64512
 neighbor 10.78.0.1 timers 10 30
 neighbor 10.78.0.1 timers connect 1
 neighbor 10.78.0.1 bfd 3 50 50
 address-family ipv4 unicast
  network 198.51.100.0/24
 exit-address-family
exit
`,
};

const policy = (peer: 'bird' | 'frr', intervalMilliseconds: number, detectMultiplier = 3) =>
  stage.put('BGPPeerPolicy', peer, {
    spec: { peerNames: [peer], holdTimeSeconds: 30, bfd: { intervalMilliseconds, detectMultiplier } },
  });
/** So slow that no stall of the machine is taken for a death. */
const SLOW = [500, 20] as const;
// biome-ignore lint/suspicious/noExplicitAny: JSON of the socket
const peerOf = async (address: string): Promise<any> =>
  (await stage.json('n1', '/v1/peers')).find((peer: { id: string }) => peer.id === address);
/** Waits until the session and its BFD are up, and stay so: an end that was asleep takes a moment to find its way back. */
const upWithBfd = (address: string) =>
  eventually(async () => {
    const before = await peerOf(address);
    expect(before).toMatchObject({ state: 'Established', bfd: 'up' });
    await new Promise(resolve => setTimeout(resolve, 900));
    expect(await peerOf(address)).toMatchObject({ bfd: 'up', established: before.established });
  }, 30_000);
const route = { [BIRD]: `203.0.113.0/24 via ${BIRD}`, [FRR]: `198.51.100.0/24 via ${FRR}` };

/** Waits until a route left the kernel; gives the milliseconds since `from`. */
async function gone(address: string, from: number): Promise<number> {
  await eventually(() => expect(stage.learned('n1')).not.toContain(route[address]), SOON_MS);
  return performance.now() - from;
}

beforeAll(async () => {
  stage = new Stage({ n1: 1, bird: 3, frr: 4 });
  await stage.serveApi();
  await stage.putNode('n1', '10.78.0.1');
  await stage.put('IPPool', 'pods', { spec: { cidr: '10.244.0.0/16' } });
  await stage.put('BGPPeer', 'bird', { spec: { peerIP: BIRD, asNumber: 65000 } });
  await stage.put('BGPPeer', 'frr', { spec: { peerIP: FRR, asNumber: 65001 } });
  await policy('bird', 50);
  await policy('frr', 50);
  bird = stage.startBird('bird', birdConfig(50));
  frr = await stage.startFrr('frr', frrConfig);
  speaker = stage.startSpeaker('n1', ['--import', BUSY]);
});

afterAll(() => stage?.close());

test('BFD comes up with BIRD and FRR, and a busy main thread loses neither, at 50 ms × 3', async () => {
  await eventually(() => expect(stage.learned('n1')).toEqual([route[FRR], route[BIRD]]), 40_000);
  await eventually(() => expect(bird.ask('show', 'bfd', 'sessions')).toMatch(/ Up .*0\.050\s+0\.150/));
  // A machine that stalls may cost either of them a session. If BFD needed our main thread, each try would cost both.
  await eventually(async () => {
    await upWithBfd(BIRD);
    await upWithBfd(FRR);
    const before = [await peerOf(BIRD), await peerOf(FRR)];
    speaker.kill('SIGUSR2');
    await new Promise(resolve => setTimeout(resolve, 1200));
    const after = [await peerOf(BIRD), await peerOf(FRR)];
    const seen = (list: typeof before) => list.map(({ established, bfd }) => [established, bfd]);
    expect(seen(after)).toEqual(seen(before));
  }, 60_000);
  expect(bird.ask('show', 'bfd', 'sessions')).toMatch(/ Up /);
});

test.each([50, 300])(
  'a BIRD that hangs loses its routes at once, at %i ms × 3, and hears why (RFC 9384); the other peer keeps its',
  async ms => {
    bird.reconfigure(birdConfig(ms));
    await policy('bird', ms);
    await policy('frr', ...SLOW);
    await upWithBfd(BIRD);
    await upWithBfd(FRR);
    await eventually(() =>
      expect(bird.ask('show', 'bfd', 'sessions')).toContain(
        `${(ms / 1000).toFixed(3)}    ${((3 * ms) / 1000).toFixed(3)}`,
      ),
    );
    const before = (await peerOf(BIRD)).established;
    const other = (await peerOf(FRR)).established;
    bird.child.kill('SIGSTOP');
    const took = await gone(BIRD, performance.now());
    process.stdout.write(
      `  BIRD hangs, ${ms} ms × 3: its route left the kernel after ${took.toFixed(0)} ms\n`,
    );
    expect((await peerOf(BIRD)).lastError).toMatch(/was silent for \d+ ms/);
    expect(stage.learned('n1')).toContain(route[FRR]);
    bird.child.kill('SIGCONT');
    await eventually(() =>
      expect(stage.logOf('bird.log')).toMatch(/n1: Received: .*BFD|n1: Received: .*6\.10|BFD session down/),
    );
    await upWithBfd(BIRD);
    await eventually(() => expect(stage.learned('n1')).toContain(route[BIRD]));
    expect((await peerOf(BIRD)).established).toBeGreaterThan(before);
    expect((await peerOf(FRR)).established).toBe(other);
  },
);

test.each([50, 300])('an FRR whose BFD hangs loses its routes at once, at %i ms × 3', async ms => {
  await policy('bird', ...SLOW);
  await policy('frr', ms);
  await upWithBfd(FRR);
  await eventually(() => {
    const [seen] = JSON.parse(frr.ask('show bfd peers json'));
    // FRR sends as slowly as we ask for.
    expect(seen).toMatchObject({ status: 'up', 'remote-receive-interval': ms });
  });
  frr.daemon['bfdd']?.kill('SIGSTOP');
  const took = await gone(FRR, performance.now());
  process.stdout.write(`  bfdd hangs, ${ms} ms × 3: its route left the kernel after ${took.toFixed(0)} ms\n`);
  expect((await peerOf(FRR)).lastError).toMatch(/was silent for \d+ ms/);
  // vtysh asks all daemons, also those that sleep.
  frr.daemon['bfdd']?.kill('SIGCONT');
  await upWithBfd(FRR);
});
