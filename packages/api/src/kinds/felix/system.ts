import { anyCase, choice, flag, integer, list, object, text } from '../property.ts';
import { span } from './span.ts';

/** Settings of the agent as a program: health, metrics, logs, debugging. */
export const system = {
  awsSrcDstCheck: choice(
    ['DoNothing', 'Enable', 'Disable'],
    'What to do about the source/destination check of AWS instances',
    'DoNothing',
  ).optional(),
  cgroupV2Path: text('Where the cgroup v2 tree is mounted').optional(),
  dataplaneDriver: text('Program that drives the data plane in place of the built-in one').optional(),
  dataplaneWatchdogTimeout: text('After how long without progress the agent is unhealthy', {
    usual: '90s',
  }).optional(),
  debugDisableLogDropping: flag(
    'Whether logs are written even when that slows the agent down',
    'false',
  ).optional(),
  debugHost: text('Address of the profiler', { usual: 'localhost' }).optional(),
  debugMemoryProfilePath: text('File for memory profiles').optional(),
  debugPort: integer('Port of the profiler; none unless given').optional(),
  debugSimulateCalcGraphHangAfter: span('For tests: when the calculation stands still').optional(),
  debugSimulateDataplaneApplyDelay: span('For tests: how much slower updates are').optional(),
  debugSimulateDataplaneHangAfter: span('For tests: when the data plane stands still').optional(),
  endpointReportingDelay: span(
    'How long changes of endpoints are gathered before they are reported',
    '1s',
  ).optional(),
  endpointReportingEnabled: flag('Whether the state of endpoints is reported', 'false').optional(),
  endpointStatusPathPrefix: text('Directory where the state of endpoints is written', {
    usual: '/var/run/calico',
  }).optional(),
  featureDetectOverride: text(
    'Features of the kernel to assume, as name=true or name=false, separated by commas',
    { pattern: '^([a-zA-Z0-9-_]+=(true|false|),)*([a-zA-Z0-9-_]+=(true|false|))?$' },
  ).optional(),
  featureGates: text('Features to switch, as name=value, separated by commas', {
    pattern: '^([a-zA-Z0-9-_]+=([^=]+),)*([a-zA-Z0-9-_]+=([^=]+))?$',
  }).optional(),
  flowLogsCollectorDebugTrace: flag('Whether the collection of flows is logged in detail').optional(),
  flowLogsFlushInterval: span('Time between writing flow logs', '300s').optional(),
  flowLogsGoldmaneServer: text('Address of the server that collects flows').optional(),
  flowLogsLocalReporter: choice(
    ['Disabled', 'Enabled'],
    'Whether flows can be asked for on the node',
    'Disabled',
  ).optional(),
  flowLogsPolicyEvaluationMode: choice(
    ['None', 'Continuous'],
    'Whether long flows are evaluated again when policies change',
    'Continuous',
  ).optional(),
  goGCThreshold: integer("Threshold of the Go runtime's garbage collector, in percent", {
    usual: '40',
  }).optional(),
  goMaxProcs: integer('Most CPUs that the Go runtime uses; -1: all', { usual: '-1' }).optional(),
  goMemoryLimitMB: integer('Soft memory limit of the Go runtime in MB; -1: none', { usual: '-1' }).optional(),
  healthEnabled: flag('Whether health is reported by HTTP', 'false').optional(),
  healthHost: text('Address of the health report', { usual: 'localhost' }).optional(),
  healthPort: integer('Port of the health report', { usual: '9099' }).optional(),
  healthTimeoutOverrides: list(
    object({ name: text('Part'), timeout: text('How long it may be silent') }, 'An entry'),
    'Other timeouts for parts of the health report',
  ).optional(),
  logDebugFilenameRegex: text('Regular expression for source files that log in detail').optional(),
  logFilePath: text('File of the log; empty: none', { usual: '/var/log/calico/felix.log' }).optional(),
  logSeverityFile: anyCase(
    ['Trace', 'Debug', 'Info', 'Warning', 'Error', 'Fatal'],
    'Least severity that is logged to the file',
    'Info',
  ).optional(),
  logSeverityScreen: anyCase(
    ['Trace', 'Debug', 'Info', 'Warning', 'Error', 'Fatal'],
    'Least severity that is logged to standard output',
    'Info',
  ).optional(),
  logSeveritySys: anyCase(
    ['Trace', 'Debug', 'Info', 'Warning', 'Error', 'Fatal'],
    'Least severity that is logged to syslog',
    'Info',
  ).optional(),
  metadataAddr: text('Address of the metadata service of OpenStack; None: none', {
    usual: '127.0.0.1',
  }).optional(),
  metadataPort: integer('Port of the metadata service of OpenStack', { usual: '8775' }).optional(),
  nodeSelector: text('Nodes that this object is for, when it is neither default nor node.<name>', {
    max: 1024,
  }).optional(),
  openstackRegion: text('Region of OpenStack that the node belongs to').optional(),
  policySyncPathPrefix: text('Directory of sockets for proxies that ask about policy').optional(),
  prometheusGoMetricsEnabled: flag('Whether the metrics tell about the runtime', 'true').optional(),
  prometheusMetricsCAFile: text('Certificate authority of clients of the metrics').optional(),
  prometheusMetricsCertFile: text('Certificate of the metrics server').optional(),
  prometheusMetricsClientAuth: choice(
    ['RequireAndVerifyClientCert', 'RequireAnyClientCert', 'VerifyClientCertIfGiven', 'NoClientCert'],
    'What certificate clients of the metrics must show',
  ).optional(),
  prometheusMetricsEnabled: flag('Whether metrics are served', 'false').optional(),
  prometheusMetricsHost: text('Address of the metrics; empty: every address').optional(),
  prometheusMetricsKeyFile: text('Key of the metrics server').optional(),
  prometheusMetricsPort: integer('Port of the metrics', { usual: '9091' }).optional(),
  prometheusProcessMetricsEnabled: flag('Whether the metrics tell about the process', 'true').optional(),
  prometheusWireGuardMetricsEnabled: flag('Whether the metrics tell about WireGuard', 'true').optional(),
  reportingInterval: span('Time between reports that the agent is alive; 0: none', '30s').optional(),
  reportingTTL: span('How long such a report is good', '90s').optional(),
  usageReportingEnabled: flag(
    "Whether version and size of the cluster are told to Calico's makers. Muslin tells nobody",
    'true',
  ).optional(),
  usageReportingInitialDelay: span('Time before the first usage report', '300s').optional(),
  usageReportingInterval: span('Time between usage reports', '86400s').optional(),
  useInternalDataplaneDriver: flag('Whether the built-in driver is used').optional(),
  windowsManageFirewallRules: choice(
    ['Enabled', 'Disabled'],
    'Whether firewall rules of Windows nodes are written',
    'Disabled',
  ).optional(),
};
