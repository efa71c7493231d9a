import { fail, formatIp, type Ip, ok, type Result } from '@muslin/net';
import { FAMILY } from '../netlink/address-family.ts';
import { readFields, writeFields } from '../netlink/attribute.ts';
import { makeNetlinkFault, type NetlinkFault } from '../netlink/netlink-fault.ts';
import type { NetlinkRequest, NetlinkSocket } from '../netlink/netlink-socket.ts';
import { RTM } from './message-types.ts';
import { ROUTE_ATTRIBUTES } from './route-attributes.ts';

/** `struct rtmsg`. */
const HEADER = 12;
const ENETUNREACH = 101;

/** The request that `ip route get` sends. */
export function lookUpRouteRequest(destination: Ip): NetlinkRequest {
  return {
    type: RTM.getRoute,
    flags: 0,
    call: () => `look up the route to ${formatIp(destination)}`,
    write: w => {
      w.u8(FAMILY[destination.family]).u8(destination.family === 4 ? 32 : 128);
      w.u8(0).u8(0).u8(0).u8(0).u8(0).u8(0).u32(0);
      writeFields(w, ROUTE_ATTRIBUTES, { destination });
    },
  };
}

/** The address that packets of the node's own to a destination leave from; ENETUNREACH when no route leads there. */
export function sourceTowards(socket: NetlinkSocket, destination: Ip): Result<Ip, NetlinkFault> {
  const request = lookUpRouteRequest(destination);
  const found = socket.query(request, message =>
    message.type === RTM.newRoute ? readFields(ROUTE_ATTRIBUTES, message.payload, HEADER).source : undefined,
  );
  if (!found.ok) return found;
  const [source] = found.value;
  if (source !== undefined) return ok(source);
  return fail(makeNetlinkFault(ENETUNREACH, request.call(), undefined, 'the kernel named no source'));
}
