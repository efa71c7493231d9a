import { conditions } from './condition.ts';
import type { Kind } from './kind.ts';
import { AGE, column } from './kind.ts';
import { choice, list, object, text, texts } from './property.ts';

const at = (description: string) => text(description, { format: 'date-time' });

const entry = object(
  {
    at: at('When'),
    what: choice(
      ['assigned', 'refused', 'released', 'lost'],
      'What happened; refused: nothing was given; lost: it was in other hands meanwhile',
    ),
    ips: texts('The addresses; none when they are not known any more', { max: 8 }).optional(),
    handle: text('Handle of the addresses: network and container', { max: 512 }),
    who: text('The pod, as namespace/name', { max: 512 }).optional(),
    uid: text('UID of the pod', { max: 64 }).optional(),
    why: text('Why, as a sentence', { max: 1_024 }),
  },
  'One thing that happened to an address',
);

const spec = object({}, 'Empty: nobody has anything to ask for');
const status = object(
  {
    addresses: texts(
      "Addresses that are or may be in use here: routes to pods, the node's own addresses, and those of sandboxes on disk",
      { max: 4_096 },
    ).optional(),
    readAt: at('When kernel and disk were read').optional(),
    conditions: conditions(
      'Complete: whether an address that is not listed is not in use here. NodeAddress: by which address others know the node and why, or what is wrong with it. Overlay: whether the tunnels that the cluster asks for stand, or what keeps them',
    ),
    ledger: list(entry, 'What happened here last, oldest first', { max: 128, type: 'atomic' }).optional(),
    lastUpdated: at('When the node last wrote this').optional(),
  },
  'Which addresses the node has',
);

/** Muslin's own: the second witness about addresses, and what a node last did with them. */
export const addressNodeStatus: Kind<typeof spec, typeof status> = {
  group: 'muslin.dev',
  version: 'v1alpha1',
  kind: 'AddressNodeStatus',
  plural: 'addressnodestatuses',
  shortNames: ['addrns'],
  scope: 'Cluster',
  about:
    'The addresses that one node has in its kernel and on its disk, and what it last did with addresses. The object bears the name of the node, which writes it itself, every ten seconds at most.',
  spec,
  status,
  columns: [
    column(
      'Complete',
      ".status.conditions[?(@.type=='Complete')].status",
      'Whether an address that is not listed is not in use here',
    ),
    column('Read', '.status.readAt', 'When kernel and disk were read', 'date'),
    AGE,
  ],
  selectable: [],
  rules: [],
};
