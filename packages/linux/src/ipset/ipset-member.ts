import {
  type Family,
  formatIp,
  type Ip,
  ipFromBytes,
  ipToBytes,
  parseIp,
  parsePrefix,
  widthOf,
} from '@muslin/net';
import { eachAttribute, readAttributes, readBe16, readBe64, readU8 } from '../netlink/message-reader.ts';
import { NLA, type NetlinkWriter } from '../netlink/message-writer.ts';

/** A member of a set. */
export type IpsetMember =
  | { readonly kind: 'hash:net'; readonly ip: Ip; readonly length: number }
  | { readonly kind: 'hash:ip,port'; readonly ip: Ip; readonly protocol: number; readonly port: number };

/** Protocols that hash:ip,port can hold with a port (IANA protocol numbers). */
const PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ['tcp', 6],
  ['udp', 17],
  ['sctp', 132],
  ['udplite', 136],
]);
const protocolNames = new Map(Array.from(PROTOCOLS, ([name, number]) => [number, name]));

const ATTRIBUTE = { ip: 1, cidr: 3, port: 4, protocol: 7, line: 9, bytes: 24, packets: 25 } as const;
const ADDRESS = { 4: 1 | NLA.netByteOrder, 6: 2 | NLA.netByteOrder } as const;

/** Reads `10.0.0.0/8`, a bare address (a host prefix), or `10.0.0.1,tcp:80`; undefined for anything else. */
export function parseMember(text: string): IpsetMember | undefined {
  const comma = text.indexOf(',');
  if (comma < 0) {
    const prefix = parsePrefix(text, { bareHost: true });
    return prefix.ok ? { kind: 'hash:net', ip: prefix.value.ip, length: prefix.value.length } : undefined;
  }
  const ip = parseIp(text.slice(0, comma));
  const colon = text.indexOf(':', comma);
  const protocol = PROTOCOLS.get(text.slice(comma + 1, colon));
  const port = colon < 0 ? undefined : parsePort(text, colon + 1);
  if (!ip.ok || protocol === undefined || port === undefined) return undefined;
  return { kind: 'hash:ip,port', ip: ip.value, protocol, port };
}

/** One to five digits to the end of the text; by hand, since thousands of members change at once. */
function parsePort(text: string, start: number): number | undefined {
  const digits = text.length - start;
  if (digits < 1 || digits > 5) return undefined;
  let port = 0;
  for (let i = start; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return undefined;
    port = port * 10 + digit;
  }
  return port > 65535 ? undefined : port;
}

/** Canonical text of a member. */
export function formatMember(member: IpsetMember): string {
  if (member.kind === 'hash:net') return `${formatIp(member.ip)}/${member.length}`;
  return `${formatIp(member.ip)},${protocolNames.get(member.protocol) ?? member.protocol}:${member.port}`;
}

/** Bytes that `writeMember` writes. */
export function memberBytes({ kind, ip }: IpsetMember): number {
  return (ip.family === 4 ? 12 : 24) + (kind === 'hash:net' ? 8 : 16) + 8;
}

/**
 * Writes a member as attributes of a DATA nest; `line` comes back when the kernel refuses it. Lengths stand here as they
 * are (header 4, padded to 4): a closure for each attribute cost as much as the kernel's work.
 */
export function writeMember(w: NetlinkWriter, member: IpsetMember, line: number): void {
  const { ip } = member;
  const width = widthOf(ip.family) / 8;
  w.u16(8 + width).u16(ATTRIBUTE.ip | NLA.nested);
  w.u16(4 + width).u16(ADDRESS[ip.family]);
  if (ip.family === 4) w.be32(ip.bits);
  else w.bytes(ipToBytes(ip));
  if (member.kind === 'hash:net') w.u16(5).u16(ATTRIBUTE.cidr).u32(member.length);
  else {
    w.u16(6).u16(ATTRIBUTE.port | NLA.netByteOrder);
    w.be16(member.port).u16(0);
    w.u16(5).u16(ATTRIBUTE.protocol).u32(member.protocol);
  }
  w.attribute32(ATTRIBUTE.line, line);
}

/** What a member of a set with counters has counted. */
export function readMemberCount(bytes: Uint8Array): { readonly packets: number; readonly bytes: number } {
  const fields = readAttributes(bytes);
  const count = (type: number) => readBe64(fields.get(type) ?? NO_BYTES);
  return { packets: count(ATTRIBUTE.packets), bytes: count(ATTRIBUTE.bytes) };
}
const NO_BYTES = new Uint8Array();

/** Reads the attributes of a DATA nest; undefined without an address. */
export function readMember(bytes: Uint8Array, family: Family): IpsetMember | undefined {
  const fields = readAttributes(bytes);
  let ip: Ip | undefined;
  eachAttribute(fields.get(ATTRIBUTE.ip) ?? new Uint8Array(), 0, (_, value) => {
    ip = ipFromBytes(value);
  });
  if (ip === undefined) return undefined;
  const port = fields.get(ATTRIBUTE.port);
  const protocol = fields.get(ATTRIBUTE.protocol);
  if (port !== undefined && protocol !== undefined)
    return { kind: 'hash:ip,port', ip, protocol: readU8(protocol), port: readBe16(port) };
  const cidr = fields.get(ATTRIBUTE.cidr);
  return { kind: 'hash:net', ip, length: cidr === undefined ? widthOf(family) : readU8(cidr) };
}
