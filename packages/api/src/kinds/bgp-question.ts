import type { Kind } from './kind.ts';
import { AGE, column } from './kind.ts';
import { choice, integer, object, text } from './property.ts';

const spec = object(
  {
    about: choice(
      ['Peer', 'Routes', 'Received', 'Advertised', 'Explain'],
      'Peer: one session in full. Routes: the best route of each prefix. Received: what a peer told, before import filters. Advertised: what a peer is told. Explain: why a prefix is routed as it is',
    ),
    peer: text('Address of the peer, for Peer, Received and Advertised; fe80::1%eth0 for a link-local one', {
      min: 1,
      max: 64,
    }).optional(),
    prefix: text('The prefix, for Explain', { min: 1, max: 43 }).optional(),
    after: text('For lists: the prefix after which the page begins, as `status.more` said', {
      min: 1,
      max: 43,
    }).optional(),
  },
  'What the node is asked; a changed question is answered again',
  [
    {
      rule: "(self.about in ['Peer', 'Received', 'Advertised']) == has(self.peer)",
      message: 'peer must be given with Peer, Received and Advertised, and with nothing else',
    },
    {
      rule: "(self.about == 'Explain') == has(self.prefix)",
      message: 'prefix must be given with Explain, and with nothing else',
    },
    {
      rule: "!has(self.after) || self.about in ['Routes', 'Received', 'Advertised']",
      message: 'after needs a list: Routes, Received or Advertised',
    },
  ],
);

const status = object(
  {
    observedGeneration: integer('Which generation of the question this answers', {
      least: 0,
      format: 'int64',
    }).optional(),
    answer: text('The answer, as JSON', { max: 393_216 }).optional(),
    more: text('The last prefix of this page, when another one follows: ask again with it in `after`', {
      max: 43,
    }).optional(),
    mistake: text('Why there is no answer: what is wrong with the question', { max: 1_024 }).optional(),
    answeredAt: text('When the node answered', { format: 'date-time' }).optional(),
  },
  'The answer of the node',
);

/** Muslin's own: what one node's speaker is asked through the API. `muslinctl bgp … --node` makes and deletes them. */
export const bgpQuestion: Kind<typeof spec, typeof status> = {
  group: 'muslin.dev',
  version: 'v1alpha1',
  kind: 'BGPQuestion',
  plural: 'bgpquestions',
  shortNames: ['bgpq'],
  scope: 'Cluster',
  about:
    'A question to the BGP speaker of the node whose name the object bears. The speaker writes its answer into the status, a page at a time; whoever asked deletes the object, and after two minutes the controller does.',
  spec,
  status,
  columns: [
    column('About', '.spec.about', 'What is asked'),
    column('Peer', '.spec.peer', 'The peer that it is about'),
    column('Prefix', '.spec.prefix', 'The prefix that it is about'),
    column('Answered', '.status.answeredAt', 'When the node answered', 'date'),
    AGE,
  ],
  selectable: [],
  rules: [],
};
