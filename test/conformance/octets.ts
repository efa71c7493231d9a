import { attr, hex, join, raw } from '../../packages/bgp/test/byte-peer.ts';

export { attr, hex, join, raw, updateBody } from '../../packages/bgp/test/byte-peer.ts';

const octet4 = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

/** The octets of an IPv4 address. */
export function address(ip: string): number[] {
  return ip.split('.').map(Number);
}

/** A four-octet AS_PATH attribute: one sequence. */
export function path(...as: readonly number[]): Uint8Array {
  return attr(0x40, 2, as.length === 0 ? [] : [2, as.length, ...as.flatMap(octet4)]);
}

/** What an OPEN says; everything has a good default. */
export interface OpenFields {
  readonly version?: number;
  readonly as?: number;
  /** The two-octet field. */
  readonly shortAs?: number;
  readonly holdTime?: number;
  readonly id?: string;
  /** Octets of capabilities instead of the usual ones. */
  readonly capabilities?: Uint8Array;
  /** Octets of capabilities beside the usual ones. */
  readonly more?: Uint8Array;
  /** Everything after the identifier, instead. */
  readonly parameters?: Uint8Array;
}

/** IPv4 and IPv6 unicast, route refresh, enhanced route refresh, four-octet AS. */
export function usualCapabilities(as: number): Uint8Array {
  return join(hex('0104 00010001 0104 00020001 0200 4600 4104'), octet4(as));
}

/** A whole OPEN message. */
export function open(as: number, ip: string, fields: OpenFields = {}): Uint8Array {
  const number = fields.as ?? as;
  const short = fields.shortAs ?? (number > 65535 ? 23456 : number);
  const hold = fields.holdTime ?? 90;
  const head = [fields.version ?? 4, short >> 8, short & 255, hold >> 8, hold & 255];
  const list = join(fields.capabilities ?? usualCapabilities(number), fields.more ?? []);
  const parameters = fields.parameters ?? join([list.length + 2, 2, list.length], list);
  return raw(1, join(head, address(fields.id ?? ip), parameters));
}

/** KEEPALIVE. */
export const KEEPALIVE: Uint8Array = raw(4, new Uint8Array(0));

/** Bytes as hexadecimal digits. */
export function digits(bytes: Uint8Array | readonly number[]): string {
  return [...bytes].map(b => b.toString(16).padStart(2, '0')).join('');
}
