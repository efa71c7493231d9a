import type { Direction, EndpointPlan, HostState, NodeState } from '@muslin/api';
import type { Flow } from '@muslin/linux';
import { formatIp, type Ip } from '@muslin/net';
import {
  decide,
  decideHost,
  hostAtLink,
  type Packet,
  type PodTunnels,
  type PolicyView,
  refusedTunnel,
  viewOf,
} from '@muslin/policy';

/** A tracked flow, as far as policy looks at it. */
export type JudgedFlow = Pick<Flow, 'original' | 'reply'>;

/**
 * Asks one node's policies about flows that conntrack knows. The packet that is judged is the flow's first as the
 * FORWARD hook saw it: the source before translation, the destination and its port after (netpol S22).
 */
export class FlowJudge {
  readonly #view: PolicyView;
  readonly #plans: Readonly<Record<Direction, ReadonlyMap<string, EndpointPlan>>>;
  readonly #nodeAddresses: ReadonlySet<string>;
  readonly #pods: ReadonlySet<string>;
  readonly #hosts: HostState | undefined;
  readonly #tunnels: PodTunnels;

  constructor(state: NodeState, nodeAddresses: Iterable<Ip>, tunnels: PodTunnels) {
    this.#view = viewOf(state);
    this.#tunnels = tunnels;
    this.#hosts = state.hosts;
    this.#pods = new Set([...state.endpoints.values()].flatMap(plan => plan.ips.map(formatIp)));
    this.#plans = { ingress: isolated(state, 'ingress'), egress: isolated(state, 'egress') };
    this.#nodeAddresses = new Set([...nodeAddresses].map(formatIp));
  }

  /** Whether no policy isolates any pod or interface of the node: then nothing but tunnels can be denied. */
  get idle(): boolean {
    return this.#hosts === undefined && this.#plans.ingress.size === 0 && this.#plans.egress.size === 0;
  }

  /** The end of the flow whose policies deny it now; undefined when they allow it, or have no say. */
  deniedBy({ original, reply }: JudgedFlow): Direction | undefined {
    const source = formatIp(original.source);
    const destination = formatIp(reply.source);
    // A pod's packets to itself never leave it, or come back through a Service with its node's address (netpol S21).
    const self = source === destination;
    const loopback = self && formatIp(original.destination) === source;
    if (!loopback && this.#isTunnel(source, original, reply)) return 'egress';
    const egress = this.#plans.egress.get(source);
    // The node reaches its own pods, for probes (netpol S19).
    const ingress =
      self || this.#nodeAddresses.has(source) ? undefined : this.#plans.ingress.get(destination);
    if (egress === undefined && ingress === undefined) return this.#deniedByHost(source, original, reply);
    const packet = packetOf(original, reply);
    if (egress !== undefined && !loopback && this.#denies(egress, packet, 'egress')) return 'egress';
    if (ingress !== undefined && this.#denies(ingress, packet, 'ingress')) return 'ingress';
    return undefined;
  }

  /** Packets that a pod may not send whatever policies say. */
  #isTunnel(source: string, original: Flow['original'], reply: Flow['reply']): boolean {
    return refusedTunnel(packetOf(original, reply), this.#tunnels) !== undefined && this.#pods.has(source);
  }

  /**
   * What the node itself sends or gets, by the host endpoint that expects its address or stands everywhere. One that only
   * names an interface is left out: a tracked flow does not tell its own, and cutting the wrong one would be worse.
   */
  #deniedByHost(source: string, original: Flow['original'], reply: Flow['reply']): Direction | undefined {
    const destination = formatIp(reply.source);
    const [sends, gets] = [this.#nodeAddresses.has(source), this.#nodeAddresses.has(destination)];
    if (this.#hosts === undefined || sends === gets) return undefined;
    if (this.#pods.has(sends ? destination : source)) return undefined;
    const isNodes = (ip: Ip) => this.#nodeAddresses.has(formatIp(ip));
    const placed = hostAtLink(this.#hosts, sends ? original.source : reply.source, isNodes);
    if (placed === undefined || placed.assumed) return undefined;
    const direction = sends ? 'egress' : 'ingress';
    const packet = packetOf(original, reply);
    const { destination: dialled, destinationPort } = original;
    const before = {
      ...packet,
      destination: dialled,
      ...(destinationPort !== undefined && { destinationPort }),
    };
    const question = {
      direction,
      stages: ['pre-dnat', 'local'],
      untracked: 'neither',
      packet,
      before,
    } as const;
    const { answer } = decideHost(placed.plan, this.#hosts.failsafe, this.#view, question);
    return answer === 'deny' ? direction : undefined;
  }

  #denies(plan: EndpointPlan, packet: Packet, direction: Direction): boolean {
    return decide(plan, this.#view, packet, direction).answer === 'deny';
  }
}

function isolated(state: NodeState, direction: Direction): ReadonlyMap<string, EndpointPlan> {
  const plans = [...state.endpoints.values()].filter(plan => plan.tiers[direction].length > 0);
  return new Map(plans.flatMap(plan => plan.ips.map(ip => [formatIp(ip), plan] as const)));
}

function packetOf(original: Flow['original'], reply: Flow['reply']): Packet {
  const { source, protocol, sourcePort, icmp } = original;
  return {
    source,
    destination: reply.source,
    protocol,
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(reply.sourcePort === undefined ? {} : { destinationPort: reply.sourcePort }),
    ...(icmp === undefined ? {} : { icmp: { type: icmp.type, code: icmp.code } }),
  };
}
