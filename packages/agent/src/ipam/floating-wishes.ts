import type { EndpointKey } from '@muslin/api';
import { addressesOf, blockFromSpec, FLOATING_TYPE, floatingHandleId, UID_ATTRIBUTE } from '@muslin/ipam';
import type { AnyObject } from '@muslin/kube';
import { formatIp, type Ip, parseIp } from '@muslin/net';
import type { LocalEndpoint } from '../core/local-endpoint.ts';

/** Calico's annotation: a JSON list of addresses. */
export const FLOATING_IPS = 'cni.projectcalico.org/floatingIPs';

/** An address that is to lead to a pod of this node, or that this node holds for one. */
export interface Floating {
  readonly handleId: string;
  readonly ip: Ip;
  readonly key: EndpointKey;
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
}

/** What a pod's annotation asks, and for what of it the pod itself is to blame. */
export interface FloatingWishes {
  readonly wanted: readonly Floating[];
  readonly refused: readonly { readonly text: string; readonly why: string }[];
}

/** Reads the annotation of a pod of this node. */
export function floatingWishes(
  key: EndpointKey,
  { uid, ips }: Pick<LocalEndpoint, 'uid' | 'ips'>,
  object: AnyObject,
): FloatingWishes {
  const text = object.metadata.annotations?.[FLOATING_IPS];
  if (text === undefined || object.metadata.uid !== uid) return { wanted: [], refused: [] };
  const { namespace = '', name = '' } = object.metadata;
  const listed = listIn(text);
  if (listed === undefined)
    return { wanted: [], refused: [{ text: '', why: 'it must be a JSON list such as ["192.0.2.7"]' }] };
  const wanted = new Map<string, Floating>();
  const refused: { text: string; why: string }[] = [];
  for (const each of listed) {
    const ip = parseIp(each);
    if (!ip.ok) refused.push({ text: each.slice(0, 80), why: ip.fault.message });
    else if (!ips.some(own => own.family === ip.value.family))
      refused.push({ text: each, why: `the pod has no IPv${ip.value.family} address that it could lead to` });
    else
      wanted.set(formatIp(ip.value), {
        ...{ handleId: floatingHandleId(uid, ip.value), ip: ip.value, key, pod: { namespace, name, uid } },
      });
  }
  return { wanted: [...wanted.values()], refused };
}

/** What blocks say that this node holds: after a restart nobody else remembers. */
export function floatingIn(blocks: Iterable<AnyObject>, node: string): readonly Floating[] {
  return [...blocks].flatMap(object => {
    const block = blockFromSpec(object['spec']);
    if (!block.ok) return [];
    return addressesOf(block.value).flatMap(({ ip, attribute: { handleId, secondary } }) => {
      const { namespace, pod: name, [UID_ATTRIBUTE]: uid } = secondary;
      if (secondary['type'] !== FLOATING_TYPE || secondary['node'] !== node) return [];
      if (handleId === undefined || namespace === undefined || name === undefined || uid === undefined)
        return [];
      return [{ handleId, ip, key: `pod/${namespace}/${name}`, pod: { namespace, name, uid } }];
    });
  });
}

function listIn(text: string): readonly string[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every(each => typeof each === 'string') ? value : undefined;
  } catch {
    return undefined;
  }
}
