/** A machine of the lab: one network namespace on the underlay. */
export interface Host {
  readonly name: string;
  /** Name below /run/netns. */
  readonly netns: string;
  readonly ip: string;
  /** Its IPv6 address, in a lab of both families. */
  readonly ip6?: string;
  /** Router of its subnet, where that is not the lab's common one. */
  readonly gateway?: string;
  readonly gateway6?: string;
}

/** Its addresses, IPv4 first. */
export function addressesOf({ ip, ip6 }: Pick<Host, 'ip' | 'ip6'>): readonly string[] {
  return ip6 === undefined ? [ip] : [ip, ip6];
}

/** Who is where, before anything exists. A value derived from the lab's name and size. */
export interface Topology {
  readonly id: string;
  /** The wire: a namespace that holds only a bridge. */
  readonly wire: string;
  readonly control: Host;
  readonly nodes: readonly Host[];
  readonly tor: Host;
  /** A host of the outside world behind the router, which knows nothing of pods. */
  readonly outside: Host;
  readonly underlay: string;
  readonly prefixLength: number;
  readonly podCidr: string;
  /** Absent: IPv4 alone. */
  readonly podCidr6?: string;
  readonly serviceCidr: string;
  readonly clusterAs: number;
  readonly torAs: number;
  /** The router's address towards the outside. */
  readonly torOutsideIp: string;
  readonly torOutsideIp6?: string;
}

/** How nodes and router look after each other where the router can: slow enough for a machine that does it all at once. */
export const BFD = { intervalMilliseconds: 500, detectMultiplier: 5 } as const;

const UNDERLAY6 = 'fd00:30:';
const OUTSIDE6 = '2001:db8:113::';

/** Prefix of every namespace of one lab; what bears it may be removed with the lab. */
export function namespacePrefix(id: string): string {
  return `ml-${id}-`;
}

/** Nodes 1 and 2 share a subnet, 3 and 4 the next one, and so on; only the router is in all of them. */
function inRack(i: number, dual: boolean): Pick<Host, 'ip' | 'gateway' | 'gateway6'> {
  const gateway = `172.30.${Math.floor(i / 2) + 1}.254`;
  const ip = `172.30.${Math.floor(i / 2) + 1}.${11 + (i % 2)}`;
  return { ip, gateway, ...(dual && { gateway6: underlay6(gateway) }) };
}

/** The same subnet and last part in IPv6: `fd00:30:0:1::11` for 172.30.1.11. */
function underlay6(ip: string): string {
  const [, , rack = '0', last] = ip.split('.');
  return rack === '0' ? `${UNDERLAY6}:${last}` : `${UNDERLAY6}0:${rack}::${last}`;
}

/**
 * Plans a lab. Addresses are private (RFC 1918, RFC 4193) and documentation (RFC 5737, RFC 3849) ones, inside
 * namespaces only. With both families, machines have the same last part in either.
 */
export function planTopology(id: string, nodes: number, racks = false, dual = false): Topology {
  const host = (name: string, ip: string): Host => ({
    ...{ name, netns: namespacePrefix(id) + name, ip },
    ...(dual && { ip6: ip.startsWith('203.') ? `${OUTSIDE6}${ip.split('.').at(-1)}` : underlay6(ip) }),
  });
  return {
    id,
    wire: `${namespacePrefix(id)}wire`,
    control: host('control', '172.30.0.1'),
    nodes: Array.from({ length: nodes }, (_, i) => {
      const { ip, ...more } = racks ? inRack(i, dual) : { ip: `172.30.0.${11 + i}` };
      return { ...host(`node${i + 1}`, ip), ...more };
    }),
    tor: host('tor', '172.30.0.254'),
    outside: host('outside', '203.0.113.10'),
    underlay: '172.30.0.0/24',
    prefixLength: 24,
    podCidr: '10.244.0.0/16',
    ...(dual && { podCidr6: 'fd00:244::/48' }),
    serviceCidr: '10.96.0.0/16',
    clusterAs: 64512,
    torAs: 65001,
    torOutsideIp: '203.0.113.1',
    ...(dual && { torOutsideIp6: `${OUTSIDE6}1` }),
  };
}
