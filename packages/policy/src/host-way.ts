import type { Direction, HostState, Snapshot } from '@muslin/api';
import { type Ip, prefixHas, sameIp } from '@muslin/net';
import {
  decideHost,
  type HostQuestion,
  type HostStage,
  hostAtLink,
  hostAtPods,
  type PlacedHost,
} from './decide-host.ts';
import type { EndIdentity, Note } from './flow.ts';
import type { PolicyView } from './policy-view.ts';
import type { Decision, Packet } from './trace.ts';

/** What each node enforces. */
export interface HostViews {
  /** The host endpoints of a node; undefined when it has none. */
  hosts(node: string): HostState | undefined;
  /** Policies and sets as that node has them. */
  at(node: string): PolicyView;
}

/** The host endpoints that a packet meets between its ends, and what they say. */
export class HostWay {
  /** Grows with the questions. */
  readonly notes: Note[] = [];
  readonly #snapshot: Snapshot;
  readonly #views: HostViews;
  readonly #from: EndIdentity;
  readonly #to: EndIdentity;
  readonly #packet: Packet;
  readonly #before: Packet;

  constructor(
    snapshot: Snapshot,
    views: HostViews,
    from: EndIdentity,
    to: EndIdentity,
    packet: Packet,
    before: Packet,
  ) {
    this.#snapshot = snapshot;
    this.#views = views;
    this.#from = from;
    this.#to = to;
    this.#packet = packet;
    this.#before = before;
  }

  /** What a node's host endpoint says to what the node itself sends; undefined when it has no say. */
  leaving(): Decision | undefined {
    const [from, to] = [this.#from, this.#to];
    if (from.kind !== 'node') return undefined;
    if (to.kind === 'node' && to.node === from.node) return this.#alone('egress', from.node);
    // A node always reaches its own pods.
    if (to.kind === 'pod' && to.node === from.node) return undefined;
    const placed = this.#link(from.node, this.#packet.source);
    return this.#ask('egress', placed, from.node, 'both', 'local');
  }

  /** What a node's host endpoint says to what is for the node itself; undefined when it has no say. */
  entering(): Decision | undefined {
    const [from, to] = [this.#from, this.#to];
    if (to.kind !== 'node') return undefined;
    if (from.kind === 'node' && from.node === to.node) return this.#alone('ingress', to.node);
    // The pod's egress policies count then; only what is asked before translation is asked too.
    if (from.kind === 'pod' && from.node === to.node)
      return this.#ask('ingress', this.#pods(to.node), to.node, 'neither', 'pre-dnat');
    const placed = this.#link(to.node, this.#packet.destination);
    return this.#ask('ingress', placed, to.node, 'both', 'pre-dnat', 'local');
  }

  /** What host endpoints say where nodes forward the packet, in order. */
  crossings(): readonly Decision[] {
    const [from, to] = [this.#from, this.#to];
    const found: (Decision | undefined)[] = [];
    const ask = (
      direction: Direction,
      at: 'link' | 'pods',
      node: string,
      ...stages: readonly HostStage[]
    ): void => {
      const placed = at === 'link' ? this.#link(node, undefined) : this.#pods(node);
      const seen = direction === 'ingress' ? 'packet' : 'answer';
      found.push(this.#ask(direction, placed, node, at === 'link' ? seen : 'neither', ...stages));
    };
    if (from.kind === 'pod' && !(to.kind === 'node' && to.node === from.node)) {
      ask('ingress', 'pods', from.node, 'pre-dnat', 'forwarded');
      if (to.kind === 'external' || to.node !== from.node) ask('egress', 'link', from.node, 'forwarded');
    }
    if (to.kind === 'pod' && !(from.kind === 'node' && from.node === to.node)) {
      if (from.kind === 'external' || from.node !== to.node)
        ask('ingress', 'link', to.node, 'pre-dnat', 'forwarded');
      ask('egress', 'pods', to.node, 'forwarded');
    }
    return found.filter(decision => decision !== undefined);
  }

  #alone(direction: Direction, node: string): Decision | undefined {
    if (this.#views.hosts(node) === undefined) return undefined;
    return { direction, answer: 'allow', because: { code: 'same-node', node }, tiers: [] };
  }

  #ask(
    direction: Direction,
    placed: PlacedHost | undefined,
    node: string,
    untracked: HostQuestion['untracked'],
    ...stages: readonly HostStage[]
  ): Decision | undefined {
    const state = this.#views.hosts(node);
    if (state === undefined || placed === undefined) return undefined;
    const before = this.#translates(node) ? this.#before : this.#packet;
    const [packet, seen] = [this.#asSeenAt(node, this.#packet), this.#asSeenAt(node, before)];
    const question = { direction, stages, untracked, packet, before: seen };
    const decision = decideHost(placed.plan, state.failsafe, this.#views.at(node), question);
    // Where nothing was asked there is nothing to tell.
    if (decision.tiers.length === 0 && decision.because.code === 'past-last-tier') return undefined;
    const { key } = placed.plan;
    if (placed.assumed && !this.notes.some(note => 'endpoint' in note && note.endpoint === key))
      this.notes.push({ code: 'assumed-interface', endpoint: key });
    return decision;
  }

  /** A Service is translated on the node of whoever dials it; for one from outside, where the backend is. */
  #translates(node: string): boolean {
    return this.#from.kind === 'external' || this.#from.node === node;
  }

  /** Pods of natOutgoing pools leave for outside all pools with their node's address (IPPool `natOutgoing`). */
  #asSeenAt(node: string, packet: Packet): Packet {
    const from = this.#from;
    if (from.kind !== 'pod' || from.node === node) return packet;
    const pools = [...this.#snapshot.pools.values()];
    const leaves = pools.some(({ cidr, natOutgoing }) => natOutgoing && prefixHas(cidr, packet.source));
    if (!leaves || pools.some(({ cidr }) => prefixHas(cidr, packet.destination))) return packet;
    const { family } = packet.source;
    const source = this.#snapshot.nodes.get(from.node)?.ips.find(ip => ip.family === family);
    return source === undefined ? packet : { ...packet, source };
  }

  #link(node: string, address: Ip | undefined): PlacedHost | undefined {
    const state = this.#views.hosts(node);
    if (state === undefined) return undefined;
    const { family } = this.#packet.source;
    const ips = this.#snapshot.nodes.get(node)?.ips ?? [];
    const own = ips.find(ip => ip.family === family);
    return hostAtLink(state, address ?? own, ip => ips.some(one => sameIp(one, ip)));
  }

  #pods(node: string): PlacedHost | undefined {
    const plan = hostAtPods({ plans: this.#views.hosts(node)?.plans.values() ?? [] });
    return plan && { plan, assumed: false };
  }
}
