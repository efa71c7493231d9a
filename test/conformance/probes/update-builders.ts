import { attr, hex, raw } from '../octets.ts';
import { inEstablished, NEW, type Parts, update } from '../probe.ts';
import { digitsOf } from '../told.ts';

/** 2001:db8::1 */
export const V6 = '20010db8000000000000000000000001';
export const reach = (value: string, flags = 0x80) => attr(flags, 14, hex(value));
export const absent = (code: number) => (told: Parameters<typeof digitsOf>[0]) =>
  digitsOf(told, code) === undefined ? '' : `attribute ${code} was told on`;

export type Build = (p: Parts) => readonly Uint8Array[];
export const withdraws = (rfc: string, says: string, attributes: Build) =>
  update({ rfc, says, attributes, expect: 'W' });
export const inside = (rfc: string, says: string, attributes: Build, expect: string) =>
  update({ rfc, says, internal: true, attributes, expect });
export const discards = (rfc: string, says: string, attributes: Build, code: number) =>
  update({ rfc, says, attributes, expect: 'ok', told: absent(code) });
export const plus =
  (...more: readonly Uint8Array[]): Build =>
  p => [...p.good, ...more];
export const resets = (
  rfc: string,
  says: string,
  body: (p: Parts) => Uint8Array,
  expect: string | readonly string[],
) => inEstablished({ rfc, says, bytes: p => raw(2, body(p)), expect });
export const origin =
  (flags: number, value: readonly number[]): Build =>
  p => [attr(flags, 1, value), p.path, p.nextHop];
export const asPath =
  (make: (p: Parts) => Uint8Array): Build =>
  p => [p.origin, make(p), p.nextHop];
export const hop =
  (value: readonly number[]): Build =>
  p => [p.origin, p.path, attr(0x40, 3, value)];
export const segment = (p: Parts, ...tail: readonly number[]) =>
  attr(0x40, 2, [2, 2, 0, 0, p.place.as >> 8, p.place.as & 255, 0, 0, NEW >> 8, NEW & 255, ...tail]);
