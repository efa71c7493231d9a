import { anyCase, choice, flag, integer, intOrString, list, object, text, texts } from '../property.ts';
import { span } from './span.ts';

/** Settings of packet filtering. */
export const rules = {
  allowIPIPPacketsFromWorkloads: flag('Whether pods may send IP-in-IP', 'false').optional(),
  allowVXLANPacketsFromWorkloads: flag('Whether pods may send VXLAN', 'false').optional(),
  chainInsertMode: anyCase(
    ['Insert', 'Append'],
    'Whether the own rules come before or after those of others',
    'Insert',
  ).optional(),
  defaultEndpointToHostAction: anyCase(
    ['Drop', 'Accept', 'Return'],
    'What happens to traffic from a pod to its own node after its policy allowed it',
    'Drop',
  ).optional(),
  disableConntrackInvalidCheck: flag(
    'Whether packets that belong to no known connection may pass',
    'false',
  ).optional(),
  externalNodesList: texts(
    'Prefixes of machines outside of the cluster that may send overlay traffic',
  ).optional(),
  failsafeInboundHostPorts: list(
    object(
      {
        net: text('Prefix of the clients').optional(),
        port: integer('Port'),
        protocol: text('tcp or udp').optional(),
      },
      'An entry',
    ),
    "Ports of the node that host policy can't close; an empty list: none",
    { usual: 'tcp:22, udp:68, tcp:179, tcp:2379, tcp:2380, tcp:5473, tcp:6443, tcp:6666, tcp:6667' },
  ).optional(),
  failsafeOutboundHostPorts: list(
    object(
      {
        net: text('Prefix of the servers').optional(),
        port: integer('Port'),
        protocol: text('tcp or udp').optional(),
      },
      'An entry',
    ),
    "Ports that host policy can't keep the node from; an empty list: none",
    { usual: 'udp:53, udp:67, tcp:179, tcp:2379, tcp:2380, tcp:5473, tcp:6443, tcp:6666, tcp:6667' },
  ).optional(),
  genericXDPEnabled: flag('Whether generic XDP may be used, for tests', 'false').optional(),
  ipsetsRefreshInterval: span('Time between full comparisons of sets; 0: never', '90s').optional(),
  iptablesBackend: choice(['Legacy', 'NFT', 'Auto'], 'Which iptables command is used', 'Auto').optional(),
  iptablesFilterAllowAction: anyCase(
    ['Accept', 'Return'],
    'What happens to allowed packets in the filter table',
    'Accept',
  ).optional(),
  iptablesFilterDenyAction: anyCase(['Drop', 'Reject'], 'What happens to denied packets', 'Drop').optional(),
  iptablesLockProbeInterval: span('Time between attempts to get the lock of iptables', '50ms').optional(),
  iptablesMangleAllowAction: anyCase(
    ['Accept', 'Return'],
    'What happens to allowed packets in the mangle table',
    'Accept',
  ).optional(),
  iptablesMarkMask: integer('Bits of the packet mark that may be used', {
    least: 0,
    most: 4294967295,
    format: 'int64',
    usual: '0xffff0000',
  }).optional(),
  iptablesNATOutgoingInterfaceFilter: text(
    'Interface by which packets must leave to get the address of the node; empty: any',
  ).optional(),
  iptablesPostWriteCheckInterval: span('Time after which a write is checked', '5s').optional(),
  iptablesRefreshInterval: span('Time between full comparisons of rules; 0: never', '180s').optional(),
  istioAmbientMode: choice(
    ['Enabled', 'Disabled'],
    "Whether Istio's ambient mode is heeded",
    'Disabled',
  ).optional(),
  istioDSCPMark: intOrString('Mark of packets that Istio has handled', '23').optional(),
  kubeNodePortRanges: list(
    intOrString('A port, or a range such as 30000:32767'),
    'Ports of Services of type NodePort',
    { max: 7, usual: '30000:32767' },
  ).optional(),
  logActionRateLimit: text('Most packets that Log rules log, such as 10/second', {
    pattern: '^[1-9]\\d{0,3}/(?:second|minute|hour|day)$',
  }).optional(),
  logActionRateLimitBurst: integer('How many packets may exceed that at once', {
    least: 0,
    most: 9999,
    usual: '5',
  }).optional(),
  logPrefix: text('Text before each logged packet; %t kind, %k policy kind, %n policy name, %p rule', {
    pattern: '^([a-zA-Z0-9%: /_-])*$',
    usual: 'calico-packet',
  }).optional(),
  maxIpsetSize: integer('Most members of a set', { usual: '1048576' }).optional(),
  nftablesFilterAllowAction: anyCase(
    ['Accept', 'Return'],
    'What happens to allowed packets in the filter chains',
    'Accept',
  ).optional(),
  nftablesFilterDenyAction: anyCase(['Drop', 'Reject'], 'What happens to denied packets', 'Drop').optional(),
  nftablesFlowTableDataIfacePattern: text(
    'Regular expression for interfaces whose flows are offloaded',
  ).optional(),
  nftablesFlowTableOffload: choice(['All', 'Disabled'], 'Whether flows are offloaded').default('Disabled'),
  nftablesMangleAllowAction: anyCase(
    ['Accept', 'Return'],
    'What happens to allowed packets in the mangle chains',
    'Accept',
  ).optional(),
  nftablesMarkMask: integer('Bits of the packet mark that may be used', {
    least: 0,
    most: 4294967295,
    format: 'int64',
    usual: '0xffff0000',
  }).optional(),
  nftablesMode: choice(
    ['Disabled', 'Enabled', 'Auto'],
    'Whether nftables is used; Auto: when kube-proxy uses it',
  ).default('Auto'),
  nftablesRefreshInterval: text('Time between full comparisons of rules; 0: never', {
    usual: '180s',
  }).optional(),
  serviceLoopPrevention: anyCase(
    ['Drop', 'Reject', 'Disabled'],
    'What happens to packets for addresses of Services that nothing serves',
    'Drop',
  ).optional(),
  sidecarAccelerationEnabled: flag(
    'Whether traffic between a pod and its sidecar is sped up',
    'false',
  ).optional(),
  workloadSourceSpoofing: anyCase(
    ['Disabled', 'Any'],
    'Whether pods may ask by annotation to use other source addresses',
    'Disabled',
  ).optional(),
  xdpEnabled: flag('Whether XDP speeds up untracked policy', 'true').optional(),
  xdpRefreshInterval: span('Time between full comparisons of XDP programs; 0: never', '90s').optional(),
};
