import type { Speaker } from '@muslin/bgp';
import { ROUTE_PROTOCOL_BGP, type Route } from '@muslin/dataplane';
import { formatIp, formatPrefix } from '@muslin/net';
import type { SeenRoute } from './core/calico-node-status.ts';

/** The routes of the node: what the kernel has, and what was learned and the kernel has not. */
export function seenRoutes(kernel: readonly Route[], speaker: Speaker | undefined): readonly SeenRoute[] {
  const learned = new Map<string, { readonly peer: string; readonly gateway: string | undefined }>();
  for (const family of ['ipv4-unicast', 'ipv6-unicast'] as const)
    for (const route of speaker?.routes(family) ?? []) {
      const hop = route.attributes.nextHop;
      if (route.source !== 'own')
        learned.set(formatPrefix(route.prefix), {
          peer: route.peer,
          gateway: hop === undefined ? undefined : formatIp(hop.ip),
        });
    }
  const used = new Set<string>();
  const inKernel = kernel
    .filter(route => route.kind === 'unicast')
    .map((route): SeenRoute => {
      const destination = formatPrefix(route.destination);
      const ours = route.protocol === ROUTE_PROTOCOL_BGP;
      if (ours) used.add(destination);
      const hop = route.nextHops?.[0] ?? route;
      return {
        family: route.destination.ip.family,
        destination,
        gateway: hop.gateway === undefined ? undefined : formatIp(hop.gateway),
        interfaceName: hop.interfaceName,
        peer: ours ? learned.get(destination)?.peer : undefined,
        inKernel: true,
      };
    });
  const only = [...learned]
    .filter(([destination]) => !used.has(destination))
    .map(
      ([destination, { peer, gateway }]): SeenRoute => ({
        family: destination.includes(':') ? 6 : 4,
        destination,
        gateway,
        interfaceName: undefined,
        peer,
        inKernel: false,
      }),
    );
  return [...inKernel, ...only];
}
