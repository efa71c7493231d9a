import type { Family, Ip, PortSet, Prefix } from '@muslin/net';
import type { Direction, IcmpMatch, ObjectRef, PolicyKey, RuleAction } from './policy.ts';
import type { EndpointKey, FailsafePort } from './snapshot.ts';

/**
 * Identity of a member set, derived from what it means (a canonical selector, a named port, a service), so
 * that equal selectors share one set on every node and over restarts. Any length: drivers hash it.
 */
export type SetId = string;

/**
 * `net`: members are prefixes in canonical text (`10.0.0.1/32`). `ip-port`: `10.0.0.1,tcp:80` (protocol name
 * tcp, udp or sctp). A set holds both families; drivers split it.
 */
export interface MemberSet {
  readonly kind: 'net' | 'ip-port';
  readonly members: ReadonlySet<string>;
}

/** One side of an active rule. An absent part matches anything; an empty list matches nothing. */
export interface ActiveMatch {
  readonly nets?: readonly Prefix[];
  readonly notNets?: readonly Prefix[];
  /** The address must be in each of these `net` sets. */
  readonly inSets?: readonly SetId[];
  readonly notInSets?: readonly SetId[];
  /** The port must be in `ports`, or (address, protocol, port) in one of `portSets`: one of the two suffices. */
  readonly ports?: PortSet;
  readonly portSets?: readonly SetId[];
  readonly notPorts?: PortSet;
  readonly notPortSets?: readonly SetId[];
}

/** A rule with selectors, names and services resolved to sets. */
export interface ActiveRule {
  readonly action: RuleAction;
  readonly family?: Family;
  readonly protocol?: number;
  readonly notProtocol?: number;
  readonly icmp?: IcmpMatch;
  readonly notIcmp?: IcmpMatch;
  readonly source: ActiveMatch;
  readonly destination: ActiveMatch;
  /** Where it stands in its resource. */
  readonly path: string;
}

/** A policy that applies to at least one endpoint of this node. */
export interface ActivePolicy {
  readonly key: PolicyKey;
  readonly source: ObjectRef;
  readonly ingress: readonly ActiveRule[];
  readonly egress: readonly ActiveRule[];
  readonly staged: boolean;
}

/** A staged policy that would delete a policy of this node (`stagedAction: Delete`). Asks nothing itself. */
export interface ActiveDeletion {
  readonly source: ObjectRef;
  readonly removes: PolicyKey;
}

/** The policies of one tier that apply to an endpoint in one direction, in order; never empty. */
export interface TierPlan {
  readonly tier: string;
  readonly policies: readonly PolicyKey[];
  /** At the end of the tier. `Deny` only bites when a policy of the list is not staged. */
  readonly defaultAction: 'Deny' | 'Pass';
}

/** What applies to one local endpoint. Past the last tier a workload's traffic is allowed. */
export interface EndpointPlan {
  readonly key: EndpointKey;
  readonly namespace: string;
  readonly name: string;
  readonly ips: readonly Ip[];
  readonly tiers: Readonly<Record<Direction, readonly TierPlan[]>>;
}

/**
 * What applies to one host endpoint of the node, by what happens to a packet there and when it is asked. Past the last
 * tier of `local`, `open` says whether a profile lets it through; forwarded packets are then free.
 */
export interface HostPlan {
  readonly key: EndpointKey;
  readonly source: ObjectRef;
  readonly name: string;
  /** One interface, `*` for all but loopback; undefined: the interface that has one of `ips`. */
  readonly interfaceName: string | undefined;
  readonly ips: readonly Ip[];
  /** What the node itself sends (egress) and gets (ingress). */
  readonly local: Readonly<Record<Direction, readonly TierPlan[]>>;
  /** What it forwards: ingress where it comes in, egress where it leaves. */
  readonly forwarded: Readonly<Record<Direction, readonly TierPlan[]>>;
  /** Before destinations are translated; the ends of these tiers decide nothing. */
  readonly preDnat: readonly TierPlan[];
  /** Before connections are tracked; the ends of these tiers decide nothing. */
  readonly untracked: Readonly<Record<Direction, readonly TierPlan[]>>;
  /** The profile that allows what no tier decided; undefined: it is denied. */
  readonly open: string | undefined;
}

/** The host endpoints of a node, and what none of their policies can deny. */
export interface HostState {
  /** By key, in order of the keys: of two that fit one interface, the first counts. */
  readonly plans: ReadonlyMap<EndpointKey, HostPlan>;
  readonly failsafe: {
    /** Ports of the node. */
    readonly inbound: readonly FailsafePort[];
    /** Ports that the node dials. */
    readonly outbound: readonly FailsafePort[];
  };
}

/** All the policy that one node must enforce: the whole answer, a value. */
export interface NodeState {
  /** Absent: no host endpoint, so interfaces of the node are nobody's business. */
  readonly hosts?: HostState;
  readonly endpoints: ReadonlyMap<EndpointKey, EndpointPlan>;
  readonly policies: ReadonlyMap<PolicyKey, ActivePolicy>;
  readonly sets: ReadonlyMap<SetId, MemberSet>;
  /** By key of the staged policy; for explanations and flow logs, never enforced. Absent: none. */
  readonly deletions?: ReadonlyMap<PolicyKey, ActiveDeletion>;
}

/** What changes from one `NodeState` to the next. Applying it to the old state gives the new one. */
export interface NodeDelta {
  /** The host endpoints anew, when anything about them changed; null: there are none any more. */
  readonly hosts?: HostState | null;
  /** All that are staged for deletion anew, when any of it changed; null: nothing is any more. */
  readonly deletions?: ReadonlyMap<PolicyKey, ActiveDeletion> | null;
  readonly endpoints: {
    readonly upserts: ReadonlyMap<EndpointKey, EndpointPlan>;
    readonly removals: ReadonlySet<EndpointKey>;
  };
  readonly policies: {
    readonly upserts: ReadonlyMap<PolicyKey, ActivePolicy>;
    readonly removals: ReadonlySet<PolicyKey>;
  };
  readonly sets: {
    /** New sets, whole. */
    readonly added: ReadonlyMap<SetId, MemberSet>;
    readonly changed: ReadonlyMap<
      SetId,
      { readonly add: ReadonlySet<string>; readonly remove: ReadonlySet<string> }
    >;
    readonly removed: ReadonlySet<SetId>;
  };
}
