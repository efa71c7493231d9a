import type { NodeState, Snapshot } from '@muslin/api';
import {
  compile,
  evaluate,
  IPTABLES_LIMITS,
  lookupOf,
  lower,
  NFT_LIMITS,
  NODE_CONFIG_DEFAULTS,
  type NodeConfig,
  type Packet,
  type Ruleset,
  workloadInterfaceName,
} from '@muslin/dataplane';
import { mustIp } from '@muslin/net';
import { decide, Judge, nodeState, type PolicyView, viewOf } from '@muslin/policy';

/** A place that connections come from or go to. `pod` and `node` are what it is to the cluster. */
export interface Place {
  /** `red/p0`, `node1` or `outside`. */
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
  readonly allows: (way: Way) => boolean;
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
  return [
    { name: 'muslinctl why', allows: way => judged(judge, way) },
    decider('specification', specified),
    decider('graph', graphStates),
    ...FORMS.map(({ name, make }) => kernelLike(name, snapshot, specified, make)),
  ];
}

function judged(judge: Judge, { from, to, protocol, port }: Way): boolean {
  const end = ({ pod, ip }: Place) =>
    pod === undefined ? { ip: mustIp(ip) } : { endpoint: `pod/${pod.namespace}/${pod.name}` };
  const answer = judge.verdict({ from: end(from), to: end(to), protocol: PROTOCOL[protocol], port });
  if (!answer.ok) throw new Error(answer.fault.message);
  return answer.value.answer === 'allow';
}

/** `decide` on the states of both ends' nodes. */
function decider(name: string, states: ReadonlyMap<string, NodeState>): Witness {
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
  const ownNode = ({ from, to }: Way) => from.node !== undefined && from.node === to.pod?.node;
  return {
    name,
    allows: way => side(way.from, 'egress', way) && (ownNode(way) || side(way.to, 'ingress', way)),
  };
}

const FORMS: readonly { readonly name: string; readonly make: (rules: Ruleset) => Ruleset }[] = [
  { name: 'compiled', make: rules => rules },
  { name: 'lowered for iptables', make: rules => lower(rules, IPTABLES_LIMITS) },
  { name: 'lowered for nft', make: rules => lower(rules, NFT_LIMITS) },
];

/** The packet's way through the hooks of every node that it crosses. */
function kernelLike(
  name: string,
  snapshot: Snapshot,
  states: ReadonlyMap<string, NodeState>,
  make: (rules: Ruleset) => Ruleset,
): Witness {
  const interfaces = new Map(
    [...snapshot.endpoints.values()].map(e => [e.key, workloadInterfaceName(e.namespace, e.name)]),
  );
  const config: NodeConfig = {
    ...NODE_CONFIG_DEFAULTS,
    family: 4,
    pools: [...snapshot.pools.values()],
    interfaceOf: key => interfaces.get(key),
  };
  const kernels = new Map(
    [...states].map(([node, state]) => {
      const rules = make(compile(state, config));
      return [node, { rules, sets: lookupOf(rules.sets, state.sets) }] as const;
    }),
  );
  const passes = (node: string, hook: 'FORWARD' | 'INPUT' | 'OUTPUT', packet: Packet) => {
    const kernel = kernels.get(node);
    if (kernel === undefined) throw new Error(`no node ${node}`);
    return evaluate(kernel.rules, kernel.sets, packet, hook).verdict !== 'drop';
  };
  return {
    name,
    allows: way => {
      const base = {
        family: 4,
        src: mustIp(way.from.ip),
        dst: mustIp(way.to.ip),
        protocol: PROTOCOL[way.protocol],
        sport: 40_000,
        dport: way.port,
        ctState: 'NEW',
        mark: 0,
      } as const;
      const link = ({ pod }: Place) =>
        pod === undefined ? 'eth0' : workloadInterfaceName(pod.namespace, pod.name);
      const start = way.from.pod?.node ?? way.from.node;
      const end = way.to.pod?.node ?? way.to.node;
      if (start === end && start !== undefined) {
        if (way.from.node !== undefined) return passes(start, 'OUTPUT', { ...base, out: link(way.to) });
        if (way.to.node !== undefined) return passes(start, 'INPUT', { ...base, in: link(way.from) });
        return passes(start, 'FORWARD', { ...base, in: link(way.from), out: link(way.to) });
      }
      const leaves =
        start === undefined ||
        (way.from.node !== undefined
          ? passes(start, 'OUTPUT', { ...base, out: 'eth0' })
          : passes(start, 'FORWARD', { ...base, in: link(way.from), out: 'eth0' }));
      const enters =
        end === undefined ||
        (way.to.node !== undefined
          ? passes(end, 'INPUT', { ...base, in: 'eth0' })
          : passes(end, 'FORWARD', { ...base, in: 'eth0', out: link(way.to) }));
      return leaves && enters;
    },
  };
}
