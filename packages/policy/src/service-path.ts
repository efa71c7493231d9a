import type { ServiceFacts, Snapshot } from '@muslin/api';
import { prefixHas } from '@muslin/net';
import type { EndIdentity, PathExplanation } from './flow.ts';
import { explainPath } from './path.ts';
import type { SnapshotView } from './snapshot-view.ts';
import type { Packet } from './trace.ts';
import type { Door } from './translation.ts';

/** A connection to a Service, and one backend that may get it. */
export interface ServiceLeg {
  readonly service: ServiceFacts;
  readonly door: Door;
  readonly from: EndIdentity;
  readonly to: EndIdentity;
  /** As it was dialled. */
  readonly dialled: Packet;
  /** After translation. */
  readonly packet: Packet;
}

/**
 * Whether a Service can choose the backend at all: with `externalTrafficPolicy: Local` a node gives what comes from outside to
 * its own pods only. Pods of the cluster are let through to all (Service v1 externalTrafficPolicy).
 */
export function mayBeChosen({
  service,
  door,
  from,
  to,
}: Pick<ServiceLeg, 'service' | 'door' | 'from' | 'to'>) {
  if (service.keepsClient !== true || door.kind !== 'node' || from.kind === 'pod') return true;
  return to.kind !== 'external' && to.node === door.node;
}

/**
 * What both ends say to it. Policies at the node where a destination is translated see the backend, before it the
 * address that was dialled; a node that sends it on to another one puts its own address there as the source, after its own
 * policies were asked.
 */
export function explainServicePath(snapshot: Snapshot, view: SnapshotView, leg: ServiceLeg): PathExplanation {
  const { service, door, from, to, packet, dialled } = leg;
  const near = () => explainPath(snapshot, view, from, to, packet, dialled);
  if (door.kind === 'inside') return near();
  const target = to.kind === 'external' ? undefined : to.node;
  if (from.kind === 'pod') {
    if (door.kind === 'outside' || door.node === from.node) return near();
    return sentOn(snapshot, view, leg, door.node, packetBehind(snapshot, packet, dialled, from.node));
  }
  if (from.kind === 'node' || service.keepsClient) return near();
  if (door.kind === 'outside') {
    const path = near();
    return { ...path, notes: [...path.notes, { code: 'entry-unknown', service: service.key }] };
  }
  if (door.node === target) return near();
  return sentOn(snapshot, view, leg, door.node, { ...packet, source: dialled.destination });
}

/** Two stretches: to the node that is dialled, and from there, translated. */
export function sentOn(
  snapshot: Snapshot,
  view: SnapshotView,
  { from, to, dialled }: Pick<ServiceLeg, 'from' | 'to' | 'dialled'>,
  node: string,
  packet: Packet,
): PathExplanation {
  const first = explainPath(snapshot, view, from, { kind: 'node', node }, dialled);
  const second = explainPath(snapshot, view, from, to, packet);
  const { egress } = from.kind === 'pod' ? first : second;
  const denied = [egress, ...second.crossings, second.ingress].some(({ answer }) => answer === 'deny');
  const notes = from.kind === 'pod' ? second.notes : [...second.notes, { code: 'sent-on', node } as const];
  return { ...second, egress, answer: denied ? 'deny' : 'allow', notes };
}

/** Pods of natOutgoing pools reach other nodes with their own node's address (IPPool `natOutgoing`). */
export function packetBehind(
  { pools, nodes }: Snapshot,
  packet: Packet,
  dialled: Packet,
  node: string,
): Packet {
  const all = [...pools.values()];
  const leaves = all.some(({ cidr, natOutgoing }) => natOutgoing && prefixHas(cidr, packet.source));
  if (!leaves || all.some(({ cidr }) => prefixHas(cidr, dialled.destination))) return packet;
  const source = nodes.get(node)?.ips.find(ip => ip.family === packet.source.family);
  return source === undefined ? packet : { ...packet, source };
}
