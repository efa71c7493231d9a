import { conditionStatus } from './condition.ts';
import { AGE, calicoKind, column } from './kind.ts';
import { choice, number, object } from './property.ts';

const BUILT_IN = [
  { name: 'kube-admin', order: '1000.0', action: 'Pass' },
  { name: 'default', order: '1000000.0', action: 'Deny' },
  { name: 'kube-baseline', order: '10000000.0', action: 'Pass' },
];

export const tier = calicoKind({
  kind: 'Tier',
  plural: 'tiers',
  scope: 'Cluster',
  about:
    'A group of policies that is asked as a whole. kube-admin, default and kube-baseline are always there and keep their order and action.',
  spec: object(
    {
      order: number('Lower tiers are asked first, equals by name', 'last').optional(),
      defaultAction: choice(
        ['Deny', 'Pass'],
        'What happens at the end of the tier to traffic of endpoints that a policy of the tier selects',
      ).default('Deny'),
    },
    'The tier',
  ),
  status: conditionStatus,
  columns: [
    column('Order', '.spec.order', 'Place among the tiers', 'number'),
    column('DefaultAction', '.spec.defaultAction', 'What happens at the end of the tier'),
    column('Status', ".status.conditions[?(@.type=='Ready')].status", 'Whether the tier is in effect'),
    AGE,
  ],
  rules: [
    {
      rule: "size(self.metadata.name) <= 63 && !self.metadata.name.contains('.')",
      message: 'the name must have at most 63 characters and no dots',
    },
    ...BUILT_IN.map(({ name, order, action }) => ({
      rule: `self.metadata.name != '${name}' || !has(self.spec) || (!has(self.spec.order) || self.spec.order == ${order}) && (!has(self.spec.defaultAction) || self.spec.defaultAction == '${action}')`,
      message: `the built-in tier ${name} keeps order ${order.replace('.0', '')} and defaultAction ${action}`,
    })),
  ],
});
