import { spawn, spawnSync } from 'node:child_process';
import { basename, dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Emit, quantile } from '../figure.ts';
import { bundleFiles } from '../../../deploy/build.ts';
import { type CasePlan, casesOf, PEER_ADDRESSES } from './cases.ts';
import { DEVICES, type Device, OUR_BUNDLE, type RunningDevice, startDevice } from './device.ts';
import { buildLinks, DEVICE_NS, HARNESS_NS } from './links.ts';
import type { PhaseLine } from './phases.ts';
import { claim, sweep } from './sweep.ts';

const harness = fileURLToPath(new URL('harness.ts', import.meta.url));
const prepare = fileURLToPath(new URL('../../../packages/lab/bootstrap/prepare.mjs', import.meta.url));
const OURS = 'muslin';
/** When a quick run begins no further run of somebody else's speaker. */
const QUICK_BUDGET_MS = 50_000;
/** Starting and stopping a speaker and the harness. */
const SET_UP_S = 30;

/** What one run showed. */
interface Seen {
  /** Figure → value, in the order in which they were measured. */
  readonly figures: ReadonlyMap<string, number>;
  /** What was not through within the limit. */
  readonly unfinished: ReadonlySet<string>;
}

/** What of the suite is wanted; both absent: everything. */
export interface SuiteOptions {
  readonly quick: boolean;
  readonly peers?: readonly string[];
  readonly cases?: readonly string[];
  /** How often, in one entry. */
  readonly rounds?: readonly string[];
}

const say = (line: string) => process.stderr.write(`bgp: ${line}\n`);

/** Ours and every packaged speaker, the same feed, in turn; medians of three rounds (quick: of one). */
export async function run(emit: Emit, options: SuiteOptions): Promise<void> {
  const { quick, peers, cases } = options;
  const rounds = Number(options.rounds?.[0] ?? (quick ? 1 : 3));
  if (spawnSync('node', [prepare, 'bench-bgp'], { stdio: ['ignore', 2, 2] }).status !== 0)
    throw new Error('preparation failed');
  const until = quick ? performance.now() + QUICK_BUDGET_MS : Number.POSITIVE_INFINITY;
  const devices = DEVICES.filter(
    ({ name, onRequest }) => name === OURS || (peers?.includes(name) ?? onRequest !== true),
  );
  claim();
  try {
    await bundleFiles(
      { [basename(OUR_BUNDLE, '.mjs')]: 'test/bench/bgp/muslin-device.ts' },
      dirname(OUR_BUNDLE),
    );
    buildLinks(PEER_ADDRESSES);
    const plans = casesOf(quick).filter(plan => cases?.includes(plan.run) ?? true);
    // Little time is better spent on every case beside one other than on one case beside all.
    const passes = quick ? [devices.slice(0, 2), devices.slice(2)] : [devices];
    const results = plans.map(() => new Map<string, readonly Seen[]>());
    for (const pass of passes)
      for (const [i, plan] of plans.entries()) {
        for (const [name, seen] of await oneCase(plan, pass, rounds, until)) results[i]?.set(name, seen);
        if (pass === passes.at(-1)) emitCase(plan, results[i] ?? new Map(), emit);
      }
  } finally {
    sweep();
  }
}

/** All rounds of a case, speaker by speaker in turn; who was not through in time is not asked again. */
async function oneCase(
  plan: CasePlan,
  devices: readonly Device[],
  rounds: number,
  until: number,
): Promise<ReadonlyMap<string, readonly Seen[]>> {
  const all = new Map<string, Seen[]>(devices.map(({ name }) => [name, []]));
  const slow = new Set<string>();
  for (let round = 1; round <= rounds; round++)
    for (const device of devices) {
      if (slow.has(device.name)) continue;
      const title = `${plan.title}, round ${round} of ${rounds}: ${device.name}`;
      if (device.name !== OURS && performance.now() > until) {
        say(`${title} is left out, the quick run is over`);
        continue;
      }
      const seen = await oneRun(device, plan);
      const words = [...seen.figures].map(([name, value]) => `${name} ${Number(value.toPrecision(3))}`);
      for (const name of seen.unfinished) words.push(`${name} not through in ${plan.limitS} s`);
      say(`${title}: ${words.join(', ')}`);
      if (seen.unfinished.size > 0) slow.add(device.name);
      all.get(device.name)?.push(seen);
    }
  return all;
}

/** One line per figure and peer; who was not through in time counts with that time. Without a peer, one for ours alone. */
function emitCase(plan: CasePlan, all: ReadonlyMap<string, readonly Seen[]>, emit: Emit): void {
  const median = (name: string, figure: string): number | undefined => {
    const values = (all.get(name) ?? []).flatMap(({ figures }) => figures.get(figure) ?? []);
    return values.length === 0 ? undefined : quantile(values, 0.5);
  };
  for (const figure of all.get(OURS)?.[0]?.figures.keys() ?? []) {
    const value = median(OURS, figure);
    if (value === undefined) continue;
    const line = { suite: 'bgp', case: plan.title, name: figure, value, unit: unitOf(figure) };
    let alone = true;
    for (const [peer, runs] of all) {
      if (peer === OURS) continue;
      const late = runs.some(({ unfinished }) => unfinished.has(figure));
      const peerValue = late ? plan.limitS : median(peer, figure);
      if (peerValue === undefined) continue;
      emit({ ...line, name: late ? `${figure} (the peer: at least)` : figure, peer, peerValue });
      alone = false;
    }
    if (alone) emit(line);
  }
}

function unitOf(figure: string): string {
  return figure.includes('memory') ? 'MiB' : 's';
}

async function oneRun(device: Device, plan: CasePlan): Promise<Seen> {
  const running = startDevice(device, plan.peers, DEVICE_NS);
  try {
    // Ours is what the run is for: it is not given up on a busy machine.
    const limitS = device.name === OURS ? plan.limitS * 5 : plan.limitS;
    return await watchHarness(running, { ...plan, limitS });
  } finally {
    await running.stop();
  }
}

/** Runs the harness and reads off the speaker what each phase cost. */
function watchHarness(running: RunningDevice, plan: CasePlan): Promise<Seen> {
  const { run: name, size, limitS, samples } = plan;
  const node = [process.execPath, '--conditions=@muslin/source', '--disable-warning=ExperimentalWarning'];
  const args = [name, String(size), String(limitS), String(samples)];
  const child = spawn('ip', ['netns', 'exec', HARNESS_NS, ...node, harness, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const seen = new Map<string, number>();
  const unfinished = new Set<string>();
  let cpu = 0;
  createInterface({ input: child.stdout }).on('line', text => {
    const line = JSON.parse(text) as PhaseLine;
    if ('begin' in line) {
      cpu = running.cpu();
      return;
    }
    const figures = Object.entries(line.figures);
    if (figures.length === 0) unfinished.add(line.end);
    for (const [figure, value] of figures) seen.set(figure, value);
    if (!(line.end in line.figures)) return;
    seen.set(`${line.end}, CPU`, running.cpu() - cpu);
    if (!line.fills) return;
    seen.set(`${line.end}, peak memory`, running.peak());
    seen.set(`${line.end}, PSS memory afterwards`, running.proportional());
  });
  // A phase that is over its limit ends by itself; this is for a session that never comes up.
  const stop = setTimeout(() => child.kill('SIGKILL'), (SET_UP_S + 5 * limitS) * 1000);
  return new Promise(resolve => {
    child.once('close', code => {
      clearTimeout(stop);
      if (code !== 0) unfinished.add('everything');
      resolve({ figures: seen, unfinished });
    });
  });
}
