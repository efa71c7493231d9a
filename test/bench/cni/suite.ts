import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { makeSpace, type Space, until } from '../../../packages/agent/test/spaces.ts';
import { Stand } from '../../../packages/agent/test/stand.ts';
import { type Emit, quantile } from '../figure.ts';
import { Arrivals, LEAD_MS, type Pod } from './arrivals.ts';
import { call, debianPlugins, type Plugin } from './plugins.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** One ADD and one DEL, ms. */
interface Times {
  readonly add: number;
  readonly del: number;
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
    const peers = debianPlugins(stand.node.namespace, stand.folder);
    await stand.create(DENY_ALL_BUT_ITSELF);
    await stand.create(ROOM);
    const spaces = Array.from({ length: count }, makeSpace);
    await firstPod(tell, stand, muslin, peers, spaces);
    for (const parallel of [1, 8, 32].filter(each => wanted(`${each}`)))
      await parallelCase(tell, stand, muslin, peers, spaces, parallel, quick ? 1 : 3);
    for (const space of spaces) space.close();
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

/** The very first ADD of a node: ours claims a block, the bridge is made. */
async function firstPod(
  emit: Emit,
  stand: Stand,
  muslin: Plugin,
  peers: readonly Plugin[],
  spaces: readonly Space[],
): Promise<void> {
  const arrivals = new Arrivals(stand, spaces.slice(0, 1), LEAD_MS);
  const [ours] = await lifeOf(muslin, () => arrivals.next(), 1);
  await arrivals.clear();
  for (const peer of peers) {
    const [theirs] = await lifeOf(peer, nobodysPods(spaces.slice(0, 1), 'cold'), 1);
    emit({
      ...{ suite: 'cni', case: 'first pod of a node', name: 'ADD', value: ours?.add as number },
      ...{ unit: 'ms', peer: peer.name, peerValue: theirs?.add as number },
    });
  }
}

/** Rounds in turn, so that what else the machine does hits all plugins alike. */
async function parallelCase(
  emit: Emit,
  stand: Stand,
  muslin: Plugin,
  peers: readonly Plugin[],
  spaces: readonly Space[],
  parallel: number,
  rounds: number,
): Promise<void> {
  const say = (round: number, who: string) =>
    process.stderr.write(`cni: ${parallel} at a time, round ${round + 1} of ${rounds}, ${who}\n`);
  const ours = new Map<number, Times[]>([LEAD_MS, 0].map(leadMs => [leadMs, []]));
  const theirs = new Map<string, Times[]>(peers.map(({ name }) => [name, []]));
  const leads: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const [leadMs, times] of ours) {
      say(round, `muslin, Pods bound ${leadMs} ms before`);
      const arrivals = new Arrivals(stand, spaces, leadMs);
      times.push(...(await lifeOf(muslin, () => arrivals.next(), parallel)));
      if (leadMs > 0) leads.push(...arrivals.leads);
      await arrivals.clear();
    }
    for (const peer of peers) {
      say(round, peer.name);
      theirs.get(peer.name)?.push(...(await lifeOf(peer, nobodysPods(spaces, `r${round}`), parallel)));
    }
  }
  for (const [leadMs, times] of ours)
    for (const peer of peers)
      for (const command of ['add', 'del'] as const)
        for (const [name, share] of QUANTILES)
          emit({
            ...{
              suite: 'cni',
              case: `${parallel} at a time, ${leadMs > 0 ? `Pod bound ${leadMs} ms before` : 'no lead'}`,
            },
            ...{ name: `${command.toUpperCase()} ${name}`, unit: 'ms', peer: peer.name },
            value: quantile(
              times.map(each => each[command]),
              share,
            ),
            peerValue: quantile(
              (theirs.get(peer.name) ?? []).map(each => each[command]),
              share,
            ),
          });
  const common = {
    suite: 'cni',
    case: `${parallel} at a time, Pod bound ${LEAD_MS} ms before`,
    unit: 'ms',
  } as const;
  emit({ ...common, name: 'shortest lead', value: Math.min(...leads) });
  emit({ ...common, name: 'median lead', value: quantile(leads, 0.5) });
}

const QUANTILES = [
  ['p50', 0.5],
  ['p99', 0.99],
] as const;

/** A node that starts with nothing: from the first Pod that is bound until every ADD was answered, which is when all is enforced. */
async function fullNode(emit: Emit, stand: Stand, muslin: Plugin, count: number): Promise<void> {
  process.stderr.write(`cni: ${count} pods on one node\n`);
  const spaces = Array.from({ length: count }, makeSpace);
  const arrivals = new Arrivals(stand, spaces, LEAD_MS);
  const begun = performance.now();
  const pods: Pod[] = [];
  const times = await callAll('ADD', muslin, () => arrivals.next(), 32, pods);
  const seconds = (performance.now() - begun) / 1000;
  const common = { suite: 'cni', case: `${count} pods on one node, 32 at a time` } as const;
  emit({ ...common, name: 'from nothing to all enforced', value: seconds, unit: 's' });
  emit({ ...common, name: 'ADD p99', value: quantile(times, 0.99), unit: 'ms' });
  const ending = performance.now();
  await callAll('DEL', muslin, oneByOne(pods), 32);
  emit({ ...common, name: 'all gone again', value: (performance.now() - ending) / 1000, unit: 's' });
  await arrivals.clear();
  const leftAddresses = await until(
    () => stand.held(),
    held => held.size === 0,
    'every address is free again',
    60_000,
  );
  emit({ ...common, name: 'interfaces left behind', value: stand.cables().length, unit: 'links' });
  emit({ ...common, name: 'addresses left behind', value: leftAddresses.size, unit: 'addresses' });
  for (const space of spaces) space.close();
}

type Next = () => Promise<Pod | undefined>;

function oneByOne(pods: readonly Pod[]): Next {
  const waiting = [...pods];
  return () => Promise.resolve(waiting.shift());
}

/** Plugins that know no Pods need none. */
function nobodysPods(spaces: readonly Space[], life: string): Next {
  return oneByOne(spaces.map((space, i) => ({ name: `peer-${i}-${life}`, uid: 'u', space, boundAt: 0 })));
}

/** An ADD for each pod, then a DEL for each, so many at a time. */
async function lifeOf(plugin: Plugin, next: Next, parallel: number): Promise<readonly Times[]> {
  const pods: Pod[] = [];
  const add = await callAll('ADD', plugin, next, parallel, pods);
  const del = await callAll('DEL', plugin, oneByOne(pods), parallel);
  return add.map((ms, i) => ({ add: ms, del: del[i] as number }));
}

/** One call for each pod, so many at a time; the milliseconds of each. */
async function callAll(
  command: 'ADD' | 'DEL',
  plugin: Plugin,
  next: Next,
  parallel: number,
  done: Pod[] = [],
): Promise<number[]> {
  const times: number[] = [];
  const worker = async () => {
    for (let pod = await next(); pod !== undefined; pod = await next()) {
      const { name, uid, space } = pod;
      times.push(
        await call(plugin, { command, containerId: `${name}-box`, netns: space.path, pod: name, uid }),
      );
      done.push(pod);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return times;
}
