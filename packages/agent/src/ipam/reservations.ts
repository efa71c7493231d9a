import { readIpReservation } from '@muslin/api';
import type { AnyObject } from '@muslin/kube';
import type { Prefix } from '@muslin/net';

/** What an IPReservation keeps free; parts that can't be read reserve nothing. */
export function reservedBy(object: AnyObject): readonly Prefix[] {
  return readIpReservation(object).value ?? [];
}
