import { conditionStatus } from './condition.ts';
import { calicoKind } from './kind.ts';
import { ORDER_COLUMN, SELECTABLE, stagedParts, TIER_COLUMN, tieredParts } from './policy-spec.ts';
import { object } from './property.ts';

export const networkPolicy = calicoKind({
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  shortNames: ['cnp', 'caliconetworkpolicy'],
  scope: 'Namespaced',
  about:
    'Rules for the pods of one namespace, asked tier by tier. Unlike a Kubernetes NetworkPolicy it can deny, log and pass, and it has an order.',
  spec: object(tieredParts, 'The policy'),
  status: conditionStatus,
  columns: [TIER_COLUMN, ORDER_COLUMN],
  selectable: SELECTABLE,
});

export const stagedNetworkPolicy = calicoKind({
  kind: 'StagedNetworkPolicy',
  plural: 'stagednetworkpolicies',
  shortNames: ['scnp', 'snp'],
  scope: 'Namespaced',
  about: 'A NetworkPolicy on trial: evaluated and explained, never enforced.',
  spec: object({ ...stagedParts, ...tieredParts }, 'The policy'),
  status: conditionStatus,
  columns: [TIER_COLUMN, ORDER_COLUMN],
  selectable: SELECTABLE,
});
