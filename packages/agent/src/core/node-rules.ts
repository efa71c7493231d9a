import type { NodeFacts, Pool } from '@muslin/api';
import { NODE_CONFIG_DEFAULTS, type NodeConfig } from '@muslin/dataplane';
import type { Prefix } from '@muslin/net';

/** What FelixConfigurations say of a node's rules. */
export interface RuleSettings {
  readonly endpointToHostAction: NodeConfig['endpointToHostAction'];
  readonly serviceLoopPrevention: 'Drop' | 'Reject' | 'Disabled';
  readonly allowIpipFromPods: boolean;
  readonly allowVxlanFromPods: boolean;
  readonly logPrefix?: string;
  readonly natOutgoingInterface?: NodeConfig['natOutgoingInterface'];
  readonly natExcludesNodes: boolean;
  readonly natAddress?: NodeConfig['natAddress'];
  readonly natPorts?: NodeConfig['natPorts'];
}

/** What holds where nothing is configured. */
export const DEFAULT_RULES: RuleSettings = {
  endpointToHostAction: 'Accept',
  serviceLoopPrevention: 'Drop',
  allowIpipFromPods: false,
  allowVxlanFromPods: false,
  natExcludesNodes: false,
};

/** The cluster, as far as these settings are about it. */
export interface RuleFacts {
  readonly pools: ReadonlyMap<string, Pool>;
  readonly nodes: ReadonlyMap<string, NodeFacts>;
  /** Addresses of Services that BGP advertises. */
  readonly services: readonly Prefix[];
}

/** The part of a `NodeConfig` that follows from settings. */
export function nodeRules(
  settings: RuleSettings,
  { pools, nodes, services }: RuleFacts,
): Pick<
  NodeConfig,
  | 'endpointToHostAction'
  | 'allowIpipFromPods'
  | 'allowVxlanFromPods'
  | 'logPrefix'
  | 'natOutgoingInterface'
  | 'natExcludes'
  | 'natAddress'
  | 'natPorts'
  | 'serviceLoop'
> {
  const {
    serviceLoopPrevention: action,
    natExcludesNodes,
    logPrefix,
    natOutgoingInterface,
    natAddress,
    natPorts,
    ...plain
  } = settings;
  const balanced = [...pools.values()].filter(({ allowedUses }) => allowedUses.has('LoadBalancer'));
  const cidrs = [...services, ...balanced.map(({ cidr }) => cidr)];
  return {
    ...plain,
    logPrefix: logPrefix ?? NODE_CONFIG_DEFAULTS.logPrefix,
    natOutgoingInterface,
    natAddress,
    natPorts,
    natExcludes: natExcludesNodes ? [...nodes.values()].flatMap(({ ips }) => ips) : [],
    serviceLoop: action === 'Disabled' || cidrs.length === 0 ? undefined : { cidrs, action },
  };
}
