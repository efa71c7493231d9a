import {
  changeLinkRequest,
  deleteLink,
  findLink,
  type Link,
  listAddresses,
  listLinks,
  type NetlinkFault,
  type NetlinkSocket,
  netlinkIn,
} from '@muslin/linux';
import { fail, type Ip, mustPrefix, ok, prefixHas, type Result } from '@muslin/net';
import { notEntered, openPodNamespace, type PodLinkFault } from './pod-link.ts';

/** A pod's interface that a plugin before us made. */
export interface ForeignLink {
  readonly podMac: string;
  readonly mtu: number;
  /** As the kernel has them, without link-local ones. */
  readonly ips: readonly Ip[];
  /** Name of the node's end before it was ours. */
  readonly hostName: string;
}

/** Why another plugin's interface can't be governed. */
export type ForeignLinkFault = PodLinkFault | { readonly code: 'ungovernable'; readonly message: string };

/**
 * Takes a veth that another plugin made under our policy: its end on the node gets the name that rules know pods by, and
 * all else stays as it is. The kernel renames interfaces that are up from Linux 6.2 on.
 */
export function adopt(
  host: NetlinkSocket,
  plan: { readonly netns: string; readonly ifname: string; readonly hostInterface: string },
): Result<ForeignLink, ForeignLinkFault> {
  const { netns, ifname, hostInterface } = plan;
  const opened = openPodNamespace(netns);
  if (!opened.ok) return opened;
  using namespace = opened.value;
  const inside = netlinkIn(namespace);
  if (!inside.ok) return fail(notEntered(netns, inside.fault));
  using pod = inside.value;
  const inner = findLink(pod, ifname);
  if (!inner.ok) return fail(kernel(inner.fault));
  const link = inner.value;
  if (link?.mac === undefined)
    return ungovernable(`the plugins before Muslin made no interface ${ifname} in ${netns}`);
  if (link.kind !== 'veth')
    return ungovernable(
      `${ifname} is ${link.kind ?? 'no veth'}: its packets pass no rules of the node. Use a plugin that makes a veth, such as ptp`,
    );
  const listed = listLinks(host);
  if (!listed.ok) return fail(kernel(listed.fault));
  const outer = listed.value.find(each => isOtherEnd(each, link));
  if (outer === undefined)
    return ungovernable(`the other end of ${ifname} is not on the node: Muslin can't see its packets`);
  if (outer.master !== undefined)
    return ungovernable(
      `${outer.name} is a port of a bridge, whose ports reach each other past the node's rules. Use a plugin that routes, such as ptp`,
    );
  const addresses = listAddresses(pod, link.index);
  if (!addresses.ok) return fail(kernel(addresses.fault));
  const ips = addresses.value.map(({ ip }) => ip).filter(ip => !isLinkLocal(ip));
  if (outer.name !== hostInterface) {
    const stale = findLink(host, hostInterface);
    // An older sandbox of the same pod left it behind.
    if (stale.ok && stale.value !== undefined) deleteLink(host, stale.value.index);
    const renamed = host.ask(changeLinkRequest(outer.index, { name: hostInterface }));
    if (!renamed.ok)
      return ungovernable(
        `${outer.name} can't be named ${hostInterface} (Linux 6.2 or later renames what is up): ${renamed.fault.message}`,
      );
  }
  return ok({ podMac: link.mac, mtu: link.mtu, ips, hostName: outer.name });
}

const LINK_LOCAL = [mustPrefix('fe80::/10'), mustPrefix('169.254.0.0/16')];

/** Each names the other by its index. */
function isOtherEnd(outer: Link, inner: Link): boolean {
  return outer.kind === 'veth' && outer.index === inner.lower && outer.lower === inner.index;
}

/** fe80::/10 (RFC 4291 §2.5.6), 169.254.0.0/16 (RFC 3927). */
function isLinkLocal(ip: Ip): boolean {
  return LINK_LOCAL.some(prefix => prefixHas(prefix, ip));
}

const kernel = (fault: NetlinkFault): ForeignLinkFault => ({ code: 'kernel', message: fault.message });
const ungovernable = (message: string) => fail<ForeignLinkFault>({ code: 'ungovernable', message });
