import { execFileSync } from 'node:child_process';
import { compile, NODE_CONFIG_DEFAULTS, type NodeConfig, workloadInterfaceName } from '@muslin/dataplane';
import type { AnyObject } from '@muslin/kube';
import { type KernelDoor, type Namespace, openKernel, openNamespace } from '@muslin/linux';
import { type Family, mustIp } from '@muslin/net';
import type { Desired } from '../../packages/agent/src/core/agent-core.ts';
import type { BackEnd } from '../../packages/agent/src/kernel/back-end.ts';
import { Kernel } from '../../packages/agent/src/kernel/kernel.ts';
import { type EchoServers, startEchoServers } from '../../packages/lab/src/pods/echo-servers.ts';
import { probe, probeAll } from '../../packages/lab/src/probe.ts';
import { ObjectMirror } from './cluster-mirror.ts';
import { Dice } from './dice.ts';
import { NAMESPACES, namespaces, PORTS, podObject } from './population.ts';
import type { Disagreement, Round } from './proof.ts';
import { broadPolicy, networkSets, randomCalicoPolicies, TIERS } from './random-calico-policy.ts';
import { randomHosts } from './random-host.ts';
import { randomPolicies, type WrittenPolicy } from './random-policy.ts';
import { Shots, type Volley } from './shots.ts';
import { type Place, showWay, type Way, witnesses } from './witnesses.ts';

const NODE = 'n1';
const FAMILIES: readonly Family[] = [4, 6];
const GATEWAY = { 4: '169.254.1.1', 6: 'fe80::1' } as const;
const ADDRESSES = {
  node: { 4: '192.0.2.1', 6: '2001:db8::1' },
  outside: { 4: '192.0.2.9', 6: '2001:db8::9' },
} as const;
const podIps = (i: number) => ({ 4: `10.0.${i % 2}.${5 + 3 * i}`, 6: `fd00::${1 + (i % 2)}:${5 + 3 * i}` });
const MAC = 'ee:ee:ee:ee:ee:ee';

/** A drop shows as silence: how long to listen before believing it, and how long an answer may take. */
const SILENCE_MS = 250;
const PATIENCE_MS = 3_000;

/** What one round found, and where. */
export interface NodeRound extends Round {
  readonly backEnd: BackEnd;
  readonly hosts: readonly object[];
  /** Packets that no socket would send. */
  readonly shots: Omit<Volley, 'disagreements'>;
}

/**
 * One node, its pods and an outside host, of both families, without a cluster around them: random policies and host
 * endpoints are loaded by the agent's own drivers, on any back end, and connections are tried.
 */
export class NodeProof {
  readonly #prefix: string;
  readonly #dice: Dice;
  readonly #flows: number;
  readonly #mirror = new ObjectMirror([NODE]);
  readonly #places: Readonly<Record<Family, readonly Place[]>>;
  readonly #servers: EchoServers[] = [];
  readonly #namespace: Namespace;
  readonly #door: KernelDoor;
  readonly #kernel: Kernel;
  readonly #configs: readonly NodeConfig[];
  readonly #shots: Shots;
  #turn = 0;

  private constructor(prefix: string, seed: number, flows: number) {
    this.#prefix = prefix;
    this.#dice = new Dice(seed);
    this.#flows = flows;
    this.#places = { 4: this.#placesOf(4), 6: this.#placesOf(6) };
    this.#build();
    const namespace = openNamespace(this.#nameOf('node'));
    if (!namespace.ok) throw new Error(namespace.fault.message);
    this.#namespace = namespace.value;
    const door = openKernel({ backend: 'nft', namespace: this.#namespace });
    if (!door.ok) throw new Error(door.fault.message);
    this.#door = door.value;
    this.#kernel = new Kernel(this.#door, FAMILIES, 'nftables');
    const interfaces = new Map(
      PODS.map(({ namespace: of, name }) => [`pod/${of}/${name}`, [workloadInterfaceName(of, name)]]),
    );
    const links = [{ name: 'eth0', ips: Object.values(ADDRESSES.node).map(mustIp) }];
    this.#configs = FAMILIES.map(family => ({
      ...NODE_CONFIG_DEFAULTS,
      family,
      pools: [],
      interfacesOf: key => interfaces.get(key) ?? [],
      links,
    }));
    this.#shots = new Shots(this.#nameOf('node'), this.#places, this.#dice, place =>
      place.pod === undefined ? this.#macOfEth0() : MAC,
    );
  }

  /** Makes the namespaces; throws when the kernel refuses. */
  static up(options: { readonly id: string; readonly seed: number; readonly flows: number }): NodeProof {
    return new NodeProof(`msl-t-${options.id}-${process.pid}`, options.seed, options.flows);
  }

  /** Rolls policies and host endpoints, puts them in the place of the last ones, and asks everybody. */
  async next(backEnd: BackEnd): Promise<NodeRound> {
    const addresses = FAMILIES.flatMap(family => this.#places[family].map(place => place.ip));
    const policies = [
      ...randomPolicies(this.#dice, addresses),
      ...(this.#dice.chance(0.6) ? randomCalicoPolicies(this.#dice, addresses, true) : []),
      ...(this.#dice.chance(0.7) ? [broadPolicy(this.#dice)] : []),
    ];
    const ip = ADDRESSES.node[this.#dice.pick([4, 6] as const)];
    const hosts = randomHosts(this.#dice, [{ name: NODE, ip }]) as readonly object[];
    const ways = Array.from({ length: this.#flows }, () => this.#randomWay());
    return this.#round(policies, hosts, ways, backEnd);
  }

  async down(): Promise<void> {
    for (const server of this.#servers) server.close();
    this.#shots.close();
    await this.#door.close();
    this.#namespace.close();
    for (const name of ['node', 'outside', ...PODS.map((_, i) => `p${i}`)])
      execFileSync('ip', ['netns', 'delete', this.#nameOf(name)]);
  }

  async #round(
    policies: readonly WrittenPolicy[],
    hosts: readonly object[],
    ways: readonly Way[],
    backEnd: BackEnd,
  ): Promise<NodeRound> {
    const { snapshot, states } = this.#mirror.take([
      ...this.#standing(),
      ...hosts,
      ...policies,
    ] as AnyObject[]);
    const state = states.get(NODE);
    if (state === undefined) throw new Error('the graph of the node says nothing');
    const rulesets = this.#configs.map(config => compile(state, config));
    await this.#load(
      {
        state,
        stateVersion: this.#turn++,
        rulesets,
        configs: this.#configs,
        routes: [],
        prepared: new Set(),
        aloneOn: new Set<string>(),
      },
      backEnd,
    );
    const voices = witnesses(snapshot, states);
    const disagreements: Disagreement[] = [];
    let allowed = 0;
    await probeAll(ways, async way => {
      const said = voices.flatMap(({ name, allows }) => {
        const answer = allows(way);
        return answer === undefined ? [] : [[name, answer ? 'allow' : 'deny'] as const];
      });
      const expected = said[0]?.[1] === 'allow';
      const dial = (ms: number) => probe({ netns: way.from.netns, ip: way.to.ip, ...way }, ms);
      let seen = await dial(SILENCE_MS);
      if (expected && seen.outcome !== 'open') seen = await dial(PATIENCE_MS);
      if (expected) allowed++;
      if (!said.every(([, answer]) => (answer === 'allow') === (seen.outcome === 'open')))
        disagreements.push({
          way: `${showWay(way)} to ${way.to.ip}`,
          onTheWire: seen.outcome,
          said: Object.fromEntries(said),
        });
    });
    const denied = ways.length - allowed;
    const { disagreements: missed, ...shots } = await this.#shots.fire(
      ways.length,
      rulesets,
      state,
      snapshot,
    );
    disagreements.push(...missed);
    return { policies, allowed, denied, disagreements, backEnd, hosts, shots };
  }

  /** As the agent does, until nothing is left to do; then what was tracked before is forgotten. */
  async #load(desired: Desired, backEnd: BackEnd): Promise<void> {
    this.#kernel.use(backEnd);
    for (let round = 0; ; round++) {
      const actual = await this.#kernel.read();
      if (!actual.ok) throw new Error(actual.fault.message);
      const plan = this.#kernel.plan(desired, actual.value);
      if (plan.length === 0) break;
      if (round > 5) throw new Error(`never done: ${plan.map(op => op.kind).join()}`);
      const applied = await this.#kernel.apply(plan, desired, actual.value);
      if (!applied.ok) throw new Error(applied.fault.message);
    }
    this.#run('node', ['conntrack', '-F']);
  }

  #randomWay(): Way {
    const places = this.#places[this.#dice.pick(FAMILIES)];
    for (;;) {
      const [from, to] = [this.#dice.pick(places), this.#dice.pick(places)];
      if (from === to) continue;
      const { protocol, port } = this.#dice.pick(PORTS);
      return { from, to, protocol, port };
    }
  }

  #standing(): readonly object[] {
    const status = {
      addresses: Object.values(ADDRESSES.node).map(address => ({ type: 'InternalIP', address })),
    };
    const every = [...this.#places[4], ...this.#places[6]].map(place => place.ip);
    return [
      { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE }, status },
      ...namespaces(),
      ...PODS.map(({ namespace, name }, i) => {
        const podIPs = Object.values(podIps(i)).map(ip => ({ ip }));
        const object = podObject(namespace, name, i, NODE);
        return { ...object, status: { phase: 'Running', podIP: podIPs[0]?.ip, podIPs } };
      }),
      ...TIERS,
      ...networkSets(every),
    ];
  }

  #placesOf(family: Family): readonly Place[] {
    const place = (name: string, netns: string, ip: string): Place => ({
      name,
      netns: this.#nameOf(netns),
      ip,
    });
    return [
      ...PODS.map(({ namespace, name }, i) => ({
        ...place(`${namespace}/${name}`, `p${i}`, podIps(i)[family]),
        pod: { namespace, name, node: NODE },
      })),
      { ...place(NODE, 'node', ADDRESSES.node[family]), node: NODE },
      place('outside', 'outside', ADDRESSES.outside[family]),
    ];
  }

  #macOfEth0(): string {
    const words = ['-n', this.#nameOf('node'), '-j', 'link', 'show', 'eth0'];
    return JSON.parse(execFileSync('ip', words, { encoding: 'utf8' }))[0].address;
  }

  #nameOf(name: string): string {
    return `${this.#prefix}-${name}`;
  }

  #run(name: string, words: readonly string[], input = ''): void {
    execFileSync('ip', ['netns', 'exec', this.#nameOf(name), ...words], {
      input,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
  }

  #build(): void {
    const names = ['node', 'outside', ...PODS.map((_, i) => `p${i}`)];
    for (const name of names) {
      execFileSync('ip', ['netns', 'add', this.#nameOf(name)]);
      const quiet = ['all', 'default'].map(of => `net.ipv6.conf.${of}.accept_dad=0`);
      const forward = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'];
      const plain = ['all', 'default'].map(of => `net.ipv4.conf.${of}.rp_filter=0`);
      this.#run(name, ['sysctl', '-qw', ...quiet, ...plain, ...(name === 'node' ? forward : [])]);
    }
    const ip = (name: string, ...lines: readonly string[]) =>
      this.#run(name, ['ip', '-batch', '-'], `${lines.join('\n')}\n`);
    ip('node', 'link set lo up', `link add eth0 type veth peer name eth0 netns ${this.#nameOf('outside')}`);
    ip('outside', 'link set lo up', 'link set eth0 up');
    ip('node', 'link set eth0 up');
    for (const family of FAMILIES) {
      const width = family === 4 ? 24 : 64;
      ip('node', `addr add ${ADDRESSES.node[family]}/${width} dev eth0`);
      ip('outside', `addr add ${ADDRESSES.outside[family]}/${width} dev eth0`);
      ip('outside', `route add default via ${ADDRESSES.node[family]}`);
      ip('node', `route add default via ${ADDRESSES.outside[family]}`);
    }
    for (const [i, { namespace, name }] of PODS.entries()) {
      const [pod, host] = [`p${i}`, workloadInterfaceName(namespace, name)];
      ip('node', `link add ${host} type veth peer name eth0 netns ${this.#nameOf(pod)}`);
      ip('node', `link set ${host} address ${MAC} up`);
      ip(pod, 'link set lo up', 'link set eth0 up', `route add ${GATEWAY[4]} dev eth0`);
      for (const family of FAMILIES) {
        const [own, width] = [podIps(i)[family], family === 4 ? 32 : 128];
        ip(pod, `addr add ${own}/${width} dev eth0`);
        ip(pod, `neigh add ${GATEWAY[family]} lladdr ${MAC} dev eth0 nud permanent`);
        ip(pod, `route add default via ${GATEWAY[family]} dev eth0 src ${own}`);
        ip('node', `route add ${own}/${width} dev ${host}`);
      }
    }
    for (const place of [...this.#places[4], ...this.#places[6]]) {
      const name = place.netns.slice(this.#prefix.length + 1);
      const started = startEchoServers(this.#nameOf(name), place.name, PORTS, [place.ip]);
      if (started.refused.length > 0) throw new Error(`${place.name}: ${started.refused.join('; ')}`);
      this.#servers.push(started);
    }
  }
}

/** Two pods in each namespace. */
const PODS = NAMESPACES.flatMap(namespace => ['p0', 'p1'].map(name => ({ namespace, name })));
