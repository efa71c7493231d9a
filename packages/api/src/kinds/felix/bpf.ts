import { anyCase, choice, flag, integer, intOrString, labels, object, text, texts } from '../property.ts';
import { span, timeout } from './span.ts';

/** Settings of an eBPF data plane. Muslin has none, so that they have no effect; they are kept for what is written already. */
export const bpf = {
  bpfAttachType: choice(
    ['TC', 'TCX', 'Netkit'],
    'How programs are attached to interfaces',
    'Netkit',
  ).optional(),
  bpfCTLBLogFilter: text('Which messages of the connect-time load balancer are logged').optional(),
  bpfConnectTimeLoadBalancing: choice(
    ['TCP', 'Enabled', 'Disabled'],
    'For which protocols Services are resolved when a socket connects',
    'TCP',
  ).optional(),
  bpfConnectTimeLoadBalancingEnabled: flag('Old form of bpfConnectTimeLoadBalancing', 'true').optional(),
  bpfConntrackLogLevel: choice(['Off', 'Debug'], 'How much the connection table logs', 'Off').optional(),
  bpfConntrackMode: choice(
    ['Auto', 'Userspace', 'BPFProgram'],
    'Who removes old entries of the connection table',
    'Userspace',
  ).optional(),
  bpfConntrackTimeouts: object(
    {
      creationGracePeriod: timeout('Grace for new entries', '10s').optional(),
      genericTimeout: timeout('Other protocols', '10m').optional(),
      icmpTimeout: timeout('ICMP', '5s').optional(),
      tcpEstablished: timeout('Open TCP connections', '1h').optional(),
      tcpFinsSeen: timeout('TCP connections that were closed', 'Auto').optional(),
      tcpResetSeen: timeout('TCP connections that were reset', '40s').optional(),
      tcpSynSent: timeout('TCP connections that are being opened', '20s').optional(),
      udpTimeout: timeout('UDP', '60s').optional(),
    },
    'How long entries of the connection table live',
  ).optional(),
  bpfDSROptoutCIDRs: texts('Clients that never get direct server return').optional(),
  bpfDataIfacePattern: text('Regular expression for interfaces that lead out of the node').optional(),
  bpfDisableGROForIfaces: text(
    'Regular expression for interfaces whose receive offload is turned off',
  ).optional(),
  bpfDisableUnprivileged: flag('Whether unprivileged users may not load programs', 'true').optional(),
  bpfEnabled: flag('Whether the eBPF data plane is used', 'false').optional(),
  bpfEnforceRPF: anyCase(
    ['Disabled', 'Strict', 'Loose'],
    'How strictly source addresses are checked',
    'Loose',
  ).optional(),
  bpfExcludeCIDRsFromNAT: texts('Addresses of Services that are left to others').optional(),
  bpfExportBufferSizeMB: integer('Size of the buffer for events, in MB', { usual: '1' }).optional(),
  bpfExtToServiceConnmark: integer('Mark for connections from outside to Services', {
    usual: '0',
  }).optional(),
  bpfExternalServiceMode: anyCase(
    ['Tunnel', 'DSR'],
    'How replies of a Service on another node go back to the client',
    'Tunnel',
  ).optional(),
  bpfForceTrackPacketsFromIfaces: texts(
    "Interfaces whose packets always pass the kernel's connection tracking",
    { usual: 'docker+' },
  ).optional(),
  bpfHostConntrackBypass: flag(
    "Whether packets of pods bypass the kernel's connection tracking",
    'true',
  ).optional(),
  bpfHostNetworkedNATWithoutCTLB: choice(
    ['Enabled', 'Disabled'],
    'Whether Services are resolved for processes of the node without the connect-time load balancer',
    'Enabled',
  ).optional(),
  bpfIPFragTimeout: span('How long fragments wait for each other', 'net.ipv4.ipfrag_time').optional(),
  bpfIPFragmentReassemblyEnabled: flag('Whether fragments are put together', 'true').optional(),
  bpfJITHardening: choice(
    ['Auto', 'Strict'],
    'Whether just-in-time hardening is turned down for speed',
    'Auto',
  ).optional(),
  bpfKubeProxyHealthzPort: integer("Port of the health check that takes kube-proxy's place", {
    usual: '10256',
  }).optional(),
  bpfKubeProxyIptablesCleanupEnabled: flag("Whether kube-proxy's rules are removed", 'true').optional(),
  bpfKubeProxyMinSyncPeriod: span('Least time between updates of Services', '1s').optional(),
  bpfL3IfacePattern: text('Regular expression for interfaces without link-layer addresses').optional(),
  bpfLogFilters: labels('Which packets are logged, by interface').optional(),
  bpfLogLevel: anyCase(['Off', 'Info', 'Debug'], 'How much programs log', 'Off').optional(),
  bpfMaglevMaxEndpointsPerService: integer('Most backends of a Service with consistent hashing', {
    usual: '100',
  }).optional(),
  bpfMaglevMaxServices: integer('Most Services with consistent hashing', { usual: '100' }).optional(),
  bpfMapSizeConntrack: integer('Size of the connection table').optional(),
  bpfMapSizeConntrackCleanupQueue: integer('Size of the queue of old connections', { least: 1 }).optional(),
  bpfMapSizeConntrackScaling: anyCase(
    ['Disabled', 'DoubleIfFull'],
    'Whether the connection table grows',
    'DoubleIfFull',
  ).optional(),
  bpfMapSizeIPSets: integer('Size of the table of address sets').optional(),
  bpfMapSizeIfState: integer('Size of the table of interfaces').optional(),
  bpfMapSizeNATAffinity: integer('Size of the table of sticky clients').optional(),
  bpfMapSizeNATBackend: integer('Size of the table of backends').optional(),
  bpfMapSizeNATFrontend: integer('Size of the table of Services').optional(),
  bpfMapSizePerCpuConntrack: integer('Size of the connection table per CPU').optional(),
  bpfMapSizeRoute: integer('Size of the table of routes').optional(),
  bpfOverlayHostSourceIP: choice(
    ['TunnelAddress', 'HostAddress'],
    'Source address of the node on the overlay',
    'TunnelAddress',
  ).optional(),
  bpfPSNATPorts: intOrString('Ports for source address translation, as a range', '20000:29999').optional(),
  bpfPolicyDebugEnabled: flag('Whether policy programs can be looked at').optional(),
  bpfProfiling: choice(['Enabled', 'Disabled'], 'Whether programs are timed', 'Disabled').optional(),
  bpfRedirectToPeer: choice(
    ['Enabled', 'Disabled'],
    "Whether packets go straight to a pod's end of its interface pair",
    'Enabled',
  ).optional(),
};
