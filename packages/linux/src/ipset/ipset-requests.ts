import type { Family } from '@muslin/net';
import {
  type NetlinkMessage,
  readAttributes,
  readBe32,
  readText,
  readU8,
  readU32,
} from '../netlink/message-reader.ts';
import { NLA, type NetlinkWriter } from '../netlink/message-writer.ts';
import type { NetlinkRequest } from '../netlink/netlink-socket.ts';
import { FAMILY } from '../netlink/address-family.ts';
import { type IpsetMember, memberBytes, writeMember } from './ipset-member.ts';
import { checkIpsetName, type IpsetHeader } from './ipset-op.ts';

/** NFNL_SUBSYS_IPSET in the high byte of the message type. */
const SUBSYSTEM = 6 << 8;
const PROTOCOL_VERSION = 7;
/** Bytes of struct nfgenmsg. */
export const NFGEN = 4;

/** Commands (IPSET_CMD_*). */
const CMD = {
  create: 2,
  destroy: 3,
  flush: 4,
  rename: 5,
  swap: 6,
  list: 7,
  add: 9,
  del: 10,
  type: 13,
} as const;

/** Command attributes (IPSET_ATTR_*). */
export const ATTR = {
  protocol: 1,
  name: 2,
  typeName: 3,
  other: 3,
  revision: 4,
  family: 5,
  flags: 6,
  data: 7,
  members: 8,
  line: 9,
} as const;
const CREATE = { flags: 8, hashsize: 18, maxelem: 19 } as const;
/** IPSET_FLAG_WITH_COUNTERS */
const WITH_COUNTERS = 8;
/** IPSET_FLAG_LIST_SETNAME */
const NAMES_ONLY = 2;

const text = (w: NetlinkWriter, type: number, value: string) =>
  w.attributeBytes(type, new TextEncoder().encode(`${value}\0`));

function request(
  cmd: number,
  call: NetlinkRequest['call'],
  name: string | undefined,
  rest: (w: NetlinkWriter) => void,
): NetlinkRequest {
  return {
    type: SUBSYSTEM | cmd,
    flags: 0,
    call,
    write: w => {
      w.u32(FAMILY[4]);
      w.attribute(ATTR.protocol, () => w.u8(PROTOCOL_VERSION));
      if (name !== undefined) text(w, ATTR.name, checkIpsetName(name));
      rest(w);
    },
  };
}

/** Creates a set; one that is there with the same kind and family is no fault. */
export function createSetRequest(set: IpsetHeader, revision: number): NetlinkRequest {
  return request(
    CMD.create,
    () => `create set ${set.name}`,
    set.name,
    w => {
      text(w, ATTR.typeName, set.type);
      w.attribute(ATTR.revision, () => w.u8(revision));
      w.attribute(ATTR.family, () => w.u8(FAMILY[set.family]));
      w.attribute(ATTR.data | NLA.nested, () => {
        w.attribute(CREATE.hashsize | NLA.netByteOrder, () => w.be32(set.hashsize));
        w.attribute(CREATE.maxelem | NLA.netByteOrder, () => w.be32(set.maxelem));
        if (set.counters) w.attribute(CREATE.flags | NLA.netByteOrder, () => w.be32(WITH_COUNTERS));
      });
    },
  );
}

/** Adds or removes members (at most about 1,000: an attribute holds 64 kB), in order, up to the first refused. */
export function membersRequest(
  op: 'add' | 'remove',
  name: string,
  members: readonly IpsetMember[],
  describe: (member: IpsetMember) => string,
): NetlinkRequest {
  const call = (answer?: NetlinkMessage) => {
    const member = answer && members[refusedLine(answer) - 1];
    return `${op} ${member === undefined ? 'members' : describe(member)} ${op === 'add' ? 'to' : 'from'} set ${name}`;
  };
  return request(op === 'add' ? CMD.add : CMD.del, call, name, w => {
    w.attribute32(ATTR.line, 0);
    w.attribute(ATTR.members | NLA.nested, () => {
      members.forEach((member, i) => {
        w.u16(4 + memberBytes(member)).u16(ATTR.data | NLA.nested);
        writeMember(w, member, i + 1);
      });
    });
  });
}

/** The line number that ipset patches into the echoed request; 0 when the answer has none. */
function refusedLine(answer: NetlinkMessage): number {
  // struct nlmsgerr: errno, the request's header (16 bytes), struct nfgenmsg, attributes.
  const line = readAttributes(answer.payload, 4 + 16 + NFGEN).get(ATTR.line);
  return line === undefined ? 0 : readU32(line);
}

/** Exchanges two sets, or gives a set another name. */
export function pairRequest(op: 'swap' | 'rename', name: string, other: string): NetlinkRequest {
  return request(
    CMD[op],
    () => `${op} sets ${name} and ${other}`,
    name,
    w => text(w, ATTR.other, checkIpsetName(other)),
  );
}

/** Empties or destroys one set. */
export function singleRequest(op: 'flush' | 'destroy', name: string): NetlinkRequest {
  return request(
    CMD[op],
    () => `${op} set ${name}`,
    name,
    () => {},
  );
}

/** Asks which revisions of a set type the kernel has. */
export function typeRequest(type: IpsetHeader['type'], family: Family): NetlinkRequest {
  return request(
    CMD.type,
    () => `find set type ${type}`,
    undefined,
    w => {
      text(w, ATTR.typeName, type);
      w.attribute(ATTR.family, () => w.u8(FAMILY[family]));
    },
  );
}

/** Lists one set with its members, or the names of all sets. */
export function listRequest(name?: string): NetlinkRequest {
  return request(
    CMD.list,
    () => `list ${name === undefined ? 'sets' : `set ${name}`}`,
    name,
    w => {
      if (name === undefined) w.attribute(ATTR.flags | NLA.netByteOrder, () => w.be32(NAMES_ONLY));
    },
  );
}

/** What one message of a list says. */
export interface ListedPart {
  readonly name: string;
  readonly type?: string;
  readonly family?: Family;
  readonly maxelem?: number;
  /** The attributes of the members in this message. */
  readonly members?: Uint8Array;
}

/** Reads one message of a list; undefined for other messages. */
export function readListedPart(message: NetlinkMessage): ListedPart | undefined {
  const fields = readAttributes(message.payload, NFGEN);
  const name = fields.get(ATTR.name);
  if (name === undefined) return undefined;
  const type = fields.get(ATTR.typeName);
  const family = fields.get(ATTR.family);
  const members = fields.get(ATTR.members);
  const limit = readAttributes(fields.get(ATTR.data) ?? new Uint8Array()).get(CREATE.maxelem);
  return {
    name: readText(name),
    ...(type === undefined ? {} : { type: readText(type) }),
    ...(family === undefined ? {} : { family: readU8(family) === FAMILY[6] ? 6 : 4 }),
    ...(limit === undefined ? {} : { maxelem: readBe32(limit) }),
    ...(members === undefined ? {} : { members }),
  };
}
