import { ByteWriter, type Family, type Ip, ipToBytes } from '@muslin/net';

/** A packet that no socket would send. */
export interface RawPacket {
  readonly src: Ip;
  readonly dst: Ip;
  /** IANA protocol number. */
  readonly protocol: number;
  /** TCP, UDP and SCTP. */
  readonly sport: number;
  readonly dport: number;
  /** ICMP and ICMPv6. */
  readonly icmp: { readonly type: number; readonly code: number };
  /** Finds it again: identification (RFC 791) or flow label (RFC 6437), 16 bits. */
  readonly id: number;
}

/** As a packet of ours is sent, which no kernel does by itself. */
export const HOPS = 77;

const ETHERTYPE: Readonly<Record<Family, number>> = { 4: 0x0800, 6: 0x86dd };

/** An Ethernet frame to a MAC address, with right checksums; connections begin with it (SYN, INIT). */
export function frameOf(packet: RawPacket, to: Uint8Array): Uint8Array {
  const { family } = packet.src;
  const payload = payloadOf(packet);
  const writer = new ByteWriter();
  writer
    .bytes(to)
    .bytes(new Uint8Array([2, 0, 0, 0, 0, 2]))
    .u16(ETHERTYPE[family]);
  if (family === 6) {
    writer.u32(0x60000000 | packet.id).u16(payload.length);
    writer.u8(packet.protocol).u8(HOPS);
  } else {
    writer
      .u8(0x45)
      .u8(0)
      .u16(20 + payload.length);
    writer.u16(packet.id).u16(0).u8(HOPS).u8(packet.protocol).u16(0);
  }
  writer.bytes(ipToBytes(packet.src)).bytes(ipToBytes(packet.dst));
  if (family === 4) writer.patch16(14 + 10, sum(writer.view().subarray(14)));
  return writer.bytes(payload).finish();
}

function payloadOf(packet: RawPacket): Uint8Array {
  const { sport, dport, icmp, protocol, id } = packet;
  const writer = new ByteWriter();
  switch (protocol) {
    case 6:
      writer.u16(sport).u16(dport).u32(1000).u32(0).u8(0x50).u8(0x02).u16(1024).u16(0).u16(0);
      return summed(writer, packet, 16);
    case 17:
      writer.u16(sport).u16(dport).u16(12).u16(0).u32(id);
      return summed(writer, packet, 6);
    case 1:
    case 58:
      writer.u8(icmp.type).u8(icmp.code).u16(0).u16(id).u16(1).fill(0, 24);
      return summed(writer, packet, 2);
    case 132: {
      // INIT (RFC 9260 §3.3.2).
      writer.u16(sport).u16(dport).u32(0).u32(0);
      writer
        .u8(1)
        .u8(0)
        .u16(20)
        .u32(id + 1)
        .u32(65_536)
        .u16(1)
        .u16(1)
        .u32(1);
      const bytes = writer.finish();
      new DataView(bytes.buffer, bytes.byteOffset).setUint32(8, crc32c(bytes), true);
      return bytes;
    }
    default:
      return writer.fill(0, 16).finish();
  }
}

/** With the checksum of the pseudo header (RFC 9293 §3.1, RFC 8200 §8.1), which ICMP has in IPv6 alone. */
function summed(writer: ByteWriter, { src, dst, protocol }: RawPacket, at: number): Uint8Array {
  const body = writer.view();
  const whole = new ByteWriter();
  if (protocol !== 1) whole.bytes(ipToBytes(src)).bytes(ipToBytes(dst)).u32(body.length).u32(protocol);
  whole.bytes(body);
  writer.patch16(at, sum(whole.view()));
  return writer.finish();
}

/** RFC 1071. */
function sum(bytes: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  // Zero says that there is none (RFC 768); these two are the same number.
  return ~total & 0xffff || 0xffff;
}

/** RFC 9260 appendix A. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}
