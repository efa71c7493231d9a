import { anyCase, choice, flag, integer, intOrString, list, object, text } from '../property.ts';
import { span } from './span.ts';

/** Settings of interfaces, routes, tunnels and address translation. */
export const network = {
  deviceRouteProtocol: integer('Route protocol number of routes to pods', { usual: '3' }).optional(),
  deviceRouteSourceAddress: text('Source address of IPv4 routes to pods', { max: 45 }).optional(),
  deviceRouteSourceAddressIPv6: text('Source address of IPv6 routes to pods', { max: 45 }).optional(),
  floatingIPs: choice(
    ['Enabled', 'Disabled'],
    'Whether pods may have further addresses by annotation',
    'Disabled',
  ).optional(),
  interfaceExclude: text(
    'Interfaces to leave alone, separated by commas; between slashes: a regular expression',
    { usual: 'kube-ipvs0' },
  ).optional(),
  interfacePrefix: text('First letters of the names of interfaces of pods, separated by commas', {
    usual: 'cali',
  }).optional(),
  interfaceRefreshInterval: span('Time between full comparisons of interfaces; 0: never', '90s').optional(),
  ipForwarding: choice(
    ['Enabled', 'Disabled'],
    'Whether the node is made to forward packets',
    'Enabled',
  ).optional(),
  ipipEnabled: flag('Whether IP-in-IP is set up; unset: when a pool needs it').optional(),
  ipipMTU: integer('MTU of IP-in-IP; 0: found by itself', { usual: '0' }).optional(),
  ipv4ElevatedRoutePriority: integer('Metric of IPv4 routes to pods that are moving', {
    usual: '512',
  }).optional(),
  ipv4NormalRoutePriority: integer('Metric of IPv4 routes to pods', { usual: '1024' }).optional(),
  ipv6ElevatedRoutePriority: integer('Metric of IPv6 routes to pods that are moving', {
    usual: '512',
  }).optional(),
  ipv6NormalRoutePriority: integer('Metric of IPv6 routes to pods', { usual: '1024' }).optional(),
  ipv6Support: flag('Whether IPv6 is used').optional(),
  liveMigrationRouteConvergenceTime: span(
    'How long routes of a moved virtual machine are preferred',
    '30s',
  ).optional(),
  localSubnetL2Reachability: choice(
    ['Disabled', 'PodsAndLoadBalancers'],
    'Whether the node answers for addresses of pods and load balancers in its subnet',
    'Disabled',
  ).optional(),
  localSubnetL2ReachabilityRefreshInterval: text('Time between full comparisons of those answers', {
    usual: '120s',
  }).optional(),
  mtuIfacePattern: text('Regular expression for interfaces whose MTU counts').optional(),
  natOutgoingAddress: text('Source address of traffic that leaves all pools; unset: that of the interface', {
    max: 45,
  }).optional(),
  natOutgoingExclusions: choice(
    ['IPPoolsOnly', 'IPPoolsAndHostIPs'],
    'Destinations that need no address translation',
    'IPPoolsOnly',
  ).optional(),
  natPortRange: intOrString('Ports for address translation of outgoing traffic, as a range').optional(),
  netlinkTimeout: span('How long the kernel may take to answer', '10s').optional(),
  programClusterRoutes: choice(
    ['Enabled', 'Disabled', 'EnabledIPIPOnly', 'EnabledNoEncapOnly'],
    'Which routes to other nodes the agent puts into the kernel; BGPConfiguration has the counterpart',
    'EnabledIPIPOnly',
  ).optional(),
  removeExternalRoutes: flag(
    'Whether routes to interfaces of pods that others made are removed',
    'true',
  ).optional(),
  requireMTUFile: flag('Whether the CNI plugin waits for the MTU to be known', 'false').optional(),
  routeRefreshInterval: span('Time between full comparisons of routes; 0: never', '90s').optional(),
  routeSource: anyCase(
    ['WorkloadIPs', 'CalicoIPAM'],
    'Where routes of overlays come from: blocks or single pods',
    'CalicoIPAM',
  ).optional(),
  routeSyncDisabled: flag('Whether routes are left alone').optional(),
  routeTableRange: object(
    { max: integer('Last table'), min: integer('First table') },
    'Routing tables that may be used; old form of routeTableRanges',
  ).optional(),
  routeTableRanges: list(
    object({ max: integer('Last table'), min: integer('First table') }, 'An entry'),
    'Routing tables that may be used',
  ).optional(),
  vxlanEnabled: flag('Whether VXLAN is set up; unset: when a pool needs it').optional(),
  vxlanMTU: integer('MTU of VXLAN over IPv4; 0: found by itself', { usual: '0' }).optional(),
  vxlanMTUV6: integer('MTU of VXLAN over IPv6; 0: found by itself', { usual: '0' }).optional(),
  vxlanPort: integer('UDP port of VXLAN', { usual: '4789' }).optional(),
  vxlanVNI: integer('Network identifier of VXLAN', { usual: '4096' }).optional(),
  wireguardEnabled: flag('Whether IPv4 traffic between nodes is encrypted', 'false').optional(),
  wireguardEnabledV6: flag('Whether IPv6 traffic between nodes is encrypted', 'false').optional(),
  wireguardHostEncryptionEnabled: flag(
    'Whether traffic of the nodes themselves is encrypted too',
    'false',
  ).optional(),
  wireguardInterfaceName: text('Name of the IPv4 interface', { usual: 'wireguard.cali' }).optional(),
  wireguardInterfaceNameV6: text('Name of the IPv6 interface', { usual: 'wg-v6.cali' }).optional(),
  wireguardKeepAlive: span('Time between keepalives; 0: none', '0').optional(),
  wireguardListeningPort: integer('UDP port for IPv4', { usual: '51820' }).optional(),
  wireguardListeningPortV6: integer('UDP port for IPv6', { usual: '51821' }).optional(),
  wireguardMTU: integer('MTU of the IPv4 interface', { usual: '1440' }).optional(),
  wireguardMTUV6: integer('MTU of the IPv6 interface', { usual: '1420' }).optional(),
  wireguardRoutingRulePriority: integer('Priority of the routing rule', { usual: '99' }).optional(),
  wireguardThreadingEnabled: flag('Whether encryption uses several CPUs', 'false').optional(),
};
