import type { NetlinkSocket } from '@muslin/linux';
import { formatIp, type Ip, mustIp, ok, type Result } from '@muslin/net';
import { CNI_CODE, type CniFault } from '../cni/cni-fault.ts';
import type { CniRequest } from '../cni/cni-request.ts';
import { formatCniResult } from '../cni/cni-result.ts';
import { renamedResult } from '../cni/prev-result.ts';
import { adopt, type ForeignLinkFault } from './foreign-link.ts';
import { GATEWAY } from './gateway.ts';
import { type PodDoor, type PodLinkPlan, plugIn } from './pod-link.ts';
import type { Sandbox } from './sandbox-store.ts';

/** A pod's interface that is there, and what the runtime is told of it. */
export interface Cable {
  readonly sandbox: Sandbox;
  readonly result: object;
}

/** Makes the cable of a sandbox with these addresses. */
export function makeCable(
  host: NetlinkSocket,
  sandbox: Sandbox,
  request: CniRequest,
  ips: readonly Ip[],
  mac: string | undefined,
  door?: PodDoor,
): Result<Cable, CniFault> {
  const { hostInterface, mtu } = sandbox;
  const { netns, ifname, config } = request;
  const { allowForwarding } = config;
  const made = plugIn(host, { ...planOf(sandbox), ips, mac, allowForwarding }, door);
  if (!made.ok) return { ok: false, fault: cableFault(made.fault) };
  const { podMac } = made.value;
  const result = {
    hostInterface: { name: hostInterface, mac: GATEWAY.mac },
    podInterface: { name: ifname, mac: podMac, sandbox: netns, mtu },
    ips,
    ...(sandbox.defaultRoute === false ? {} : { gateways: GATEWAY }),
    dns: config.dns,
  };
  return ok({
    sandbox: { ...sandbox, ips: ips.map(formatIp), podMac, state: 'ready' },
    result: formatCniResult(result, config.cniVersion),
  });
}

/** Takes the cable that a plugin before us made; its addresses and routes stay that plugin's. */
export function adoptCable(
  host: NetlinkSocket,
  sandbox: Sandbox,
  request: CniRequest,
): Result<Cable, CniFault> {
  const { hostInterface } = sandbox;
  const { netns, ifname, config } = request;
  const adopted = adopt(host, { netns, ifname, hostInterface });
  if (!adopted.ok) return { ok: false, fault: cableFault(adopted.fault) };
  const { podMac, mtu, ips, hostName } = adopted.value;
  return ok({
    sandbox: { ...sandbox, ips: ips.map(formatIp), podMac, mtu, state: 'ready' },
    result: renamedResult(config.prevResult ?? {}, config.cniVersion, { from: hostName, to: hostInterface }),
  });
}

/** What ADD made, to be compared with what is there. */
export function planOf(sandbox: Sandbox): PodLinkPlan {
  const { hostInterface, netns, ifname, mtu, ips, defaultRoute = true } = sandbox;
  return { hostInterface, netns, ifname, mtu, ips: ips.map(mustIp), defaultRoute };
}

/** The fault as a runtime is told it. */
export function cableFault(fault: ForeignLinkFault): CniFault {
  const { message } = fault;
  switch (fault.code) {
    case 'bad-namespace':
      return { code: CNI_CODE.invalidNetns, message };
    case 'interface-exists':
      return { code: CNI_CODE.invalidEnvironment, message };
    case 'kernel':
      return { code: CNI_CODE.ioFailure, message };
    case 'ungovernable':
      return { code: CNI_CODE.invalidConfig, message };
  }
}
