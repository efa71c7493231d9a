import { formatIp, type Prefix } from '@muslin/net';
import { listAt, textAt, valueAt } from '../files/json.ts';
import type { RawObject } from '../files/load.ts';
import { isPod, namespaceOf } from './namespaces.ts';
import { addressTexts, SpareAddresses } from './spare-addresses.ts';

/** Objects in which every pod has a node and an address. */
export interface AddressedObjects {
  readonly objects: readonly RawObject[];
  /** Endpoint keys of the pods whose address was made up. */
  readonly madeUp: ReadonlySet<string>;
  /** Pods that got no address, because the prefixes are used up. */
  readonly without: readonly string[];
}

/**
 * Gives pods what a cluster would have given them. A pod without a node gets one of its own, so that the rule that a
 * node may always reach its pods (netpol S19) never hides what the policies say. A pod without an address gets a spare
 * one of each block; pods on the network of one node share theirs, as they share the node's (netpol S18).
 */
export function withAddresses(objects: readonly RawObject[], blocks: readonly Prefix[]): AddressedObjects {
  const spare = new SpareAddresses(blocks, addressTexts(objects));
  const nodes = new Set(objects.filter(hasInternalIp).map(node => node.metadata.name));
  const ofNode = new Map<string, readonly string[]>();
  const madeUp = new Set<string>();
  const without: string[] = [];
  const completed = objects.map(object => {
    if (!isPod(object)) return object;
    const name = `${namespaceOf(object)}/${object.metadata.name ?? ''}`;
    // No real node has a slash in its name.
    const nodeName = textAt(object, 'spec', 'nodeName') ?? `its-own-node/${name}`;
    const placed = put(object, 'spec', { nodeName });
    const host = valueAt(object, 'spec', 'hostNetwork') === true;
    if (hasAddress(object) || (host && nodes.has(nodeName))) return placed;
    const ips = (host ? ofNode.get(nodeName) : undefined) ?? spare.take()?.map(formatIp);
    if (ips === undefined) {
      without.push(name);
      return placed;
    }
    if (host) ofNode.set(nodeName, ips);
    madeUp.add(`pod/${name}`);
    return put(placed, 'status', { podIP: ips[0], podIPs: ips.map(ip => ({ ip })) });
  });
  return { objects: completed, madeUp, without };
}

function put(object: RawObject, part: 'spec' | 'status', fields: object): RawObject {
  const old = object[part] ?? {};
  // A misshapen part is left for normalisation to report.
  return typeof old === 'object' && !Array.isArray(old)
    ? { ...object, [part]: { ...old, ...fields } }
    : object;
}

function hasAddress(pod: RawObject): boolean {
  const annotated = ['cni.projectcalico.org/podIP', 'cni.projectcalico.org/podIPs'];
  return (
    textAt(pod, 'status', 'podIP') !== undefined ||
    listAt(pod, 'status', 'podIPs').length > 0 ||
    annotated.some(key => textAt(pod, 'metadata', 'annotations', key) !== undefined)
  );
}

function hasInternalIp(object: RawObject): boolean {
  if (object.kind !== 'Node') return false;
  return (
    textAt(object, 'metadata', 'annotations', 'projectcalico.org/IPv4Address') !== undefined ||
    listAt(object, 'status', 'addresses').some(address => textAt(address, 'type') === 'InternalIP')
  );
}
