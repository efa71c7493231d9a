import { formatIp } from '@muslin/net';
import { listAt, textAt } from '../files/json.ts';
import type { RawObject } from '../files/load.ts';
import { addressTexts, RESERVED, SpareAddresses } from './spare-addresses.ts';

/**
 * Gives Services the ClusterIPs that the API server would give them: manifests seldom say any, and a Service without one
 * would count as headless, whose ports nobody translates (Service v1 clusterIP).
 */
export function withClusterIps(objects: readonly RawObject[]): readonly RawObject[] {
  const spare = new SpareAddresses(RESERVED, addressTexts(objects));
  return objects.map(object => {
    if (!needsClusterIp(object)) return object;
    const ips = spare.take()?.map(formatIp);
    if (ips === undefined) return object;
    return { ...object, spec: { ...(object['spec'] as object), clusterIP: ips[0], clusterIPs: ips } };
  });
}

function needsClusterIp(object: RawObject): boolean {
  const { spec } = object;
  if (object.kind !== 'Service' || object.apiVersion !== 'v1') return false;
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec)) return false;
  const given =
    (textAt(object, 'spec', 'clusterIP') ?? '') !== '' || listAt(object, 'spec', 'clusterIPs').length > 0;
  return !given && textAt(object, 'spec', 'type') !== 'ExternalName';
}
