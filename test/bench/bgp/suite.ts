import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Emit, quantile } from '../figure.ts';
import { DEVICES, type Device, type DevicePeer, startDevice } from './device.ts';

const DEVICE_NS = 'msl-b-dut';
const HARNESS_NS = 'msl-b-har';
const harness = fileURLToPath(new URL('harness.ts', import.meta.url));
const prepare = fileURLToPath(new URL('../../../packages/lab/bootstrap/prepare.mjs', import.meta.url));

interface CasePlan {
  readonly title: string;
  readonly run: string;
  readonly size: number;
  readonly peers: readonly DevicePeer[];
  /** A device that is not through by then is reported as that time. */
  readonly limitS: number;
}

const sink: DevicePeer = { ip: '10.66.0.9', as: 65_009 };
const feeder = (i: number, as: number, client = false): DevicePeer => ({
  ip: `10.66.1.${i + 1}`,
  as,
  client,
});
const mesh = (n: number): DevicePeer[] =>
  Array.from({ length: n }, (_, i) => ({ ip: `10.66.${2 + (i >> 7)}.${(i & 127) + 1}`, as: 65_000 }));

function casesOf(quick: boolean): readonly CasePlan[] {
  const full = quick ? 100_000 : 1_000_000;
  const shared = quick ? 10_000 : 100_000;
  const relay = [feeder(0, 65_101), sink, { ip: '10.66.0.8', as: 65_008 }];
  const limitS = quick ? 12 : 240;
  return [
    { title: `${full} prefixes, one feeder, one sink`, run: 'relay', size: full, peers: relay, limitS },
    {
      title: `20 feeders x ${shared} prefixes`,
      run: 'feeders',
      size: shared,
      peers: [...Array.from({ length: 20 }, (_, i) => feeder(i, 65_101 + i)), sink],
      limitS,
    },
    {
      title: `route reflector, ${shared} prefixes`,
      run: 'reflector',
      size: shared,
      peers: Array.from({ length: 51 }, (_, i) => feeder(i, 65_000, true)),
      limitS,
    },
    { title: 'mesh start', run: 'mesh', size: 250, peers: [...mesh(250), sink], limitS },
    ...(quick
      ? []
      : [{ title: 'mesh start', run: 'mesh', size: 1000, peers: [...mesh(1000), sink], limitS: 120 }]),
    { title: 'latency, empty table', run: 'latency', size: 0, peers: relay, limitS },
    ...(quick
      ? []
      : [{ title: `latency, ${full} prefixes`, run: 'latency', size: full, peers: relay, limitS }]),
  ];
}

/** Ours and every packaged speaker, the same feed, in turn; medians of the rounds. */
export async function run(emit: Emit, { quick }: { readonly quick: boolean }): Promise<void> {
  if (spawnSync('node', [prepare, 'bench-bgp'], { stdio: ['ignore', 2, 2] }).status !== 0)
    throw new Error('preparation failed');
  buildNamespaces();
  try {
    for (const plan of casesOf(quick)) await oneCase(plan, emit, quick ? 1 : 3);
  } finally {
    removeNamespaces();
  }
}

async function oneCase(plan: CasePlan, emit: Emit, rounds: number): Promise<void> {
  const samples = new Map<string, Map<string, number[]>>();
  const add = (figure: string, device: string, value: number) => {
    const byDevice = samples.get(figure) ?? new Map<string, number[]>();
    byDevice.set(device, [...(byDevice.get(device) ?? []), value]);
    samples.set(figure, byDevice);
  };
  for (let round = 0; round < rounds; round++)
    for (const device of DEVICES) {
      const seen = await oneRun(device, plan);
      for (const [figure, value] of Object.entries(seen)) add(figure, device.name, value);
    }
  for (const [figure, byDevice] of samples) {
    const ours = byDevice.get('muslin');
    if (ours === undefined) continue;
    const unit = figure === 'peak memory' ? 'MiB' : 's';
    for (const [peer, values] of byDevice) {
      if (peer === 'muslin') continue;
      emit({
        suite: 'bgp',
        case: plan.title,
        name: figure,
        value: quantile(ours, 0.5),
        unit,
        peer,
        peerValue: quantile(values, 0.5),
      });
    }
  }
}

async function oneRun(device: Device, plan: CasePlan): Promise<Readonly<Record<string, number>>> {
  const running = startDevice(device, plan.peers, DEVICE_NS);
  try {
    await new Promise(resolve => setTimeout(resolve, 700));
    const before = running.cpu();
    const times = await runHarness(plan);
    return { ...times, CPU: running.cpu() - before, 'peak memory': running.peak() };
  } finally {
    await running.stop();
  }
}

function runHarness(plan: CasePlan): Promise<Readonly<Record<string, number>>> {
  const node = [process.execPath, '--conditions=@muslin/source', '--disable-warning=ExperimentalWarning'];
  const child = spawn('ip', ['netns', 'exec', HARNESS_NS, ...node, harness, plan.run, String(plan.size)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), plan.limitS * 1000);
  return new Promise(resolve => {
    child.once('exit', () => {
      clearTimeout(limit);
      resolve(text === '' ? { 'not through in time': plan.limitS } : JSON.parse(text));
    });
  });
}

function buildNamespaces(): void {
  removeNamespaces();
  const lines = [
    ...[`netns add ${DEVICE_NS}`, `netns add ${HARNESS_NS}`],
    `link add eth0 netns ${DEVICE_NS} type veth peer name eth0 netns ${HARNESS_NS}`,
  ];
  batch([], lines);
  batch(['-n', DEVICE_NS], ['link set lo up', 'link set eth0 up', 'address add 10.66.0.1/16 dev eth0']);
  const addresses = [
    '10.66.0.8',
    '10.66.0.9',
    ...Array.from({ length: 60 }, (_, i) => `10.66.1.${i + 1}`),
    ...mesh(1000).map(p => p.ip),
  ];
  batch(
    ['-n', HARNESS_NS],
    ['link set lo up', 'link set eth0 up', ...addresses.map(ip => `address add ${ip}/16 dev eth0`)],
  );
}

function removeNamespaces(): void {
  for (const name of [DEVICE_NS, HARNESS_NS]) spawnSync('ip', ['netns', 'del', name]);
}

function batch(args: readonly string[], lines: readonly string[]): void {
  const done = spawnSync('ip', [...args, '-batch', '-'], {
    input: `${lines.join('\n')}\n`,
    encoding: 'utf8',
  });
  if (done.status !== 0) throw new Error(done.stderr);
}
