import type { NodeConfig } from '@muslin/dataplane';
import { listAddresses, listLinks, type NetlinkSocket } from '@muslin/linux';

/** How often to look whether an address of the node moved: host endpoints may stand where it is. */
const LOOK_MS = 2_000;

/** Tells the interfaces of the node that are no pod's, at once and then from time to time; gives what ends it. */
export function watchHostLinks(
  netlink: NetlinkSocket,
  onLinks: (links: NonNullable<NodeConfig['links']>) => void,
): () => void {
  const look = () => {
    const found = hostLinks(netlink);
    if (found !== undefined) onLinks(found);
  };
  look();
  const timer = setInterval(look, LOOK_MS);
  return () => clearInterval(timer);
}

/** The interfaces of the node that are no pod's, with their addresses, by name; undefined when they can't be read. */
function hostLinks(netlink: NetlinkSocket): NodeConfig['links'] | undefined {
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
