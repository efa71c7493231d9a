import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout } from 'node:timers/promises';
import { crdOf, KINDS, readIpPool } from '@muslin/api';
import { check, type IpamKind, type StoredMetadata, type StoredObject } from '@muslin/ipam';
import { type AnyObject, KubeClient, loadKubeconfig, RESOURCES } from '@muslin/kube';
import { Dice } from '../dice.ts';

/** How hard to hit. */
export interface HammerOptions {
  readonly processes: number;
  /** Addresses in all. */
  readonly addresses: number;
  /** Processes killed by SIGKILL, spread over the work. */
  readonly kills: number;
  readonly seed: number;
}

/** What was found. */
export interface Hammered {
  readonly allocated: number;
  readonly kills: number;
  /** Writes that came too late and were done again. */
  readonly conflicts: number;
  /** `10.0.0.1: hammer.n1-4 and hammer.n2-7`. */
  readonly doubles: readonly string[];
  /** Addresses still in use at the end, and handles of nothing. */
  readonly leaks: readonly string[];
}

const FLAGS = ['--conditions=@muslin/source', '--disable-warning=ExperimentalWarning'];
const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const IPAM_KINDS = ['IPAMBlock', 'BlockAffinity', 'IPAMHandle'] as const satisfies readonly IpamKind[];

/** Processes take and give back addresses at one API server, and are killed meanwhile; then everything is counted. */
export async function hammer(options: HammerOptions): Promise<Hammered> {
  const { processes, addresses, kills, seed } = options;
  const folder = mkdtempSync(join(tmpdir(), 'muslin-hammer-'));
  const children = new Set<ChildProcess>();
  const run = (path: string, args: readonly string[]) => {
    const child = spawn(process.execPath, [...FLAGS, at(path), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      // Most of a short life would go into reading the same sources again.
      env: { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') },
    });
    children.add(child);
    const ended = new Promise<void>(resolve => child.once('exit', () => resolve()));
    void ended.then(() => children.delete(child));
    return { child, ended };
  };
  const stop = () => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
    process.exit(130);
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const kubeconfig = join(folder, 'kubeconfig');
    const api = run('../../../packages/lab/src/apiserver/main.ts', ['--kubeconfig', kubeconfig]);
    await new Promise((resolve, reject) => {
      api.child.stdout?.once('data', resolve);
      api.child.once('exit', () => reject(new Error('the API server ended')));
    });
    const connection = loadKubeconfig({ path: kubeconfig });
    if (!connection.ok) throw new Error(connection.fault.message);
    await using client = closing(new KubeClient(connection.value, { userAgent: 'hammer' }));
    await makeKinds(client.value);
    // Hardly more than is held at once: nodes borrow, take over, and fight for the last addresses.
    const [cidr, blockSize] = processes > 8 ? ['10.0.0.0/23', 27] : ['10.0.0.0/26', 27];
    const journals = Array.from({ length: processes }, (_, i) => join(folder, `n${i}`));
    const share = Math.ceil(addresses / processes);
    const dice = new Dice(seed);
    const lives = new Array<number>(processes).fill(0);
    const living = new Map<number, ReturnType<typeof run>>();
    const begin = (i: number) => {
      lives[i] = (lives[i] ?? 0) + 1;
      const args = [`n${i}`, kubeconfig, journals[i] ?? '', cidr, String(blockSize), String(share)];
      const worker = run('hammer-worker.ts', [...args, String(seed + (lives[i] ?? 0))]);
      living.set(i, worker);
      return worker;
    };
    const work = journals.map(async (_, i) => {
      for (;;) {
        const { child, ended } = begin(i);
        await ended;
        if (child.exitCode === 0) break;
        if (child.signalCode !== 'SIGKILL') throw new Error(`worker n${i} failed`);
      }
      living.delete(i);
    });
    const all = Promise.all(work);
    while (living.size > 0 && journals.some(path => entriesOf(path).length === 0)) await setTimeout(10);
    writeFileSync(`${kubeconfig}.go`, '');
    const counters = journals.map(path => new GotCounter(path));
    const had = () => counters.reduce((sum, counter) => sum + counter.count(), 0);
    let killed = 0;
    const killing = (async () => {
      while (killed < kills && living.size > 0) {
        await setTimeout(50);
        if (had() < ((killed + 1) * addresses) / (kills + 1)) continue;
        const victims = [...living.values()].filter(({ child }) => child.exitCode === null);
        if (victims[Math.floor(dice.next() * victims.length)]?.child.kill('SIGKILL')) killed++;
      }
    })();
    await all;
    await killing;
    for (const counter of counters) counter.close();
    const entries = journals.flatMap(entriesOf);
    return {
      allocated: entries.filter(({ what }) => what === 'got').length,
      kills: killed,
      conflicts: entries.reduce(
        (sum, { what, handle }) => sum + (what === 'conflicts' ? Number(handle) : 0),
        0,
      ),
      doubles: doublesOf(entries),
      leaks: await leaksOf(client.value),
    };
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    const ending = [...children].map(child => new Promise(resolve => child.once('exit', resolve)));
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(ending);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Counts what a journal that grows has of addresses, reading each byte once: it is asked twenty times a second. */
class GotCounter {
  readonly #path: string;
  #fd: number | undefined;
  #count = 0;
  #rest = '';

  constructor(path: string) {
    this.#path = path;
  }

  count(): number {
    this.#fd ??= openSync(this.#path, 'r');
    const chunk = Buffer.alloc(65_536);
    for (let read = 1; read > 0; ) {
      read = readSync(this.#fd, chunk);
      const lines = (this.#rest + chunk.toString('latin1', 0, read)).split('\n');
      this.#rest = lines.pop() ?? '';
      this.#count += lines.filter(line => line.split(' ')[1] === 'got').length;
    }
    return this.#count;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
  }
}

interface Entry {
  readonly at: bigint;
  readonly what: string;
  readonly handle: string;
  readonly ip: string;
}

function entriesOf(path: string): readonly Entry[] {
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const [time = '0', what = '', handle = '', ip = ''] = line.split(' ');
      return { at: BigInt(time), what, handle, ip };
    });
}

/** Two that used one address at the same time: from the answer of the allocation to the wish to release. */
export function doublesOf(entries: readonly Entry[]): readonly string[] {
  const users = new Map<string, string>();
  const addressOf = new Map<string, string>();
  const doubles: string[] = [];
  for (const { what, handle, ip } of entries.toSorted((a, b) => (a.at < b.at ? -1 : 1))) {
    if (what === 'got') {
      const other = users.get(ip);
      if (other !== undefined) doubles.push(`${ip}: ${other} and ${handle}`);
      users.set(ip, handle);
      addressOf.set(handle, ip);
    } else if (what === 'drop') {
      const own = addressOf.get(handle) ?? '';
      if (users.get(own) === handle) users.delete(own);
    }
  }
  return doubles;
}

/** Every pod is gone: whatever is in use, or named by a handle, leaked. */
async function leaksOf(client: KubeClient): Promise<readonly string[]> {
  const stored: StoredObject[] = [];
  for (const kind of IPAM_KINDS) {
    const listed = await client.listAll<AnyObject>(RESOURCES[kind]);
    if (!listed.ok) throw new Error(listed.fault.message);
    for (const { metadata, ...object } of listed.value.items)
      stored.push({ kind, metadata: metadata as StoredMetadata, spec: object['spec'] });
  }
  const pool = readIpPool({
    ...{ apiVersion: 'projectcalico.org/v3', kind: 'IPPool', metadata: { name: 'hammer' } },
    spec: { cidr: '10.0.0.0/16' },
  }).value;
  const nobody = {
    pods: new Map(),
    nodes: new Set<string>(),
    onHost: new Map(),
    now: Date.now(),
    graceMs: 0,
  };
  const report = check(stored, pool === undefined ? [] : [pool], nobody);
  // A claim that a death broke off is ended by the node's next one; it holds no address.
  const traces = report.problems.filter(({ code }) => !code.includes('affinity'));
  return [
    ...report.leaks.map(({ handleId }) => `address of ${handleId}`),
    ...traces.map(problem => JSON.stringify(problem)),
  ];
}

async function makeKinds(client: KubeClient): Promise<void> {
  for (const kind of KINDS.filter(each => IPAM_KINDS.some(own => own === each.kind))) {
    const made = await client.create<AnyObject>(
      RESOURCES.CustomResourceDefinition,
      crdOf(kind) as unknown as AnyObject,
    );
    if (!made.ok) throw new Error(made.fault.message);
  }
  for (;;) {
    const served = await Promise.all(IPAM_KINDS.map(kind => client.list<AnyObject>(RESOURCES[kind])));
    if (served.every(({ ok }) => ok)) return;
    await setTimeout(20);
  }
}

const closing = (value: KubeClient) => ({ value, [Symbol.asyncDispose]: () => value.close() });
