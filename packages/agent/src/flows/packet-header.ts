import { type Ip, ipFromBytes } from '@muslin/net';

/** What the first bytes of a packet say. */
export interface PacketHeader {
  readonly source: Ip;
  readonly destination: Ip;
  /** IANA protocol number. */
  readonly protocol: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly icmp?: { readonly type: number; readonly code: number };
}

/** IPv6 extension headers that stand before the real protocol (RFC 8200 §4). */
const EXTENSIONS = new Set([0, 43, 60]);
const PORTS = new Set([6, 17, 132, 136]);

/** Reads IPv4 (RFC 791) or IPv6 (RFC 8200); undefined when the bytes are neither, or too few. */
export function readPacketHeader(bytes: Uint8Array): PacketHeader | undefined {
  const at = (index: number) => bytes[index] ?? 0;
  const version = at(0) >>> 4;
  const [from, length, begin] = version === 4 ? [12, 4, (at(0) & 15) * 4] : [8, 16, 40];
  if ((version !== 4 && version !== 6) || begin < 20 || bytes.length < begin) return undefined;
  const source = ipFromBytes(bytes.subarray(from, from + length));
  const destination = ipFromBytes(bytes.subarray(from + length, from + 2 * length));
  if (source === undefined || destination === undefined) return undefined;
  let protocol = version === 4 ? at(9) : at(6);
  let offset = begin;
  for (let i = 0; version === 6 && EXTENSIONS.has(protocol) && i < 8; i++) {
    protocol = at(offset);
    offset += (at(offset + 1) + 1) * 8;
  }
  const both = { source, destination, protocol };
  // A later fragment has no ports.
  const later = version === 4 && ((at(6) & 0x1f) << 8) + at(7) > 0;
  if (later || bytes.length < offset + 4) return both;
  if (PORTS.has(protocol)) {
    const port = (index: number) => at(index) * 256 + at(index + 1);
    return { ...both, sourcePort: port(offset), destinationPort: port(offset + 2) };
  }
  return protocol === (version === 4 ? 1 : 58)
    ? { ...both, icmp: { type: at(offset), code: at(offset + 1) } }
    : both;
}
