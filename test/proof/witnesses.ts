import type { NodeState, Snapshot } from '@muslin/api';
import {
  type Course,
  compile,
  IPTABLES_LIMITS,
  journey,
  lookupOf,
  lower,
  NFT_LIMITS,
  NODE_CONFIG_DEFAULTS,
  type NodeConfig,
  type Packet,
  type Ruleset,
  workloadInterfaceName,
} from '@muslin/dataplane';
import { type Family, type Ip, mustIp, prefixHas } from '@muslin/net';
import {
  decide,
  type EndIdentity,
  type HostViews,
  HostWay,
  Judge,
  nodeState,
  type PolicyView,
  viewOf,
} from '@muslin/policy';

/** A place that connections come from or go to. `pod` and `node` are what it is to the cluster. */
export interface Place {
  /** `red/p0`, `node1` or `outside`, with the family where it is not the first. */
  readonly name: string;
  readonly netns: string;
  readonly ip: string;
  readonly pod?: { readonly namespace: string; readonly name: string; readonly node: string };
  readonly node?: string;
}

/** A connection to try. */
export interface Way {
  readonly from: Place;
  readonly to: Place;
  readonly protocol: 'TCP' | 'UDP';
  readonly port: number;
}

export const showWay = ({ from, to, protocol, port }: Way) =>
  `${from.name} -> ${to.name}:${port}/${protocol.toLowerCase()}`;

/** Somebody who says whether a connection comes through. All of them must agree. */
export interface Witness {
  readonly name: string;
  /** Undefined: can't say. */
  readonly allows: (way: Way) => boolean | undefined;
}

const PROTOCOL = { TCP: 6, UDP: 17 } as const;

/** All who can say it without a kernel: the judge, and for each state and each form of the rules one. */
export function witnesses(
  snapshot: Snapshot,
  graphStates: ReadonlyMap<string, NodeState>,
): readonly Witness[] {
  const nodes = [...snapshot.nodes.keys()];
  const specified = new Map(nodes.map(node => [node, nodeState(snapshot, node)]));
  const judge = new Judge(snapshot);
  const [compiled, ...lowered] = FORMS.map(({ name, make }) => kernelLike(name, snapshot, specified, make));
  if (compiled === undefined) throw new Error('no form of the rules');
  const unlessLonely = ({ name, allows }: Witness): Witness => ({
    name,
    allows: way => (compiled.lonely(way) ? undefined : allows(way)),
  });
  return [
    ...[
      { name: 'muslinctl why', allows: (way: Way) => judged(judge, way) },
      decider('specification', snapshot, specified),
      decider('graph', snapshot, graphStates),
    ].map(unlessLonely),
    compiled,
    ...lowered,
  ];
}

function judged(judge: Judge, { from, to, protocol, port }: Way): boolean {
  const end = ({ pod, ip }: Place) =>
    pod === undefined ? { ip: mustIp(ip) } : { endpoint: `pod/${pod.namespace}/${pod.name}` };
  const { family } = mustIp(to.ip);
  const asked = { from: end(from), to: end(to), protocol: PROTOCOL[protocol], port, family };
  const answer = judge.verdict(asked);
  if (!answer.ok) throw new Error(answer.fault.message);
  return answer.value.answer === 'allow';
}

/** `decide` on the states of both ends' nodes. */
function decider(name: string, snapshot: Snapshot, states: ReadonlyMap<string, NodeState>): Witness {
  const views = new Map<string, PolicyView>([...states].map(([node, state]) => [node, viewOf(state)]));
  const side = (place: Place, direction: 'ingress' | 'egress', way: Way) => {
    if (place.pod === undefined) return true;
    const { namespace, name: pod, node } = place.pod;
    const plan = states.get(node)?.endpoints.get(`pod/${namespace}/${pod}`);
    const view = views.get(node);
    if (plan === undefined || view === undefined) throw new Error(`${node} does not know ${place.name}`);
    const packet = {
      source: mustIp(way.from.ip),
      destination: mustIp(way.to.ip),
      protocol: PROTOCOL[way.protocol],
      destinationPort: way.port,
    };
    return decide(plan, view, packet, direction).answer === 'allow';
  };
  const identity = ({ pod, node }: Place): EndIdentity => {
    if (pod !== undefined)
      return { kind: 'pod', endpoint: `pod/${pod.namespace}/${pod.name}`, node: pod.node };
    return node === undefined ? { kind: 'external' } : { kind: 'node', node };
  };
  const hosts: HostViews = {
    hosts: node => states.get(node)?.hosts,
    at: node => views.get(node) as PolicyView,
  };
  const hostsAllow = (way: Way) => {
    const packet = {
      source: mustIp(way.from.ip),
      destination: mustIp(way.to.ip),
      protocol: PROTOCOL[way.protocol],
      destinationPort: way.port,
    };
    const met = new HostWay(snapshot, hosts, identity(way.from), identity(way.to), packet, packet);
    const said = [met.leaving(), met.entering(), ...met.crossings()];
    return said.every(decision => decision?.answer !== 'deny');
  };
  const ownNode = ({ from, to }: Way) => from.node !== undefined && from.node === to.pod?.node;
  return {
    name,
    allows: way =>
      side(way.from, 'egress', way) && (ownNode(way) || side(way.to, 'ingress', way)) && hostsAllow(way),
  };
}

const ownAddress = (snapshot: Snapshot, node: string, family: Family) =>
  snapshot.nodes.get(node)?.ips.find(ip => ip.family === family);

const FORMS: readonly { readonly name: string; readonly make: (rules: Ruleset) => Ruleset }[] = [
  { name: 'compiled', make: rules => rules },
  { name: 'lowered for iptables', make: rules => lower(rules, IPTABLES_LIMITS) },
  { name: 'lowered for nft', make: rules => lower(rules, NFT_LIMITS) },
];

/** What rules say. */
interface RulesWitness extends Witness {
  /**
   * Whether nothing will know the answer as one, on a way through a node and by datagrams: then it is a packet like any other,
   * and who asks about a connection does not ask whether policies let that one through.
   */
  readonly lonely: (way: Way) => boolean;
}

/** The packet's way through the hooks of every node that it crosses, and back where it was not tracked. */
function kernelLike(
  name: string,
  snapshot: Snapshot,
  states: ReadonlyMap<string, NodeState>,
  make: (rules: Ruleset) => Ruleset,
): RulesWitness {
  const interfaces = new Map(
    [...snapshot.endpoints.values()].map(e => [e.key, workloadInterfaceName(e.namespace, e.name)]),
  );
  const kernelsOf = (family: Family) =>
    new Map(
      [...states].map(([node, state]) => {
        const config: NodeConfig = {
          ...NODE_CONFIG_DEFAULTS,
          family,
          pools: [...snapshot.pools.values()],
          interfacesOf: key => [interfaces.get(key) ?? []].flat(),
          links: [{ name: 'eth0', ips: snapshot.nodes.get(node)?.ips ?? [] }],
        };
        const rules = make(compile(state, config));
        return [node, { rules, sets: lookupOf(rules.sets, state.sets) }] as const;
      }),
    );
  const kernels = { 4: kernelsOf(4), 6: kernelsOf(6) };
  const send = (node: string, course: Course, packet: Packet) => {
    const kernel = kernels[packet.family].get(node);
    if (kernel === undefined) throw new Error(`no node ${node}`);
    return journey(kernel.rules, kernel.sets, course, packet);
  };
  const pools = [...snapshot.pools.values()].map(pool => pool.cidr);
  const link = ({ pod }: Place) =>
    pod === undefined ? 'eth0' : workloadInterfaceName(pod.namespace, pod.name);
  /** There and back over one node. */
  const over = (node: string, way: Way, src: Ip, translated: boolean): Crossing => {
    const [start, end] = nodesOf(way);
    const [isStart, isEnd] = [node === start, node === end];
    const [own, mine] = [isStart && way.from.node === node, isEnd && way.to.node === node];
    const [into, out] = [isStart ? link(way.from) : 'eth0', isEnd ? link(way.to) : 'eth0'];
    const [dst, protocol] = [mustIp(way.to.ip), PROTOCOL[way.protocol]];
    const { family } = src;
    const there: Packet = {
      ...{ family, src, dst, protocol, sport: SOURCE_PORT, dport: way.port },
      ...{ ctState: 'NEW', mark: 0, srcLocal: own, dstLocal: mine },
      ...(!own && { in: into }),
      ...(!mine && { out }),
    };
    const go = send(node, own ? 'out' : mine ? 'in' : 'through', there);
    const through = !own && !mine;
    // What was translated comes back to another address; what is not tracked is not translated.
    if (translated || !go.passes) return { passes: go.passes, lonely: false };
    const tcp = way.protocol === 'TCP';
    const answer: Packet = {
      ...{ family, src: dst, dst: src, protocol, sport: way.port, dport: SOURCE_PORT },
      ...{ mark: 0, srcLocal: mine, dstLocal: own },
      ctState: !go.untracked ? 'ESTABLISHED' : tcp ? 'INVALID' : 'NEW',
      ...(!mine && { in: out }),
      ...(!own && { out: into }),
    };
    const back = send(node, mine ? 'out' : own ? 'in' : 'through', answer);
    // TCP is known from its first packet on or never.
    const together = !tcp || go.untracked === back.untracked;
    return {
      passes: back.passes && together,
      lonely: through && !tcp && (go.untracked || back.untracked),
    };
  };
  const crossings = (way: Way): readonly Crossing[] => {
    const [src, dst] = [mustIp(way.from.ip), mustIp(way.to.ip)];
    const [start, end] = nodesOf(way);
    // What leaves a node: a pod's packets to outside all pools have its address from then on.
    const outward = start !== undefined && start !== end;
    const inPools = (ip: Ip) => pools.some(pool => prefixHas(pool, ip));
    const leavesPools = way.from.pod !== undefined && inPools(src) && !inPools(dst);
    const natSource = outward && leavesPools ? ownAddress(snapshot, start, dst.family) : undefined;
    const translated = natSource !== undefined;
    return [
      ...(start === undefined ? [] : [over(start, way, src, translated)]),
      ...(end === undefined || end === start ? [] : [over(end, way, natSource ?? src, translated)]),
    ];
  };
  return {
    name,
    allows: way => crossings(way).every(crossing => crossing.passes),
    lonely: way => crossings(way).some(crossing => crossing.lonely),
  };
}

/** A connection's way over one node. */
interface Crossing {
  readonly passes: boolean;
  readonly lonely: boolean;
}

const SOURCE_PORT = 40_000;
const nodesOf = ({ from, to }: Way) => [from, to].map(({ pod, node }) => pod?.node ?? node);
