import { errnoName, type SystemFault } from '../system-calls.ts';
import { type NetlinkMessage, NLM, readAttributes, readI32, readText, readU32 } from './message-reader.ts';

/** A request that the kernel refused. `code` is an errno name, or a netfilter code such as `IPSET_ERR_EXIST`. */
export interface NetlinkFault extends SystemFault {
  /** What was asked, such as `create link`. */
  readonly call: string;
  /** The kernel's own words (extended acknowledgement), when it gave any. */
  readonly reason?: string;
  /** Where in the request the kernel found the problem: an offset in bytes. */
  readonly offset?: number;
}

const NLMSGERR_ATTR = { message: 1, offset: 2 } as const;

/** Names of errors that a netlink family adds to the errno space. */
export type ErrorNames = ReadonlyMap<number, readonly [code: string, words: string]>;

/** The errno (0 = acknowledged) that an NLMSG_ERROR or NLMSG_DONE message carries. */
export function errnoOf(message: NetlinkMessage): number {
  return message.payload.length < 4 ? 0 : -readI32(message.payload);
}

/** Reads an NLMSG_ERROR message with a non-zero errno, with its extended acknowledgement. */
export function netlinkFault(message: NetlinkMessage, call: string, names?: ErrorNames): NetlinkFault {
  const errno = errnoOf(message);
  const { payload } = message;
  // struct nlmsgerr: errno i32, then the request's header, then its payload unless capped.
  const echoed = (message.flags & NLM.capped) !== 0 ? 16 : Math.max(16, readU32(payload, 4));
  const extended =
    (message.flags & NLM.ackAttributes) !== 0 ? readAttributes(payload, 4 + ((echoed + 3) & ~3)) : undefined;
  const reason = extended?.get(NLMSGERR_ATTR.message);
  const offset = extended?.get(NLMSGERR_ATTR.offset);
  return makeNetlinkFault(errno, call, names, reason && readText(reason), offset && readU32(offset));
}

/** A fault made of its parts. */
export function makeNetlinkFault(
  errno: number,
  call: string,
  names?: ErrorNames,
  reason?: string,
  offset?: number,
): NetlinkFault {
  const named = names?.get(errno);
  const code = named?.[0] ?? errnoName(errno);
  const words = reason ?? named?.[1];
  return {
    code,
    errno,
    call,
    message: words === undefined ? `${call}: ${code}` : `${call}: ${words} (${code})`,
    ...(reason === undefined ? {} : { reason }),
    ...(offset === undefined ? {} : { offset }),
  };
}
