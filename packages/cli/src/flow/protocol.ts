/** Protocols that people name in flows, with their IANA numbers. */
const NUMBERS: ReadonlyMap<string, number> = new Map([
  ['TCP', 6],
  ['UDP', 17],
  ['SCTP', 132],
  ['ICMP', 1],
  ['ICMPV6', 58],
]);
const NAMES: ReadonlyMap<number, string> = new Map([
  ...[...NUMBERS].map(([name, number]) => [number, name] as const),
  [58, 'ICMPv6'],
]);

/** The IANA number of a protocol name in any case, or of a number as text; undefined for neither. */
export function protocolNumber(text: string): number | undefined {
  const known = NUMBERS.get(text.toUpperCase());
  if (known !== undefined) return known;
  return /^\d{1,3}$/.test(text) && Number(text) <= 255 ? Number(text) : undefined;
}

/** `TCP`, or the number of a protocol without a name here. */
export function protocolName(number: number): string {
  return NAMES.get(number) ?? String(number);
}

export function hasPorts(protocol: number): boolean {
  return protocol === 6 || protocol === 17 || protocol === 132;
}
