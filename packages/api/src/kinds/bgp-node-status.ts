import { conditions } from './condition.ts';
import type { Kind } from './kind.ts';
import { AGE, column } from './kind.ts';
import { choice, integer, list, object, text, texts } from './property.ts';

const count = (description: string) => integer(description, { least: 0, format: 'int64' }).optional();
const at = (description: string) => text(description, { format: 'date-time' }).optional();

const finding = object(
  {
    code: text('One word for programs, such as refused, filtered, wrong-as', { max: 64 }),
    severity: choice(['ok', 'waiting', 'warning', 'problem'], 'How bad it is'),
    whose: choice(['ours', 'theirs', 'network', 'both', 'nobody'], 'Who can mend it, seen from the node'),
    message: text('What is wrong, whose fault it is, and what to do, in one sentence', { max: 1024 }),
  },
  'What is the matter with the session',
);

const peer = object(
  {
    address: text('Address of the peer', { max: 64 }),
    asNumber: integer('AS number of the peer', { least: 0, most: 4_294_967_295, format: 'int64' }).optional(),
    type: choice(['NodeMesh', 'NodePeer', 'GlobalPeer'], 'Where the session comes from').optional(),
    state: choice(
      ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'],
      'State of the session (RFC 4271 §8.2.2)',
    ),
    since: at('Since when it is in this state'),
    lastError: text('Why the session last ended').optional(),
    finding: finding.optional(),
    families: texts('Address families agreed on, such as ipv4-unicast').optional(),
    prefixesReceived: count('Routes that the peer told'),
    prefixesAccepted: count('Routes of the peer that passed the filters'),
    prefixesAdvertised: count('Routes that the peer was told'),
  },
  'A BGP session',
);

const spec = object({}, 'Empty: nobody has anything to ask for');
const status = object(
  {
    routerID: text('Router ID of the node').optional(),
    asNumber: integer('AS number of the node', { least: 0, most: 4_294_967_295, format: 'int64' }).optional(),
    peers: list(peer, 'The sessions', { mapKeys: ['address'] }).optional(),
    peersEstablished: integer('How many sessions are up', { least: 0, format: 'int32' }).optional(),
    routesLearned: count('Routes learned by BGP that the kernel uses'),
    service: choice(
      ['InService', 'Drained', 'Leaving', 'Left'],
      'What the peers were told of the node: as usual; that its routes are second choice (RFC 8326); nothing any more',
    ).optional(),
    unconfirmed: integer('When it left: peers that did not confirm in time', {
      least: 0,
      format: 'int32',
    }).optional(),
    conditions: conditions('PeersConfigured: whether all that is written down about BGP is in effect here'),
    lastUpdated: at('When the node last wrote this'),
  },
  'What the node sees',
);

/** Muslin's own: what Calico can only tell in a shell on the node. */
export const bgpNodeStatus: Kind<typeof spec, typeof status> = {
  group: 'muslin.dev',
  version: 'v1alpha1',
  kind: 'BGPNodeStatus',
  plural: 'bgpnodestatuses',
  shortNames: ['bgpns'],
  scope: 'Cluster',
  about: 'The BGP sessions of one node, whose name the object bears. Written by the node itself.',
  spec,
  status,
  columns: [
    column('Router ID', '.status.routerID', 'Router ID of the node'),
    column('ASN', '.status.asNumber', 'AS number of the node', 'integer'),
    column('Established', '.status.peersEstablished', 'How many sessions are up', 'integer'),
    column('Routes', '.status.routesLearned', 'Routes learned by BGP', 'integer'),
    column('Service', '.status.service', 'Whether it is in service, drained, or has left'),
    column(
      'Configured',
      ".status.conditions[?(@.type=='PeersConfigured')].status",
      'Whether all that is written down about BGP is in effect',
    ),
    { ...column('Updated', '.status.lastUpdated', 'When the node last wrote this', 'date'), priority: 1 },
    AGE,
  ],
  selectable: [],
  rules: [],
};
