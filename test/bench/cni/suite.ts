import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { makeSpace, type Space, until } from '../../../packages/agent/test/spaces.ts';
import { Stand } from '../../../packages/agent/test/stand.ts';
import { type Emit, quantile } from '../figure.ts';
import { Arrivals, LEAD_MS, type Pod } from './arrivals.ts';
import { Caller } from './caller.ts';
import { type Call, debianPlugins, NOTHING, type Plugin } from './plugins.ts';

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
  const agentArgs = ['--dataplane', dataplane, '--rehearse', 'on'];
  const stand = await Stand.up(...agentArgs);
  const caller = new Caller(stand.node.namespace, stand.folder);
  try {
    const muslin: Plugin = {
      ...{ name: 'muslin', executable: `${stand.folder}/bin/muslin`, files: [`${stand.folder}/bin/muslin`] },
      config: { cniVersion: '1.1.0', name: 'k8s-pod-network', type: 'muslin' },
    };
    const peers = debianPlugins(stand.folder);
    await stand.create(DENY_ALL_BUT_ITSELF);
    await stand.create(ROOM);
    const spaces = Array.from({ length: count }, makeSpace);
    const party = { stand, agentArgs, caller, muslin, peers, spaces };
    await firstPod(tell, party);
    for (const parallel of [1, 8, 32].filter(each => wanted(`${each}`))) {
      await parallelCase(tell, party, parallel, quick ? 1 : 3);
      await coldCase(tell, party, parallel, quick ? 3 : 9);
    }
    for (const space of spaces) space.close();
    if (wanted('full')) await fullNode(tell, party, 250);
  } finally {
    caller.close();
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
async function firstPod(emit: Emit, party: Party): Promise<void> {
  const first = { ...party, spaces: party.spaces.slice(0, 1) };
  const [ours] = await lifeOf(first, party.muslin, 1, LEAD_MS);
  for (const peer of party.peers) {
    const [theirs] = await lifeOf(first, peer, 1, LEAD_MS);
    emit({
      ...{ suite: 'cni', case: 'first pod of a node', name: 'ADD', value: ours?.add as number },
      ...{ unit: 'ms', peer: peer.name, peerValue: theirs?.add as number },
    });
  }
}

/** Rounds in turn, so that what else the machine does hits all plugins alike. */
async function parallelCase(emit: Emit, party: Party, parallel: number, rounds: number): Promise<void> {
  const { muslin, peers } = party;
  const all = [LEAD_MS, 0].flatMap(leadMs =>
    [muslin, ...peers, NOTHING].map(plugin => ({ leadMs, plugin, times: [] as Times[] })),
  );
  for (let round = 0; round < rounds; round++)
    for (const { leadMs, plugin, times } of all) {
      process.stderr.write(
        `cni: ${parallel} at a time, round ${round + 1} of ${rounds}, ${plugin.name}, Pods bound ${leadMs} ms before\n`,
      );
      times.push(...(await lifeOf(party, plugin, parallel, leadMs)));
    }
  for (const leadMs of [LEAD_MS, 0]) {
    const label = leadMs > 0 ? `Pods bound ${leadMs} ms before` : 'no lead';
    tellTimes(
      emit,
      `${parallel} at a time, ${label}`,
      all.filter(each => each.leadMs === leadMs),
    );
  }
}

/**
 * The same after nothing has run for a while: what is started must come from the disk, and our agent has just been started again, before
 * ADDs and before DELs.
 */
async function coldCase(emit: Emit, party: Party, parallel: number, rounds: number): Promise<void> {
  const { stand, caller, spaces } = party;
  const all = [party.muslin, ...party.peers].map(plugin => ({ plugin, times: [] as Times[] }));
  for (let round = 0; round < rounds; round++)
    for (const { plugin, times } of all) {
      process.stderr.write(
        `cni: ${parallel} at a time, cold, round ${round + 1} of ${rounds}, ${plugin.name}\n`,
      );
      const arrivals = new Arrivals(stand, nodeOf(plugin), LEAD_MS);
      await chill(party, plugin);
      const pods = await arrivals.burst(spaces.slice(0, parallel));
      const add = await caller.burst(plugin, callsOf('ADD', pods), parallel);
      await chill(party, plugin);
      const del = await caller.burst(plugin, callsOf('DEL', pods), parallel);
      times.push(...add.map((ms, i) => ({ add: ms, del: del[i] as number })));
      await arrivals.clear();
    }
  tellTimes(emit, `${parallel} at a time, cold`, all);
}

async function chill({ stand, agentArgs, muslin }: Party, plugin: Plugin): Promise<void> {
  for (const file of plugin.files) {
    execFileSync('sync', [file]);
    execFileSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0', 'status=none']);
  }
  if (plugin !== muslin) return;
  await stand.kill('agent');
  await stand.startAgent(...agentArgs);
}

/** Of whoever was measured, ours first: the quantiles beside each other. */
function tellTimes(
  emit: Emit,
  name: string,
  [ours, ...theirs]: readonly { readonly plugin: Plugin; readonly times: readonly Times[] }[],
): void {
  for (const { plugin, times } of theirs)
    for (const command of ['add', 'del'] as const)
      for (const [quantileName, share] of QUANTILES) {
        const of = (list: readonly Times[] = []) =>
          quantile(
            list.map(each => each[command]),
            share,
          );
        emit({
          ...{ suite: 'cni', case: name, name: `${command.toUpperCase()} ${quantileName}` },
          ...{ unit: 'ms', peer: plugin.name, value: of(ours?.times), peerValue: of(times) },
        });
      }
}

const QUANTILES = [
  ['p50', 0.5],
  ['p99', 0.99],
] as const;

/** A node that starts with nothing: from the first Pod that is bound until every ADD was answered, which is when all is enforced. */
async function fullNode(emit: Emit, { stand, caller, muslin }: Party, count: number): Promise<void> {
  process.stderr.write(`cni: ${count} pods on one node\n`);
  const spaces = Array.from({ length: count }, makeSpace);
  const arrivals = new Arrivals(stand, 'n1', LEAD_MS);
  const begun = performance.now();
  const pods = await arrivals.burst(spaces);
  const times = await caller.burst(muslin, callsOf('ADD', pods), 32);
  const seconds = (performance.now() - begun) / 1000;
  const common = { suite: 'cni', case: `${count} pods on one node, 32 at a time` } as const;
  emit({ ...common, name: 'from nothing to all enforced', value: seconds, unit: 's' });
  emit({ ...common, name: 'ADD p99', value: quantile(times, 0.99), unit: 'ms' });
  const ending = performance.now();
  await caller.burst(muslin, callsOf('DEL', pods), 32);
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

/** Who is measured, and with what. */
interface Party {
  readonly stand: Stand;
  readonly agentArgs: readonly string[];
  readonly caller: Caller;
  readonly muslin: Plugin;
  readonly peers: readonly Plugin[];
  readonly spaces: readonly Space[];
}

/** Burst after burst: so many Pods are bound, then so many ADDs come at once. Then all go again, as many at once. */
async function lifeOf(
  { stand, caller, spaces }: Party,
  plugin: Plugin,
  parallel: number,
  leadMs: number,
): Promise<readonly Times[]> {
  const arrivals = new Arrivals(stand, nodeOf(plugin), leadMs);
  const bursts: { readonly pods: readonly Pod[]; readonly add: readonly number[] }[] = [];
  for (let i = 0; i < spaces.length; i += parallel) {
    const pods = await arrivals.burst(spaces.slice(i, i + parallel));
    bursts.push({ pods, add: await caller.burst(plugin, callsOf('ADD', pods), parallel) });
  }
  const times: Times[] = [];
  for (const { pods, add } of bursts) {
    const del = await caller.burst(plugin, callsOf('DEL', pods), parallel);
    times.push(...add.map((ms, i) => ({ add: ms, del: del[i] as number })));
  }
  await arrivals.clear();
  return times;
}

/** Pods of plugins that know none are somebody else's. */
const nodeOf = ({ name }: Plugin) => (name === 'muslin' ? 'n1' : 'n2');

const callsOf = (command: 'ADD' | 'DEL', pods: readonly Pod[]): readonly Call[] =>
  pods.map(({ name, uid, space }) => ({
    ...{ command, containerId: `${name}-box`, netns: space.path, pod: name, uid },
  }));
