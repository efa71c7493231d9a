import { formatIp, type Ip } from '@muslin/net';

/** A device that encapsulates, as it should be or is. */
export type TunnelDevice = VxlanTunnel | IpipTunnel;

interface AnyTunnel {
  readonly name: string;
  readonly mtu: number;
  /** What the device is called from inside, a host prefix each; more than one only while an old one is still there. */
  readonly addresses: readonly Ip[];
  readonly up: boolean;
}

/** RFC 7348, without learning: every peer is told of. */
export interface VxlanTunnel extends AnyTunnel {
  readonly kind: 'vxlan';
  readonly vni: number;
  readonly port: number;
  /** This node's address in the underlay. */
  readonly local: Ip;
  readonly mac: string;
  /** Checksums of inner packets are left to hardware that often does not know how. Should be off. */
  readonly offload: boolean;
}

/** RFC 2003. */
export interface IpipTunnel extends AnyTunnel {
  readonly kind: 'ipip';
}

/** Who is behind a VXLAN device. `forwarding`: frames for the MAC go to the node; `neighbour`: the address has the MAC. */
export interface TunnelEntry {
  readonly kind: 'forwarding' | 'neighbour';
  readonly device: string;
  readonly ip: Ip;
  readonly mac: string;
}

/** What names an entry: the kernel has one neighbour for an address, and one forwarding entry for a MAC and a node. */
export function entryKey({ kind, device, ip, mac }: TunnelEntry): string {
  return `${kind} ${device} ${formatIp(ip)}${kind === 'forwarding' ? ` ${mac}` : ''}`;
}

/** Whether a device must be made anew: what the kernel can't change on one that is there. */
export function needsNewDevice(wanted: TunnelDevice, actual: TunnelDevice): boolean {
  if (wanted.kind !== actual.kind) return true;
  if (wanted.kind !== 'vxlan' || actual.kind !== 'vxlan') return false;
  return (
    wanted.vni !== actual.vni ||
    wanted.port !== actual.port ||
    formatIp(wanted.local) !== formatIp(actual.local)
  );
}
