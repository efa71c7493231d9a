import { calicoKind, column } from './kind.ts';
import { choice, integer, list, object, text } from './property.ts';

const daemon = (family: string) =>
  object(
    {
      state: choice(['Ready', 'NotReady'], 'Whether it speaks').optional(),
      version: text('Its version').optional(),
      routerID: text('Its router ID').optional(),
      lastBootTime: text('When it started').optional(),
      lastReconfigurationTime: text('When its configuration last changed').optional(),
    },
    `The BGP speaker, for ${family}`,
  ).optional();

const peers = (family: string) =>
  list(
    object(
      {
        peerIP: text('Address of the peer').optional(),
        type: choice(['NodeMesh', 'NodePeer', 'GlobalPeer'], 'Where the session comes from').optional(),
        state: choice(
          ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established', 'Close'],
          'State of the session (RFC 4271 §8.2.2)',
        ).optional(),
        since: text('Since when').optional(),
      },
      'A session',
    ),
    `Sessions over ${family}`,
  ).optional();

const routes = (family: string) =>
  list(
    object(
      {
        type: choice(['FIB', 'RIB'], 'Whether the kernel uses the route').optional(),
        destination: text('Prefix').optional(),
        gateway: text('Next hop').optional(),
        interface: text('Interface').optional(),
        learnedFrom: object(
          {
            sourceType: choice(
              ['Kernel', 'Static', 'Direct', 'NodeMesh', 'BGPPeer'],
              'Kind of source',
            ).optional(),
            peerIP: text('Address of the peer, when BGP is the source').optional(),
          },
          'Where the route comes from',
        ).optional(),
      },
      'A route',
    ),
    `${family} routes`,
  ).optional();

export const calicoNodeStatus = calicoKind({
  kind: 'CalicoNodeStatus',
  plural: 'caliconodestatuses',
  scope: 'Cluster',
  about: 'A question about one node: name the node and the classes, and read the answer in the status.',
  spec: object(
    {
      node: text('The node to ask').optional(),
      classes: list(choice(['Agent', 'BGP', 'Routes'], 'A class'), 'What to ask about', {
        type: 'set',
      }).optional(),
      updatePeriodSeconds: integer('How often to answer again; 0: once', { format: 'int32' }).optional(),
    },
    'The question',
  ),
  status: object(
    {
      lastUpdated: text('When the node answered', { format: 'date-time' }).nullable().optional(),
      agent: object({ birdV4: daemon('IPv4'), birdV6: daemon('IPv6') }, 'The speakers').optional(),
      bgp: object(
        {
          numberEstablishedV4: integer('IPv4 sessions that are up'),
          numberNotEstablishedV4: integer('IPv4 sessions that are not up'),
          numberEstablishedV6: integer('IPv6 sessions that are up'),
          numberNotEstablishedV6: integer('IPv6 sessions that are not up'),
          peersV4: peers('IPv4'),
          peersV6: peers('IPv6'),
        },
        'The sessions',
      ).optional(),
      routes: object({ routesV4: routes('IPv4'), routesV6: routes('IPv6') }, 'The routes').optional(),
    },
    'The answer',
  ),
  columns: [
    column('Node', '.spec.node', 'The node that is asked'),
    column('Classes', '.spec.classes', 'What it is asked about'),
  ],
});
