import { readFileSync } from 'node:fs';
import { type Family, parsePrefix, type Prefix } from '@muslin/net';

/** Where flannel writes by default (flannel, `-subnet-file`). */
const SUBNET_FILE = '/run/flannel/subnet.env';

/** What flannel tells of its node: FLANNEL_SUBNET, FLANNEL_IPV6_SUBNET, FLANNEL_MTU. */
export interface FlannelSubnet {
  readonly subnets: Partial<Readonly<Record<Family, Prefix>>>;
  readonly mtu: number | undefined;
}

/** Reads lines `NAME=value`; what makes no sense is as if it were not there. */
export function parseSubnetEnv(text: string): FlannelSubnet {
  const values = new Map(
    text.split('\n').flatMap(line => {
      const [, name, value] = /^\s*(FLANNEL_[A-Z0-9_]+)="?([^"]*?)"?\s*$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value] as const];
    }),
  );
  const subnet = (name: string, family: Family) => {
    // Flannel writes its bridge's own address: 10.244.1.1/24.
    const read = parsePrefix(values.get(name) ?? '');
    return read.ok && read.value.ip.family === family ? { [family]: read.value } : {};
  };
  const mtu = Number(values.get('FLANNEL_MTU'));
  return {
    subnets: { ...subnet('FLANNEL_SUBNET', 4), ...subnet('FLANNEL_IPV6_SUBNET', 6) },
    mtu: Number.isInteger(mtu) && mtu >= 68 && mtu <= 65_535 ? mtu : undefined,
  };
}

/** What the file says now; undefined while flannel has not written it. */
export function readSubnetEnv(path: string): FlannelSubnet | undefined {
  try {
    return parseSubnetEnv(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** The file that a network's configuration names (`subnetFile`, as for flannel's own plugin), or the usual one. */
export function subnetFileIn(config: Readonly<Record<string, unknown>>): string {
  const named = config['subnetFile'];
  return typeof named === 'string' && named.startsWith('/') ? named : SUBNET_FILE;
}

/** The MTU that flannel tells, where the configuration names its file. */
export function flannelMtu(config: Readonly<Record<string, unknown>>): number | undefined {
  return config['subnetFile'] === undefined ? undefined : readSubnetEnv(subnetFileIn(config))?.mtu;
}
