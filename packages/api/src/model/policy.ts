import type { Family, PortRange, Prefix } from '@muslin/net';
import type { Selector } from './selector.ts';

/**
 * Identity of a policy, unique over kinds: `<kind short name>/<namespace>/<name>` or `<kind>/<name>`.
 * Kinds: knp NetworkPolicy v1, np/gnp Calico's, snp/sgnp/sknp staged, cnp ClusterNetworkPolicy, anp/banp.
 */
export type PolicyKey = string;

/** Which way a rule looks, as seen from the endpoint that the policy selects. */
export type Direction = 'ingress' | 'egress';

/** What a rule does. `Pass` skips the rest of its tier; `Log` continues. */
export type RuleAction = 'Allow' | 'Deny' | 'Pass' | 'Log';

/** A tier: policies are asked tier by tier, by order then name. */
export interface Tier {
  readonly name: string;
  /** Lower first; `Infinity` when the resource gives none. */
  readonly order: number;
  /** What happens at the end of the tier to an endpoint that has a policy in it for that direction. */
  readonly defaultAction: 'Deny' | 'Pass';
}

/** A policy of any kind after normalisation: the only form that `policy` knows. */
export interface Policy {
  readonly key: PolicyKey;
  /** As the user knows it, for explanations: kind, namespace, name. */
  readonly source: ObjectRef;
  readonly tier: string;
  /** Lower first within the tier; `Infinity` when the resource gives none; ties by `key`'s name part. */
  readonly order: number;
  /** The endpoints it applies to (namespace and service account already folded in). */
  readonly selector: Selector;
  /** Directions it isolates. Rules of a direction that is absent here are ignored. */
  readonly directions: ReadonlySet<Direction>;
  readonly ingress: readonly PolicyRule[];
  readonly egress: readonly PolicyRule[];
  /** Evaluated for explanations and flow logs, never enforced. */
  readonly staged: boolean;
  /** Staged with `stagedAction: Delete`: the policy that would be gone. Such a one selects nothing and has no rules. */
  readonly removes?: PolicyKey;
  /**
   * What it is to host endpoints. Absent: rules for what the node itself sends and gets. `forwarded`: and for what
   * it forwards. `pre-dnat`, `untracked`: before translation or connection tracking, and then never for pods.
   */
  readonly hosts?: 'forwarded' | 'pre-dnat' | 'untracked';
}

/** One rule. All given parts must match; each `not…` part must not. */
export interface PolicyRule {
  readonly action: RuleAction;
  readonly family?: Family;
  /** IANA protocol number. */
  readonly protocol?: number;
  readonly notProtocol?: number;
  readonly icmp?: IcmpMatch;
  readonly notIcmp?: IcmpMatch;
  readonly source: PeerMatch;
  readonly destination: PeerMatch;
  /** Where it stands in the resource: `spec.ingress[0].from[1]`. */
  readonly path: string;
}

/** ICMP type, and code when given. */
export interface IcmpMatch {
  readonly type: number;
  readonly code?: number;
}

/**
 * One side of a rule. An absent part matches anything; an empty list matches nothing.
 * `selector` already includes namespace and service account conditions.
 */
export interface PeerMatch {
  readonly nets?: readonly Prefix[];
  readonly notNets?: readonly Prefix[];
  readonly selector?: Selector;
  readonly notSelector?: Selector;
  /** Nodes with these labels of their own, at their addresses. */
  readonly nodes?: Selector;
  readonly ports?: readonly PortMatch[];
  readonly notPorts?: readonly PortMatch[];
  /** Endpoints and ports of a Service: `namespace/name`. */
  readonly service?: string;
}

/** Numbers, or a name that each endpoint on that side resolves for itself and for the rule's protocol. */
export type PortMatch = PortRange | { readonly name: string };

/** Names an object the way people do. */
export interface ObjectRef {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}
