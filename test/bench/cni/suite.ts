import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { makeSpace, type Space, until } from '../../../packages/agent/test/spaces.ts';
import { Stand } from '../../../packages/agent/test/stand.ts';
import { type Emit, quantile } from '../figure.ts';
import { call, debianPlugins, type Plugin } from './plugins.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A pod: an object that the API server has, and a namespace. */
interface Pod {
  readonly name: string;
  readonly uid: string;
  readonly space: Space;
}

/** Times of one plugin, by command. */
interface Times {
  readonly add: number[];
  readonly del: number[];
}

/** ADD and DEL through the executable, ours with policy enforced and the API server running, beside Debian's plugins. */
export async function run(emit: Emit, { quick, cases }: CniOptions): Promise<void> {
  const prepared = spawnSync('node', [`${root}/packages/lab/bootstrap/prepare.mjs`, 'bench-cni'], {
    stdio: 'inherit',
  });
  if (prepared.status !== 0) process.exit(prepared.status ?? 2);
  for (const dataplane of ['iptables', 'nftables'] as const) {
    const wanted = (name: string) => cases === undefined || cases.includes(`${dataplane}-${name}`);
    if (['1', '8', '32', 'full'].some(wanted)) await onBackEnd(emit, dataplane, quick, wanted);
  }
}

interface CniOptions {
  readonly quick: boolean;
  /** Of each back end: `nftables-1`, `-8`, `-32` (so many at a time), `-full`; absent: all. */
  readonly cases?: readonly string[];
}

/** Everything, with the rules of one back end. */
async function onBackEnd(
  emit: Emit,
  dataplane: string,
  quick: boolean,
  wanted: (name: string) => boolean,
): Promise<void> {
  const tell: Emit = figure => emit({ ...figure, case: `${dataplane}, ${figure.case}` });
  const count = quick ? 32 : 96;
  const stand = await Stand.up('--dataplane', dataplane, '--rehearse', 'on');
  try {
    const muslin: Plugin = {
      ...{ name: 'muslin', executable: `${stand.folder}/bin/muslin`, node: stand.node.namespace },
      config: { cniVersion: '1.1.0', name: 'k8s-pod-network', type: 'muslin' },
    };
    const plugins = [muslin, ...debianPlugins(stand.node.namespace, stand.folder)];
    await stand.create(DENY_ALL_BUT_ITSELF);
    await stand.create(ROOM);
    const pods = await makePods(stand, count);
    await firstPod(tell, plugins, pods);
    for (const parallel of [1, 8, 32].filter(each => wanted(`${each}`)))
      await parallelCase(tell, plugins, pods, parallel, quick ? 1 : 3, `${parallel} at a time`);
    for (const pod of pods) pod.space.close();
    if (wanted('full')) await fullNode(tell, stand, muslin, 250);
  } finally {
    await stand.down();
  }
}

/** A pool that a full node does not fill: the stand's own has 256 addresses. */
const ROOM = {
  ...{ apiVersion: 'projectcalico.org/v3', kind: 'IPPool', metadata: { name: 'room' } },
  spec: { cidr: '10.78.0.0/20', blockSize: 26 },
};

/** Every pod is isolated both ways, so each ADD has rules to write. */
const DENY_ALL_BUT_ITSELF = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { namespace: 'shop', name: 'own' },
  spec: {
    podSelector: {},
    policyTypes: ['Ingress', 'Egress'],
    ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 8080 }] }],
    egress: [{ to: [{ podSelector: {} }], ports: [{ port: 8080 }] }],
  },
};

async function makePods(stand: Stand, count: number): Promise<readonly Pod[]> {
  const pods: Pod[] = [];
  for (let i = 0; i < count; i++) {
    const name = `bench-${Date.now().toString(36)}-${i}`;
    const made = await stand.create({
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'shop', name, labels: { app: 'bench' } } },
      spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'x' }] },
    });
    pods.push({ name, uid: made.metadata.uid as string, space: makeSpace() });
  }
  return pods;
}

/** The very first ADD of a node: ours claims a block, the bridge is made. */
async function firstPod(emit: Emit, plugins: readonly Plugin[], pods: readonly Pod[]): Promise<void> {
  const times = new Map<string, number>();
  for (const plugin of plugins) {
    const done = await addAll(plugin, pods.slice(0, 1), 1, 'cold');
    times.set(plugin.name, done[0] as number);
    await delAll(plugin, pods.slice(0, 1), 1, 'cold');
  }
  const [ours, ...others] = plugins.map(({ name }) => ({ name, value: times.get(name) as number }));
  for (const peer of others)
    emit({
      ...{ suite: 'cni', case: 'first pod of a node', name: 'ADD', value: ours?.value as number },
      ...{ unit: 'ms', peer: peer.name, peerValue: peer.value },
    });
}

/** Rounds in turn, so that what else the machine does hits all plugins alike. */
async function parallelCase(
  emit: Emit,
  plugins: readonly Plugin[],
  pods: readonly Pod[],
  parallel: number,
  rounds: number,
  title: string,
): Promise<void> {
  const all = new Map<string, Times>(plugins.map(({ name }) => [name, { add: [], del: [] }]));
  for (let round = 0; round < rounds; round++)
    for (const plugin of plugins) {
      process.stderr.write(`cni: ${title}, round ${round + 1} of ${rounds}, ${plugin.name}\n`);
      const times = all.get(plugin.name) as Times;
      times.add.push(...(await addAll(plugin, pods, parallel, `r${round}`)));
      times.del.push(...(await delAll(plugin, pods, parallel, `r${round}`)));
    }
  const [ours, ...peers] = plugins;
  for (const peer of peers)
    for (const command of ['add', 'del'] as const)
      for (const [name, share] of [
        ['p50', 0.5],
        ['p99', 0.99],
      ] as const)
        emit({
          ...{ suite: 'cni', case: title, name: `${command.toUpperCase()} ${name}`, unit: 'ms' },
          value: quantile(all.get((ours as Plugin).name)?.[command] ?? [], share),
          ...{ peer: peer.name, peerValue: quantile(all.get(peer.name)?.[command] ?? [], share) },
        });
}

/** A node that starts with nothing but its Pods: until every ADD was answered, which is when all is enforced. */
async function fullNode(emit: Emit, stand: Stand, muslin: Plugin, count: number): Promise<void> {
  process.stderr.write(`cni: ${count} pods on one node\n`);
  const pods = await makePods(stand, count);
  const begun = performance.now();
  const times = await addAll(muslin, pods, 32, 'full');
  const seconds = (performance.now() - begun) / 1000;
  const common = { suite: 'cni', case: `${count} pods on one node, 32 at a time` } as const;
  emit({ ...common, name: 'from nothing to all enforced', value: seconds, unit: 's' });
  emit({ ...common, name: 'ADD p99', value: quantile(times, 0.99), unit: 'ms' });
  const ending = performance.now();
  await delAll(muslin, pods, 32, 'full');
  emit({ ...common, name: 'all gone again', value: (performance.now() - ending) / 1000, unit: 's' });
  const leftAddresses = await until(
    () => stand.held(),
    held => held.size === 0,
    'every address is free again',
    60_000,
  );
  emit({ ...common, name: 'interfaces left behind', value: stand.cables().length, unit: 'links' });
  emit({ ...common, name: 'addresses left behind', value: leftAddresses.size, unit: 'addresses' });
  for (const pod of pods) pod.space.close();
}

const addAll = (plugin: Plugin, pods: readonly Pod[], parallel: number, life: string) =>
  callAll('ADD', plugin, pods, parallel, life);
const delAll = (plugin: Plugin, pods: readonly Pod[], parallel: number, life: string) =>
  callAll('DEL', plugin, pods, parallel, life);

/** One call for each pod, so many at a time; the milliseconds of each. */
async function callAll(
  command: 'ADD' | 'DEL',
  plugin: Plugin,
  pods: readonly Pod[],
  parallel: number,
  life: string,
): Promise<number[]> {
  const times: number[] = [];
  const waiting = [...pods];
  const worker = async () => {
    for (let pod = waiting.shift(); pod !== undefined; pod = waiting.shift()) {
      const { name, uid, space } = pod;
      const containerId = `${name}-${life}`;
      times.push(await call(plugin, { command, containerId, netns: space.path, pod: name, uid }));
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return times;
}
