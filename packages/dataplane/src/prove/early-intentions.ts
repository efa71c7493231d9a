import type { Direction, HostPlan, TierPlan } from '@muslin/api';
import { hostPrefix } from '@muslin/net';
import type { NodeConfig } from '../compile/config.ts';
import { acceptedBit, type Course, UNTOUCHED } from './compare.ts';
import { type Node, NONE } from './diagram.ts';
import type { HostIntentions } from './host-intentions.ts';
import type { End, Intended } from './intended.ts';
import { type Space, UNTRACKED_BIT } from './space.ts';

/** What is meant, for those packets about which something is. */
export interface Meant {
  readonly course: Course;
  readonly care: Node;
}

/** What a node means to do to packets before they are tracked and translated, and to its own once they are. */
export class EarlyIntentions {
  readonly #space: Space;
  readonly #hosts: HostIntentions;
  readonly #config: NodeConfig;

  constructor(space: Space, hosts: HostIntentions, config: NodeConfig) {
    this.#space = space;
    this.#hosts = hosts;
    this.#config = config;
  }

  /**
   * raw PREROUTING: nobody but a node of the cluster brings tunnels' packets, no pod sends from an address that is neither its
   * own nor routed to it, and untracked policies of the interface's host endpoint are asked.
   */
  cameIn(name: string, end: End): Meant {
    const { diagram } = this.#space;
    const forged = name.startsWith(this.#config.workloadInterfacePrefix)
      ? diagram.not(this.#space.atom({ kind: 'reverse-path' }))
      : NONE;
    const refused = diagram.or(this.#foreignTunnels(), forged);
    const own = typeof end === 'object' ? this.#space.nets('src', end.ips.map(hostPrefix)) : NONE;
    const early = this.#hosts.some(plan => plan.untracked.ingress.length > 0 || plan.preDnat.length > 0);
    const { course, care } = this.#untracked(name, 'ingress', early, refused);
    // An own address whose route leads elsewhere passes or not: it is the pod's, and answers go where the route does.
    return { course, care: diagram.without(care, diagram.and(forged, own)) };
  }

  /** raw OUTPUT. */
  sent(name: string): Meant {
    const asked = this.#hosts.some(plan => plan.untracked.egress.length > 0);
    return this.#untracked(name, 'egress', asked, NONE);
  }

  /** mangle PREROUTING: policies before translation, for what no untracked policy allowed. */
  beforeDnat(name: string): Meant {
    const { diagram } = this.#space;
    const bit = acceptedBit(this.#config);
    const was = this.#space.markBit(bit);
    const untracked = this.#hosts.some(plan => plan.untracked.ingress.length > 0);
    // Without untracked policies nobody set it: the raw table cleared it, if anybody asks for it.
    const care = untracked ? this.#all : diagram.not(was);
    const plan = this.#hosts.at(name);
    if (plan === undefined || plan.preDnat.length === 0) return { course: UNTOUCHED, care };
    const asked = diagram.not(
      diagram.or(was, diagram.or(this.#hosts.known, this.#hosts.free('ingress', this.#hosts.invalid))),
    );
    const invalid = diagram.and(asked, this.#hosts.invalid);
    const { allow, deny } = this.#hosts.said(plan.preDnat.map(going), 'ingress');
    const open = diagram.without(asked, invalid);
    const drop = diagram.or(invalid, diagram.and(open, deny));
    const marks = new Map([[bit, diagram.or(was, diagram.and(open, allow))]]);
    return { course: { accept: NONE, drop, back: diagram.not(drop), marks }, care };
  }

  /** mangle POSTROUTING: what the node sent to a Service, once it is known where it goes. */
  afterDnat(name: string): Meant {
    const { diagram } = this.#space;
    const plan = name.startsWith(this.#config.workloadInterfacePrefix) ? undefined : this.#hosts.at(name);
    if (plan === undefined) return { course: UNTOUCHED, care: this.#all };
    const asked = diagram.and(
      this.#space.atom({ kind: 'translated' }),
      this.#space.atom({ kind: 'local', side: 'src' }),
    );
    const { accept, drop }: Intended = this.#hosts.own(plan, 'egress');
    const [yes, no] = [diagram.and(asked, accept), diagram.and(asked, drop)];
    return {
      course: { accept: yes, drop: no, back: diagram.not(diagram.or(yes, no)) },
      care: this.#all,
    };
  }

  get #all(): Node {
    return this.#space.diagram.not(NONE);
  }

  /** `early`: whether a later table asks for the bit that says "allowed", so that nobody may bring it along. */
  #untracked(name: string, direction: Direction, early: boolean, refused: Node): Meant {
    const { diagram } = this.#space;
    const plan = this.#at(name);
    const list = plan?.untracked[direction] ?? [];
    let [allow, deny]: [Node, Node] = [NONE, NONE];
    if (list.length > 0) {
      const asked = diagram.not(diagram.or(refused, this.#hosts.free(direction, this.#all)));
      const said = this.#hosts.said(list.map(going), direction);
      [allow, deny] = [diagram.and(asked, said.allow), diagram.and(asked, said.deny)];
    }
    const drop = diagram.or(refused, deny);
    const marks = new Map([
      [UNTRACKED_BIT, allow],
      ...(early ? [[acceptedBit(this.#config), allow] as const] : []),
    ]);
    const care = diagram.not(this.#space.markBit(UNTRACKED_BIT));
    return { course: { accept: NONE, drop, back: diagram.not(drop), marks }, care };
  }

  /** Pods' interfaces are no place for untracked policies: their connections are tracked. */
  #at(name: string): HostPlan | undefined {
    return name.startsWith(this.#config.workloadInterfacePrefix) ? undefined : this.#hosts.at(name);
  }

  /** RFC 7348 §7, RFC 2003 §6.1: no tunnel says who sent a packet. */
  #foreignTunnels(): Node {
    const { diagram } = this.#space;
    const { vxlanPort, vxlanPeers, ipipPeers, family } = this.#config;
    const here = this.#space.atom({ kind: 'local', side: 'dst' });
    const strangers = (kind: Node, peers: NodeConfig['vxlanPeers']) =>
      diagram.without(diagram.and(here, kind), this.#space.nets('src', (peers ?? []).map(hostPrefix)));
    const vxlan =
      vxlanPort === undefined || vxlanPeers === undefined
        ? NONE
        : strangers(this.#space.exactPort('dst', 17, vxlanPort), vxlanPeers);
    const ipip =
      family === 6 || ipipPeers === undefined ? NONE : strangers(this.#space.protocol(4), ipipPeers);
    return diagram.or(vxlan, ipip);
  }
}

const goingOn = new WeakMap<TierPlan, TierPlan>();

/** The end of a tier decides nothing before tracking and translation: other policies are still to come. */
function going(tier: TierPlan): TierPlan {
  let known = goingOn.get(tier);
  if (known === undefined) goingOn.set(tier, (known = { ...tier, defaultAction: 'Pass' }));
  return known;
}
