import { type Ip, ip4 } from '@muslin/net';
import {
  be16,
  be32,
  custom,
  type Fields,
  ip,
  nest,
  readFields,
  u8,
  writeFields,
} from '../netlink/attribute.ts';
import { readBe64 } from '../netlink/message-reader.ts';
import { NLA } from '../netlink/message-writer.ts';

/** One direction of a flow. */
export interface FlowTuple {
  readonly source: Ip;
  readonly destination: Ip;
  /** IANA protocol number. */
  readonly protocol: number;
  /** TCP, UDP, SCTP, DCCP. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** ICMP and ICMPv6 echo and the like. */
  readonly icmp?: { readonly id: number; readonly type: number; readonly code: number };
}

/** CTA_IP_* */
const IP_ATTRIBUTES = { source4: ip(1), destination4: ip(2), source6: ip(3), destination6: ip(4) } as const;
/** CTA_PROTO_* */
const PROTOCOL_ATTRIBUTES = {
  protocol: u8(1),
  sourcePort: be16(2),
  destinationPort: be16(3),
  id4: be16(4),
  type4: u8(5),
  code4: u8(6),
  id6: be16(7),
  type6: u8(8),
  code6: u8(9),
} as const;
/** CTA_TUPLE_* */
const TUPLE_ATTRIBUTES = { ip: nest(1, IP_ATTRIBUTES), protocol: nest(2, PROTOCOL_ATTRIBUTES) } as const;

function tupleFields(tuple: FlowTuple): Fields<typeof TUPLE_ATTRIBUTES> {
  const { source, destination, protocol, sourcePort, destinationPort, icmp } = tuple;
  const v4 = source.family === 4;
  return {
    ip: v4 ? { source4: source, destination4: destination } : { source6: source, destination6: destination },
    protocol: {
      protocol,
      ...(sourcePort === undefined ? {} : { sourcePort }),
      ...(destinationPort === undefined ? {} : { destinationPort }),
      ...(icmp === undefined
        ? {}
        : v4
          ? { id4: icmp.id, type4: icmp.type, code4: icmp.code }
          : { id6: icmp.id, type6: icmp.type, code6: icmp.code }),
    },
  };
}

function readTuple(bytes: Uint8Array): FlowTuple {
  const { ip: addresses = {}, protocol: fields = {} } = readFields(TUPLE_ATTRIBUTES, bytes);
  const { protocol = 0, sourcePort, destinationPort, id4, id6 } = fields;
  const id = id4 ?? id6;
  const icmp =
    id === undefined
      ? undefined
      : { id, type: fields.type4 ?? fields.type6 ?? 0, code: fields.code4 ?? fields.code6 ?? 0 };
  return {
    source: addresses.source4 ?? addresses.source6 ?? ip4(0),
    destination: addresses.destination4 ?? addresses.destination6 ?? ip4(0),
    protocol,
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
    ...(icmp === undefined ? {} : { icmp }),
  };
}

const tuple = (type: number) =>
  custom<FlowTuple>(
    type | NLA.nested,
    (w, value) => writeFields(w, TUPLE_ATTRIBUTES, tupleFields(value)),
    readTuple,
  );

const be64 = (type: number) =>
  custom<number>(type, (w, value) => w.be32(Math.floor(value / 2 ** 32)).be32(value >>> 0), readBe64);

/** CTA_COUNTERS_*: only there when net.netfilter.nf_conntrack_acct is 1. */
const COUNTER_ATTRIBUTES = { packets: be64(1), bytes: be64(2) } as const;

/** Attributes of a conntrack entry (CTA_*). */
export const FLOW_ATTRIBUTES = {
  original: tuple(1),
  reply: tuple(2),
  status: be32(3),
  timeout: be32(7),
  mark: be32(8),
  sent: nest(9, COUNTER_ATTRIBUTES),
  received: nest(10, COUNTER_ATTRIBUTES),
  zone: be16(18),
} as const;
