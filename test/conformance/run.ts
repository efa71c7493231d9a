import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { GUESTS_LINE, type Observation } from './observation.ts';
import {
  allPeers,
  makeNamespaces,
  type Place,
  placeOf,
  PROBE_NAMESPACE,
  removeNamespaces,
  SUBJECT_NAMESPACE,
} from './place.ts';
import { PROBES } from './probes/index.ts';
import type { Subject } from './subjects.ts';

/** What an examination gave. */
export interface Examination {
  /** By number of the probe; a missing one was never reached. */
  readonly observed: ReadonlyMap<number, string>;
  /** Guests whose session did not survive, in words. */
  readonly lostGuests: string;
}

const FOLDER = `/run/msl-t-cf-${process.pid}`;
const LONGEST = 280_000;
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Runs all probes against a subject; when it dies it is started again for the rest. */
export async function examine(subject: Subject, only?: readonly number[]): Promise<Examination> {
  const all = PROBES.flatMap((probe, i) => (subject.noRoutes && probe.needsRoutes ? [] : [i]));
  let left = only ?? all;
  const observed = new Map<number, string>();
  let lostGuests = '';
  const end = performance.now() + LONGEST;
  while (left.length > 0 && performance.now() < end) {
    const run = await runOnce(subject, left, end);
    for (const [number, text] of run.observed) observed.set(number, text);
    lostGuests = run.lostGuests ?? lostGuests;
    left = left.filter(n => !observed.has(n));
    if (!run.died || left.length === 0) break;
    // Whoever was being examined when it died is taken out; with one probe at a time that is the culprit.
    for (const number of left.slice(0, subject.atOnce)) observed.set(number, 'the program died');
    left = left.slice(subject.atOnce);
  }
  return { observed, lostGuests };
}

async function runOnce(
  subject: Subject,
  numbers: readonly number[],
  end: number,
): Promise<{ readonly observed: Map<number, string>; readonly lostGuests?: string; readonly died: boolean }> {
  const observed = new Map<number, string>();
  let lostGuests: string | undefined;
  let died = false;
  const places = PROBES.map((probe, i) => placeOf(i + 1, probe.internal));
  await withSubject(subject, places, async program => {
    const { atOnce, late, settle } = subject;
    const settings = JSON.stringify({ numbers, atOnce, patience: { late, settle } });
    const probes = spawn('ip', ['netns', 'exec', PROBE_NAMESPACE, ...examiner(settings)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const stopProbes = () => probes.kill('SIGKILL');
    program.once('exit', () => {
      died = true;
      setTimeout(stopProbes, 500);
    });
    const timer = setTimeout(stopProbes, Math.max(0, end - performance.now()));
    for await (const line of createInterface({ input: probes.stdout })) {
      const { number, observed: text } = JSON.parse(line) as Observation;
      if (number === GUESTS_LINE) lostGuests = text;
      else if (!died) observed.set(number, text);
    }
    clearTimeout(timer);
    program.removeAllListeners('exit');
  });
  return { observed, died, ...(lostGuests !== undefined && { lostGuests }) };
}

/** Runs a subject in its namespace with a peer for each place, for as long as `use` takes. */
export async function withSubject(
  subject: Subject,
  places: readonly Place[],
  use: (program: ChildProcess) => Promise<void>,
): Promise<void> {
  makeNamespaces();
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { mode: 0o755 });
  mkdirSync('/run/openbgpd', { recursive: true, mode: 0o755 });
  const peers = allPeers(places);
  for (const [name, text] of Object.entries(subject.files(peers, FOLDER)))
    writeFileSync(`${FOLDER}/${name}`, text, { mode: 0o600 });
  if (subject.owner !== undefined) execFileSync('chown', ['-R', subject.owner, FOLDER]);
  const log = openSync(`${FOLDER}/log`, 'w');
  const command = subject.command(FOLDER, peers);
  const program = spawn('ip', ['netns', 'exec', SUBJECT_NAMESPACE, ...command], {
    stdio: ['ignore', log, log],
    detached: true,
  });
  const interrupted = () => {
    kill(program);
    removeNamespaces();
    rmSync(FOLDER, { recursive: true, force: true });
    process.exit(130);
  };
  for (const signal of SIGNALS) process.once(signal, interrupted);
  try {
    await use(program);
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupted);
    await stop(program);
    removeNamespaces();
    rmSync(FOLDER, { recursive: true, force: true });
  }
}

function examiner(settings: string): string[] {
  const main = fileURLToPath(new URL('examine.ts', import.meta.url));
  return [
    process.execPath,
    '--conditions=@muslin/source',
    '--disable-warning=ExperimentalWarning',
    main,
    settings,
  ];
}

function kill(program: ChildProcess): boolean {
  if (program.exitCode !== null || program.signalCode !== null) return false;
  process.kill(-(program.pid as number), 'SIGKILL');
  return true;
}

async function stop(program: ChildProcess): Promise<void> {
  if (program.exitCode === null && program.signalCode === null) {
    const over = new Promise(resolve => program.once('exit', resolve));
    kill(program);
    await over;
  }
  await sleep(50);
}
