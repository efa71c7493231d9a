import { type Ip, type Prefix, prefix, type Result, ip4 } from '@muslin/net';
import { type NetlinkMessage, NLM, readI32, readU32, readU8 } from '../netlink/message-reader.ts';
import type { NetlinkFault } from '../netlink/netlink-fault.ts';
import type { NetlinkRequest, NetlinkSocket } from '../netlink/netlink-socket.ts';
import { ip as address, custom, readFields, text, u32, writeFields } from '../netlink/attribute.ts';
import { FAMILY } from '../netlink/address-family.ts';
import { RTM } from './message-types.ts';

const HEADER = 8;
const IFA_F = {
  ...{ temporary: 0x01, noDad: 0x02, dadFailed: 0x08, deprecated: 0x20, tentative: 0x40 },
  noPrefixRoute: 0x200,
} as const;

/** INFINITY_LIFE_TIME. */
const FOREVER = 0xffff_ffff;

/** Address attributes (IFA_*). */
const ADDRESS_ATTRIBUTES = {
  address: address(1),
  local: address(2),
  label: text(3),
  broadcast: address(4),
  /** struct ifa_cacheinfo: preferred and valid seconds, and when it was made and changed. */
  preferredSeconds: custom<number>(
    6,
    (w, preferred) => w.u32(preferred).u32(FOREVER).u32(0).u32(0),
    bytes => readU32(bytes, 0),
  ),
  flags: u32(8),
} as const;

/** An address on a link. */
export interface LinkAddress {
  /** ifindex. */
  readonly link: number;
  readonly ip: Ip;
  /** Length of the on-link prefix. */
  readonly length: number;
  /** 0 universe, 253 link, 254 host. */
  readonly scope?: number;
  /** Don't add the route of the on-link prefix. */
  readonly noPrefixRoute?: boolean;
  /** IPv6: skip duplicate address detection (RFC 4862 §5.4). */
  readonly noDad?: boolean;
  /** IPv6, read only: duplicate address detection still runs. */
  readonly tentative?: boolean;
  /** IPv6, read only: another node of the link has it (RFC 4862 §5.4.5). */
  readonly dadFailed?: boolean;
  /** IPv6: past its preferred lifetime (RFC 4862 §5.5.4): nothing is sent from it that has another choice. */
  readonly deprecated?: boolean;
  /** IPv6, read only: changes by itself (RFC 8981). */
  readonly temporary?: boolean;
}

/** The on-link prefix of an address. */
export function onLinkPrefix(address: LinkAddress): Prefix {
  return prefix(address.ip, address.length);
}

function request(type: number, flags: number, verb: string, address: LinkAddress): NetlinkRequest {
  const bits = (address.noDad ? IFA_F.noDad : 0) | (address.noPrefixRoute ? IFA_F.noPrefixRoute : 0);
  return {
    type,
    flags,
    call: () => `${verb} address on link ${address.link}`,
    write: w => {
      w.u8(FAMILY[address.ip.family])
        .u8(address.length)
        .u8(bits > 0xff ? 0 : bits)
        .u8(address.scope ?? 0)
        .u32(address.link);
      writeFields(w, ADDRESS_ATTRIBUTES, {
        local: address.ip,
        address: address.ip,
        ...(address.deprecated ? { preferredSeconds: 0 } : {}),
        ...(bits > 0xff ? { flags: bits } : {}),
      });
    },
  };
}

/** The request that adds an address or changes its flags. */
export function putAddressRequest(address: LinkAddress): NetlinkRequest {
  return request(RTM.newAddress, NLM.create | NLM.replace, 'add', address);
}

/** Adds an address; one that is there already is no fault. */
export function putAddress(socket: NetlinkSocket, address: LinkAddress): Result<void, NetlinkFault> {
  return socket.ask(putAddressRequest(address));
}

/** Removes an address; EADDRNOTAVAIL when it is not there. */
export function deleteAddress(socket: NetlinkSocket, address: LinkAddress): Result<void, NetlinkFault> {
  return socket.ask(request(RTM.delAddress, 0, 'delete', address));
}

/** All addresses of both families, or those of one link. */
export function listAddresses(socket: NetlinkSocket, link?: number): Result<LinkAddress[], NetlinkFault> {
  return socket.dump(
    {
      type: RTM.getAddress,
      flags: 0,
      call: () => 'list addresses',
      write: w => w.u32(0).u32(link ?? 0),
    },
    message => {
      const address = decodeAddress(message);
      return link === undefined || address?.link === link ? address : undefined;
    },
  );
}

/** Decodes RTM_NEWADDR and RTM_DELADDR; undefined for other messages. */
export function decodeAddress(message: NetlinkMessage): LinkAddress | undefined {
  if (message.type !== RTM.newAddress && message.type !== RTM.delAddress) return undefined;
  const { payload } = message;
  const fields = readFields(ADDRESS_ATTRIBUTES, payload, HEADER);
  const bits = fields.flags ?? readU8(payload, 2);
  const ip = fields.local ?? fields.address ?? ip4(0);
  // The same bit means a secondary address in IPv4.
  const temporary = ip.family === 6 && (bits & IFA_F.temporary) !== 0;
  return {
    link: readI32(payload, 4),
    ip,
    length: readU8(payload, 1),
    scope: readU8(payload, 3),
    ...((bits & IFA_F.noPrefixRoute) !== 0 ? { noPrefixRoute: true } : {}),
    ...((bits & IFA_F.noDad) !== 0 ? { noDad: true } : {}),
    ...((bits & IFA_F.tentative) !== 0 ? { tentative: true } : {}),
    ...((bits & IFA_F.dadFailed) !== 0 ? { dadFailed: true } : {}),
    ...((bits & IFA_F.deprecated) !== 0 ? { deprecated: true } : {}),
    ...(temporary ? { temporary: true } : {}),
  };
}
