import type {
  ActiveMatch,
  ActivePolicy,
  ActiveRule,
  Direction,
  EndpointPlan,
  NodeState,
  TierPlan,
} from '@muslin/api';
import { hostPrefix } from '@muslin/net';
import type { NodeConfig } from '../compile/config.ts';
import { ALL, type Node, NONE } from './diagram.ts';
import { netSet } from './match-space.ts';
import type { Space } from './space.ts';

/** What becomes of packets by the meaning of a `NodeState`. */
export interface Intended {
  readonly accept: Node;
  readonly drop: Node;
  readonly back: Node;
}

/** The ends of a way: an endpoint, a pod interface that nobody knows, or some other interface. */
export type End = EndpointPlan | 'unknown' | 'other';

/** ICMPv6 that a link needs; as `meaning` has it. */
const LINK_TYPES = [131, 132, 133, 135, 136, 143];

/**
 * `meaning`, said for all packets at once: which ones a `NodeState` lets through. Written from the same sentences, not from
 * the rules.
 */
export class Intentions {
  readonly #space: Space;
  readonly #rules = new WeakMap<ActiveRule, Node>();
  readonly #policies = {
    ingress: new WeakMap<ActivePolicy, Answer>(),
    egress: new WeakMap<ActivePolicy, Answer>(),
  };
  readonly #tiers = {
    ingress: new WeakMap<TierPlan, { readonly of: readonly unknown[]; readonly answer: Answer }>(),
    egress: new WeakMap<TierPlan, { readonly of: readonly unknown[]; readonly answer: Answer }>(),
  };

  /** From their own addresses, whatever policies say. */
  readonly #own = new WeakMap<EndpointPlan, Node>();

  constructor(space: Space) {
    this.#space = space;
  }

  /** What a hook of the filter table should do to packets between two ends; `to` is undefined in INPUT. */
  filter(state: NodeState, config: NodeConfig, from: End, to: End | undefined): Intended {
    const { diagram } = this.#space;
    if (from === 'other' && (to === undefined || to === 'other'))
      return { accept: NONE, drop: NONE, back: ALL };
    const known = this.#space.conntrack(['ESTABLISHED', 'RELATED']);
    let asked = diagram.without(ALL, diagram.or(known, this.#space.conntrack(['INVALID'])));
    let accept = known;
    if (to === undefined && config.family === 6) {
      const link = diagram.and(
        asked,
        this.#space.any(LINK_TYPES.map(type => this.#space.icmp(type, undefined))),
      );
      accept = diagram.or(accept, link);
      asked = diagram.without(asked, link);
    }
    if (from !== 'other') asked = diagram.and(asked, this.#leaving(state, config, from));
    if (to === 'unknown') asked = NONE;
    // A pod that comes back to itself, through a Service, can't block itself.
    else if (to !== undefined && to !== 'other' && to !== from)
      asked = diagram.and(asked, this.#allowed(state, to, 'ingress'));
    if (to === undefined && config.endpointToHostAction !== 'Accept') {
      const back = config.endpointToHostAction === 'Return' ? asked : NONE;
      return { accept, back, drop: diagram.not(diagram.or(accept, back)) };
    }
    accept = diagram.or(accept, asked);
    return { accept, back: NONE, drop: diagram.not(accept) };
  }

  /** What a pod may send at all: from its own addresses, no tunnels, and what its egress policies allow. */
  #leaving(state: NodeState, config: NodeConfig, from: EndpointPlan | 'unknown'): Node {
    const { diagram } = this.#space;
    if (from === 'unknown') return NONE;
    let own = this.#own.get(from);
    if (own === undefined) this.#own.set(from, (own = this.#space.nets('src', from.ips.map(hostPrefix))));
    let some = diagram.and(own, this.#allowed(state, from, 'egress'));
    const { vxlanPort: port } = config;
    if (port !== undefined && !config.allowVxlanFromPods)
      some = diagram.without(some, this.#space.exactPort('dst', 17, port));
    if (config.family === 4 && !config.allowIpipFromPods)
      some = diagram.without(some, this.#space.protocol(4));
    return some;
  }

  #allowed(state: NodeState, plan: EndpointPlan, direction: Direction): Node {
    const { diagram } = this.#space;
    let allowed: Node = NONE;
    let asked: Node = ALL;
    for (const tier of plan.tiers[direction]) {
      const answer = this.tier(state, tier, direction);
      allowed = diagram.or(allowed, diagram.and(asked, answer.allow));
      asked = diagram.and(asked, answer.pass);
    }
    return diagram.or(allowed, asked);
  }

  /** What one tier does to packets; `pass`: on to the next. */
  tier(state: NodeState, plan: TierPlan, direction: Direction): Answer {
    const of = plan.policies.map(key => state.policies.get(key));
    const known = this.#tiers[direction].get(plan);
    if (known?.of.every((policy, i) => policy === of[i])) return known.answer;
    const enforced = of.filter(policy => !policy?.staged);
    const { answer, asked } = this.#inOrder(
      enforced.flatMap(policy => (policy === undefined ? [] : [this.#policy(policy, direction)])),
    );
    const end = enforced.length > 0 && plan.defaultAction === 'Deny' ? 'deny' : 'pass';
    const whole = { ...answer, [end]: this.#space.diagram.or(answer[end], asked) };
    this.#tiers[direction].set(plan, { of, answer: whole });
    return whole;
  }

  #policy(policy: ActivePolicy, direction: Direction): Answer {
    let known = this.#policies[direction].get(policy);
    if (known === undefined) {
      const rules = policy[direction].flatMap((rule): Answer[] =>
        rule.action === 'Log' ? [] : [{ ...NO_ANSWER, [ANSWER[rule.action]]: this.#rule(rule) }],
      );
      known = this.#inOrder(rules).answer;
      this.#policies[direction].set(policy, known);
    }
    return known;
  }

  /** The first that has an answer gives it; `asked` are the packets that none has one for. */
  #inOrder(answers: readonly Answer[]): { readonly answer: Answer; readonly asked: Node } {
    const { diagram } = this.#space;
    const answer = { ...NO_ANSWER };
    let asked: Node = ALL;
    for (const run of runsOf(answers)) {
      const taken = this.#space.any(run.nodes);
      answer[run.way] = diagram.or(answer[run.way], diagram.and(asked, taken));
      asked = diagram.without(asked, taken);
    }
    return { answer, asked };
  }

  #rule(rule: ActiveRule): Node {
    const known = this.#rules.get(rule);
    if (known !== undefined) return known;
    const space = this.#space;
    const { diagram } = space;
    const { family, protocol, notProtocol, icmp, notIcmp } = rule;
    let node: Node = family === undefined || family === space.family ? ALL : NONE;
    if (protocol !== undefined) node = diagram.and(node, space.protocol(protocol));
    if (notProtocol !== undefined) node = diagram.without(node, space.protocol(notProtocol));
    if (icmp !== undefined) node = diagram.and(node, space.icmp(icmp.type, icmp.code));
    if (notIcmp !== undefined) node = diagram.without(node, space.icmp(notIcmp.type, notIcmp.code));
    node = diagram.and(node, this.#side(rule.source, 'src'));
    node = diagram.and(node, this.#side(rule.destination, 'dst'));
    this.#rules.set(rule, node);
    return node;
  }

  #side(match: ActiveMatch, side: 'src' | 'dst'): Node {
    const space = this.#space;
    const { diagram } = space;
    const inPorts = (set: string) => space.atom({ kind: 'port', set, key: `${side},${side}` });
    let node: Node = match.nets === undefined ? ALL : space.nets(side, match.nets);
    if (match.notNets !== undefined) node = diagram.without(node, space.nets(side, match.notNets));
    for (const set of match.inSets ?? []) node = diagram.and(node, netSet(set, side, space));
    for (const set of match.notInSets ?? []) node = diagram.without(node, netSet(set, side, space));
    if (match.ports !== undefined || match.portSets !== undefined) {
      const ways = [space.ports(side, match.ports ?? []), ...(match.portSets ?? []).map(inPorts)];
      node = diagram.and(node, space.any(ways));
    }
    if (match.notPorts !== undefined) node = diagram.without(node, space.ports(side, match.notPorts));
    for (const set of match.notPortSets ?? []) node = diagram.without(node, inPorts(set));
    return node;
  }
}

/** What one policy or tier does: disjoint. */
export interface Answer {
  readonly allow: Node;
  readonly deny: Node;
  readonly pass: Node;
}

const NO_ANSWER: Answer = { allow: NONE, deny: NONE, pass: NONE };

interface AnswerRun {
  readonly way: keyof Answer;
  readonly nodes: Node[];
}

/** Answers of one kind that follow one another: among them order means nothing. */
function runsOf(answers: readonly Answer[]): readonly AnswerRun[] {
  const runs: AnswerRun[] = [];
  // What one policy says is disjoint, so its own three kinds may come in any order.
  for (const answer of answers)
    for (const way of WAYS) {
      if (answer[way] === NONE) continue;
      const last = runs.at(-1);
      if (last?.way === way) last.nodes.push(answer[way]);
      else runs.push({ way, nodes: [answer[way]] });
    }
  return runs;
}

const WAYS = ['allow', 'deny', 'pass'] as const;
const ANSWER = { Allow: 'allow', Deny: 'deny', Pass: 'pass' } as const;
