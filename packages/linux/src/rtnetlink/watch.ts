import { ok, type Result } from '@muslin/net';
import { eventPoller } from '../netlink/event-poller.ts';
import { type NetlinkMessage, readMessages } from '../netlink/message-reader.ts';
import { NETLINK, openNetlinkFd } from '../netlink/netlink-socket.ts';
import { inNamespace, type Namespace } from '../netns/namespace.ts';
import type { SystemFault } from '../system-calls.ts';
import { decodeAddress, type LinkAddress } from './addresses.ts';
import { decodeLink, type Link } from './links.ts';
import { RTM, RTNLGRP } from './message-types.ts';
import { decodeNeighbour, type Neighbour } from './neighbours.ts';
import { decodeRoute, type KernelRoute } from './routes.ts';
import { decodeRule, type RoutingRule } from './rules.ts';

/** What can be watched: a row names its multicast groups and its decoder. */
const TOPICS = {
  link: { groups: [RTNLGRP.link], gone: RTM.delLink, decode: decodeLink },
  address: {
    groups: [RTNLGRP.ipv4Address, RTNLGRP.ipv6Address],
    gone: RTM.delAddress,
    decode: decodeAddress,
  },
  route: { groups: [RTNLGRP.ipv4Route, RTNLGRP.ipv6Route], gone: RTM.delRoute, decode: decodeRoute },
  neighbour: { groups: [RTNLGRP.neighbour], gone: RTM.delNeighbour, decode: decodeNeighbour },
  rule: { groups: [RTNLGRP.ipv4Rule, RTNLGRP.ipv6Rule], gone: RTM.delRule, decode: decodeRule },
} as const;

export type Topic = keyof typeof TOPICS;

/**
 * A change that the kernel told. `lost`: events were dropped, so whoever keeps a copy must read it again.
 *
 * A link that goes down takes its IPv4 routes along **without** a route event: read routes again on link events.
 */
export type KernelEvent =
  | { readonly topic: 'link'; readonly change: 'put' | 'gone'; readonly value: Link }
  | { readonly topic: 'address'; readonly change: 'put' | 'gone'; readonly value: LinkAddress }
  | { readonly topic: 'route'; readonly change: 'put' | 'gone'; readonly value: KernelRoute }
  | { readonly topic: 'neighbour'; readonly change: 'put' | 'gone'; readonly value: Neighbour }
  | { readonly topic: 'rule'; readonly change: 'put' | 'gone'; readonly value: RoutingRule }
  | { readonly topic: 'lost' };

/** Something that goes on until it is stopped. */
export interface Watch extends Disposable {
  readonly stop: () => void;
}

/**
 * Reports changes of the given topics in a namespace (absent: the calling thread's), batched as they arrive.
 * Latency is well below a millisecond. It does not keep the process alive.
 */
export function watchKernel(
  topics: readonly Topic[],
  onEvents: (events: readonly KernelEvent[]) => void,
  namespace?: Namespace,
): Result<Watch, SystemFault> {
  const groups = topics.flatMap(topic => TOPICS[topic].groups);
  const fd = inNamespace(namespace, () => openNetlinkFd(NETLINK.route, { groups, nonBlocking: true }));
  if (!fd.ok) return fd;
  const { stop } = eventPoller().watch(fd.value, {
    onDatagrams: datagrams => {
      const events = datagrams.flatMap(datagram =>
        [...readMessages(datagram)].flatMap(m => decodeEvent(m, topics)),
      );
      if (events.length > 0) onEvents(events);
    },
    onLoss: () => onEvents([{ topic: 'lost' }]),
  });
  return ok({ stop, [Symbol.dispose]: stop });
}

/** Reports changes of links: the signal to read routes again. */
export function watchLinks(
  onEvents: (events: readonly KernelEvent[]) => void,
  namespace?: Namespace,
): Result<Watch, SystemFault> {
  return watchKernel(['link'], onEvents, namespace);
}

function decodeEvent(message: NetlinkMessage, topics: readonly Topic[]): KernelEvent[] {
  for (const topic of topics) {
    const row = TOPICS[topic];
    const value = row.decode(message);
    const change = message.type === row.gone ? 'gone' : 'put';
    if (value !== undefined) return [{ topic, change, value } as KernelEvent];
  }
  return [];
}
