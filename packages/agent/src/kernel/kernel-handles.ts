import {
  type Backend,
  ConntrackDriver,
  type KernelDoor,
  type NetlinkSocket,
  openKernel,
  openRouteSocket,
  WireguardKernel,
} from '@muslin/linux';
import type { Result } from '@muslin/net';

/** A restore waits up to 10 s for the lock of iptables; one that takes longer than this is killed and tried again. */
const TOOL_MS = 15_000;

/** What the agent holds open of its node's kernel as long as it runs. */
export interface KernelHandles {
  readonly door: KernelDoor;
  readonly netlink: NetlinkSocket;
  readonly tracker: ConntrackDriver;
  readonly wireguard: WireguardKernel;
}

/** Opens all of them; throws when the kernel refuses one, since the node can't be served without it. */
export function openKernelHandles(backend: Backend): KernelHandles {
  return {
    door: opened(openKernel({ backend, timeoutMs: TOOL_MS })),
    netlink: opened(openRouteSocket()),
    tracker: opened(ConntrackDriver.open()),
    wireguard: opened(WireguardKernel.open()),
  };
}

function opened<T>(result: Result<T, { readonly message: string }>): T {
  if (!result.ok) throw new Error(result.fault.message);
  return result.value;
}
