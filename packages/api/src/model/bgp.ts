import type { Ip, Prefix } from '@muslin/net';
import type { Labels, Selector } from './selector.ts';

/** A BGP community: two 16-bit parts (RFC 1997) or three 32-bit parts (RFC 8092). */
export type BgpCommunity = readonly [number, number] | readonly [number, number, number];

/** Where a session's TCP-MD5 password is kept: a key of a Secret. */
export interface SecretKeyRef {
  readonly name: string;
  readonly key: string;
  /** Whether a missing Secret or key means "no password" instead of "no session". */
  readonly optional: boolean;
}

/** Which part of the cluster's routes BGP programs into the kernel. */
export type ProgramClusterRoutes = 'Enabled' | 'Disabled' | 'EnabledIPIPOnly' | 'EnabledNoEncapOnly';

/** A BGPConfiguration with defaults applied. */
export interface BgpConfigurationFacts {
  /** `default` for all nodes, `node.<name>` for one. */
  readonly name: string;
  readonly logSeverityScreen: 'Trace' | 'Debug' | 'Info' | 'Warning' | 'Error' | 'Fatal';
  readonly nodeToNodeMeshEnabled: boolean;
  readonly asNumber: number;
  readonly listenPort: number;
  /** `NodeIP`: listen on the node's address only. */
  readonly bindMode: 'None' | 'NodeIP';
  readonly nodeMeshPassword: SecretKeyRef | undefined;
  /** Graceful-restart time of mesh sessions in milliseconds; undefined: the speaker's own default. */
  readonly nodeMeshMaxRestartTime: number | undefined;
  readonly serviceClusterIps: readonly Prefix[];
  readonly serviceExternalIps: readonly Prefix[];
  readonly serviceLoadBalancerIps: readonly Prefix[];
  /** Disabled: every LoadBalancer address gets a route of its own. */
  readonly serviceLoadBalancerAggregation: 'Enabled' | 'Disabled';
  /** Communities (names already looked up) to put on routes inside a prefix. */
  readonly prefixAdvertisements: readonly {
    readonly cidr: Prefix;
    readonly communities: readonly BgpCommunity[];
  }[];
  /** Interface names, `*` standing for any text, whose routes are not advertised. */
  readonly ignoredInterfaces: readonly string[];
  readonly localWorkloadPeeringIpV4: Ip | undefined;
  readonly localWorkloadPeeringIpV6: Ip | undefined;
  readonly programClusterRoutes: ProgramClusterRoutes;
  /** Nodes tell the podCIDRs of their Node objects too: another IPAM than the pools' gives addresses out of them. */
  readonly advertisesPodCidrs?: true;
  /** Kernel metric of routes learned by BGP, per family. */
  readonly ipv4NormalRoutePriority: number;
  readonly ipv6NormalRoutePriority: number;
}

/** Whom a BGPPeer names. */
export type BgpPeerTarget =
  | { readonly type: 'address'; readonly ip: Ip; readonly port: number | undefined }
  | { readonly type: 'nodes'; readonly selector: Selector }
  | { readonly type: 'workloads'; readonly selector: Selector };

/** Which nodes a BGPPeer is for. */
export type BgpPeerScope =
  | { readonly type: 'all' }
  | { readonly type: 'node'; readonly name: string }
  | { readonly type: 'nodes'; readonly selector: Selector };

/** A BGPPeer with defaults applied. */
export interface BgpPeerFacts {
  readonly name: string;
  /** What a BGPPeerPolicy selects it by. */
  readonly labels: Labels;
  readonly scope: BgpPeerScope;
  readonly target: BgpPeerTarget;
  /** The peer's AS number; undefined: each peer node's own. */
  readonly asNumber: number | undefined;
  /** AS number to present in this session instead of the node's own. */
  readonly localAsNumber: number | undefined;
  /** `Keep` also stands for the older keepOriginalNextHop, which only works on eBGP (`keepOnExternalOnly`). */
  readonly nextHopMode: 'Auto' | 'Self' | 'Keep';
  readonly keepOnExternalOnly: boolean;
  readonly password: SecretKeyRef | undefined;
  readonly sourceAddress: 'UseNodeIP' | 'None';
  /** Graceful-restart time in milliseconds; undefined: the speaker's own default. */
  readonly maxRestartTime: number | undefined;
  /** Keepalive interval in milliseconds; undefined: a third of the hold time. */
  readonly keepaliveTime: number | undefined;
  /** How often the own AS may appear in a path from this peer. */
  readonly numAllowedLocalAsNumbers: number;
  /** Hops that GTSM (RFC 5082) allows; 0: off. */
  readonly ttlSecurity: number;
  /** Gateway through which the peer is reached. */
  readonly reachableBy: Ip | undefined;
  /** Names of BGPFilters, asked in this order. */
  readonly filters: readonly string[];
  /** Auto: the selected nodes build the mirror session by themselves. */
  readonly reversePeering: 'Auto' | 'Manual';
}

/** What a filter rule does to a route that it accepts. */
export type BgpOperation =
  | { readonly type: 'addCommunity'; readonly community: BgpCommunity }
  | { readonly type: 'prependAsPath'; readonly asNumbers: readonly number[] }
  | { readonly type: 'setPriority'; readonly priority: number };

/** A rule of a BGPFilter: all given parts must hold. */
export interface BgpFilterRule {
  readonly action: 'Accept' | 'Reject';
  readonly match?: {
    readonly cidr: Prefix;
    readonly operator: 'Equal' | 'NotEqual' | 'In' | 'NotIn';
    /** Bounds of the route's prefix length, both inclusive. */
    readonly least: number;
    readonly most: number;
  };
  /** The route was learned by BGP. */
  readonly learned?: true;
  /** The route's interface, `*` standing for any text. */
  readonly interface?: string;
  readonly peerType?: 'eBGP' | 'iBGP';
  readonly community?: BgpCommunity;
  /** The AS path starts with these. */
  readonly asPathPrefix?: readonly number[];
  /** The route's metric. */
  readonly priority?: number;
  readonly operations: readonly BgpOperation[];
  readonly path: string;
}

/** A BGPFilter: per direction and family the first rule that matches decides. */
export interface BgpFilterFacts {
  readonly name: string;
  readonly exportV4: readonly BgpFilterRule[];
  readonly importV4: readonly BgpFilterRule[];
  readonly exportV6: readonly BgpFilterRule[];
  readonly importV6: readonly BgpFilterRule[];
}
