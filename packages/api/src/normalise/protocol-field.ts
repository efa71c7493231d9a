import type { Field } from './field.ts';

/** IANA protocol numbers by the names that Kubernetes and Calico write. */
const PROTOCOL_NUMBER: ReadonlyMap<string, number> = new Map([
  ['TCP', 6],
  ['UDP', 17],
  ['SCTP', 132],
  ['ICMP', 1],
  ['ICMPv6', 58],
  ['UDPLite', 136],
]);

/** Protocols whose ports policy can match (NetworkPolicy v1 ports.protocol). */
export const PORT_PROTOCOLS: readonly number[] = [6, 17, 132];

/** TCP, UDP or SCTP as its number; undefined with nothing reported when it is another text. */
export function portProtocol(name: string): number | undefined {
  const number = PROTOCOL_NUMBER.get(name);
  return number !== undefined && PORT_PROTOCOLS.includes(number) ? number : undefined;
}

/** Calico's `protocol`: a name or a number from 1 to 255 (projectcalico.org/v3 Rule.protocol). */
export function readProtocol(field: Field): number | undefined {
  const { value } = field;
  if (value === undefined) return undefined;
  const number =
    typeof value === 'string' ? (PROTOCOL_NUMBER.get(value) ?? decimal(value)) : (value as number);
  if (typeof number === 'number' && Number.isInteger(number) && number >= 1 && number <= 255) return number;
  return field.invalid(`must be ${[...PROTOCOL_NUMBER.keys()].join(', ')} or a number from 1 to 255`);
}

function decimal(text: string): number | undefined {
  return /^[0-9]{1,3}$/.test(text) ? Number(text) : undefined;
}
