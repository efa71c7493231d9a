import { formatIp, type Ip, ok, type Result } from '@muslin/net';
import { type NetlinkMessage, NLM, readI32, readU32 } from '../netlink/message-reader.ts';
import type { NetlinkWriter } from '../netlink/message-writer.ts';
import type { NetlinkFault } from '../netlink/netlink-fault.ts';
import type { NetlinkRequest, NetlinkSocket } from '../netlink/netlink-socket.ts';
import { readFields, writeFields } from '../netlink/attribute.ts';
import {
  type InetSettings,
  LINK_ATTRIBUTES,
  LINK_SETTINGS,
  type LinkFields,
  type LinkInfo,
} from './link-attributes.ts';
import { RTM } from './message-types.ts';

const IFF = { up: 0x1, loopback: 0x8, running: 0x40, lowerUp: 0x1_0000 } as const;
const HEADER = 16;
const ENODEV = 'ENODEV';

/** A network interface as the kernel shows it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** Set up by the administrator (IFF_UP). */
  readonly up: boolean;
  /** Has a carrier (IFF_LOWER_UP). */
  readonly carrier: boolean;
  readonly loopback: boolean;
  readonly mtu: number;
  readonly mac?: string;
  readonly group: number;
  /** ifindex of the bridge it belongs to. */
  readonly master?: number;
  /** ifindex of the lower device or of a veth's other end (in its own namespace). */
  readonly lower?: number;
  readonly alias?: string;
  /** `veth`, `vxlan`, `bridge`, …; absent for physical devices and `lo`. */
  readonly kind?: string;
  readonly vxlan?: VxlanDevice;
  readonly ipip?: IpipDevice;
}

/** What makes a VXLAN device (RFC 7348). */
export interface VxlanDevice {
  readonly vni: number;
  readonly port: number;
  /** Source address of the outer packets. */
  readonly local?: Ip;
  /** ifindex of the device that carries the outer packets. */
  readonly device?: number;
  readonly learning: boolean;
}

/** What makes an IP in IP device (RFC 2003). `tunl0`, which the module makes, has none of it: it takes and sends to all. */
export interface IpipDevice {
  readonly local?: Ip;
  readonly remote?: Ip;
  /** Of outer packets; absent: the inner packet's. */
  readonly ttl?: number;
  /** Outer packets may not be fragmented. */
  readonly pathMtuDiscovery: boolean;
}

interface NewLink {
  readonly name: string;
  readonly mac?: string;
  readonly mtu?: number;
  readonly group?: number;
  readonly up?: boolean;
  /** ifindex of a bridge. */
  readonly master?: number;
}

/** A link to create. */
export type LinkPlan =
  | (NewLink & { readonly kind: 'veth'; readonly peer: VethPeer })
  | (NewLink & { readonly kind: 'vxlan'; readonly vxlan: VxlanDevice })
  | (NewLink & { readonly kind: 'ipip'; readonly ipip: IpipDevice })
  | (NewLink & { readonly kind: 'bridge' | 'ifb' | 'dummy' | 'wireguard' });

/** The other end of a veth. It can't be set up in the same request (the kernel answers ENOTCONN). */
export interface VethPeer {
  readonly name: string;
  readonly mac?: string;
  readonly mtu?: number;
  /** Descriptor of the network namespace in which it is born. */
  readonly namespaceFd?: number;
}

/** What can be changed on a link. */
export interface LinkChange {
  readonly up?: boolean;
  readonly name?: string;
  readonly mtu?: number;
  readonly mac?: string;
  readonly group?: number;
  /** ifindex of a bridge; 0 to leave it. */
  readonly master?: number;
  /** Descriptor of the network namespace to move to. */
  readonly namespaceFd?: number;
  readonly alias?: string;
  /** Settings that files of `net/ipv4/conf` have as well; the kernel heeds them after all else of the request. */
  readonly inet?: InetSettings;
}

/** A link by ifindex or by name. */
export type LinkRef = number | string;

const writeHeader = (w: NetlinkWriter, index: number, flags = 0, change = 0) =>
  w.u32(0).u32(index).u32(flags).u32(change);

/** The request that creates a link. */
export function createLinkRequest(plan: LinkPlan): NetlinkRequest {
  const { name, mac, mtu, group, master, up } = plan;
  const fields: LinkFields = { name, ...defined({ mac, mtu, group, master }), info: infoOf(plan) };
  return {
    type: RTM.newLink,
    flags: NLM.create | NLM.excl,
    call: () => `create ${plan.kind} link ${name}`,
    write: w => {
      writeHeader(w, 0, up ? IFF.up : 0, up ? IFF.up : 0);
      writeFields(w, LINK_ATTRIBUTES, fields);
    },
  };
}

/** Creates a link; EEXIST when the name is taken. */
export function createLink(socket: NetlinkSocket, plan: LinkPlan): Result<void, NetlinkFault> {
  return socket.ask(createLinkRequest(plan));
}

/** The request that changes a link. */
export function changeLinkRequest(link: LinkRef, change: LinkChange): NetlinkRequest {
  const { up, inet, ...rest } = change;
  // A name beside an ifindex renames; alone it says which link is meant.
  const fields: LinkFields = typeof link === 'string' ? { ...rest, name: link } : rest;
  if (typeof link === 'string' && change.name !== undefined)
    throw new Error('rename a link by its ifindex: the request has room for one name');
  return {
    type: RTM.newLink,
    flags: 0,
    call: () => `change link ${link}`,
    write: w => {
      writeHeader(w, typeof link === 'number' ? link : 0, up ? IFF.up : 0, up === undefined ? 0 : IFF.up);
      writeFields(w, LINK_ATTRIBUTES, fields);
      if (inet !== undefined) writeFields(w, LINK_SETTINGS, { family: { inet: { settings: inet } } });
    },
  };
}

/** Changes a link; ENODEV when there is none. */
export function changeLink(
  socket: NetlinkSocket,
  link: LinkRef,
  change: LinkChange,
): Result<void, NetlinkFault> {
  return socket.ask(changeLinkRequest(link, change));
}

/** The request that deletes a link. */
export function deleteLinkRequest(link: LinkRef): NetlinkRequest {
  return {
    type: RTM.delLink,
    flags: 0,
    call: () => `delete link ${link}`,
    write: w => {
      writeHeader(w, typeof link === 'number' ? link : 0);
      if (typeof link === 'string') writeFields(w, LINK_ATTRIBUTES, { name: link });
    },
  };
}

/** Deletes a link. Waits for an RCU grace period (about 15 ms): delete many by group. */
export function deleteLink(socket: NetlinkSocket, link: LinkRef): Result<void, NetlinkFault> {
  return socket.ask(deleteLinkRequest(link));
}

/** Deletes every link of a group (never 0, the default group) in one grace period. ENODEV when it is empty. */
export function deleteLinkGroup(socket: NetlinkSocket, group: number): Result<void, NetlinkFault> {
  return socket.ask(deleteLinkGroupRequest(group));
}

/** The request of `deleteLinkGroup`. */
export function deleteLinkGroupRequest(group: number): NetlinkRequest {
  if (group === 0) throw new Error('group 0 holds every link of the namespace');
  return {
    type: RTM.delLink,
    flags: 0,
    call: () => `delete links of group ${group}`,
    write: w => {
      writeHeader(w, 0);
      writeFields(w, LINK_ATTRIBUTES, { group });
    },
  };
}

/** All links of the namespace. */
export function listLinks(socket: NetlinkSocket): Result<Link[], NetlinkFault> {
  return socket.dump(
    { type: RTM.getLink, flags: 0, call: () => 'list links', write: w => writeHeader(w, 0) },
    decodeLink,
  );
}

/** One link, or undefined when there is none. */
export function findLink(socket: NetlinkSocket, link: LinkRef): Result<Link | undefined, NetlinkFault> {
  const found = socket.query(
    {
      type: RTM.getLink,
      flags: 0,
      call: () => `find link ${link}`,
      write: w => {
        writeHeader(w, typeof link === 'number' ? link : 0);
        if (typeof link === 'string') writeFields(w, LINK_ATTRIBUTES, { name: link });
      },
    },
    decodeLink,
  );
  if (found.ok) return ok(found.value[0]);
  return found.fault.code === ENODEV ? ok(undefined) : found;
}

/** Decodes RTM_NEWLINK and RTM_DELLINK; undefined for other messages. */
export function decodeLink(message: NetlinkMessage): Link | undefined {
  if (message.type !== RTM.newLink && message.type !== RTM.delLink) return undefined;
  const { payload } = message;
  const flags = readU32(payload, 8);
  const fields = readFields(LINK_ATTRIBUTES, payload, HEADER);
  const { name = '', mtu = 0, group = 0, mac, master, lower, alias, info } = fields;
  const kind = info?.kind === 'other' ? info.name : info?.kind;
  const vxlan = info?.kind === 'vxlan' ? vxlanOf(info) : undefined;
  const ipip = info?.kind === 'ipip' ? ipipOf(info) : undefined;
  return {
    index: readI32(payload, 4),
    name,
    up: (flags & IFF.up) !== 0,
    carrier: (flags & IFF.lowerUp) !== 0,
    loopback: (flags & IFF.loopback) !== 0,
    mtu,
    group,
    ...defined({ mac, master, lower, alias, kind, vxlan, ipip }),
  };
}

function infoOf(plan: LinkPlan): LinkInfo {
  if (plan.kind === 'veth') return { kind: 'veth', peer: plan.peer };
  if (plan.kind === 'ipip') return { kind: 'ipip', data: plan.ipip };
  if (plan.kind !== 'vxlan') return { kind: 'other', name: plan.kind };
  const { local, vni, port, device, learning } = plan.vxlan;
  const locals = local === undefined ? {} : local.family === 4 ? { local } : { local6: local };
  return { kind: 'vxlan', data: { vni, port, learning, ...locals, ...defined({ device }) } };
}

function vxlanOf({ data }: LinkInfo & { kind: 'vxlan' }): VxlanDevice {
  const { vni = 0, port = 0, learning = false, device } = data;
  return { vni, port, learning, ...defined({ device, local: data.local ?? data.local6 }) };
}

function ipipOf({ data }: LinkInfo & { kind: 'ipip' }): IpipDevice {
  const { pathMtuDiscovery = false, ttl } = data;
  const set = (ip: Ip | undefined) => (ip === undefined || formatIp(ip) === '0.0.0.0' ? undefined : ip);
  return {
    pathMtuDiscovery,
    ...defined({ local: set(data.local), remote: set(data.remote), ttl: ttl === 0 ? undefined : ttl }),
  };
}

/** The object without the fields that are undefined. */
function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
