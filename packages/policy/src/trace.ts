import type {
  ActiveMatch,
  ActiveRule,
  Direction,
  EndpointKey,
  IcmpMatch,
  ObjectRef,
  PolicyKey,
  RuleAction,
  SetId,
} from '@muslin/api';
import type { Ip } from '@muslin/net';

/** The first packet of a connection, as the kernel sees it after any translation. */
export interface Packet {
  readonly source: Ip;
  readonly destination: Ip;
  /** IANA protocol number. */
  readonly protocol: number;
  /** Absent: not known; then it is in no list of ports. */
  readonly sourcePort?: number;
  /** Absent for protocols without ports. */
  readonly destinationPort?: number;
  readonly icmp?: Required<IcmpMatch>;
}

/** Which end of a packet a part of a rule speaks about. */
export type Side = 'source' | 'destination';

/** A part of a rule, as `ActiveRule` and `ActiveMatch` name it. */
export type RulePart =
  | 'family'
  | 'protocol'
  | 'notProtocol'
  | 'icmp'
  | 'notIcmp'
  | `${Side}.${keyof ActiveMatch}`;

/** Why an address or port is in: the member of the set. */
export interface MatchedMember {
  readonly part: RulePart;
  readonly set: SetId;
  readonly member: string;
}

/** What one rule said. `failed` is its first part that did not match; `members` are all that did. */
export interface RuleTrace {
  readonly rule: ActiveRule;
  readonly matched: boolean;
  readonly failed?: RulePart;
  readonly members: readonly MatchedMember[];
}

/** What one policy said; rules after the deciding one were not asked. */
export interface PolicyTrace {
  readonly policy: PolicyKey;
  readonly source: ObjectRef;
  /** Asked for the record only: its outcome changes nothing. */
  readonly staged: boolean;
  readonly rules: readonly RuleTrace[];
  readonly outcome: Exclude<RuleAction, 'Log'> | 'no-match';
}

/** What one tier said; policies after the deciding one were not asked. */
export interface TierTrace {
  readonly tier: string;
  readonly policies: readonly PolicyTrace[];
  /** `default-…`: no enforced policy decided. `staged-only`: nothing here is enforced, so the next tier is asked. */
  readonly outcome: 'allow' | 'deny' | 'pass' | 'default-deny' | 'default-pass' | 'staged-only';
}

/** Why one end of a connection allows or denies it. */
export type Reason =
  | {
      readonly code: 'rule';
      readonly tier: string;
      readonly policy: PolicyKey;
      readonly source: ObjectRef;
      /** Where the rule stands in its resource. */
      readonly path: string;
      readonly members: readonly MatchedMember[];
    }
  /** No rule of these policies matched, and their tier denies what it does not decide. */
  | { readonly code: 'tier-default'; readonly tier: string; readonly policies: readonly PolicyKey[] }
  /** Every tier passed: a workload's traffic is then allowed. */
  | { readonly code: 'past-last-tier' }
  /** No enforced policy isolates the endpoint in this direction. */
  | { readonly code: 'no-policy' }
  /** This end is no pod with an address of its own: policies do not see it (netpol S16, S18). `node`: it is that node. */
  | { readonly code: 'not-selectable'; readonly node?: string }
  /** Pods may not send a tunnel's packets, whatever policies say, unless this field of FelixConfiguration lets them. */
  | { readonly code: 'tunnel'; readonly tunnel: 'IP in IP' | 'VXLAN'; readonly field: string }
  /** A pod's packets to its own address never leave its network namespace (netpol S21). */
  | { readonly code: 'loopback' }
  /** The port is failsafe: host policies can't close it (FelixConfiguration). */
  | { readonly code: 'failsafe'; readonly port: number }
  /** No tier of the host endpoint decided, and this profile of it allows. */
  | { readonly code: 'profile'; readonly profile: string }
  /** No tier of the host endpoint decided, and it has no profile that allows. */
  | { readonly code: 'host-default'; readonly host: string }
  /** Untracked policies let the packet by but not its answer, or only one of TCP's two is tracked. */
  | { readonly code: 'untracked-reply' }
  /** A node's packets to itself pass no host endpoint. */
  | { readonly code: 'same-node'; readonly node: string }
  /** The node may always reach its own pods, for probes (netpol S19). */
  | { readonly code: 'own-node'; readonly node: string };

/** What one direction of one endpoint said, in order. */
export interface Decision {
  readonly direction: Direction;
  /** The endpoint whose policies were asked, when there is one. */
  readonly endpoint?: EndpointKey;
  readonly answer: 'allow' | 'deny';
  readonly because: Reason;
  readonly tiers: readonly TierTrace[];
}
