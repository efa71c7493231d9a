import { type Family, type Ip, parseIp } from '@muslin/net';
import type { NodeTunnels } from '../model/snapshot.ts';
import type { Header } from './header.ts';

const PREFIX = 'projectcalico.org/';

/** The annotations that say where a node's tunnels end, by what they are; Calico's names. */
export const TUNNEL_ANNOTATIONS = {
  vxlan4: `${PREFIX}IPv4VXLANTunnelAddr`,
  vxlanMac4: `${PREFIX}VXLANTunnelMACAddr`,
  vxlan6: `${PREFIX}IPv6VXLANTunnelAddr`,
  vxlanMac6: `${PREFIX}VXLANTunnelMACAddrV6`,
  ipip: `${PREFIX}IPv4IPIPTunnelAddr`,
  wireguardKey4: `${PREFIX}WireguardPublicKey`,
  wireguardKey6: `${PREFIX}WireguardPublicKeyV6`,
  wireguard4: `${PREFIX}IPv4WireguardInterfaceAddr`,
  wireguard6: `${PREFIX}IPv6WireguardInterfaceAddr`,
} as const;

type Name = keyof typeof TUNNEL_ANNOTATIONS;

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;
/** 32 bytes in base64 (Curve25519, RFC 7748 §5). */
const KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

/** Reads a Node's tunnel annotations. One that can't be read is reported and ignored; an end without its MAC is no end. */
export function readTunnels(header: Header): NodeTunnels {
  const text = (name: Name) => header.annotations.get(TUNNEL_ANNOTATIONS[name]) || undefined;
  const bad = (name: Name, wanted: string) =>
    header.root.at('metadata').at('annotations').at(TUNNEL_ANNOTATIONS[name]).unhonoured(`must be ${wanted}`);
  const address = (name: Name, family: Family): Ip | undefined => {
    const value = text(name);
    if (value === undefined) return undefined;
    const ip = parseIp(value);
    return ip.ok && ip.value.family === family ? ip.value : bad(name, `an IPv${family} address`);
  };
  const matching = (name: Name, pattern: RegExp, wanted: string): string | undefined => {
    const value = text(name);
    return value === undefined || pattern.test(value) ? value : bad(name, wanted);
  };
  const vxlan = (family: Family) => {
    const ip = address(`vxlan${family}`, family);
    const mac = matching(`vxlanMac${family}`, MAC, 'a MAC address such as 66:0a:0b:0c:0d:0e');
    return ip === undefined || mac === undefined ? {} : { [`vxlan${family}`]: { ip, mac } };
  };
  const wireguard = (family: Family) => {
    const publicKey = matching(`wireguardKey${family}`, KEY, 'a WireGuard key: 32 bytes in base64');
    const ip = address(`wireguard${family}`, family);
    if (publicKey === undefined) return {};
    return { [`wireguard${family}`]: { publicKey, ...(ip === undefined ? {} : { ip }) } };
  };
  const ipip = address('ipip', 4);
  return {
    ...vxlan(4),
    ...vxlan(6),
    ...(ipip === undefined ? {} : { ipip }),
    ...wireguard(4),
    ...wireguard(6),
  };
}
