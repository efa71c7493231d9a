import { type NetlinkMessage, NLM, readI32, readU32 } from '../netlink/message-reader.ts';
import { custom, readFields, text, u32, writeFields } from '../netlink/attribute.ts';
import type { NetlinkFault } from '../netlink/netlink-fault.ts';
import type { NetlinkRequest, NetlinkSocket } from '../netlink/netlink-socket.ts';
import type { Result } from '@muslin/net';
import { RTM } from './message-types.ts';

/** A token bucket (tc-tbf(8)): what leaves an interface, and how much of it at once. */
export interface TokenBucket {
  readonly bytesPerSecond: number;
  /** Bytes that may leave at once, below 2³². */
  readonly burst: number;
  /** Bytes that may wait, those of the burst included; what comes on top is dropped. */
  readonly limit: number;
}

/** What schedules the packets of an interface. */
export interface Qdisc {
  readonly link: number;
  readonly kind: string;
  readonly root: boolean;
  readonly bucket?: TokenBucket;
}

/** struct tcmsg */
const HEADER = 20;
const ROOT = 0xffff_ffff;
/** What ours are called: `1:`. */
const HANDLE = 0x1_0000;
/** TC_LINKLAYER_ETHERNET: the kernel reckons times itself and needs no table. */
const ETHERNET = 1;
/** Nanoseconds of the unit in which the kernel tells bursts (PSCHED_SHIFT). */
const TICK_NS = 64;
const MAX_U32 = 0xffff_ffff;

/** struct tc_tbf_qopt: rate, peak rate (12 bytes each, struct tc_ratespec), limit, buffer, mtu. */
const parameters = custom<{ readonly rate: number; readonly limit: number; readonly ticks?: number }>(
  1,
  (w, { rate, limit }) => {
    // cell_log 3 and cell_align −1 as tc sends them; both are for the table.
    w.u8(3).u8(ETHERNET).u16(0).u16(0xffff).u16(0).u32(rate);
    w.u32(0).u32(0).u32(0);
    w.u32(limit).u32(0).u32(0);
  },
  bytes => ({ rate: readU32(bytes, 8), limit: readU32(bytes, 24), ticks: readU32(bytes, 28) }),
);

const u64 = (type: number) =>
  custom<number>(
    type,
    (w, value) => w.u32(value % 2 ** 32).u32(Math.floor(value / 2 ** 32)),
    bytes => readU32(bytes) + readU32(bytes, 4) * 2 ** 32,
  );

/** TCA_TBF_*. */
const BUCKET = { parameters, rate64: u64(4), burst: u32(6) } as const;

/** TCA_*. */
const QDISC = {
  kind: text(1),
  options: custom<Uint8Array | TokenBucket>(
    2,
    (w, options) => {
      if (options instanceof Uint8Array) return;
      const { bytesPerSecond, burst, limit } = options;
      const wide = bytesPerSecond > MAX_U32 ? { rate64: bytesPerSecond } : {};
      const rate = Math.min(bytesPerSecond, MAX_U32);
      writeFields(w, BUCKET, { parameters: { rate, limit: Math.min(limit, MAX_U32) }, ...wide, burst });
    },
    bytes => bytes,
  ),
} as const;

/** The request that makes a token bucket the only way out of an interface, in the place of whatever was. */
export function putBucketRequest(link: number, bucket: TokenBucket): NetlinkRequest {
  return {
    type: RTM.newQdisc,
    flags: NLM.create | NLM.replace,
    call: () => `limit what leaves link ${link}`,
    write: w => {
      w.u32(0).u32(link).u32(HANDLE).u32(ROOT).u32(0);
      writeFields(w, QDISC, { kind: 'tbf', options: bucket });
    },
  };
}

/** What schedules the packets of each interface. */
export function listQdiscs(socket: NetlinkSocket): Result<Qdisc[], NetlinkFault> {
  return socket.dump(
    {
      type: RTM.getQdisc,
      flags: 0,
      call: () => 'list queueing disciplines',
      write: w => w.u32(0).u32(0).u32(0).u32(0).u32(0),
    },
    decodeQdisc,
  );
}

/** Decodes RTM_NEWQDISC; undefined for other messages. */
export function decodeQdisc(message: NetlinkMessage): Qdisc | undefined {
  if (message.type !== RTM.newQdisc) return undefined;
  const { payload } = message;
  const { kind = '', options } = readFields(QDISC, payload, HEADER);
  const head = { link: readI32(payload, 4), kind, root: readU32(payload, 12) === ROOT };
  if (kind !== 'tbf' || !(options instanceof Uint8Array)) return head;
  const { parameters: told = { rate: 0, limit: 0, ticks: 0 }, rate64 } = readFields(BUCKET, options);
  const { limit, ticks = 0 } = told;
  const bytesPerSecond = rate64 ?? told.rate;
  const burst = Math.round((ticks * TICK_NS * bytesPerSecond) / 1e9);
  return { ...head, bucket: { bytesPerSecond, burst, limit } };
}
