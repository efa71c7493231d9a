import type { SetId } from '@muslin/api';
import type { Family } from '@muslin/net';
import { digest } from './digest.ts';

/** IPSET_MAXNAMELEN is 32 with its final NUL. */
export const SET_NAME_MAX = 31;

/** The kernel's name for a set: `msl4-` or `msl6-` and 144 bits of SHA-256 of the id. */
export function setName(id: SetId, family: Family): string {
  return `msl${family}-${digest(id, 24)}`;
}

/** The name under which a set of another type or size is filled before it is swapped in. */
export function temporarySetName(name: string): string {
  return `${name.slice(0, 4)}t-${digest(name, 24)}`;
}

/** Whether a set with this name belongs to us. */
export function isOwnSet(name: string): boolean {
  return /^msl[46]t?-/.test(name);
}
