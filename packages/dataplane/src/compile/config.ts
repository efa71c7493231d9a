import type { EndpointKey } from '@muslin/api';
import type { Family, Ip, PortRange, Prefix } from '@muslin/net';
import type { FloatingIp } from './floating-ips.ts';
import type { HostPort } from './host-ports.ts';
import { LOOKUP_LIMITS, type LookupLimits } from '../lookups/limits.ts';

/** What `compile` must know of the node besides its `NodeState`. Keep one value as long as nothing in it changes. */
export interface NodeConfig {
  readonly family: Family;
  /** All pools of the cluster; the other family's are ignored. */
  readonly pools: readonly { readonly cidr: Prefix; readonly natOutgoing: boolean }[];
  /** natOutgoing translates what leaves by this interface only; undefined: by any. */
  readonly natOutgoingInterface: { readonly name: string; readonly wildcard: boolean } | undefined;
  /** What natOutgoing translates to; undefined, or of the other family: to the address of the interface by which it leaves. */
  readonly natAddress: Ip | undefined;
  /** Ports that natOutgoing chooses from for TCP and UDP; undefined: any. */
  readonly natPorts: PortRange | undefined;
  /** Destinations outside the pools that natOutgoing leaves alone; the other family's are ignored. */
  readonly natExcludes: readonly Ip[];
  /** Addresses of Services that come here only to be sent to pods: what nothing serves goes no further. */
  readonly serviceLoop: { readonly cidrs: readonly Prefix[]; readonly action: 'Drop' | 'Reject' } | undefined;
  /** Every interface whose name begins so belongs to a pod. No other device of the node may. */
  readonly workloadInterfacePrefix: string;
  /** What happens to a pod's traffic to its own node after its egress policy allowed it. */
  readonly endpointToHostAction: 'Accept' | 'Drop' | 'Return';
  /** Host side interfaces of a local endpoint; empty while it has none. Cheap: asked on every compile. */
  readonly interfacesOf: (key: EndpointKey) => readonly string[];
  /** Ports of the node that lead to local endpoints. Cheap, and the same list as before while nothing changes. */
  readonly hostPorts: () => readonly HostPort[];
  /** Further addresses of local endpoints. Cheap, and the same list as before while nothing changes. */
  readonly floatingIps: () => readonly FloatingIp[];
  /** Interfaces of the node with their addresses: where host endpoints without an interface name stand. */
  readonly links: readonly { readonly name: string; readonly ips: readonly Ip[] }[];
  /** Three bits or more of the packet mark that are ours. */
  readonly markMask: number;
  /** Begins what `Log` rules write. */
  readonly logPrefix: string;
  /** UDP port that nodes decapsulate VXLAN on; undefined lets pods send to it. */
  readonly vxlanPort: number | undefined;
  /** The nodes, of both families, from which this one takes VXLAN packets; undefined: it decapsulates none, and drops none. */
  readonly vxlanPeers: readonly Ip[] | undefined;
  /** The same for IP in IP, which is IPv4's alone. */
  readonly ipipPeers: readonly Ip[] | undefined;
  /** Whether pods may send VXLAN, and IP in IP. */
  readonly allowVxlanFromPods: boolean;
  readonly allowIpipFromPods: boolean;
  /** Where packets that policies deny are told of; undefined: nowhere. */
  readonly deniedLog: DeniedLog | undefined;
  /** How far policies that only allow become look-ups in derived sets; undefined: a chain for each, always. */
  readonly setLookups: LookupLimits | undefined;
}

/** An NFLOG group, and how many packets a second each rule tells it of at most. */
export interface DeniedLog {
  readonly group: number;
  readonly perSecond: number;
}

const NO_PORTS: readonly HostPort[] = [];
const NO_ADDRESSES: readonly FloatingIp[] = [];

/** What is right for most nodes; only `family`, `pools` and `interfacesOf` have no good default. */
export const NODE_CONFIG_DEFAULTS = {
  workloadInterfacePrefix: 'msl',
  endpointToHostAction: 'Accept',
  /** Bits that kube-proxy (0xc000), Tailscale (0xff0000) and portmap (0x2000) leave alone. */
  markMask: 0x70000000,
  links: [],
  hostPorts: () => NO_PORTS,
  floatingIps: () => NO_ADDRESSES,
  logPrefix: 'muslin-packet',
  /** RFC 7348 §8. */
  vxlanPort: 4789,
  vxlanPeers: undefined,
  ipipPeers: undefined,
  allowVxlanFromPods: false,
  allowIpipFromPods: false,
  natOutgoingInterface: undefined,
  natAddress: undefined,
  natPorts: undefined,
  natExcludes: [],
  serviceLoop: undefined,
  deniedLog: undefined,
  setLookups: LOOKUP_LIMITS,
} as const satisfies Partial<NodeConfig>;

/** The bits that our chains speak with. */
export interface Marks {
  /** A policy allowed the packet in this direction. */
  readonly allow: number;
  /** A policy passed it on to the next tier. */
  readonly pass: number;
  /** A host policy before tracking or translation allowed it; kept from table to table. */
  readonly accepted: number;
}

/** Takes the three lowest bits of the mask; fewer is a bug of the caller, who validates what people write. */
export function marksOf(mask: number): Marks {
  const bits: number[] = [];
  for (let i = 0; i < 32; i++) if ((mask >>> i) & 1) bits.push((1 << i) >>> 0);
  const [allow, pass, accepted] = bits;
  if (allow === undefined || pass === undefined || accepted === undefined)
    throw new Error('markMask needs three bits or more');
  return { allow, pass, accepted };
}
