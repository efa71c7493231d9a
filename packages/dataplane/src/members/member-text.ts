import { type Family, widthOf } from '@muslin/net';

/** Whether a prefix or an address in canonical text is of this family. */
export function inFamily(text: string, family: Family): boolean {
  return text.includes(':') === (family === 6);
}

/** Whether a prefix in canonical text is one address. */
export function isHost(prefix: string): boolean {
  return prefix.endsWith(prefix.includes(':') ? '/128' : '/32');
}

/** A prefix of one address without its length. */
export function hostAddress(prefix: string, family: Family): string {
  return prefix.slice(0, -`/${widthOf(family)}`.length);
}
