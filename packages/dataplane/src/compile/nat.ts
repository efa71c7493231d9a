import type { MemberSet, SetId } from '@muslin/api';
import { familyOf, formatPrefix, hostPrefix, type PortRange } from '@muslin/net';
import type { Action } from '../ir/action.ts';
import type { Match } from '../ir/match.ts';
import type { Chain, Rule, TableRules } from '../ir/ruleset.ts';
import type { NodeConfig } from './config.ts';
import { type FloatingIp, floatingRules } from './floating-ips.ts';
import { type HostPort, hostPortRules } from './host-ports.ts';

/** Sets of our own; the colon keeps them apart from a `NodeState`'s ids. */
export const MASQUERADE_POOLS: SetId = 'muslin:masquerade-pools';
export const ALL_POOLS: SetId = 'muslin:all-pools';

/**
 * Pods of natOutgoing pools leave for outside all pools with the node's address (IPPool `natOutgoing`), and ports of the
 * node and floating addresses lead to pods.
 */
export function natRules(
  config: NodeConfig,
  ports: readonly HostPort[],
  floatingIps: readonly FloatingIp[],
): TableRules {
  const hostPorts = hostPortRules(config, ports);
  const floating = floatingRules(config, floatingIps);
  const wanted = config.pools.some(pool => familyOf(pool.cidr) === config.family && pool.natOutgoing);
  const hooks = (
    [
      [
        'PREROUTING',
        'msl-nat-PREROUTING',
        [...(floating?.translated ?? []), ...(hostPorts?.prerouting ?? [])],
      ],
      ['OUTPUT', 'msl-nat-OUTPUT', [...(floating?.translated ?? []), ...(hostPorts?.output ?? [])]],
      [
        'POSTROUTING',
        'msl-POSTROUTING',
        [
          ...(floating?.postrouting ?? []),
          ...(hostPorts?.postrouting ?? []),
          ...(wanted ? natOutgoing(config) : []),
        ],
      ],
    ] as const
  ).filter(([, , rules]) => rules.length > 0);
  const chains = [
    ...hooks.map(([, name, rules]): Chain => ({ name, rules })),
    ...(floating?.chains ?? []),
    ...(hostPorts?.chains ?? []),
  ];
  return {
    hooks: new Map(hooks.map(([hook, name]) => [hook, name])),
    chains: new Map(chains.map(chain => [chain.name, chain])),
  };
}

/** Protocols whose ports may be chosen. */
export const PORTED = [6, 17] as const;

function natOutgoing(config: NodeConfig): readonly Rule[] {
  const { natOutgoingInterface: by, natPorts } = config;
  const matches: Match[] = [
    { kind: 'set', set: MASQUERADE_POOLS, key: 'src' },
    { kind: 'set', set: ALL_POOLS, key: 'dst', not: true },
  ];
  if (by !== undefined)
    matches.push({ kind: 'out-interface', name: by.name, ...(by.wildcard ? { wildcard: true } : {}) });
  const comment = 'natOutgoing';
  const ported = (protocol: number): Rule => ({
    matches: [{ kind: 'protocol', protocol }, ...matches],
    action: outgoing(config, natPorts),
    comment,
  });
  return [
    ...(natPorts === undefined ? [] : PORTED.map(ported)),
    { matches, action: outgoing(config), comment },
  ];
}

/** How natOutgoing translates: to the address that was asked for, else to that of the interface. */
export function outgoing({ family, natAddress: ip }: NodeConfig, ports?: PortRange): Action & Translation {
  return ip?.family === family ? { kind: 'snat', ip, ports } : { kind: 'masquerade', ports };
}

type Translation = { readonly kind: 'snat' | 'masquerade' };

/** The sets that `natRules` looks into. */
export function poolSets(config: NodeConfig): ReadonlyMap<SetId, MemberSet> {
  const members = (keep: (pool: NodeConfig['pools'][number]) => boolean): MemberSet => ({
    kind: 'net',
    members: new Set(config.pools.filter(keep).map(pool => formatPrefix(pool.cidr))),
  });
  const excluded = config.natExcludes
    .filter(ip => ip.family === config.family)
    .map(ip => formatPrefix(hostPrefix(ip)));
  return new Map([
    [MASQUERADE_POOLS, members(pool => pool.natOutgoing)],
    [ALL_POOLS, { kind: 'net', members: new Set([...members(() => true).members, ...excluded]) }],
  ]);
}
