import type { AnyObject } from '@muslin/kube';
import { parsePrefix, type Prefix } from '@muslin/net';

/** What an IPReservation keeps free; parts that can't be read reserve nothing. */
export function reservedBy(object: AnyObject): readonly Prefix[] {
  const { reservedCIDRs = [] } = (object['spec'] ?? {}) as { reservedCIDRs?: readonly string[] };
  return reservedCIDRs.flatMap(text => {
    const prefix = parsePrefix(text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`);
    return prefix.ok ? [prefix.value] : [];
  });
}
