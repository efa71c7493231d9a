import { BPF_FIELDS } from './bpf-fields.ts';

/** What becomes of a field of a FelixConfiguration. */
export type FelixSupport =
  | { readonly is: 'honoured'; readonly what: string }
  /** Kept, and changes nothing; one of `harmless` asks for what is done anyway. */
  | { readonly is: 'kept'; readonly why: string; readonly harmless: readonly unknown[] };

const honoured = (what: string): FelixSupport => ({ is: 'honoured', what });
const kept = (why: string, ...harmless: readonly unknown[]): FelixSupport => ({ is: 'kept', why, harmless });

const SOCKETS = 'health and metrics are asked on unix sockets, or at the port of the chart (metrics.enabled)';
const LOGS = 'logs go to standard error as JSON lines, which the container runtime keeps';
const GO = 'it is about the runtime of Go, and Muslin runs on Node';
const XDP = 'Muslin does not use XDP';
const FLOWS = 'flows stay on the node and are read by muslinctl flows';
const DEBUG = "it is for the debugging of Calico's own program";
const REPORTS = 'what a node enforces is told in its PolicyNodeStatus, always and at once';
const USAGE = 'Muslin tells nobody that it is used';
const OPENSTACK = 'Muslin does not run under OpenStack';
const ISTIO = 'Muslin does not know Istio';
const REFRESH =
  'the agent looks as often as agent.refreshMs of the chart says, and when the kernel tells of a change';
const TABLES = 'tables 241 and 242 are used for WireGuard, and no others';
const MIGRATION = 'virtual machines are not moved with their addresses';
const LAYER_2 =
  'a node answers for its pods by ARP and NDP towards them only: let BGP or an overlay carry their routes';
const MARKS = 'bits 0x78000000 of the mark are used, which kube-proxy and others leave alone';
const PASS = 'allowed packets of pods are accepted, those of others return to the rules of others';

/**
 * Every field of a FelixConfiguration's spec: whether it is acted on, and how, or why not. The page
 * `docs/reference/felixconfiguration-support.md` and the findings about written configurations come from here.
 */
export const FELIX_SUPPORT: Readonly<Record<string, FelixSupport>> = {
  ...Object.fromEntries(
    BPF_FIELDS.map(field => [field, kept('Muslin enforces by iptables or nftables, not by eBPF', false)]),
  ),
  allowIPIPPacketsFromWorkloads: honoured('pods may send IP in IP'),
  allowVXLANPacketsFromWorkloads: honoured('pods may send to the VXLAN port'),
  awsSrcDstCheck: kept('switch it off where you make the machines', 'DoNothing'),
  cgroupV2Path: kept('it is about eBPF', ''),
  chainInsertMode: kept(
    'the rules of Muslin come first: behind others they would not be asked',
    'Insert',
    'insert',
  ),
  dataplaneDriver: kept(DEBUG),
  dataplaneWatchdogTimeout: kept('the probe of the agent sees whether it serves'),
  debugDisableLogDropping: kept(DEBUG, false),
  debugHost: kept(DEBUG, 'localhost'),
  debugMemoryProfilePath: kept(DEBUG, ''),
  debugPort: kept(DEBUG),
  debugSimulateCalcGraphHangAfter: kept(DEBUG),
  debugSimulateDataplaneApplyDelay: kept(DEBUG),
  debugSimulateDataplaneHangAfter: kept(DEBUG),
  defaultEndpointToHostAction: honoured(
    "what happens to packets from a pod to its node after the pod's policies allowed them; unset: Accept, as Calico's manifests set it",
  ),
  deviceRouteProtocol: kept('protocol 109 marks our routes, so that nobody else’s are touched', 109),
  deviceRouteSourceAddress: honoured('the preferred source of IPv4 routes to pods of this node'),
  deviceRouteSourceAddressIPv6: honoured('the preferred source of IPv6 routes to pods of this node'),
  disableConntrackInvalidCheck: kept('packets that belong to no connection are always dropped', false),
  endpointReportingDelay: kept(REPORTS),
  endpointReportingEnabled: kept(REPORTS, false),
  endpointStatusPathPrefix: kept(
    'ADD answers when the rules of a pod are in, so nobody has to wait for a file',
    '/var/run/calico',
    '',
  ),
  externalNodesList: kept('VXLAN is taken from Nodes of the cluster only'),
  failsafeInboundHostPorts: honoured('ports of nodes that host policies can’t close'),
  failsafeOutboundHostPorts: honoured('ports that host policies can’t keep nodes from'),
  featureDetectOverride: kept(DEBUG, ''),
  featureGates: kept(DEBUG, ''),
  floatingIPs: honoured(
    'addresses of the annotation `cni.projectcalico.org/floatingIPs` lead to their pod; each is taken from its IPPool for one pod at a time',
  ),
  flowLogsCollectorDebugTrace: kept(FLOWS, false),
  flowLogsFlushInterval: kept(FLOWS),
  flowLogsGoldmaneServer: kept(FLOWS, ''),
  flowLogsLocalReporter: kept(FLOWS, 'Disabled'),
  flowLogsPolicyEvaluationMode: kept(FLOWS, 'None'),
  genericXDPEnabled: kept(XDP, false),
  goGCThreshold: kept(GO),
  goMaxProcs: kept(GO),
  goMemoryLimitMB: kept(GO),
  healthEnabled: kept(SOCKETS, false),
  healthHost: kept(SOCKETS),
  healthPort: kept(SOCKETS),
  healthTimeoutOverrides: kept(SOCKETS),
  interfaceExclude: kept(
    'only interfaces that begin with the prefix of pods are taken for pods’',
    'kube-ipvs0',
  ),
  interfacePrefix: honoured(
    'pods that another plugin gave an interface of such a name, without ours in its chain, are governed: their end on the node gets a name that begins with msl, and one that no pod is known for yet gets nothing through. `msl` and `cali` alone ask for nothing',
  ),
  interfaceRefreshInterval: kept(REFRESH),
  ipForwarding: honoured('Disabled leaves net.ipv4.ip_forward and its IPv6 counterpart as they are'),
  ipipEnabled: honoured('false: no IP in IP, whatever pools say'),
  ipipMTU: honoured('MTU of tunl0, and so of pods; 0 or unset: that of the underlay less 20'),
  ipsetsRefreshInterval: kept(REFRESH),
  iptablesBackend: honoured('which iptables is used, where iptables is'),
  iptablesFilterAllowAction: kept(PASS, 'Accept', 'ACCEPT'),
  iptablesFilterDenyAction: kept('denied packets are dropped', 'Drop', 'DROP'),
  iptablesLockProbeInterval: kept('the iptables program waits for its lock by itself'),
  iptablesMangleAllowAction: kept(PASS, 'Accept', 'ACCEPT'),
  iptablesMarkMask: kept(MARKS),
  iptablesNATOutgoingInterfaceFilter: honoured(
    'natOutgoing translates what leaves by this interface only; a + at its end stands for any letters',
  ),
  iptablesPostWriteCheckInterval: kept(REFRESH),
  iptablesRefreshInterval: kept(REFRESH),
  ipv4ElevatedRoutePriority: kept(MIGRATION, 512),
  ipv4NormalRoutePriority: kept(
    'routes to pods of a node have metric 0, those of overlays 256; BGPConfiguration has the metric of BGP’s',
    1024,
  ),
  ipv6ElevatedRoutePriority: kept(MIGRATION, 512),
  ipv6NormalRoutePriority: kept(
    'routes to pods of a node have metric 1024, those of overlays 256; BGPConfiguration has the metric of BGP’s',
    1024,
  ),
  ipv6Support: kept('IPv6 is enforced wherever the kernel has it: a pool decides whether pods get it', true),
  istioAmbientMode: kept(ISTIO, 'Disabled'),
  istioDSCPMark: kept(ISTIO),
  kubeNodePortRanges: kept('no rule depends on the ports of Services'),
  liveMigrationRouteConvergenceTime: kept(MIGRATION),
  localSubnetL2Reachability: kept(LAYER_2, 'Disabled'),
  localSubnetL2ReachabilityRefreshInterval: kept(LAYER_2),
  logActionRateLimit: kept('Log rules log every packet: the kernel bounds its own log'),
  logActionRateLimitBurst: kept('Log rules log every packet: the kernel bounds its own log'),
  logDebugFilenameRegex: kept(LOGS, ''),
  logFilePath: kept(LOGS, 'none', ''),
  logPrefix: honoured('begins what Log rules write; %t, %k, %n and %p are not replaced'),
  logSeverityFile: kept(LOGS, 'Info', ''),
  logSeverityScreen: honoured("what the agent's log leaves out"),
  logSeveritySys: kept(LOGS, 'Info', ''),
  maxIpsetSize: kept('sets grow as they must'),
  metadataAddr: kept(OPENSTACK),
  metadataPort: kept(OPENSTACK),
  mtuIfacePattern: honoured('interfaces whose MTU decides that of pods; unset: those of the default routes'),
  natOutgoingAddress: honoured(
    'natOutgoing translates to this address in its family; unset: to that of the interface by which a packet leaves',
  ),
  natOutgoingExclusions: honoured('IPPoolsAndHostIPs: natOutgoing leaves packets to nodes alone, too'),
  natPortRange: honoured('natOutgoing chooses ports of TCP and UDP from it, at random; unset: from any'),
  netlinkTimeout: kept('the kernel is waited for ten seconds'),
  nftablesFilterAllowAction: kept(PASS, 'Accept', 'ACCEPT'),
  nftablesFilterDenyAction: kept('denied packets are dropped', 'Drop', 'DROP'),
  nftablesFlowTableDataIfacePattern: kept('flows are not offloaded', ''),
  nftablesFlowTableOffload: kept('flows are not offloaded', 'Disabled'),
  nftablesMangleAllowAction: kept(PASS, 'Accept', 'ACCEPT'),
  nftablesMarkMask: kept(MARKS),
  nftablesMode: honoured('whether rules live in nftables; Auto: as kube-proxy does'),
  nftablesRefreshInterval: kept(REFRESH),
  nodeSelector: honoured('which nodes the configuration is for; node.NAME wins over it, and it over default'),
  openstackRegion: kept(OPENSTACK, ''),
  policySyncPathPrefix: kept('application-layer rules need a program that is not here', ''),
  programClusterRoutes: honoured(
    'whether the agent sets routes of IP in IP (unset: yes) and, inside a subnet, of pools without encapsulation (unset: no: BGP does)',
  ),
  prometheusGoMetricsEnabled: kept(SOCKETS),
  prometheusMetricsCAFile: kept(SOCKETS, ''),
  prometheusMetricsCertFile: kept(SOCKETS, ''),
  prometheusMetricsClientAuth: kept(SOCKETS, ''),
  prometheusMetricsEnabled: kept(SOCKETS, false),
  prometheusMetricsHost: kept(SOCKETS, ''),
  prometheusMetricsKeyFile: kept(SOCKETS, ''),
  prometheusMetricsPort: kept(SOCKETS),
  prometheusProcessMetricsEnabled: kept(SOCKETS),
  prometheusWireGuardMetricsEnabled: kept(SOCKETS),
  removeExternalRoutes: honoured(
    'true: routes by interfaces of pods that others made are removed; unset: Muslin touches only what is its own',
  ),
  reportingInterval: kept(REPORTS),
  reportingTTL: kept(REPORTS),
  requireMTUFile: kept('the agent that plugs pods in knows the MTU itself', false),
  routeRefreshInterval: kept(REFRESH),
  routeSource: honoured(
    'WorkloadIPs: routes of overlays lead to each pod, and to podCIDRs of Nodes; unset or CalicoIPAM: to blocks',
  ),
  routeSyncDisabled: kept(
    'routes of others are never touched, and pods of another plugin get none of ours',
    false,
  ),
  routeTableRange: kept(TABLES),
  routeTableRanges: kept(TABLES),
  serviceLoopPrevention: honoured(
    'what happens to packets for advertised addresses of Services that nothing serves here, which would go back and forth; unset: Drop',
  ),
  sidecarAccelerationEnabled: kept('it is about eBPF', false),
  usageReportingEnabled: kept(USAGE, false),
  usageReportingInitialDelay: kept(USAGE),
  usageReportingInterval: kept(USAGE),
  useInternalDataplaneDriver: kept(DEBUG, true),
  vxlanEnabled: honoured('false: no VXLAN, whatever pools say'),
  vxlanMTU: honoured('MTU of VXLAN over IPv4, and so of pods; 0 or unset: that of the underlay less 50'),
  vxlanMTUV6: honoured('MTU of VXLAN over IPv6, and so of pods; 0 or unset: that of the underlay less 70'),
  vxlanPort: honoured('UDP port of VXLAN'),
  vxlanVNI: honoured('network identifier of VXLAN'),
  windowsManageFirewallRules: kept('Muslin runs on Linux', 'Disabled'),
  wireguardEnabled: honoured('packets to pods of other nodes are encrypted over IPv4'),
  wireguardEnabledV6: honoured('packets to pods of other nodes are encrypted over IPv6'),
  wireguardHostEncryptionEnabled: kept(
    'packets from and to pods are encrypted, those between nodes are not',
    false,
  ),
  wireguardInterfaceName: kept('the device is wg.muslin, so that Calico’s may stand beside it'),
  wireguardInterfaceNameV6: kept('the device is wg-v6.muslin, so that Calico’s may stand beside it'),
  wireguardKeepAlive: honoured('time between empty packets to each peer; 0 or unset: none'),
  wireguardListeningPort: honoured('UDP port of WireGuard over IPv4'),
  wireguardListeningPortV6: honoured('UDP port of WireGuard over IPv6'),
  wireguardMTU: honoured('MTU of WireGuard over IPv4, and so of pods'),
  wireguardMTUV6: honoured('MTU of WireGuard over IPv6, and so of pods'),
  wireguardRoutingRulePriority: honoured('priority of the rule that leads into WireGuard'),
  wireguardThreadingEnabled: kept('the kernel decides on which CPUs it encrypts', false),
  workloadSourceSpoofing: kept('pods send from their own addresses only', 'Disabled'),
  xdpEnabled: kept(XDP, true, false),
  xdpRefreshInterval: kept(XDP),
};

/** Why a value of a field changes nothing; undefined when it is acted on, or asks for what is done anyway. */
export function felixFault(field: string, value: unknown): string | undefined {
  // Any JSON may come in, names of every object's own members among it.
  const support = Object.hasOwn(FELIX_SUPPORT, field) ? FELIX_SUPPORT[field] : undefined;
  if (support === undefined || support.is === 'honoured' || support.harmless.includes(value))
    return undefined;
  return `kept, not acted on: ${support.why}`;
}
