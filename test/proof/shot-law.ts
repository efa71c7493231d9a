import {
  type Arrival,
  journey,
  lookupOf,
  type Packet,
  type Ruleset,
  workloadInterfaceName,
} from '@muslin/dataplane';
import type { NodeState } from '@muslin/api';
import { formatIp, mustPrefix, prefixHas } from '@muslin/net';
import type { Stage } from './packet-watch.ts';
import type { Shot } from './random-shot.ts';
import type { Place } from './witnesses.ts';

const LINK_LOCAL = mustPrefix('fe80::/10');
/** What a link of IPv6 needs: neighbours, routers, listeners of multicast. */
const LINK_TYPES = [131, 132, 133, 135, 136, 143];

const linkOf = ({ pod }: Place) =>
  pod === undefined ? 'eth0' : workloadInterfaceName(pod.namespace, pod.name);

/**
 * Why a pod's packet may not be seen at a stage; undefined when it may. Whatever policies say, nobody is taken for somebody
 * else: tracking sees its own addresses alone, and those that never leave a link.
 */
export function leakOf({ from, packet }: Shot, stage: Stage): string | undefined {
  const source = formatIp(packet.src);
  if (from.pod === undefined || source === from.ip) return undefined;
  const ofLink = source === '::' || source === '0.0.0.0' || prefixHas(LINK_LOCAL, packet.src);
  if (!ofLink) return `${stage} with somebody else's address`;
  const neighbour = packet.protocol === 58 && LINK_TYPES.includes(packet.icmp.type);
  if (stage === 'forwarded' || (stage === 'delivered' && !neighbour))
    return `${stage} with an address that is of its link alone`;
  return undefined;
}

/** Whether the rules let a packet go on, and whether tracking will know of it. */
export function fateOf(shot: Shot, places: readonly Place[], rules: Ruleset, state: NodeState): Arrival {
  const { from, packet, ctState } = shot;
  const { src, dst, protocol, sport, dport, icmp } = packet;
  const to = places.find(place => place.ip === formatIp(dst));
  const own = formatIp(src) === from.ip;
  const ported = [6, 17, 132].includes(protocol);
  const asked: Packet = {
    ...{ family: src.family, src, dst, protocol, mark: 0, ctState: ctState ?? 'NEW' },
    in: linkOf(from),
    ...(to !== undefined && to.node === undefined && { out: linkOf(to) }),
    ...(ported && { sport, dport }),
    ...(protocol === (src.family === 4 ? 1 : 58) && { icmp }),
    dstLocal: to?.node !== undefined || to === undefined,
    reversePath:
      own || from.pod === undefined || prefixHas(LINK_LOCAL, src) || /^(::|0\.0\.0\.0)$/.test(formatIp(src)),
  };
  const course = to !== undefined && to.node === undefined ? 'through' : 'in';
  return journey(rules, lookupOf(rules.sets, state.sets), course, asked);
}

/** Whether it says who sent it. */
export function isHonest({ from, packet }: Shot): boolean {
  return formatIp(packet.src) === from.ip;
}

/** VXLAN and IP in IP: no pod may send them, whatever policies say, and nobody who asks about policies is told. */
export function isTunnel({ packet: { protocol, dport } }: Shot): boolean {
  return protocol === 4 || (protocol === 17 && dport === 4789);
}

/** Whether the kernel itself would carry the packet where no rule says anything. */
export function isPlain({ from, packet: { src, dst }, ctState }: Shot, places: readonly Place[]): boolean {
  const known = (ip: typeof src) => places.find(place => place.ip === formatIp(ip));
  const sender = known(src);
  return (
    ctState === 'NEW' &&
    sender !== undefined &&
    sender.node === undefined &&
    known(dst) !== undefined &&
    (sender === from || from.pod === undefined)
  );
}
