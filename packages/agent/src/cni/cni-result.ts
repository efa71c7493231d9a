import { formatIp, type Ip, widthOf } from '@muslin/net';
import type { CniVersion } from './cni-request.ts';
import { compareVersions } from './cni-request.ts';

/** What an ADD made, in the newest form. */
export interface CniResult {
  readonly hostInterface: { readonly name: string; readonly mac: string };
  readonly podInterface: {
    readonly name: string;
    readonly mac: string;
    readonly sandbox: string;
    readonly mtu: number;
  };
  readonly ips: readonly Ip[];
  /** Where the pod's default routes lead; absent: they are another interface's. Plugins such as sbr make them anew from this. */
  readonly gateways?: Readonly<Record<4 | 6, Ip>>;
  readonly dns: Readonly<Record<string, unknown>>;
}

/** The result in the form of the configuration's version (CNI 1.1 §Success; older forms by their own texts). */
export function formatCniResult(result: CniResult, version: CniVersion): object {
  const address = (ip: Ip) => `${formatIp(ip)}/${widthOf(ip.family)}`;
  const { gateways } = result;
  const gateway = ({ family }: Ip) => (gateways === undefined ? {} : { gateway: formatIp(gateways[family]) });
  if (compareVersions(version, '0.3.0') < 0) {
    const first = (family: 4 | 6) => result.ips.find(ip => ip.family === family);
    const [four, six] = [first(4), first(6)];
    return {
      cniVersion: version,
      ...(four === undefined ? {} : { ip4: { ip: address(four), ...gateway(four) } }),
      ...(six === undefined ? {} : { ip6: { ip: address(six), ...gateway(six) } }),
      dns: result.dns,
    };
  }
  const legacy = compareVersions(version, '1.0.0') < 0;
  const newest = compareVersions(version, '1.1.0') >= 0;
  const { hostInterface: host, podInterface: pod } = result;
  const mtu = newest ? { mtu: pod.mtu } : {};
  return {
    cniVersion: version,
    interfaces: [
      // CNI 1.1 §Success: an empty sandbox says that it is the host's.
      { name: host.name, mac: host.mac, ...mtu, sandbox: '' },
      { name: pod.name, mac: pod.mac, ...mtu, sandbox: pod.sandbox },
    ],
    ips: result.ips.map(ip => ({
      ...(legacy ? { version: String(ip.family) } : {}),
      interface: 1,
      address: address(ip),
      ...gateway(ip),
    })),
    dns: result.dns,
  };
}
