import { calicoKind } from './kind.ts';
import { asNumber, choice, cidr, integer, list, object, oneOf, text } from './property.ts';

const U16 = '(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5]?[0-9]{1,4})';
const U32 =
  '(429496729[0-5]|42949672[0-8][0-9]|4294967[01][0-9]{2}|429496[0-6][0-9]{3}|42949[0-5][0-9]{4}|4294[0-8][0-9]{5}|429[0-3][0-9]{6}|42[0-8][0-9]{7}|4[01][0-9]{8}|[1-3]?[0-9]{1,9})';
/** `aa:nn` of 16 bits each, or `a:b:c` of 32 bits each. */
const COMMUNITY = `^(${U16}:${U16}|${U32}:${U32}:${U32})$`;
const MOST_PRIORITY = 2_147_483_646;

const operation = oneOf(
  {
    addCommunity: object(
      { value: text('aa:nn, or a:b:c for a large community', { max: 32, pattern: COMMUNITY }) },
      'Adds a community',
    ).optional(),
    prependASPath: object(
      {
        prefix: list(asNumber('An AS number'), 'AS numbers to put before the path, in this order', {
          min: 1,
          max: 10,
        }),
      },
      'Makes the AS path longer',
    ).optional(),
    setPriority: object(
      { value: integer('The metric', { least: 1, most: MOST_PRIORITY }) },
      "Sets the route's metric",
    ).optional(),
  },
  'One change to the route: exactly one field',
);

const FAMILY = { 4: { width: 32, max: 18 }, 6: { width: 128, max: 43 } } as const;

function rules(family: 4 | 6, verb: string) {
  const { width, max } = FAMILY[family];
  const rule = object(
    {
      action: choice(['Accept', 'Reject'], 'What to do with a route that matches'),
      cidr: cidr('Prefix to compare the route with; needs matchOperator', { max }).optional(),
      matchOperator: choice(['Equal', 'NotEqual', 'In', 'NotIn'], 'How to compare it').optional(),
      prefixLength: object(
        {
          min: integer('Least length', { least: 0, most: width, format: 'int32', usual: '0' }).optional(),
          max: integer('Greatest length', {
            least: 0,
            most: width,
            format: 'int32',
            usual: `${width}`,
          }).optional(),
        },
        "Bounds of the route's prefix length; needs cidr",
      ).optional(),
      source: choice(['RemotePeers'], 'Only routes that were learned by BGP').optional(),
      interface: text('Only routes on this interface; * stands for any text', { max: 15 }).optional(),
      peerType: choice(['eBGP', 'iBGP'], 'Only in sessions of this type').optional(),
      communities: object(
        {
          values: list(
            text('A community', { pattern: COMMUNITY }),
            'The community that the route must have',
            {
              min: 1,
              max: 1,
            },
          ),
        },
        'Only routes with this community',
      ).optional(),
      asPathPrefix: list(asNumber('An AS number'), 'Only routes whose AS path begins so').optional(),
      priority: integer('Only routes of this metric', { least: 1, most: MOST_PRIORITY }).optional(),
      operations: list(operation, 'Changes to routes that are accepted, in this order', {
        min: 1,
        max: 10,
      }).optional(),
    },
    'A rule: everything that it says must hold',
    [
      {
        rule: 'has(self.cidr) == has(self.matchOperator)',
        message: 'cidr and matchOperator must be given together',
      },
      { rule: '!has(self.prefixLength) || has(self.cidr)', message: 'prefixLength needs cidr' },
      { rule: "!has(self.operations) || self.action == 'Accept'", message: 'operations need action Accept' },
    ],
  );
  return list(
    rule,
    `Rules for IPv${family} routes that are ${verb}; the first that matches decides`,
  ).optional();
}

export const bgpFilter = calicoKind({
  kind: 'BGPFilter',
  plural: 'bgpfilters',
  scope: 'Cluster',
  about: 'Which routes a BGPPeer may hear and tell, and what changes on the way.',
  spec: object(
    {
      exportV4: rules(4, 'told'),
      importV4: rules(4, 'heard'),
      exportV6: rules(6, 'told'),
      importV6: rules(6, 'heard'),
    },
    'The rules',
  ),
});
