import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type AnyObject, RESOURCES } from '@muslin/kube';
import { Report } from '../../packages/lab/src/checks.ts';
import { Cluster } from '../../packages/lab/src/cluster.ts';
import { sweep } from '../../packages/lab/src/instance.ts';
import { readSandboxes } from '../../packages/lab/src/sandboxes.ts';
import { notYet } from '../../packages/lab/src/story/enforced.ts';
import { startSample } from '../../packages/lab/src/story/story.ts';
import { until } from '../../packages/lab/src/until.ts';
import { type Emit, quantile } from './figure.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const ID = 'bench';

/** The main job, the plugin's executable, a policy's way to the kernel, and what each process weighs. */
export async function run(emit: Emit, { quick }: { readonly quick: boolean }): Promise<void> {
  preparation(emit, quick ? 3 : 9);
  await wholeLab(emit, quick ? 1 : 3);
  await sweep(ID);
  const report = new Report(() => {}, false);
  const cluster = await Cluster.up({ id: ID, nodes: 3, tor: 'bird' }, report);
  try {
    await startSample(cluster, 12, report);
    await addLatency(cluster, emit, quick ? 20 : 100);
    await policyLatency(cluster, emit, quick ? 20 : 100);
    memory(cluster, emit);
  } finally {
    await cluster.down();
  }
}

/** What every command does first, when nothing is missing. */
function preparation(emit: Emit, rounds: number): void {
  const script = `${root}/packages/lab/bootstrap/prepare.mjs`;
  const times = Array.from({ length: rounds }, () => {
    const started = performance.now();
    spawnSync('node', [script, 'lab'], { cwd: root });
    return performance.now() - started;
  });
  emit({
    suite: 'lab',
    case: 'nothing missing',
    name: 'preparation',
    value: quantile(times, 0.5),
    unit: 'ms',
  });
}

/** From the command line to every check held: 3 nodes, 12 pods, teardown not counted. */
async function wholeLab(emit: Emit, rounds: number): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) times.push(await oneLab());
  emit({
    suite: 'lab',
    case: '3 nodes, 12 pods',
    name: 'npm run lab to all checks held',
    value: quantile(times, 0.5) / 1000,
    unit: 's',
  });
}

function oneLab(): Promise<number> {
  const started = performance.now();
  const child = spawn('npm', ['run', '-s', 'lab', '--', '--once', '--json', '--id', ID], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  let told = Number.NaN;
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    // The document is printed when the last check was judged; the teardown follows.
    if (text.endsWith('}\n')) told = performance.now() - started;
  });
  return new Promise((resolve, reject) => {
    child.once('exit', code =>
      code === 0 ? resolve(told) : reject(new Error(`the lab did not hold: ${text.slice(-2000)}`)),
    );
  });
}

/** Pods one after the other, as the runtime sees the executable's ADD: process start to exit. */
async function addLatency(cluster: Cluster, emit: Emit, count: number): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const metadata = { namespace: 'shop', name: `bench-${i}`, labels: { app: 'bench' } };
    const spec = { nodeName: 'node1', containers: [{ name: 'c', image: 'muslin.dev/echo' }] };
    const made = await cluster.client.create<AnyObject>(RESOURCES.Pod, { metadata, spec } as AnyObject);
    if (!made.ok) throw new Error(made.fault.message);
    const find = async () =>
      readSandboxes(cluster.folder).find(record => record.uid === made.value.metadata.uid);
    const sandbox = await until(find, record => record !== undefined, 30_000, 5);
    if (!sandbox.held || sandbox.value === undefined) throw new Error(`pod bench-${i} got no sandbox`);
    times.push(sandbox.value.addMs);
  }
  for (const [name, share] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const)
    emit({
      suite: 'lab',
      case: 'CNI ADD, one at a time, policy enforced',
      name,
      value: quantile(times, share),
      unit: 'ms',
    });
}

/** From the moment the write is sent to the last of three kernels holding it. */
async function policyLatency(cluster: Cluster, emit: Emit, count: number): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const ports = [{ port: 1000 + i }];
    const spec = {
      podSelector: { matchLabels: { app: 'api' } },
      ingress: [{ from: [{ podSelector: {} }], ports }],
    };
    const policy = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { namespace: 'shop', name: 'bench' },
      spec,
    };
    const sent = performance.timeOrigin + performance.now();
    const applied = await cluster.apply(policy as unknown as AnyObject);
    const key = 'knp/shop/bench';
    const demand = { policies: new Map([[key, applied.metadata.resourceVersion as string]]), through: {} };
    const ask = async () => {
      const pairs = cluster.topology.nodes.map(
        async node => [node.name, await cluster.agentStatus(node)] as const,
      );
      return new Map(await Promise.all(pairs));
    };
    const held = await until(ask, statuses => notYet(demand, statuses).length === 0, 30_000, 5);
    if (!held.held) throw new Error('a policy was not enforced in time');
    times.push(
      Math.max(
        ...[...held.value.values()].map(status => (status?.policies[key]?.enforcedAt ?? Number.NaN) - sent),
      ),
    );
  }
  for (const [name, share] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const)
    emit({
      suite: 'lab',
      case: 'policy write to the last of 3 kernels',
      name,
      value: quantile(times, share),
      unit: 'ms',
    });
}

/** Proportional and resident memory, as the kernel counts it. */
function memory(cluster: Cluster, emit: Emit): void {
  for (const { name, pid } of cluster.processes()) {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    for (const [figure, field] of [
      ['RSS', 'Rss'],
      ['proportional set', 'Pss'],
    ] as const) {
      const kib = Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1]);
      emit({ suite: 'lab', case: `memory of ${name}`, name: figure, value: kib / 1024, unit: 'MiB' });
    }
  }
}
