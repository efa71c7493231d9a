import { type AnyObject, RESOURCES } from '@muslin/kube';
import type { BackEnd } from '../../packages/agent/src/kernel/back-end.ts';
import { Report } from '../../packages/lab/src/checks.ts';
import { Cluster, resourceOf } from '../../packages/lab/src/cluster.ts';
import { sweep } from '../../packages/lab/src/instance.ts';
import { type EchoServers, startEchoServers } from '../../packages/lab/src/pods/echo-servers.ts';
import { probe, probeAll } from '../../packages/lab/src/probe.ts';
import { readSandboxes } from '../../packages/lab/src/sandboxes.ts';
import { notYet } from '../../packages/lab/src/story/enforced.ts';
import { addressesOf } from '../../packages/lab/src/topology.ts';
import { until } from '../../packages/lab/src/until.ts';
import { ClusterMirror } from './cluster-mirror.ts';
import { Dice } from './dice.ts';
import { LABELS, NAMESPACE_LABELS, NAMESPACES, namespaces, PORTS, pods } from './population.ts';
import { networkSets, randomCalicoPolicies, TIERS } from './random-calico-policy.ts';
import { randomHosts } from './random-host.ts';
import { randomPolicies, type WrittenPolicy } from './random-policy.ts';
import { type Place, showWay, type Way, witnesses } from './witnesses.ts';

/** Which lab to prove things in. */
export interface ProofOptions {
  readonly id: string;
  readonly nodes: number;
  /** Where it begins; `use` moves it. */
  readonly backEnd: BackEnd;
  readonly seed: number;
  /** Connections to try in each round. */
  readonly flows: number;
}

/** A connection that some witness sees in another way than the wire. */
export interface Disagreement {
  readonly way: string;
  readonly onTheWire: string;
  /** What each witness said. */
  readonly said: Readonly<Record<string, string>>;
}

/** What one round found. */
export interface Round {
  readonly policies: readonly WrittenPolicy[];
  readonly allowed: number;
  readonly denied: number;
  readonly disagreements: readonly Disagreement[];
}

/** A drop shows as silence: how long to listen before believing it. */
const SILENCE_MS = 250;
/** How long an allowed connection may take on a busy machine. */
const PATIENCE_MS = 3_000;

const WISHES: Readonly<Record<BackEnd, object>> = {
  nftables: { nftablesMode: 'Enabled' },
  'iptables-nft': { nftablesMode: 'Disabled', iptablesBackend: 'NFT' },
  'iptables-legacy': { nftablesMode: 'Disabled', iptablesBackend: 'Legacy' },
};

/** A lab whose policies are replaced by others, round after round, while its pods stay. */
export class Proof {
  readonly cluster: Cluster;
  readonly #options: ProofOptions;
  readonly #dice: Dice;
  readonly #mirror: ClusterMirror;
  readonly #places: readonly Place[];
  readonly #servers: readonly EchoServers[];
  #turn = 0;
  #applied = new Map<string, WrittenPolicy>();

  private constructor(cluster: Cluster, options: ProofOptions, places: readonly Place[]) {
    this.cluster = cluster;
    this.#options = options;
    this.#places = places;
    this.#dice = new Dice(options.seed);
    this.#mirror = new ClusterMirror(
      cluster.client,
      cluster.topology.nodes.map(node => node.name),
    );
    this.#servers = places
      .filter(place => place.pod === undefined)
      .map(place => startEchoServers(place.netns, place.name, PORTS, [place.ip]));
  }

  /** Brings the lab up with its pods; throws when a part does not come. */
  static async up(options: ProofOptions): Promise<Proof> {
    const { id, nodes, backEnd } = options;
    await sweep(id);
    const report = new Report(() => {}, false);
    const cluster = await Cluster.up({ id, nodes, tor: 'bird', family: 'dual' }, report);
    try {
      const proof = new Proof(cluster, options, await populate(cluster));
      await proof.use(backEnd);
      await proof.#routed();
      return proof;
    } catch (error) {
      await cluster.down();
      throw error;
    }
  }

  /** Moves every node's rules to a back end, as people do, and waits until they are there. */
  async use(backEnd: BackEnd): Promise<void> {
    const { nodes } = this.cluster.topology;
    await this.cluster.apply({
      apiVersion: 'projectcalico.org/v3',
      kind: 'FelixConfiguration',
      metadata: { name: 'default' },
      spec: WISHES[backEnd],
    } as AnyObject);
    const ask = () => Promise.all(nodes.map(async node => (await this.cluster.agentStatus(node))?.dataplane));
    const moved = await until(ask, list => list.every(one => one?.backEnd === backEnd), 60_000, 10);
    if (!moved.held) throw new Error(`not on ${backEnd}: ${JSON.stringify(moved.last)}`);
    await this.#enforcedNow();
  }

  /** Rolls the next policies (and sometimes labels), puts them in the place of the last, and asks everybody. */
  async next(): Promise<Round> {
    if (this.#dice.chance(0.4)) await this.#relabel();
    if (this.#dice.chance(0.6)) await this.#rehost();
    const addresses = this.#places.map(place => place.ip);
    const policies = [
      ...randomPolicies(this.#dice, addresses),
      ...(this.#dice.chance(0.5) ? randomCalicoPolicies(this.#dice, addresses) : []),
    ];
    const ways = Array.from({ length: this.#options.flows }, () => this.#randomWay());
    return this.round(policies, ways);
  }

  /** One round with these policies and ways. */
  async round(policies: readonly WrittenPolicy[], ways: readonly Way[]): Promise<Round> {
    await this.#replace(policies);
    const { snapshot, states } = await this.#mirror.read();
    const voices = witnesses(snapshot, states);
    const disagreements: Disagreement[] = [];
    let allowed = 0;
    await probeAll(ways, async way => {
      const said = voices.map(({ name, allows }) => [name, allows(way) === true ? 'allow' : 'deny'] as const);
      const expected = said[0]?.[1] === 'allow';
      const dial = (ms: number) => probe({ netns: way.from.netns, ip: way.to.ip, ...way }, ms);
      let seen = await dial(SILENCE_MS);
      if (expected && seen.outcome !== 'open') seen = await dial(PATIENCE_MS);
      if (expected) allowed++;
      const agree = said.every(([, answer]) => (answer === 'allow') === (seen.outcome === 'open'));
      if (!agree)
        disagreements.push({ way: showWay(way), onTheWire: seen.outcome, said: Object.fromEntries(said) });
    });
    return { policies, allowed, denied: ways.length - allowed, disagreements };
  }

  /** Takes the first disagreement, and leaves policies out one after the other as long as it stays. */
  async shrink(round: Round): Promise<Round> {
    const ways = round.disagreements.slice(0, 1).map(({ way }) => this.#wayOf(way));
    let least = await this.round(round.policies, ways);
    for (const policy of round.policies) {
      const fewer = least.policies.filter(other => other !== policy);
      const tried = await this.round(fewer, ways);
      if (tried.disagreements.length > 0) least = tried;
    }
    // The wire again in the state that is told of.
    return this.round(least.policies, ways);
  }

  async down(): Promise<void> {
    for (const server of this.#servers) server.close();
    await this.cluster.down();
  }

  #randomWay(): Way {
    const inCluster = this.#places.filter(place => place.pod !== undefined);
    for (;;) {
      const from = this.#dice.pick(this.#dice.chance(0.8) ? inCluster : this.#places);
      const to = this.#dice.pick(this.#dice.chance(0.85) ? inCluster : this.#places);
      // Neither a pod nor a node: nobody's policy is asked.
      if (from === to || !sameFamily(from, to)) continue;
      if ((from.pod ?? to.pod ?? from.node ?? to.node) === undefined) continue;
      const { protocol, port } = this.#dice.pick(PORTS);
      return { from, to, protocol, port };
    }
  }

  #wayOf(text: string): Way {
    for (const from of this.#places)
      for (const to of this.#places)
        for (const { protocol, port } of PORTS) {
          const way = { from, to, protocol, port };
          if (showWay(way) === text) return way;
        }
    throw new Error(`no such way: ${text}`);
  }

  /** Replaces what was applied, in any order: removals, edits and additions side by side. */
  async #replace(policies: readonly WrittenPolicy[]): Promise<void> {
    const wanted = new Map(policies.map(policy => [policyKey(policy), policy]));
    const demand = new Map<string, string | undefined>();
    const gone = [...this.#applied].filter(([key]) => !wanted.has(key));
    await Promise.all([
      ...gone.map(async ([key, policy]) => {
        const answer = await this.cluster.client.delete(resourceOf(policy as never), policy.metadata);
        if (!answer.ok) throw new Error(answer.fault.message);
        demand.set(key, undefined);
      }),
      ...[...wanted].map(async ([key, policy]) => {
        const applied = await this.cluster.apply(policy as unknown as AnyObject);
        demand.set(key, applied.metadata.resourceVersion);
      }),
    ]);
    this.#applied = wanted;
    await this.#enforced(demand, {});
  }

  /** New labels for a pod or a namespace. */
  async #relabel(): Promise<void> {
    const dice = this.#dice;
    const ofPod = dice.chance(0.7);
    const kind = ofPod ? 'Pod' : 'Namespace';
    const name = ofPod ? `p${dice.below(3)}` : dice.pick(NAMESPACES);
    const labels = Object.fromEntries(
      Object.entries(ofPod ? LABELS : NAMESPACE_LABELS).map(([label, values]) => [
        label,
        dice.chance(0.3) ? null : dice.pick(values),
      ]),
    );
    const changed = await this.cluster.client.patch<AnyObject>(
      RESOURCES[kind],
      ofPod ? { namespace: dice.pick(NAMESPACES), name } : { name },
      { type: 'merge', body: { metadata: { labels } } },
    );
    if (!changed.ok) throw new Error(changed.fault.message);
    await this.#enforced(new Map(), { [kind]: changed.value.metadata.resourceVersion ?? '0' });
  }

  /** Other host endpoints. */
  async #rehost(): Promise<void> {
    const { nodes } = this.cluster.topology;
    const dialled = nodes.map(node => ({ name: node.name, ip: this.#dice.pick(addressesOf(node)) }));
    const wanted = new Map(randomHosts(this.#dice, dialled).map(host => [host.metadata.name, host]));
    const through: string[] = [];
    for (const { name } of nodes) {
      const host = wanted.get(`${name}-host`);
      if (host === undefined)
        await this.cluster.client.delete(RESOURCES.HostEndpoint, { name: `${name}-host` });
      else {
        // Fields that a merge would keep must go.
        await this.cluster.client.delete(RESOURCES.HostEndpoint, { name: `${name}-host` });
        const applied = await this.cluster.apply(host as unknown as AnyObject);
        through.push(applied.metadata.resourceVersion ?? '0');
      }
    }
    const last = through.at(-1);
    if (last !== undefined) await this.#enforced(new Map(), { HostEndpoint: last });
    else await this.#enforcedNow();
  }

  /** A deletion shows in no version: a change of a kind that comes after it does. */
  async #enforcedNow(): Promise<void> {
    const { nodes } = this.cluster.topology;
    const marker = {
      apiVersion: 'projectcalico.org/v3',
      kind: 'HostEndpoint',
      metadata: { name: 'marker', annotations: { turn: String(this.#turn++) } },
      spec: { node: 'nobody', interfaceName: '*' },
    };
    const applied = await this.cluster.apply(marker as AnyObject);
    if (nodes.length > 0)
      await this.#enforced(new Map(), { HostEndpoint: applied.metadata.resourceVersion ?? '0' });
  }

  async #enforced(
    policies: ReadonlyMap<string, string | undefined>,
    through: Readonly<Record<string, string>>,
  ): Promise<void> {
    const { nodes } = this.cluster.topology;
    const ask = async () => {
      const pairs = nodes.map(async node => [node.name, await this.cluster.agentStatus(node)] as const);
      return notYet({ policies, through }, new Map(await Promise.all(pairs)));
    };
    const waited = await until(ask, missing => missing.length === 0, 60_000, 10);
    if (!waited.held) throw new Error(`not enforced: ${waited.last.join('; ')}`);
  }

  /** Before the first round every way must be open: routes may come a moment after pods. */
  async #routed(): Promise<void> {
    const closed = async () => {
      const found: string[] = [];
      await probeAll(
        this.#places.flatMap(from => this.#places.map(to => ({ from, to }))),
        async way => {
          if (way.from === way.to || !sameFamily(way.from, way.to)) return;
          if ((way.from.pod ?? way.to.pod) === undefined) return;
          const seen = await probe(
            { netns: way.from.netns, ip: way.to.ip, port: 80, protocol: 'TCP' },
            PATIENCE_MS,
          );
          if (seen.outcome !== 'open') found.push(showWay({ ...way, port: 80, protocol: 'TCP' }));
        },
      );
      return found;
    };
    const waited = await until(closed, found => found.length === 0, 30_000, 200);
    if (!waited.held) throw new Error(`not open before any policy: ${waited.last.join(', ')}`);
  }
}

/** Namespaces, pods, tiers and network sets; gives the places that connections go between. */
async function populate(cluster: Cluster): Promise<readonly Place[]> {
  const { client, topology } = cluster;
  await Promise.all(namespaces().map(object => cluster.apply(object as AnyObject)));
  const wanted = pods(topology.nodes.map(node => node.name)) as AnyObject[];
  await Promise.all(wanted.map(pod => client.create(RESOURCES.Pod, pod)));
  const ready = await until(
    async () => {
      const list = await client.listAll<AnyObject>(RESOURCES.Pod);
      return list.ok ? list.value.items.filter(isRunning).length : 0;
    },
    count => count === wanted.length,
    60_000,
    50,
  );
  if (!ready.held) throw new Error(`only ${ready.last} of ${wanted.length} pods run`);
  const { outside } = topology;
  const places: readonly Place[] = [
    ...readSandboxes(cluster.folder).flatMap(({ namespace, name, node, netns, ips }) =>
      atEach(ips, { name: `${namespace}/${name}`, netns, pod: { namespace, name, node } }),
    ),
    ...topology.nodes.flatMap(host => atEach(addressesOf(host), { ...host, node: host.name })),
    ...atEach(addressesOf(outside), outside),
  ];
  const sets = networkSets(places.map(place => place.ip));
  for (const object of [...TIERS, ...sets]) await cluster.apply(object as AnyObject);
  return places;
}

/** A place for each address; the first has the plain name. */
function atEach(ips: readonly string[], { name, netns, pod, node }: Omit<Place, 'ip'>): readonly Place[] {
  return ips.map(ip => ({
    ...{ name: ip.includes(':') ? `${name} (IPv6)` : name, netns, ip },
    ...(pod !== undefined && { pod }),
    ...(node !== undefined && { node }),
  }));
}

const sameFamily = (a: Place, b: Place) => a.ip.includes(':') === b.ip.includes(':');

function isRunning(pod: AnyObject): boolean {
  return (pod['status'] as { phase?: string } | undefined)?.phase === 'Running';
}

/** As agents name policies. */
function policyKey({ apiVersion, kind, metadata }: WrittenPolicy): string {
  if (kind === 'GlobalNetworkPolicy') return `gnp/${metadata.name}`;
  const prefix = apiVersion === 'networking.k8s.io/v1' ? 'knp' : 'np';
  return `${prefix}/${metadata.namespace}/${metadata.name}`;
}
