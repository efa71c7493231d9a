import { eachAttribute, readText } from '../netlink/message-reader.ts';
import {
  type Attribute,
  be16,
  bool,
  custom,
  type Fields,
  ip,
  mac,
  nest,
  text,
  u8,
  u32,
  writeFields,
  readFields,
} from '../netlink/attribute.ts';

/** IFLA_INFO_DATA of a vxlan device (IFLA_VXLAN_*). */
const VXLAN_ATTRIBUTES = {
  device: u32(3),
  vni: u32(1),
  local: ip(4),
  ttl: u8(5),
  learning: bool(7),
  port: be16(15),
  local6: ip(17),
} as const;

/** IFLA_INFO_DATA of an ipip device (IFLA_IPTUN_*, uapi/linux/if_tunnel.h). */
const IPIP_ATTRIBUTES = {
  device: u32(1),
  local: ip(2),
  remote: ip(3),
  ttl: u8(4),
  pathMtuDiscovery: bool(10),
} as const;

/** Attributes of the other end of a veth (VETH_INFO_PEER). */
const PEER_ATTRIBUTES = { mac: mac(1), mtu: u32(4), name: text(3), namespaceFd: u32(28) } as const;

/** The kind and data of a link (IFLA_LINKINFO). */
export type LinkInfo =
  | { readonly kind: 'veth'; readonly peer?: Fields<typeof PEER_ATTRIBUTES> }
  | { readonly kind: 'vxlan'; readonly data: Fields<typeof VXLAN_ATTRIBUTES> }
  | { readonly kind: 'ipip'; readonly data: Fields<typeof IPIP_ATTRIBUTES> }
  | { readonly kind: 'other'; readonly name: string };

const INFO = { kind: 1, data: 2, vethPeer: 1 } as const;

const linkInfo = (type: number): Attribute<LinkInfo> =>
  custom(
    type,
    (w, info) => {
      const kind = info.kind === 'other' ? info.name : info.kind;
      w.attributeBytes(INFO.kind, new TextEncoder().encode(kind));
      if (info.kind === 'vxlan') {
        const { data } = info;
        w.attribute(INFO.data, () => writeFields(w, VXLAN_ATTRIBUTES, data));
      }
      if (info.kind === 'ipip') {
        const { data } = info;
        w.attribute(INFO.data, () => writeFields(w, IPIP_ATTRIBUTES, data));
      }
      if (info.kind === 'veth' && info.peer !== undefined) {
        const { peer } = info;
        w.attribute(INFO.data, () => {
          w.attribute(INFO.vethPeer, () => {
            // struct ifinfomsg: an index would be ignored, since the kernel only heeds it when both ends ask for one.
            w.u32(0).u32(0).u32(0).u32(0);
            writeFields(w, PEER_ATTRIBUTES, peer);
          });
        });
      }
    },
    bytes => {
      let kind = '';
      let data: Uint8Array | undefined;
      eachAttribute(bytes, 0, (attribute, value) => {
        if (attribute === INFO.kind) kind = readText(value);
        if (attribute === INFO.data) data = value;
      });
      if (kind === 'veth') return { kind };
      if (kind === 'vxlan') return { kind, data: readFields(VXLAN_ATTRIBUTES, data ?? new Uint8Array()) };
      if (kind === 'ipip') return { kind, data: readFields(IPIP_ATTRIBUTES, data ?? new Uint8Array()) };
      return { kind: 'other', name: kind };
    },
  );

/** Link attributes (IFLA_*). */
export const LINK_ATTRIBUTES = {
  mac: mac(1),
  name: text(3),
  mtu: u32(4),
  /** Lower device, or the other end of a veth. */
  lower: u32(5),
  master: u32(10),
  operState: u8(16),
  info: linkInfo(18),
  alias: text(20),
  group: u32(27),
  namespaceFd: u32(28),
  /** Namespace id of `lower`, when it is elsewhere. */
  lowerNamespace: u32(37),
} as const;

export type LinkFields = Fields<typeof LINK_ATTRIBUTES>;

/** IPv4 settings of a link, as `net/ipv4/conf/NAME` has them (IPV4_DEVCONF_*, uapi/linux/ip.h). */
const INET_SETTINGS = {
  forwarding: u32(1),
  proxyArp: u32(3),
  rpFilter: u32(8),
  arpNotify: u32(22),
  routeLocalnet: u32(26),
} as const;

export type InetSettings = Fields<typeof INET_SETTINGS>;

/** What is only written with a link: IFLA_AF_SPEC, in it AF_INET, in it IFLA_INET_CONF (rtnetlink(7)). */
export const LINK_SETTINGS = {
  family: nest(26, { inet: nest(2, { settings: nest(1, INET_SETTINGS) }) }),
} as const;
