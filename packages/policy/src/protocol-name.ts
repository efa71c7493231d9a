/** Names of IANA protocol numbers that Kubernetes and Calico people write. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'ICMP'],
  [6, 'TCP'],
  [17, 'UDP'],
  [58, 'ICMPv6'],
  [132, 'SCTP'],
  [136, 'UDPLite'],
]);

/** `TCP`, or `protocol 47`. */
export function protocolName(protocol: number): string {
  return NAMES.get(protocol) ?? `protocol ${protocol}`;
}

/** `TCP 80`, or `ICMP`. */
export function formatService(protocol: number, port: number | undefined): string {
  return port === undefined ? protocolName(protocol) : `${protocolName(protocol)} ${port}`;
}
