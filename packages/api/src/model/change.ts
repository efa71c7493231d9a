import type { Policy, PolicyKey, Tier } from './policy.ts';
import type {
  Endpoint,
  EndpointKey,
  FelixFacts,
  HostEndpoint,
  NamespaceFacts,
  NetworkSetFacts,
  NodeFacts,
  Pool,
  ServiceAccountFacts,
  ServiceFacts,
  Snapshot,
} from './snapshot.ts';

/**
 * One entry of a `Snapshot` set (`value`) or removed (`value` undefined). The graph consumes these; applying
 * them to a snapshot in any order that ends the same gives the same snapshot.
 */
export type FactChange =
  | { readonly type: 'node'; readonly key: string; readonly value: NodeFacts | undefined }
  | { readonly type: 'namespace'; readonly key: string; readonly value: NamespaceFacts | undefined }
  | { readonly type: 'serviceAccount'; readonly key: string; readonly value: ServiceAccountFacts | undefined }
  | { readonly type: 'endpoint'; readonly key: EndpointKey; readonly value: Endpoint | undefined }
  | { readonly type: 'networkSet'; readonly key: string; readonly value: NetworkSetFacts | undefined }
  | { readonly type: 'policy'; readonly key: PolicyKey; readonly value: Policy | undefined }
  | { readonly type: 'tier'; readonly key: string; readonly value: Tier | undefined }
  | { readonly type: 'service'; readonly key: string; readonly value: ServiceFacts | undefined }
  | { readonly type: 'pool'; readonly key: string; readonly value: Pool | undefined }
  | {
      readonly type: 'hostEndpoint';
      readonly key: EndpointKey;
      readonly value: HostEndpoint | undefined;
    }
  | { readonly type: 'felix'; readonly key: string; readonly value: FelixFacts | undefined };

/** Which map of `Snapshot` a change belongs to. */
export const SNAPSHOT_MAP = {
  node: 'nodes',
  namespace: 'namespaces',
  serviceAccount: 'serviceAccounts',
  endpoint: 'endpoints',
  networkSet: 'networkSets',
  policy: 'policies',
  tier: 'tiers',
  service: 'services',
  pool: 'pools',
  hostEndpoint: 'hostEndpoints',
  felix: 'felix',
} as const satisfies Record<FactChange['type'], keyof Snapshot>;
