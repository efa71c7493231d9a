import { AGE, column, type Kind } from './kind.ts';
import { asNumber, choice, cidr, flag, integer, list, object, selector, text, texts } from './property.ts';
import { passwordSource } from './secret-key-ref.ts';

const seconds = (description: string, least: number, most: number, usual?: string) =>
  integer(description, {
    least,
    most,
    format: 'int32',
    ...(usual === undefined ? {} : { usual }),
  }).optional();

const bfd = object(
  {
    intervalMilliseconds: integer('Time between packets, both ways', {
      least: 10,
      most: 60_000,
      format: 'int32',
      usual: '300',
    }).optional(),
    detectMultiplier: integer('How many packets in a row may be missed', {
      least: 2,
      most: 255,
      format: 'int32',
      usual: '3',
    }).optional(),
    multihop: flag('The peer is not on the link (RFC 5883, port 4784)', 'false').optional(),
    minimumTTL: integer('Least TTL of received packets, with multihop', {
      least: 1,
      most: 255,
      format: 'int32',
      usual: '1',
    }).optional(),
  },
  'Bidirectional forwarding detection (RFC 5880): a dead peer is noticed in interval × multiplier',
  [
    {
      rule: '!has(self.minimumTTL) || has(self.multihop) && self.multihop',
      message: 'minimumTTL needs multihop: on one link only TTL 255 counts',
    },
  ],
);

const prefixLimit = object(
  {
    family: choice(['IPv4', 'IPv6'], 'Family of the routes'),
    most: integer('How many routes the peer may send', { least: 1, most: 2_147_483_647, format: 'int32' }),
    action: choice(
      ['Warn', 'Discard', 'TearDown'],
      'What happens beyond: Warn tells, Discard ignores further routes, TearDown ends the session (RFC 4486)',
      'TearDown',
    ).optional(),
    restartAfterSeconds: seconds(
      'After TearDown, when the session may come back',
      1,
      86_400,
      'when the object changes',
    ),
  },
  'How many routes a peer may send',
  [
    {
      rule: "!has(self.restartAfterSeconds) || !has(self.action) || self.action == 'TearDown'",
      message: 'restartAfterSeconds needs action TearDown',
    },
  ],
);

const callers = {
  asNumbers: list(asNumber('An AS number'), 'AS numbers that the peer may have', {
    min: 1,
    max: 32,
    type: 'set',
  }).optional(),
  remoteAS: choice(['External', 'Internal'], 'Or: any AS number but ours, or ours').optional(),
  password: passwordSource('TCP-MD5 password').optional(),
  filters: texts('Names of BGPFilters, asked in this order', { max: 32 }).optional(),
};
const asRule = {
  rule: 'has(self.asNumbers) != has(self.remoteAS)',
  message: 'either asNumbers or remoteAS must be given',
};

const listenRange = object(
  {
    cidr: cidr('Where calls may come from', { max: 43 }),
    most: integer('How many may be up at a time', {
      least: 1,
      most: 4_096,
      format: 'int32',
      usual: '100',
    }).optional(),
    ...callers,
  },
  'Peers that call by themselves: a session is made for each',
  [asRule],
);

const link = object(
  {
    name: text('Name of the interface', { min: 1, max: 15, pattern: '^[^/%\\s]+$' }),
    ...callers,
  },
  'An unnumbered peer: the router at the other end, found by its router advertisements',
  [asRule],
);

const some = (part: string) => `has(self.${part})`;

const spec = object(
  {
    order: integer(
      'Of several policies for a session the lower order counts, then the name, field by field',
      {
        least: 0,
        most: 2_147_483_647,
        format: 'int32',
        usual: '1000',
      },
    ).optional(),
    nodeSelector: selector('Nodes whose sessions it is for', 'all()').optional(),
    peerNames: texts('BGPPeers that it is for, by name', { max: 256, type: 'set' }).optional(),
    peerSelector: selector('BGPPeers that it is for, by their labels').optional(),
    nodeMesh: flag('Whether it is for the node-to-node mesh', 'false').optional(),
    listenRanges: list(listenRange, 'Peers that may call from these prefixes', { max: 32 }).optional(),
    interfaces: list(link, 'Unnumbered peers (RFC 8950)', { max: 64, mapKeys: ['name'] }).optional(),
    holdTimeSeconds: integer('Hold time that is offered: 0 is for ever, else at least 3 (RFC 4271 §4.2)', {
      least: 0,
      most: 65_535,
      format: 'int32',
      usual: '90',
      rules: [{ rule: 'self == 0 || self >= 3', message: 'must be 0 or at least 3' }],
    }).optional(),
    keepaliveTimeSeconds: seconds('Time between KEEPALIVEs', 1, 21_845, 'a third of the hold time'),
    connectRetryTimeSeconds: seconds('Pause between two calls', 1, 3_600, '5'),
    bfd: bfd.optional(),
    prefixLimits: list(prefixLimit, 'Limits, one for a family', { max: 2, mapKeys: ['family'] }).optional(),
    addPath: choice(
      ['None', 'Receive', 'Send', 'Both'],
      'Several paths for a prefix (RFC 7911)',
      'None',
    ).optional(),
    clientToClientReflection: flag(
      'Whether a reflector tells its client the routes of other clients; false where these tell each other (RFC 4456)',
      'true',
    ).optional(),
    gracefulShutdown: flag(
      'Tell routes as second choice, with GRACEFUL_SHUTDOWN (RFC 8326), and prefer others’',
      'false',
    ).optional(),
    longLivedRestartSeconds: seconds(
      'How long routes are kept as last resort while the other side is away (RFC 9494); 0 is off',
      0,
      16_777_215,
      '0',
    ),
    ttlSecurityHops: integer('How many hops away the peer may be (RFC 5082)', {
      least: 1,
      most: 254,
      format: 'int32',
    }).optional(),
    authentication: choice(
      ['MD5', 'TCPAO'],
      'How the password of a session signs: MD5 (RFC 2385), or TCPAO (RFC 5925, KeyID 1, HMAC-SHA-1-96), which needs Linux 6.7 with CONFIG_TCP_AO: without it there is no session',
      'MD5',
    ).optional(),
    role: choice(
      ['Provider', 'Customer', 'Peer', 'RouteServer', 'RouteServerClient'],
      'What we are to the peer (RFC 9234): routes that would leak are refused',
    ).optional(),
    strictRole: flag('Refuse a peer that tells no role (RFC 9234 §4.2); needs role', 'false').optional(),
    localASPrepend: choice(
      ['None', 'Inbound', 'Outbound', 'Both'],
      'Where a BGPPeer has localASNumber: Inbound puts it into paths from the peer, too; Outbound leaves our own number behind it in paths to the peer (RFC 7705 §3)',
      'None',
    ).optional(),
    enforceFirstAS: flag(
      'Refuse routes of another AS whose path does not begin with it (RFC 4271 §6.3); a route server needs false',
      'true',
    ).optional(),
    passive: flag('Wait for the peer to call, never call it', 'false').optional(),
    shutdown: object(
      { message: text('What the peer is told (RFC 9003): at most 255 octets', { max: 255 }).optional() },
      'Keep the session down',
    ).optional(),
    sendHoldTimeSeconds: seconds(
      'How long the peer may read nothing before the session ends (RFC 9687); 0 is for ever',
      0,
      65_535,
      '480',
    ),
  },
  'Which sessions, and how they behave',
  [
    {
      rule: ['peerNames', 'peerSelector', 'nodeMesh', 'listenRanges', 'interfaces'].map(some).join(' || '),
      message: 'one of peerNames, peerSelector, nodeMesh, listenRanges and interfaces must be given',
    },
    {
      rule: '!has(self.keepaliveTimeSeconds) || !has(self.holdTimeSeconds) || self.keepaliveTimeSeconds * 3 <= self.holdTimeSeconds',
      message: 'three keepaliveTimeSeconds must fit into holdTimeSeconds (RFC 4271 §4.4)',
    },
    {
      rule: '!has(self.strictRole) || !self.strictRole || has(self.role)',
      message: 'strictRole needs role',
    },
  ],
);

/** Muslin's own: how sessions behave where BGPPeer has no field, and sessions that no BGPPeer can name. */
export const bgpPeerPolicy: Kind<typeof spec> = {
  group: 'muslin.dev',
  version: 'v1alpha1',
  kind: 'BGPPeerPolicy',
  plural: 'bgppeerpolicies',
  shortNames: ['bgppp'],
  scope: 'Cluster',
  about:
    'How BGP sessions behave where BGPPeer and BGPConfiguration have no field: timers, BFD, limits, graceful shutdown. And peers that no BGPPeer can name: those that call from a range, and those at the end of an interface.',
  spec,
  columns: [
    column('Order', '.spec.order', 'Lower counts first', 'integer'),
    column('Node Selector', '.spec.nodeSelector', 'Nodes whose sessions it is for'),
    column('Peers', '.spec.peerNames', 'BGPPeers by name'),
    column('Peer Selector', '.spec.peerSelector', 'BGPPeers by label'),
    column('Mesh', '.spec.nodeMesh', 'For the node-to-node mesh', 'boolean'),
    column('Hold', '.spec.holdTimeSeconds', 'Hold time in seconds', 'integer'),
    column('BFD', '.spec.bfd.intervalMilliseconds', 'BFD interval in milliseconds', 'integer'),
    AGE,
  ],
  selectable: [],
  rules: [],
};
