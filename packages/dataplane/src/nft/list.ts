import { ipToBytes, type Prefix, widthOf } from '@muslin/net';
import { type NftList, nextBytes } from './expression.ts';

/** A stretch of values, first and last. */
type Stretch = readonly [first: Uint8Array, last: Uint8Array];

/** Single values. */
export function listOf(type: number, values: readonly Uint8Array[]): NftList {
  const [length = 0] = values.map(value => value.length);
  return { type, length, intervals: false, elements: values.map(key => ({ key })) };
}

/** Stretches that don't overlap. nft begins with the end of nothing at zero, and leaves the end beyond the last value out. */
export function stretchesOf(type: number, stretches: readonly Stretch[]): NftList {
  const sorted = stretches.toSorted(([a], [b]) => compareBytes(a, b));
  const [length = 0] = sorted.map(([first]) => first.length);
  const elements: NftList['elements'][number][] = [];
  if (sorted[0]?.[0].some(byte => byte !== 0)) elements.push({ key: new Uint8Array(length), end: true });
  for (const [first, last] of sorted) {
    elements.push({ key: first });
    const next = nextBytes(last);
    if (next !== undefined) elements.push({ key: next, end: true });
  }
  return { type, length, intervals: true, elements };
}

/** The addresses of a prefix. */
export function stretchOf({ ip, length }: Prefix): Stretch {
  const first = ipToBytes(ip);
  const last = first.slice();
  for (let bit = length; bit < widthOf(ip.family); bit++)
    last[bit >> 3] = (last[bit >> 3] as number) | (0x80 >> (bit & 7));
  return [first, last];
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] as number) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
