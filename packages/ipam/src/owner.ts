import { formatIp, type Ip } from '@muslin/net';
import { rfc3339 } from './block.ts';

/** Whom an address is for. */
export type Owner =
  | {
      readonly type: 'pod';
      readonly namespace: string;
      readonly name: string;
      readonly uid: string;
      /** It is not the address of an interface: it leads to the pod by translation. */
      readonly floating?: true;
    }
  | {
      readonly type: 'tunnel';
      readonly tunnel:
        | 'ipipTunnelAddress'
        | 'vxlanTunnelAddress'
        | 'vxlanV6TunnelAddress'
        | 'wireguardTunnelAddress'
        | 'wireguardV6TunnelAddress';
    }
  | { readonly type: 'service'; readonly namespace: string; readonly name: string; readonly uid: string };

/** Attribute that ties an address to one life of a pod or service; names come back, UIDs do not. */
export const UID_ATTRIBUTE = 'muslin.dev/uid';

/** Attribute `type` of an address that leads to a pod by translation. */
export const FLOATING_TYPE = 'floatingAddress';

/** Annotations of an IPAMHandle that say, even without a block, whose it is. */
export const HANDLE_ANNOTATIONS = {
  node: 'muslin.dev/node',
  uid: 'muslin.dev/uid',
  owner: 'muslin.dev/owner',
} as const;

/** `secondary` attributes of an address, with Calico's names. `now` in ms since the epoch. */
export function attributesOf(owner: Owner, node: string, now: number): Readonly<Record<string, string>> {
  const common = { node, timestamp: rfc3339(now) };
  switch (owner.type) {
    case 'pod':
      return {
        ...common,
        ...{ namespace: owner.namespace, pod: owner.name, [UID_ATTRIBUTE]: owner.uid },
        ...(owner.floating && { type: FLOATING_TYPE }),
      };
    case 'tunnel':
      return { ...common, type: owner.tunnel };
    case 'service':
      return { ...common, namespace: owner.namespace, service: owner.name, [UID_ATTRIBUTE]: owner.uid };
    default:
      return owner satisfies never;
  }
}

/** Annotations for the handle of this owner on this node. */
export function handleAnnotations(owner: Owner, node: string): Readonly<Record<string, string>> {
  const name = owner.type === 'tunnel' ? owner.tunnel : `${owner.type}/${owner.namespace}/${owner.name}`;
  return {
    [HANDLE_ANNOTATIONS.node]: node,
    [HANDLE_ANNOTATIONS.owner]: name,
    ...(owner.type === 'tunnel' ? {} : { [HANDLE_ANNOTATIONS.uid]: owner.uid }),
  };
}

/** Handle of a pod's sandbox: `<CNI network name>.<container ID>`. */
export function podHandleId(network: string, containerId: string): string {
  return `${network}.${containerId}`;
}

/** Handle of a floating address of one life of a pod: each address can be given back alone. */
export function floatingHandleId(uid: string, ip: Ip): string {
  return `floating.${uid}.${formatIp(ip)}`;
}

/** Prefixes of the handles of a node's tunnel addresses. */
const TUNNEL_PREFIX = {
  ipipTunnelAddress: 'ipip-tunnel-addr-',
  vxlanTunnelAddress: 'vxlan-tunnel-addr-',
  vxlanV6TunnelAddress: 'vxlan-v6-tunnel-addr-',
  wireguardTunnelAddress: 'wireguard-tunnel-addr-',
  wireguardV6TunnelAddress: 'wireguard-v6-tunnel-addr-',
} as const;

/** Handle of a tunnel address of a node. */
export function tunnelHandleId(tunnel: keyof typeof TUNNEL_PREFIX, node: string): string {
  return `${TUNNEL_PREFIX[tunnel]}${node}`;
}
