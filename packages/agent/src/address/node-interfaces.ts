import { lookup } from 'node:dns/promises';
import { listAddresses, listLinks, type NetlinkSocket, sourceTowards } from '@muslin/linux';
import { type Family, type Ip, ok, parseIp, type Result } from '@muslin/net';
import type { NodeInterface } from './choose-address.ts';

/** The interfaces of the node's namespace with their addresses. */
export function nodeInterfaces(
  netlink: NetlinkSocket,
): Result<readonly NodeInterface[], { readonly message: string }> {
  const links = listLinks(netlink);
  if (!links.ok) return links;
  const listed = listAddresses(netlink);
  if (!listed.ok) return listed;
  return ok(
    links.value.map(({ name, index, up }) => ({
      ...{ name, index, up },
      addresses: listed.value
        .filter(({ link }) => link === index)
        .map(({ ip, length, tentative, dadFailed, deprecated, temporary }) => ({
          ...{ ip, length },
          ...(tentative || dadFailed ? { tentative: true } : {}),
          ...(deprecated ? { deprecated } : {}),
          ...(temporary ? { temporary } : {}),
        })),
    })),
  );
}

/** The address from which packets to an address or a name leave, in one family; a text says why there is none. */
export async function sourceOf(
  netlink: NetlinkSocket,
  destination: string,
  family: Family,
): Promise<Ip | string> {
  const direct = parseIp(destination);
  const ips = direct.ok ? [direct.value] : await resolve(destination, family);
  if (typeof ips === 'string') return ips;
  const ip = ips.find(each => each.family === family);
  if (ip === undefined) return `${destination} has no IPv${family} address`;
  const found = sourceTowards(netlink, ip);
  return found.ok ? found.value : found.fault.message;
}

async function resolve(name: string, family: Family): Promise<readonly Ip[] | string> {
  try {
    const found = await lookup(name, { family, all: true });
    return found.flatMap(({ address }) => {
      const ip = parseIp(address);
      return ip.ok ? [ip.value] : [];
    });
  } catch (error) {
    return `${name} can't be resolved: ${(error as Error).message}`;
  }
}
