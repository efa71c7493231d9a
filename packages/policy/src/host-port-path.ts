import type { Endpoint, HostPortFacts, Snapshot } from '@muslin/api';
import { type Ip, sameIp } from '@muslin/net';
import type { EndIdentity, PathExplanation } from './flow.ts';
import { explainPath } from './path.ts';
import { packetBehind, sentOn } from './service-path.ts';
import type { SnapshotView } from './snapshot-view.ts';
import type { Packet } from './trace.ts';

/** A pod behind a port of its node. */
export interface AtHostPort {
  readonly node: string;
  readonly endpoint: Endpoint;
  /** Of the dialled family. */
  readonly ip: Ip;
  readonly facts: HostPortFacts;
}

/** Who gets what is dialled at an address of `node`: the pod that asks for exactly this address before one that takes any. */
export function hostPortAt(
  pods: readonly Endpoint[],
  node: string,
  { ip, protocol, port }: { readonly ip: Ip; readonly protocol: number; readonly port: number },
): AtHostPort | undefined {
  const found = pods.flatMap(endpoint => {
    const own = endpoint.ips.find(each => each.family === ip.family);
    if (endpoint.node !== node || own === undefined) return [];
    return (endpoint.hostPorts ?? [])
      .filter(facts => facts.protocol === protocol && facts.hostPort === port)
      .filter(({ hostIp }) => hostIp === undefined || sameIp(hostIp, ip))
      .map((facts): AtHostPort => ({ node, endpoint, ip: own, facts }));
  });
  return found.find(({ facts }) => facts.hostIp !== undefined) ?? found[0];
}

/**
 * What both ends say to it. The node translates what comes in and what it sends itself, and keeps the source; from a pod of
 * another node it is a connection to that node first, and comes from what the pod's own node made of the source.
 */
export function explainHostPortPath(
  snapshot: Snapshot,
  view: SnapshotView,
  { node, endpoint, ip, facts }: AtHostPort,
  from: EndIdentity,
  dialled: Packet,
): PathExplanation {
  const to: EndIdentity = { kind: 'pod', endpoint: endpoint.key, node };
  const packet: Packet = { ...dialled, destination: ip, destinationPort: facts.port };
  if (from.kind !== 'pod' || from.node === node)
    return explainPath(snapshot, view, from, to, packet, dialled);
  const behind = packetBehind(snapshot, packet, dialled, from.node);
  return sentOn(snapshot, view, { from, to, dialled }, node, behind);
}
