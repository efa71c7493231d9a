import { conditionStatus } from './condition.ts';
import { calicoKind } from './kind.ts';
import {
  GLOBAL_COLUMNS,
  globalParts,
  globalRules,
  SELECTABLE,
  stagedParts,
  tieredParts,
} from './policy-spec.ts';
import { object } from './property.ts';

export const globalNetworkPolicy = calicoKind({
  kind: 'GlobalNetworkPolicy',
  plural: 'globalnetworkpolicies',
  shortNames: ['gnp', 'cgnp'],
  scope: 'Cluster',
  about: 'Rules for pods of any namespace, asked tier by tier.',
  spec: object({ ...tieredParts, ...globalParts }, 'The policy', globalRules),
  status: conditionStatus,
  columns: GLOBAL_COLUMNS,
  selectable: SELECTABLE,
});

export const stagedGlobalNetworkPolicy = calicoKind({
  kind: 'StagedGlobalNetworkPolicy',
  plural: 'stagedglobalnetworkpolicies',
  shortNames: ['sgnp'],
  scope: 'Cluster',
  about: 'A GlobalNetworkPolicy on trial: evaluated and explained, never enforced.',
  spec: object({ ...stagedParts, ...tieredParts, ...globalParts }, 'The policy', globalRules),
  status: conditionStatus,
  columns: GLOBAL_COLUMNS,
  selectable: SELECTABLE,
});
