import {
  type BgpConfigurationFacts,
  type BgpFilterFacts,
  type BgpPeerFacts,
  type BgpPeerPolicyFacts,
  type Endpoint,
  type NamespaceFacts,
  type ServiceAccountFacts,
  DEFAULT_BGP_CONFIGURATION,
  type NodeFacts,
  type Pool,
  type SecretKeyRef,
} from '@muslin/api';
import type { Ip, Prefix } from '@muslin/net';
import type { LinkWay } from './link-way.ts';
import type { ServiceEndpoint, ServiceRouteFacts } from './service-facts.ts';

/** A node's claim to a block, as far as routing may rely on it. */
export interface BlockClaim {
  readonly cidr: Prefix;
  readonly node: string;
}

/** An address that a node's pod has out of a block of another node. */
export interface BorrowedAddress {
  readonly ip: Ip;
  readonly node: string;
}

/** What is known about a password, never the password itself. */
export type PasswordState =
  | { readonly state: 'known' }
  | { readonly state: 'missing'; readonly message: string };

/** All that routing is decided by, normalised. */
export interface ClusterFacts {
  readonly nodes: ReadonlyMap<string, NodeFacts>;
  /** By name: `default`, `node.<name>`; the latter with what `default` says filled in. */
  readonly configurations: ReadonlyMap<string, BgpConfigurationFacts>;
  readonly peers: ReadonlyMap<string, BgpPeerFacts>;
  readonly policies: ReadonlyMap<string, BgpPeerPolicyFacts>;
  readonly filters: ReadonlyMap<string, BgpFilterFacts>;
  readonly pools: ReadonlyMap<string, Pool>;
  /** Confirmed claims, by name of the BlockAffinity. */
  readonly blocks: ReadonlyMap<string, BlockClaim>;
  /** By name of the IPAMBlock. */
  readonly borrowed: ReadonlyMap<string, readonly BorrowedAddress[]>;
  /** By `namespace/name`. */
  readonly services: ReadonlyMap<string, ServiceRouteFacts>;
  /** Endpoints by `namespace/name` of their EndpointSlice. */
  readonly slices: ReadonlyMap<
    string,
    { readonly service: string; readonly endpoints: readonly ServiceEndpoint[] }
  >;
  /** Pods of this node, and what hands labels down to them; empty while no BGPPeer selects pods. By `pod/namespace/name`. */
  readonly pods: ReadonlyMap<string, Endpoint>;
  readonly namespaces: ReadonlyMap<string, NamespaceFacts>;
  /** By `namespace/name`. */
  readonly serviceAccounts: ReadonlyMap<string, ServiceAccountFacts>;
  /** Which interface of this node leads where, the narrowest way first; absent while no filter asks. */
  readonly links?: readonly LinkWay[];
  /** By `passwordName`; absent: not read yet. */
  readonly passwords: ReadonlyMap<string, PasswordState>;
}

/** The name that a password goes by: `secret/key`. */
export function passwordName(ref: SecretKeyRef): string {
  return `${ref.name}/${ref.key}`;
}

/** The configuration that counts for a node: its own `node.<name>` object's fields over the default's. */
export function configurationOf(facts: ClusterFacts, node: string): BgpConfigurationFacts {
  return (
    facts.configurations.get(`node.${node}`) ??
    facts.configurations.get('default') ??
    DEFAULT_BGP_CONFIGURATION
  );
}

/** AS number of a node: its own annotation, else its configuration's. */
export function asNumberOf(facts: ClusterFacts, node: NodeFacts): number {
  return node.asNumber ?? configurationOf(facts, node.name).asNumber;
}
