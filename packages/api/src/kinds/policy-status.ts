import { conditions } from './condition.ts';
import type { Kind } from './kind.ts';
import { AGE, column } from './kind.ts';
import { integer, object, text } from './property.ts';

const spec = object({}, 'Empty: nobody has anything to ask for');
const status = object(
  {
    policy: text('Which policy: short name of its kind, namespace, name, as in knp/shop/db', { max: 512 }),
    kind: text('Kind of the policy', { max: 64 }),
    namespace: text('Its namespace', { max: 253 }).optional(),
    name: text('Its name', { max: 253 }),
    uid: text('UID of the policy', { max: 64 }).optional(),
    generation: integer('Generation of the policy that this is about', {
      least: 0,
      format: 'int64',
    }).optional(),
    nodes: text('Nodes that enforce it, of all, as in 3/3', { max: 32 }),
    pods: integer('Pods that it selects on nodes that enforce it', { least: 0, format: 'int32' }),
    slowestNode: text('The node that had it in its kernel last', { max: 253 }).optional(),
    afterMilliseconds: integer('How long that was after the first node heard of it', {
      least: 0,
      format: 'int64',
    }).optional(),
    enforcedAt: text('When that was', { format: 'date-time' }).optional(),
    conditions: conditions(
      'Accepted: whether it, or a part of it, is refused. Enforced: whether every node has it in its kernel.',
    ),
  },
  'What became of the policy',
);

/** Muslin's own: what became of one policy of any kind, for `kubectl get`. The controller adds up what nodes say. */
export const policyStatus: Kind<typeof spec, typeof status> = {
  group: 'muslin.dev',
  version: 'v1alpha1',
  kind: 'PolicyStatus',
  plural: 'policystatuses',
  shortNames: ['pols'],
  scope: 'Cluster',
  about:
    'On how many nodes a policy is enforced, which one was the slowest, and whether any of it is refused; one for each policy of any kind, named like it, as in knp.shop.db. Written by the controller, from what nodes read back from their kernels.',
  spec,
  status,
  columns: [
    column('Kind', '.status.kind', 'Kind of the policy'),
    column('Namespace', '.status.namespace', 'Its namespace'),
    column('Policy', '.status.name', 'Its name'),
    column(
      'Accepted',
      ".status.conditions[?(@.type=='Accepted')].status",
      'Whether nothing of it is refused',
    ),
    column(
      'Enforced',
      ".status.conditions[?(@.type=='Enforced')].status",
      'Whether every node has it in its kernel',
    ),
    column('Nodes', '.status.nodes', 'Nodes that enforce it, of all'),
    column('Pods', '.status.pods', 'Pods that it selects', 'integer'),
    column('After ms', '.status.afterMilliseconds', 'From the first node that heard to the last', 'integer'),
    { ...column('Slowest', '.status.slowestNode', 'The node that was last'), priority: 1 },
    {
      ...column('Why', ".status.conditions[?(@.status=='False')].message", 'What is wrong or missing'),
      priority: 1,
    },
    AGE,
  ],
  selectable: [],
  rules: [],
};
