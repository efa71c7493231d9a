import type { Ip, Prefix } from '@muslin/net';
import type { ObjectRef, Policy, PolicyKey, Tier } from './policy.ts';
import type { Labels, Selector } from './selector.ts';

/** `pod/<namespace>/<name>` for workloads, `host/<node>/<name>` for host endpoints. */
export type EndpointKey = string;

/** A named container port, or a named port of a host endpoint. */
export interface NamedPort {
  readonly name: string;
  /** IANA protocol number. */
  readonly protocol: number;
  readonly port: number;
}

/** A port of a pod's node that leads to the pod (Pod v1 `containers[].ports[].hostPort`). */
export interface HostPortFacts {
  /** IANA protocol number. */
  readonly protocol: number;
  readonly hostPort: number;
  /** Which of the node's addresses; undefined: any. */
  readonly hostIp: Ip | undefined;
  /** The pod's own. */
  readonly port: number;
}

/** Something that policy can select and that has addresses: a pod. */
export interface Endpoint {
  readonly key: EndpointKey;
  readonly source: ObjectRef;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Node it is bound to; undefined while pending. */
  readonly node: string | undefined;
  /** Own labels, without reserved keys. */
  readonly labels: Labels;
  readonly serviceAccount: string;
  /** Empty until the CNI plugin or the kubelet reported them. */
  readonly ips: readonly Ip[];
  readonly ports: readonly NamedPort[];
  /** Shares its node's addresses: never selected by policies, never a selector peer (NetworkPolicy v1). */
  readonly hostNetwork: boolean;
  /** Every declared container port, for people and for the lab. */
  readonly declaredPorts: readonly { readonly protocol: number; readonly port: number }[];
  /** Ports of its node that lead to it; absent: none. On the host network there is nothing to lead. */
  readonly hostPorts?: readonly HostPortFacts[];
}

/** Interfaces of a node that policy can select (projectcalico.org/v3 HostEndpoint). */
export interface HostEndpoint {
  /** `host/<node>/<name>`. */
  readonly key: EndpointKey;
  readonly source: ObjectRef;
  readonly name: string;
  readonly node: string;
  /** Own labels, without reserved keys. */
  readonly labels: Labels;
  /** One interface, `*` for all; undefined: the interface that has one of `ips`. */
  readonly interfaceName: string | undefined;
  /** `expectedIPs`: what selectors find. */
  readonly ips: readonly Ip[];
  readonly ports: readonly NamedPort[];
  /** Names of profiles, in order: what they say past the last tier, and labels that they hand down. */
  readonly profiles: readonly string[];
}

/** A port of a node that host policies can't close (FelixConfiguration `failsafe…HostPorts`). */
export interface FailsafePort {
  /** IANA protocol number. */
  readonly protocol: number;
  readonly port: number;
  /** The other end; undefined: any. */
  readonly net: Prefix | undefined;
}

/** What one FelixConfiguration says about connections; undefined: nothing, so a wider one's word holds. */
export interface FelixFacts {
  /** `default`, `node.<node>`, or any other with a `nodeSelector`. */
  readonly name: string;
  readonly nodeSelector: Selector | undefined;
  readonly failsafeInbound: readonly FailsafePort[] | undefined;
  readonly failsafeOutbound: readonly FailsafePort[] | undefined;
  /** Whether pods may send IP in IP, and VXLAN: UDP to this port. */
  readonly ipipFromPods?: boolean | undefined;
  readonly vxlanFromPods?: boolean | undefined;
  readonly vxlanPort?: number | undefined;
}

/** A Namespace: its name and labels. */
export interface NamespaceFacts {
  readonly name: string;
  readonly labels: Labels;
}

/** A ServiceAccount: its labels can be selected. */
export interface ServiceAccountFacts {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
}

/** A NetworkSet (with namespace) or GlobalNetworkSet (without). */
export interface NetworkSetFacts {
  readonly key: string;
  readonly source: ObjectRef;
  readonly namespace: string | undefined;
  readonly labels: Labels;
  readonly nets: readonly Prefix[];
}

/** A Node as the network sees it. */
export interface NodeFacts {
  readonly name: string;
  readonly labels: Labels;
  /** InternalIPs, or what `projectcalico.org/IPv4Address` and `IPv6Address` say. First of each family is used. */
  readonly ips: readonly Ip[];
  readonly podCidrs: readonly Prefix[];
  /** `projectcalico.org/ASNumber`. */
  readonly asNumber: number | undefined;
  /** `projectcalico.org/RouteReflectorClusterID`. */
  readonly routeReflectorClusterId: string | undefined;
  /** `muslin.dev/drain: "true"`: traffic is to leave the node. */
  readonly draining?: true;
  /** `muslin.dev/drain: leave`: it is to be out of the network; what its peers are told is in `muslin.dev/drain-message`. */
  readonly leaving?: { readonly message: string | undefined };
  /** Its ends of tunnels, as it told; absent parts: it has none (yet). */
  readonly tunnels?: NodeTunnels;
}

/** Where a node can be reached by tunnels: Calico's annotations on the Node. */
export interface NodeTunnels {
  /** `IPv4VXLANTunnelAddr`, `VXLANTunnelMACAddr`; `IPv6VXLANTunnelAddr`, `VXLANTunnelMACAddrV6`. */
  readonly vxlan4?: { readonly ip: Ip; readonly mac: string };
  readonly vxlan6?: { readonly ip: Ip; readonly mac: string };
  /** `IPv4IPIPTunnelAddr`. */
  readonly ipip?: Ip;
  /** `WireguardPublicKey` with `IPv4WireguardInterfaceAddr`; the same for IPv6 with `V6`. Keys in base64. */
  readonly wireguard4?: { readonly publicKey: string; readonly ip?: Ip };
  readonly wireguard6?: { readonly publicKey: string; readonly ip?: Ip };
}

/** A Service with the backends of its EndpointSlices. */
export interface ServiceFacts {
  /** `namespace/name`. */
  readonly key: string;
  readonly clusterIps: readonly Ip[];
  /** `spec.externalIPs` and addresses of load balancers; absent: none. */
  readonly outsideIps?: readonly Ip[];
  /** `externalTrafficPolicy: Local`: from outside only to backends of the node where it comes in. */
  readonly keepsClient?: true;
  /** Of type ExternalName: what its name is another name for. */
  readonly externalName?: string;
  readonly ports: readonly {
    readonly name: string;
    readonly protocol: number;
    readonly port: number;
    readonly nodePort?: number;
    /** Port as each backend's EndpointSlice resolved it is in `backends`. */
  }[];
  readonly backends: readonly {
    readonly ip: Ip;
    readonly protocol: number;
    readonly port: number;
    /** Name of the Service port it serves. */
    readonly portName: string;
    readonly ready: boolean;
  }[];
}

/** An IPPool with defaults applied. */
export interface Pool {
  readonly name: string;
  readonly cidr: Prefix;
  /** Prefix length of blocks. */
  readonly blockSize: number;
  readonly natOutgoing: boolean;
  readonly disabled: boolean;
  readonly disableBgpExport: boolean;
  readonly ipipMode: 'Never' | 'Always' | 'CrossSubnet';
  readonly vxlanMode: 'Never' | 'Always' | 'CrossSubnet';
  readonly nodeSelector: Selector;
  readonly namespaceSelector: Selector | undefined;
  readonly allowedUses: ReadonlySet<'Workload' | 'Tunnel' | 'LoadBalancer'>;
  readonly assignmentMode: 'Automatic' | 'Manual';
}

/**
 * All that a pure function may know of a cluster, normalised: defaults applied, invalid objects absent (each
 * with a `Finding`), one form for all policy kinds. Maps are keyed as the fields say.
 */
export interface Snapshot {
  readonly nodes: ReadonlyMap<string, NodeFacts>;
  readonly namespaces: ReadonlyMap<string, NamespaceFacts>;
  /** By `namespace/name`. */
  readonly serviceAccounts: ReadonlyMap<string, ServiceAccountFacts>;
  readonly endpoints: ReadonlyMap<EndpointKey, Endpoint>;
  readonly networkSets: ReadonlyMap<string, NetworkSetFacts>;
  readonly policies: ReadonlyMap<PolicyKey, Policy>;
  readonly tiers: ReadonlyMap<string, Tier>;
  /** By `namespace/name`. */
  readonly services: ReadonlyMap<string, ServiceFacts>;
  readonly pools: ReadonlyMap<string, Pool>;
  readonly hostEndpoints: ReadonlyMap<EndpointKey, HostEndpoint>;
  /** FelixConfigurations by name. */
  readonly felix: ReadonlyMap<string, FelixFacts>;
}

/** What is wrong with an object, whose fault it is, and where. */
export interface Finding {
  readonly object: ObjectRef;
  /** Path in the object's YAML, `spec.ingress[0].ports[1].port`; empty for the whole object. */
  readonly path: string;
  /** `error`: the object, or that part of it, is not in effect. `warning`: in effect, but look at it. */
  readonly severity: 'error' | 'warning';
  /** Says what is wrong and what to write instead. */
  readonly message: string;
}
