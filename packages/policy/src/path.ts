import type { Direction, Snapshot } from '@muslin/api';
import type { Family, Ip } from '@muslin/net';
import { decide } from './decide.ts';
import type { EndIdentity, Flow, Note, PathExplanation } from './flow.ts';
import { HostWay } from './host-way.ts';
import { refusedTunnel } from './pod-tunnels.ts';
import type { SnapshotView } from './snapshot-view.ts';
import type { Decision, Packet, Reason } from './trace.ts';

const ICMP = 1;
const ICMPV6 = 58;

/** A ping of each ICMP: RFC 792 and RFC 4443 §4.1. */
const ECHO_REQUEST = new Map<
  number,
  { readonly family: Family; readonly type: number; readonly code: number }
>([
  [ICMP, { family: 4, type: 8, code: 0 }],
  [ICMPV6, { family: 6, type: 128, code: 0 }],
]);

/**
 * The packet that opens the flow; undefined when the ends share no (or not that) family. Of ICMP and ICMPv6 each has its
 * family; where ends have IPv6 alone, a ping is ICMPv6.
 */
export function firstPacket(
  flow: Pick<Flow, 'protocol' | 'port' | 'sourcePort' | 'icmp' | 'family'>,
  from: readonly Ip[],
  to: readonly Ip[],
): Packet | undefined {
  const wanted = flow.family ?? ECHO_REQUEST.get(flow.protocol)?.family;
  const reachable = to.filter(ip => from.some(own => own.family === ip.family));
  const destination =
    reachable.find(ip => ip.family === (wanted ?? ip.family)) ??
    (flow.protocol === ICMP && flow.family === undefined ? reachable[0] : undefined);
  const source = from.find(ip => ip.family === destination?.family);
  if (destination === undefined || source === undefined) return undefined;
  const protocol = flow.protocol === ICMP && destination.family === 6 ? ICMPV6 : flow.protocol;
  const ping = ECHO_REQUEST.get(protocol);
  const icmp = flow.icmp ?? (ping && { type: ping.type, code: ping.code });
  return {
    source,
    destination,
    protocol,
    ...(flow.sourcePort !== undefined && { sourcePort: flow.sourcePort }),
    ...(flow.port !== undefined && { destinationPort: flow.port }),
    ...(icmp !== undefined && { icmp }),
  };
}

/**
 * What both ends, and host endpoints on the way, say to a packet.
 *
 * @param before the packet before a Service or a host port translated it; absent without a translation.
 */
export function explainPath(
  snapshot: Snapshot,
  view: SnapshotView,
  from: EndIdentity,
  to: EndIdentity,
  packet: Packet,
  before?: Packet,
): PathExplanation {
  const self = from.kind === 'pod' && to.kind === 'pod' && from.endpoint === to.endpoint;
  const ask = (direction: Direction, identity: EndIdentity): Decision => {
    const endpoint = identity.kind === 'pod' ? snapshot.endpoints.get(identity.endpoint) : undefined;
    return endpoint === undefined
      ? granted(direction, identity, {
          code: 'not-selectable',
          ...(identity.kind === 'node' && { node: identity.node }),
        })
      : decide(view.plan(endpoint), view, packet, direction);
  };
  const loopback: Reason | undefined = self && before === undefined ? { code: 'loopback' } : undefined;
  // Translated, the pod's own packet comes back with its node's address (netpol S21).
  const fromOwnNode = to.kind === 'pod' && (self || (from.kind === 'node' && from.node === to.node));
  const ownNode: Reason | undefined = fromOwnNode ? { code: 'own-node', node: to.node } : undefined;
  const unasked = loopback ?? ownNode;
  const way = new HostWay(snapshot, view, from, to, packet, before ?? packet);
  const tunnel = from.kind === 'pod' ? refusedTunnel(packet, view.podTunnels(from.node)) : undefined;
  const leaving = () => (tunnel ? refused(from, tunnel) : (way.leaving() ?? ask('egress', from)));
  const egress = loopback ? granted('egress', from, loopback) : leaving();
  const ingress = unasked ? granted('ingress', to, unasked) : (way.entering() ?? ask('ingress', to));
  const crossings = loopback ? [] : way.crossings();
  const hairpin: readonly Note[] =
    self && before !== undefined && to.kind === 'pod' ? [{ code: 'hairpin', node: to.node }] : [];
  const denied = [egress, ...crossings, ingress].some(decision => decision.answer === 'deny');
  const answer = denied ? 'deny' : 'allow';
  const notes = [...hairpin, ...way.notes];
  return { answer, ready: true, packet, from, to, egress, ingress, crossings, notes };
}

function refused(identity: EndIdentity, because: Reason): Decision {
  const endpoint = identity.kind === 'external' ? undefined : identity.endpoint;
  return {
    direction: 'egress',
    ...(endpoint !== undefined && { endpoint }),
    answer: 'deny',
    because,
    tiers: [],
  };
}

function granted(direction: Direction, identity: EndIdentity, because: Reason): Decision {
  const endpoint = identity.kind === 'external' ? undefined : identity.endpoint;
  return { direction, ...(endpoint !== undefined && { endpoint }), answer: 'allow', because, tiers: [] };
}
