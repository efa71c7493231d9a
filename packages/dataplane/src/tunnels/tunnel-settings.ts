import type { Family } from '@muslin/net';

/**
 * Names of the devices. Others than Calico's, so that nobody takes the other's for its own: VNI, port and annotations are the
 * same, so nodes of both kinds reach each other. On one node the kernel takes only one of them.
 */
export const VXLAN_NAMES: Readonly<Record<Family, string>> = { 4: 'vxlan.muslin', 6: 'vxlan-v6.muslin' };
/** The device that the ipip module makes in each namespace; the only one that takes packets from any peer. */
export const IPIP_NAME = 'tunl0';
export const WIREGUARD_NAMES: Readonly<Record<Family, string>> = { 4: 'wg.muslin', 6: 'wg-v6.muslin' };

/** Every device of ours. `tunl0` is the kernel's and is never removed. */
export const TUNNEL_DEVICE_NAMES: readonly string[] = [
  ...Object.values(VXLAN_NAMES),
  IPIP_NAME,
  ...Object.values(WIREGUARD_NAMES),
];

/** Bytes that an encapsulation adds: outer IP, UDP and VXLAN headers and the inner Ethernet header (RFC 7348 §5). */
export const OVERHEAD = {
  vxlan: { 4: 50, 6: 70 },
  ipip: 20,
  /** Outer IP, UDP, 16 bytes of header and 16 of tag (WireGuard, section 5.4.6). */
  wireguard: { 4: 60, 6: 80 },
} as const;

/** What is configured for all tunnels of a node; FelixConfiguration names in brackets. */
export interface TunnelSettings {
  /** `vxlanVNI`. */
  readonly vni: number;
  /** `vxlanPort`. */
  readonly vxlanPort: number;
  /** `vxlanEnabled`, `ipipEnabled`; undefined: when a pool needs it. */
  readonly vxlan: boolean | undefined;
  readonly ipip: boolean | undefined;
  /** `vxlanMTU`, `vxlanMTUV6`, `ipipMTU`; undefined: underlay less overhead. */
  readonly mtu: { readonly vxlan4?: number; readonly vxlan6?: number; readonly ipip?: number };
  /** `programClusterRoutes`: whose routes between nodes the agent sets besides those of VXLAN, which are always its own. */
  readonly programs: { readonly ipip: boolean; readonly direct: boolean };
  readonly wireguard: WireguardSettings;
}

/** `wireguard…` of a FelixConfiguration. */
export interface WireguardSettings {
  readonly enabled: Readonly<Record<Family, boolean>>;
  readonly port: Readonly<Record<Family, number>>;
  readonly mtu: Partial<Readonly<Record<Family, number>>>;
  readonly rulePriority: number;
  /** Seconds between empty packets to each peer; 0 for none. */
  readonly keepAlive: number;
}

/** What Calico's nodes use where nothing is configured, so that nodes of both kinds reach each other. */
export const TUNNEL_DEFAULTS: TunnelSettings = {
  vni: 4096,
  vxlanPort: 4789,
  vxlan: undefined,
  ipip: undefined,
  mtu: {},
  /** EnabledIPIPOnly, Calico's default: BGP brings routes of pools without encapsulation. */
  programs: { ipip: true, direct: false },
  wireguard: {
    enabled: { 4: false, 6: false },
    port: { 4: 51_820, 6: 51_821 },
    mtu: {},
    rulePriority: 99,
    keepAlive: 0,
  },
};
