import type { Direction, FailsafePort, HostPlan, NodeState, TierPlan } from '@muslin/api';
import type { NodeConfig } from '../compile/config.ts';
import { type HostPlacement, placeHosts } from '../compile/host-placement.ts';
import type { HookName } from '../ir/ruleset.ts';
import { acceptedBit } from './compare.ts';
import { ALL, type Node, NONE } from './diagram.ts';
import type { Answer, Intended, Intentions } from './intended.ts';
import type { Space } from './space.ts';
import type { Way } from './walk.ts';

/** ICMPv6 that a link needs, routers' part included (RFC 4890 §4.4.1). */
const LINK_TYPES = [130, 131, 132, 133, 134, 135, 136, 137, 143];

/** What the host endpoints of a node mean for packets in the filter table, on top of what pods' policies mean. */
export class HostIntentions {
  readonly #space: Space;
  readonly #intentions: Intentions;
  readonly #state: NodeState;
  readonly #config: NodeConfig;
  readonly #placement: HostPlacement;

  constructor(space: Space, intentions: Intentions, state: NodeState, config: NodeConfig) {
    this.#space = space;
    this.#intentions = intentions;
    this.#state = state;
    this.#config = config;
    this.#placement =
      state.hosts === undefined
        ? { byInterface: new Map(), rest: undefined }
        : placeHosts(state.hosts, config);
  }

  /** Interfaces that are no pod's and that differ from each other; the first stands for all without a name. */
  get interfaces(): readonly string[] {
    const named = [...this.#placement.byInterface.keys()];
    const other = ['eth0', 'eth1', 'eth2'].find(name => !named.includes(name)) ?? `x${named.length}`;
    return [other, ...named, ...(this.#placement.rest === undefined || named.includes('lo') ? [] : ['lo'])];
  }

  /** What a hook should do, given what it should do without host endpoints. */
  with(base: Intended, hook: HookName, way: Way): Intended {
    const { hosts } = this.#state;
    if (hosts === undefined) return base;
    const pods = this.#config.workloadInterfacePrefix;
    if (hook === 'FORWARD') return this.#forwarded(base, way);
    const [name, direction] = hook === 'INPUT' ? [way.in, 'ingress' as const] : [way.out, 'egress' as const];
    return name.startsWith(pods) ? base : this.#local(this.at(name), direction);
  }

  /** The host endpoint at an interface. */
  at(name: string): HostPlan | undefined {
    return this.#placement.byInterface.get(name) ?? (name === 'lo' ? undefined : this.#placement.rest);
  }

  /** Whether some host endpoint that has its place here says something. */
  some(says: (plan: HostPlan) => boolean): boolean {
    const { byInterface, rest } = this.#placement;
    return [...byInterface.values(), ...(rest === undefined ? [] : [rest])].some(says);
  }

  /** Whether an earlier table may have said that no more is to be asked. */
  #early(direction: Direction): Node {
    const some = this.some(
      plan => plan.untracked[direction].length > 0 || (direction === 'ingress' && plan.preDnat.length > 0),
    );
    return some ? this.#space.markBit(acceptedBit(this.#config)) : NONE;
  }

  #local(plan: HostPlan | undefined, direction: Direction): Intended {
    const { diagram } = this.#space;
    const early = this.#early(direction);
    const translated = direction === 'egress' ? this.#space.atom({ kind: 'translated' }) : NONE;
    const asked = diagram.not(diagram.or(early, translated));
    const own = this.own(plan, direction);
    return {
      accept: diagram.or(early, diagram.and(asked, own.accept)),
      drop: diagram.and(asked, own.drop),
      back: diagram.or(diagram.without(translated, early), diagram.and(asked, own.back)),
    };
  }

  /** What a host endpoint means for packets to or from the node itself that no earlier policy decided about. */
  own(plan: HostPlan | undefined, direction: Direction): Intended {
    if (plan === undefined) return { accept: NONE, drop: NONE, back: ALL };
    const { diagram } = this.#space;
    let asked: Node = ALL;
    const take = (who: Node) => {
      const some = diagram.and(asked, who);
      asked = diagram.without(asked, some);
      return some;
    };
    let accept = take(diagram.or(this.known, this.free(direction, this.invalid)));
    let drop = take(this.invalid);
    const said = this.said(plan.local[direction], direction);
    accept = diagram.or(accept, take(said.allow));
    drop = diagram.or(drop, take(said.deny));
    return plan.open === undefined
      ? { accept, drop: diagram.or(drop, asked), back: NONE }
      : { accept, drop, back: asked };
  }

  #forwarded(base: Intended, way: Way): Intended {
    const { diagram } = this.#space;
    const into = diagram.without(this.#denied(this.at(way.in), 'ingress'), this.#early('ingress'));
    const denied = diagram.or(into, this.#denied(this.at(way.out), 'egress'));
    return {
      accept: diagram.without(base.accept, denied),
      drop: diagram.or(base.drop, denied),
      back: diagram.without(base.back, denied),
    };
  }

  /** What a host endpoint does not let through; what belongs to a connection is not asked again. */
  #denied(plan: HostPlan | undefined, direction: Direction): Node {
    const { diagram } = this.#space;
    if (plan === undefined || plan.forwarded[direction].length === 0) return NONE;
    const { deny } = this.said(plan.forwarded[direction], direction);
    return diagram.without(diagram.or(deny, this.invalid), this.known);
  }

  get known(): Node {
    return this.#space.conntrack(['ESTABLISHED', 'RELATED']);
  }

  get invalid(): Node {
    return this.#space.conntrack(['INVALID']);
  }

  /**
   * What no policy of a host endpoint may deny: what an IPv6 link needs, failsafe ports, and their answers where
   * `answers` holds (connections that are older than tracking, or all where nothing is tracked yet).
   */
  free(direction: Direction, answers: Node): Node {
    const { diagram } = this.#space;
    const link = LINK_TYPES.map(type => this.#space.icmp(type, undefined));
    const { inbound = [], outbound = [] } = this.#state.hosts?.failsafe ?? {};
    const [here, there] = direction === 'ingress' ? [inbound, outbound] : [outbound, inbound];
    const far = direction === 'ingress' ? 'src' : 'dst';
    const back = diagram.and(answers, this.#ports(there, 'src', far));
    return this.#space.any([...(this.#space.family === 6 ? link : []), this.#ports(here, 'dst', far), back]);
  }

  /** What a list of tiers says; `pass`: none of them has an answer. */
  said(tiers: readonly TierPlan[], direction: Direction): Answer {
    const { diagram } = this.#space;
    let [allow, deny, asked]: [Node, Node, Node] = [NONE, NONE, ALL];
    for (const tier of tiers) {
      const answer = this.#intentions.tier(this.#state, tier, direction);
      allow = diagram.or(allow, diagram.and(asked, answer.allow));
      deny = diagram.or(deny, diagram.and(asked, answer.deny));
      asked = diagram.and(asked, answer.pass);
    }
    return { allow, deny, pass: asked };
  }

  #ports(list: readonly FailsafePort[], side: 'src' | 'dst', far: 'src' | 'dst'): Node {
    const { diagram } = this.#space;
    return this.#space.any(
      list.map(({ protocol, port, net }) => {
        const ports = this.#space.ports(side, [{ first: port, last: port }]);
        const some = diagram.and(this.#space.protocol(protocol), ports);
        return net === undefined ? some : diagram.and(some, this.#space.nets(far, [net]));
      }),
    );
  }
}
