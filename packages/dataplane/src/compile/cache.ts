import type { ActivePolicy, Direction, EndpointPlan, MemberSet, SetId, TierPlan } from '@muslin/api';
import type { Chain, TableRules } from '../ir/ruleset.ts';
import { LookupChooser } from '../lookups/choose.ts';
import { type Marks, marksOf, type NodeConfig } from './config.ts';
import type { HookChains } from './hooks.ts';
import { type HostCache, type HostRules, hostFixedChains } from './hosts.ts';
import type { FloatingIp } from './floating-ips.ts';
import type { HostPort } from './host-ports.ts';
import { poolSets } from './nat.ts';
import type { OwnSourceCache } from './own-sources.ts';
import { tunnelPeerSets } from './raw.ts';
import { serviceLoopSet } from './service-loop.ts';
import { verdictChains } from './policy-chains.ts';
import type { SegmentCache } from './segments.ts';
import type { TierChain } from './tier-chain.ts';

/** What was compiled for a value before; inputs are immutable, so identity says whether it still holds. */
interface DirectionCache {
  readonly policies: WeakMap<ActivePolicy, Chain>;
  readonly segments: SegmentCache;
  readonly tiers: WeakMap<TierPlan, { readonly of: readonly unknown[]; readonly result: TierChain }>;
  readonly endpoints: WeakMap<
    EndpointPlan,
    {
      readonly interfaces: readonly string[];
      readonly of: readonly TierChain[];
      readonly chains: readonly Chain[];
    }
  >;
  dispatch: Chain | undefined;
}

/** Everything that depends on one `NodeConfig`. */
export interface ConfigCache {
  readonly marks: Marks;
  readonly fixed: readonly Chain[];
  readonly host: HostCache;
  /** The chains of the hooks, made for these rules of host endpoints. */
  hooks: { readonly of: HostRules | undefined; readonly made: HookChains } | undefined;
  /** The nat table, made for these ports of the node and floating addresses. */
  nat:
    | { readonly of: readonly HostPort[]; readonly and: readonly FloatingIp[]; readonly made: TableRules }
    | undefined;
  readonly sets: ReadonlyMap<SetId, MemberSet>;
  readonly ownSources: OwnSourceCache;
  readonly lookups: LookupChooser;
  readonly directions: Readonly<Record<Direction, DirectionCache>>;
}

const caches = new WeakMap<NodeConfig, ConfigCache>();

const directionCache = (): DirectionCache => ({
  policies: new WeakMap(),
  segments: { byPlan: new WeakMap(), rules: new WeakMap(), groups: new Map(), earlier: new Map() },
  tiers: new WeakMap(),
  endpoints: new WeakMap(),
  dispatch: undefined,
});

/** The cache that belongs to this configuration value. */
export function cacheOf(config: NodeConfig): ConfigCache {
  let cache = caches.get(config);
  if (cache === undefined) {
    const marks = marksOf(config.markMask);
    cache = {
      marks,
      fixed: [...verdictChains(marks), ...hostFixedChains(marks)],
      host: { of: [], rules: undefined },
      hooks: undefined,
      nat: undefined,
      sets: new Map([...poolSets(config), ...tunnelPeerSets(config), ...serviceLoopSet(config)]),
      ownSources: { chains: new WeakMap(), last: undefined },
      lookups: new LookupChooser(),
      directions: { ingress: directionCache(), egress: directionCache() },
    };
    caches.set(config, cache);
  }
  return cache;
}

/** Whether two lists hold the same values in the same order. */
export function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
