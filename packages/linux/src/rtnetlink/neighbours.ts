import type { Ip, Result } from '@muslin/net';
import { type NetlinkMessage, NLM, readI32, readU8, readU16 } from '../netlink/message-reader.ts';
import type { NetlinkFault } from '../netlink/netlink-fault.ts';
import type { NetlinkRequest, NetlinkSocket } from '../netlink/netlink-socket.ts';
import { ip, mac, readFields, u32, writeFields } from '../netlink/attribute.ts';
import { FAMILY } from '../netlink/address-family.ts';
import { RTM } from './message-types.ts';

const HEADER = 12;
/** Neighbour states (NUD_*). */
const NUD = { reachable: 0x02, noArp: 0x40, permanent: 0x80 } as const;
/** Neighbour flags (NTF_*). */
const NTF = { self: 0x02, proxy: 0x08, router: 0x80 } as const;

/** Neighbour attributes (NDA_*). */
const NEIGHBOUR_ATTRIBUTES = { destination: ip(1), mac: mac(2), master: u32(9) } as const;

/**
 * An entry of a neighbour table.
 * `neighbour`: ARP or NDP answer (RFC 826, RFC 4861). `proxy`: an address that this node answers for.
 * `forwarding`: frames for `mac` leave the vxlan device `link` towards `ip` (bridge fdb … self).
 */
export type NeighbourPlan =
  | {
      readonly kind: 'neighbour' | 'forwarding';
      /** ifindex. */
      readonly link: number;
      readonly ip: Ip;
      readonly mac: string;
      /** Never asked for again and never forgotten. */
      readonly permanent: boolean;
      /** Read only: it sent router advertisements (RFC 4861 §7.3). */
      readonly router?: true;
    }
  | { readonly kind: 'proxy'; readonly link: number; readonly ip: Ip };

/** What the kernel shows: also entries that have no answer (yet, or any more). */
export type Neighbour =
  | NeighbourPlan
  | { readonly kind: 'unresolved'; readonly link: number; readonly ip: Ip };

function neighbourRequest(type: number, flags: number, verb: string, entry: NeighbourPlan): NetlinkRequest {
  const family = entry.kind === 'forwarding' ? FAMILY.bridge : FAMILY[entry.ip.family];
  const ntf = entry.kind === 'forwarding' ? NTF.self : entry.kind === 'proxy' ? NTF.proxy : 0;
  const permanent = entry.kind === 'proxy' || entry.permanent ? NUD.permanent : 0;
  // A neighbour that is not permanent holds until it tells otherwise, or does not answer any more (RFC 4861 §7.3.2).
  const lasting = entry.kind === 'forwarding' ? NUD.noArp : permanent === 0 ? NUD.reachable : 0;
  const state = permanent | lasting;
  return {
    type,
    flags,
    call: () => `${verb} ${entry.kind} entry on link ${entry.link}`,
    write: w => {
      w.u32(family).u32(entry.link).u16(state).u8(ntf).u8(0);
      writeFields(w, NEIGHBOUR_ATTRIBUTES, {
        destination: entry.ip,
        ...(entry.kind === 'proxy' ? {} : { mac: entry.mac }),
      });
    },
  };
}

/** The request that adds an entry or takes the place of the one with its key. */
export function putNeighbourRequest(entry: NeighbourPlan): NetlinkRequest {
  return neighbourRequest(RTM.newNeighbour, NLM.create | NLM.replace, 'put', entry);
}

/** The request that deletes an entry; ENOENT when there is none. */
export function deleteNeighbourRequest(entry: NeighbourPlan): NetlinkRequest {
  return neighbourRequest(RTM.delNeighbour, 0, 'delete', entry);
}

/** Adds or replaces an entry. */
export function putNeighbour(socket: NetlinkSocket, entry: NeighbourPlan): Result<void, NetlinkFault> {
  return socket.ask(putNeighbourRequest(entry));
}

/** Deletes an entry. */
export function deleteNeighbour(socket: NetlinkSocket, entry: NeighbourPlan): Result<void, NetlinkFault> {
  return socket.ask(deleteNeighbourRequest(entry));
}

/** Entries of one table: ARP, NDP, their proxies, or the forwarding database of vxlan devices. */
export function listNeighbours(
  socket: NetlinkSocket,
  table: 4 | 6 | 'forwarding' | 'proxy4' | 'proxy6',
): Result<Neighbour[], NetlinkFault> {
  const proxy = table === 'proxy4' || table === 'proxy6';
  const family =
    table === 'forwarding' ? FAMILY.bridge : FAMILY[table === 'proxy4' ? 4 : table === 'proxy6' ? 6 : table];
  return socket.dump(
    {
      type: RTM.getNeighbour,
      flags: 0,
      call: () => `list ${table} neighbours`,
      write: w =>
        w
          .u32(family)
          .u32(0)
          .u16(0)
          .u8(proxy ? NTF.proxy : 0)
          .u8(0),
    },
    decodeNeighbour,
  );
}

/** Decodes RTM_NEWNEIGH and RTM_DELNEIGH; undefined for other messages and entries without an address. */
export function decodeNeighbour(message: NetlinkMessage): Neighbour | undefined {
  if (message.type !== RTM.newNeighbour && message.type !== RTM.delNeighbour) return undefined;
  const { payload } = message;
  const fields = readFields(NEIGHBOUR_ATTRIBUTES, payload, HEADER);
  const link = readI32(payload, 4);
  const flags = readU8(payload, 10);
  const permanent = (readU16(payload, 8) & NUD.permanent) !== 0;
  const { destination, mac: address } = fields;
  if (destination === undefined) return undefined;
  if ((flags & NTF.proxy) !== 0) return { kind: 'proxy', link, ip: destination };
  if (address === undefined) return { kind: 'unresolved', link, ip: destination };
  const kind = readU8(payload) === FAMILY.bridge ? 'forwarding' : 'neighbour';
  const router = (flags & NTF.router) !== 0 ? { router: true as const } : {};
  return { kind, link, ip: destination, mac: address, permanent, ...router };
}
