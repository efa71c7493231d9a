import { findLink, type NetlinkSocket, netlinkIn, putBucketRequest } from '@muslin/linux';
import { fail, ok, type Result } from '@muslin/net';
import type { Rate } from '../cni/attachment.ts';
import { openPodNamespace, type PodLinkFault } from './pod-link.ts';

/** How fast a pod may get and send. */
export interface Bandwidth {
  readonly ingress: Rate | undefined;
  readonly egress: Rate | undefined;
}

/** Whether any way is limited. */
export const isLimited = ({ ingress, egress }: Bandwidth) => ingress !== undefined || egress !== undefined;

/** Packets wait this long at most, beyond the burst. */
const LATENCY_S = 0.025;
/** The burst of those who name none: this much of a second. */
const BURST_S = 0.1;
/** A packet that the network card cuts later is this long; none may be larger than the burst. */
const LEAST_BURST = 65_536;
const MOST_BURST = 0xffff_ffff;

/**
 * Limits a cable: what the pod gets where it leaves the node, what it sends where it leaves the pod (a pod that may
 * administer its network can lift its own limit). Replaces what was there.
 */
export function limitBandwidth(
  host: NetlinkSocket,
  {
    hostInterface,
    netns,
    ifname,
  }: { readonly hostInterface: string; readonly netns: string; readonly ifname: string },
  { ingress, egress }: Partial<Bandwidth>,
): Result<void, PodLinkFault> {
  if (ingress !== undefined) {
    const done = limit(host, hostInterface, ingress);
    if (!done.ok) return done;
  }
  if (egress === undefined) return ok(undefined);
  const opened = openPodNamespace(netns);
  if (!opened.ok) return opened;
  using namespace = opened.value;
  const inside = netlinkIn(namespace);
  if (!inside.ok) return fail({ code: 'kernel', message: inside.fault.message });
  using pod = inside.value;
  return limit(pod, ifname, egress);
}

function limit(socket: NetlinkSocket, name: string, rate: Rate): Result<void, PodLinkFault> {
  const found = findLink(socket, name);
  if (!found.ok) return fail({ code: 'kernel', message: found.fault.message });
  if (found.value === undefined) return fail({ code: 'kernel', message: `interface ${name} is gone` });
  const done = socket.ask(putBucketRequest(found.value.index, bucketOf(rate)));
  return done.ok ? done : fail({ code: 'kernel', message: done.fault.message });
}

/** Bits as people write them, bytes as the kernel counts. */
export function bucketOf({ bitsPerSecond, burstBits }: Rate) {
  const bytesPerSecond = Math.max(1, Math.floor(bitsPerSecond / 8));
  const asked = Math.floor((burstBits ?? bitsPerSecond * BURST_S) / 8);
  const burst = Math.min(MOST_BURST, Math.max(LEAST_BURST, asked));
  return { bytesPerSecond, burst, limit: burst + Math.ceil(bytesPerSecond * LATENCY_S) };
}
