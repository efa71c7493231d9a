import type { FelixFacts, Labels, Snapshot } from '@muslin/api';
import { felixInOrder } from './host-plan.ts';
import type { Packet, Reason } from './trace.ts';

/** RFC 7348 §8. */
const VXLAN_PORT = 4789;
const UDP = 17;
/** RFC 2003 §3.1. */
const IPIP = 4;

/** What pods of a node may not send, whatever policies say: a node that decapsulates it takes what is inside for its own. */
export interface PodTunnels {
  readonly allowIpip: boolean;
  readonly allowVxlan: boolean;
  readonly vxlanPort: number;
}

/** FelixConfiguration `allowIPIPPacketsFromWorkloads`, `allowVXLANPacketsFromWorkloads` and `vxlanPort` of a node. */
export function podTunnelsOf({ felix, nodes }: Pick<Snapshot, 'felix' | 'nodes'>, node: string): PodTunnels {
  const labels: Labels | undefined = nodes.get(node)?.labels;
  const order = felixInOrder(felix, node, labels);
  const first = <K extends keyof FelixFacts>(field: K): FelixFacts[K] | undefined =>
    order.find(one => one[field] !== undefined)?.[field];
  return {
    allowIpip: first('ipipFromPods') ?? false,
    allowVxlan: first('vxlanFromPods') ?? false,
    vxlanPort: first('vxlanPort') ?? VXLAN_PORT,
  };
}

/** Why a pod's packet is refused as a tunnel's; undefined when it is none, or allowed. */
export function refusedTunnel(
  { protocol, destinationPort, source }: Packet,
  { allowIpip, allowVxlan, vxlanPort }: PodTunnels,
): Extract<Reason, { code: 'tunnel' }> | undefined {
  if (protocol === IPIP && source.family === 4 && !allowIpip)
    return { code: 'tunnel', tunnel: 'IP in IP', field: 'allowIPIPPacketsFromWorkloads' };
  if (protocol === UDP && destinationPort === vxlanPort && !allowVxlan)
    return { code: 'tunnel', tunnel: 'VXLAN', field: 'allowVXLANPacketsFromWorkloads' };
  return undefined;
}
