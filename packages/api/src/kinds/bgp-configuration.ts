import { calicoKind } from './kind.ts';
import { anyCase, asNumber, choice, cidr, duration, flag, integer, list, object, text } from './property.ts';
import { passwordSource } from './secret-key-ref.ts';

const COMMUNITY = '^(\\d+):(\\d+)$|^(\\d+):(\\d+):(\\d+)$';
/** At most 15 characters, and not * alone: without look-around, a first character that is none, or a second one. */
const INTERFACE = '^([a-zA-Z0-9_.-][a-zA-Z0-9_.*-]{0,14}|\\*[a-zA-Z0-9_.*-]{1,14})$';
const MOST_PRIORITY = 2_147_483_646;
const cidrs = (description: string) =>
  list(object({ cidr: cidr('A prefix').optional() }, 'A prefix'), description).optional();
const priority = (family: string) =>
  integer(`Kernel metric of ${family} routes learned by BGP`, {
    least: 1,
    most: MOST_PRIORITY,
    usual: '1024',
  }).optional();
const MESH_OFF = '!has(self.nodeToNodeMeshEnabled) || self.nodeToNodeMeshEnabled';

export const bgpConfiguration = calicoKind({
  kind: 'BGPConfiguration',
  plural: 'bgpconfigurations',
  shortNames: ['bgpconfig', 'bgpconfigs'],
  scope: 'Cluster',
  about: 'How nodes speak BGP: `default` for all of them, `node.<name>` for what one does differently.',
  spec: object(
    {
      logSeverityScreen: anyCase(
        ['Trace', 'Debug', 'Info', 'Warning', 'Error', 'Fatal'],
        'Least severity that is logged',
      ).default('Info'),
      nodeToNodeMeshEnabled: flag('Whether every node peers with every other', 'true').optional(),
      asNumber: asNumber('AS number of nodes that have none of their own', '64512').optional(),
      listenPort: integer('TCP port to listen on', { least: 1, most: 65_535, usual: '179' }).optional(),
      bindMode: choice(['None', 'NodeIP'], "NodeIP: listen on the node's address only", 'None').optional(),
      nodeMeshPassword: passwordSource('TCP-MD5 password of the mesh').optional(),
      nodeMeshMaxRestartTime: duration('How long mesh peers keep routes of a node that restarts').optional(),
      serviceClusterIPs: cidrs('Ranges of cluster addresses of Services to advertise'),
      serviceExternalIPs: cidrs('Ranges of external addresses of Services to advertise'),
      serviceLoadBalancerIPs: cidrs('Ranges of load-balancer addresses of Services to advertise'),
      serviceLoadBalancerAggregation: choice(
        ['Enabled', 'Disabled'],
        'Disabled: each load-balancer address is advertised by itself',
      ).default('Enabled'),
      communities: list(
        object(
          {
            name: text('Name that prefixAdvertisements use', { max: 253 }).optional(),
            value: text('aa:nn, or a:b:c for a large community', { max: 40, pattern: COMMUNITY }).optional(),
          },
          'A community with a name',
        ),
        'Names for communities',
        { max: 500 },
      ).optional(),
      prefixAdvertisements: list(
        object(
          {
            cidr: cidr('Prefix that holds the routes').optional(),
            communities: list(text('A name or a value'), 'Communities to add', { max: 50 }).optional(),
          },
          'Communities for routes inside a prefix',
        ),
        'Communities to put on what is advertised',
        { max: 500 },
      ).optional(),
      ignoredInterfaces: list(
        text('A name; * stands for any text, but not alone', { pattern: INTERFACE }),
        'Interfaces whose routes are not advertised',
        { type: 'set' },
      ).optional(),
      localWorkloadPeeringIPV4: text('IPv4 address at which a node answers BGP of its own pods').optional(),
      localWorkloadPeeringIPV6: text('IPv6 address at which a node answers BGP of its own pods').optional(),
      programClusterRoutes: choice(
        ['Enabled', 'Disabled', 'EnabledIPIPOnly', 'EnabledNoEncapOnly'],
        'Which routes to other nodes BGP puts into the kernel',
        'EnabledNoEncapOnly',
      ).optional(),
      ipv4NormalRoutePriority: priority('IPv4'),
      ipv6NormalRoutePriority: priority('IPv6'),
    },
    'How to speak',
    [
      { rule: `${MESH_OFF} || !has(self.nodeMeshPassword)`, message: 'nodeMeshPassword needs the mesh' },
      {
        rule: `${MESH_OFF} || !has(self.nodeMeshMaxRestartTime)`,
        message: 'nodeMeshMaxRestartTime needs the mesh',
      },
    ],
  ),
});
