import { conditions } from './condition.ts';
import type { Kind } from './kind.ts';
import { AGE, column } from './kind.ts';
import { integer, list, object, text, texts } from './property.ts';

const at = (description: string) => text(description, { format: 'date-time' });
const version = (description: string) => text(description, { max: 64 });

const policy = object(
  {
    policy: text('Which policy: short name of its kind, namespace, name, as in knp/shop/db', { max: 512 }),
    uid: text('UID of the object', { max: 64 }).optional(),
    generation: integer('Its generation', { least: 0, format: 'int64' }).optional(),
    resourceVersion: version('Its version'),
    seenAt: at(
      'When the node was told of this version; of a version that was there before the agent, when it came',
    ),
    enforcedAt: at('When the kernel had taken it'),
    pods: integer('Pods of the node that it selects', { least: 0, format: 'int32' }),
  },
  'A policy that applies to pods of the node',
);

const spec = object({}, 'Empty: nobody has anything to ask for');
const status = object(
  {
    policies: list(policy, 'What is enforced here, read back from the kernel', {
      mapKeys: ['policy'],
    }).optional(),
    appliedThrough: list(
      object(
        {
          kind: text('Kind of object', { max: 64 }),
          resourceVersion: version('Newest version taken into account'),
        },
        'How far the node has come with one kind',
      ),
      'How far the node has come: what is older, and not among policies, has no pod here',
      { mapKeys: ['kind'] },
    ).optional(),
    pods: texts('Pods whose rules are in the kernel, as namespace/name', { max: 1_024 }).optional(),
    readBackAt: at('When the kernel was last read and nothing was missing').optional(),
    conditions: conditions('Enforced: whether the node has in its kernel what it should have'),
    lastUpdated: at('When the node last wrote this').optional(),
  },
  'What the node enforces',
);

/** Muslin's own: since when each policy is in force on one node. Read all of them with `muslinctl policy status`. */
export const policyNodeStatus: Kind<typeof spec, typeof status> = {
  group: 'muslin.dev',
  version: 'v1alpha1',
  kind: 'PolicyNodeStatus',
  plural: 'policynodestatuses',
  shortNames: ['polns'],
  scope: 'Cluster',
  about:
    'The policies that one node enforces, whose name the object bears. Written by the node itself, once a second at most.',
  spec,
  status,
  columns: [
    column(
      'Enforced',
      ".status.conditions[?(@.type=='Enforced')].status",
      'Whether all that should be is in the kernel',
    ),
    column(
      'Read back',
      '.status.readBackAt',
      'When the kernel was last read and nothing was missing',
      'date',
    ),
    { ...column('Updated', '.status.lastUpdated', 'When the node last wrote this', 'date'), priority: 1 },
    AGE,
  ],
  selectable: [],
  rules: [],
};
