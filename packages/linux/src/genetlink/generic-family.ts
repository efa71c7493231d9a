import { fail, ok, type Result } from '@muslin/net';
import { readFields, text, u16, writeFields } from '../netlink/attribute.ts';
import type { NetlinkWriter } from '../netlink/message-writer.ts';
import { makeNetlinkFault, type NetlinkFault } from '../netlink/netlink-fault.ts';
import type { NetlinkRequest, NetlinkSocket } from '../netlink/netlink-socket.ts';

/** `struct genlmsghdr`: command u8, version u8, reserved u16 (uapi/linux/genetlink.h). */
export const GENERIC_HEADER = 4;
/** The family that names families: GENL_ID_CTRL, CTRL_CMD_GETFAMILY. */
const CONTROL = { id: 0x10, getFamily: 3, version: 2 } as const;
const ENOENT = 2;
/** CTRL_ATTR_*. */
const CONTROL_ATTRIBUTES = { id: u16(1), name: text(2) } as const;

/** Writes a generic netlink header. */
export function genericHeader(w: NetlinkWriter, command: number, version: number): NetlinkWriter {
  return w.u8(command).u8(version).u16(0);
}

/** The request for the number of a generic netlink family. */
export function findFamilyRequest(name: string): NetlinkRequest {
  return {
    type: CONTROL.id,
    flags: 0,
    call: () => `find netlink family ${name}`,
    write: w => {
      genericHeader(w, CONTROL.getFamily, CONTROL.version);
      writeFields(w, CONTROL_ATTRIBUTES, { name });
    },
  };
}

/** The number that the kernel gave a generic netlink family; ENOENT where it has none: the feature is missing. */
export function findFamily(socket: NetlinkSocket, name: string): Result<number, NetlinkFault> {
  const request = findFamilyRequest(name);
  const found = socket.query(request, message =>
    message.type < NLMSG_MIN ? undefined : readFields(CONTROL_ATTRIBUTES, message.payload, GENERIC_HEADER).id,
  );
  if (!found.ok) return found;
  const [id] = found.value;
  if (id !== undefined) return ok(id);
  return fail(makeNetlinkFault(ENOENT, request.call(), undefined, 'the kernel gave no number'));
}

/** Numbers below are netlink's own messages (NLMSG_MIN_TYPE). */
const NLMSG_MIN = 0x10;
