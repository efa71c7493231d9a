import type { NodeConfig } from '@muslin/dataplane';
import { listAddresses, listLinks, type NetlinkSocket } from '@muslin/linux';

/** The interfaces of the node that are no pod's, with their addresses, by name; undefined when they can't be read. */
export function hostLinks(netlink: NetlinkSocket): NodeConfig['links'] | undefined {
  const links = listLinks(netlink);
  const addresses = listAddresses(netlink);
  if (!links.ok || !addresses.ok) return undefined;
  return links.value
    .filter(({ name }) => !name.startsWith('msl'))
    .map(({ index, name }) => ({
      name,
      ips: addresses.value.filter(({ link }) => link === index).map(({ ip }) => ip),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
