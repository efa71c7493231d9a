import type { AnyObject } from '@muslin/kube';
import { fail, formatIp, ok, type Result } from '@muslin/net';
import { type Attachment, readMac } from '../cni/attachment.ts';
import { CNI_CODE, type CniFault } from '../cni/cni-fault.ts';

/** Calico's annotations of a pod that speak of its interface. */
const IP_ADDRS = 'cni.projectcalico.org/ipAddrs';
const HW_ADDR = 'cni.projectcalico.org/hwAddr';

/** The interface that the kubelet asks for, which a pod's annotations are about (CRI). */
const POD_INTERFACE = 'eth0';

/**
 * The Pod as IPAM should see it for one interface: addresses that the caller asks for take the place of those in the
 * annotation, which are for the pod's first interface alone.
 */
export function podForInterface(object: AnyObject, ifname: string, { ips }: Attachment): AnyObject {
  const { [IP_ADDRS]: annotated, ...others } = object.metadata.annotations ?? {};
  const asked =
    ips.length > 0 ? JSON.stringify(ips.map(formatIp)) : ifname === POD_INTERFACE ? annotated : undefined;
  const annotations = asked === undefined ? others : { ...others, [IP_ADDRS]: asked };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/** The MAC that an interface is to have: the caller's, else for the pod's first interface the annotation's. */
export function macFor(
  object: AnyObject,
  ifname: string,
  { mac }: Attachment,
): Result<string | undefined, CniFault> {
  if (mac !== undefined || ifname !== POD_INTERFACE) return ok(mac);
  const annotated = readMac(object.metadata.annotations?.[HW_ADDR]);
  return annotated === false
    ? fail({
        code: CNI_CODE.invalidConfig,
        message: `annotation ${HW_ADDR} must be the address of one interface, such as 02:00:00:00:00:01`,
      })
    : ok(annotated);
}

/** Whose the addresses are, as IPAM's handle names it: the container, and for further interfaces of it, which. */
export function holderOf({
  containerId,
  ifname,
}: {
  readonly containerId: string;
  readonly ifname: string;
}): string {
  return ifname === POD_INTERFACE ? containerId : `${containerId}.${ifname}`;
}

/** What tells a pod's host interfaces apart: pods' names have no slash. */
export function interfaceSeed(pod: string, ifname: string): string {
  return ifname === POD_INTERFACE ? pod : `${pod}/${ifname}`;
}
