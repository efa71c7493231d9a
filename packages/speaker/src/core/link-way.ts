import type { NextHopVia } from '@muslin/bgp';
import { ROUTE_PROTOCOL_BGP, type Route } from '@muslin/dataplane';
import { comparePrefix, type Ip, mustPrefix, type Prefix, widthOf } from '@muslin/net';

/** The node's own way to some addresses. */
export interface LinkWay {
  readonly to: Prefix;
  readonly interfaceName: string;
}

/**
 * Which interface leads where, the narrowest first: the kernel's routes but those that BGP made of peers' words, and those to
 * single addresses without a gateway, which are pods'.
 */
export function linkWays(kernel: readonly Route[]): readonly LinkWay[] {
  return kernel
    .filter(({ protocol, kind }) => protocol !== ROUTE_PROTOCOL_BGP && kind === 'unicast')
    .flatMap(({ destination, gateway, interfaceName, nextHops }): readonly LinkWay[] => {
      const name = interfaceName ?? nextHops?.[0]?.interfaceName;
      const pod = gateway === undefined && destination.length === widthOf(destination.ip.family);
      return name === undefined || pod || isLinkLocal(destination.ip)
        ? []
        : [{ to: destination, interfaceName: name }];
    })
    .sort((a, b) => b.to.length - a.to.length || comparePrefix(a.to, b.to));
}

const LINK_LOCAL = mustPrefix('fe80::/10');

/**
 * The condition that a next hop is reached by an interface of this name (`*` stands for anything). `own` is the interface of the
 * session, which link-local next hops are on.
 */
export function hopVia(pattern: string, ways: readonly LinkWay[], own: string | undefined): NextHopVia {
  const matches = linkPattern(pattern);
  return [
    ...(own === undefined ? [] : [{ to: LINK_LOCAL, matches: matches(own) }]),
    ...ways.map(({ to, interfaceName }) => ({ to, matches: matches(interfaceName) })),
  ];
}

/** Whether an interface has such a name; `*` stands for any text. */
export function linkPattern(pattern: string): (name: string) => boolean {
  const words = pattern.split('*').map(word => word.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const expression = new RegExp(`^${words.join('.*')}$`);
  return name => expression.test(name);
}

function isLinkLocal(ip: Ip): boolean {
  return ip.family === 6 && (ip.words[0] as number) >>> 22 === 0x3fa;
}
