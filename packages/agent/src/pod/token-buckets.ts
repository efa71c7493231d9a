import { findLink, listQdiscs, type NetlinkSocket, netlinkIn } from '@muslin/linux';
import type { Rate } from '../cni/attachment.ts';
import { bucketOf, limitBandwidth } from './bandwidth.ts';
import { openPodNamespace } from './pod-link.ts';
import type { Sandbox, SandboxStore } from './sandbox-store.ts';

/** Puts token buckets back that somebody took from either end of a cable: of a pod with NET_ADMIN its own. */
export function keepBuckets({
  sandboxes,
  netlink,
  log,
}: {
  readonly sandboxes: Pick<SandboxStore, 'all'>;
  readonly netlink: NetlinkSocket;
  readonly log: (line: string) => void;
}): void {
  for (const sandbox of sandboxes.all()) {
    const { bandwidth, state, hostInterface, netns, ifname } = sandbox;
    if (bandwidth === undefined || state !== 'ready') continue;
    const ingress = lostOn(netlink, hostInterface, bandwidth.ingress);
    const egress = lostInside(netns, ifname, bandwidth.egress);
    if (ingress === undefined && egress === undefined) continue;
    log(`the bandwidth of ${hostInterface} was set free: it is limited again`);
    const done = limitBandwidth(netlink, sandbox, { ingress, egress });
    if (!done.ok) log(done.fault.message);
  }
}

/** The rate, if the interface is there and no bucket holds it to that. */
function lostOn(socket: NetlinkSocket, name: string, rate: Rate | undefined): Rate | undefined {
  const found = rate === undefined ? undefined : findLink(socket, name);
  if (rate === undefined || !found?.ok || found.value === undefined) return undefined;
  const { index } = found.value;
  const listed = listQdiscs(socket);
  if (!listed.ok) return undefined;
  const { bytesPerSecond } = bucketOf(rate);
  const held = listed.value.some(
    ({ link, root, bucket }) => link === index && root && bucket?.bytesPerSecond === bytesPerSecond,
  );
  return held ? undefined : rate;
}

function lostInside(netns: Sandbox['netns'], ifname: string, rate: Rate | undefined): Rate | undefined {
  if (rate === undefined) return undefined;
  const opened = openPodNamespace(netns);
  if (!opened.ok) return undefined;
  using namespace = opened.value;
  const inside = netlinkIn(namespace);
  if (!inside.ok) return undefined;
  using pod = inside.value;
  return lostOn(pod, ifname, rate);
}
