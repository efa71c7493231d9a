import type { Prefix } from '@muslin/net';
import type { BgpCommunity, BgpConfigurationFacts } from '../model/bgp.ts';
import { readIp, readPrefix } from './address-field.ts';
import { parseCommunity, readAs, readCommunity, readSecretKeyRef } from './bgp-field.ts';
import { readDuration } from './duration-field.ts';
import { finish, type Read } from './fact.ts';
import { type Field, shown } from './field.ts';
import { readHeader } from './header.ts';

/** What holds in a cluster without a BGPConfiguration (projectcalico.org/v3). */
export const DEFAULT_BGP_CONFIGURATION: BgpConfigurationFacts = {
  name: 'default',
  logSeverityScreen: 'Info',
  nodeToNodeMeshEnabled: true,
  asNumber: 64_512,
  listenPort: 179,
  bindMode: 'None',
  nodeMeshPassword: undefined,
  nodeMeshMaxRestartTime: undefined,
  serviceClusterIps: [],
  serviceExternalIps: [],
  serviceLoadBalancerIps: [],
  serviceLoadBalancerAggregation: 'Enabled',
  prefixAdvertisements: [],
  ignoredInterfaces: [],
  localWorkloadPeeringIpV4: undefined,
  localWorkloadPeeringIpV6: undefined,
  programClusterRoutes: 'EnabledNoEncapOnly',
  ipv4NormalRoutePriority: 1_024,
  ipv6NormalRoutePriority: 1_024,
};

/** Calico has no field for it, but an environment variable (USE_POD_CIDR). */
export const POD_CIDRS_ANNOTATION = 'muslin.dev/pod-cidrs';

const SEVERITIES = ['Trace', 'Debug', 'Info', 'Warning', 'Error', 'Fatal'] as const;
const MOST_PRIORITY = 2_147_483_646;

/**
 * A BGPConfiguration (projectcalico.org/v3). What it leaves out comes from `base`: for `node.<name>` pass the reading of
 * `default`, so that the result is what that node must do.
 */
export function readBgpConfiguration(
  object: unknown,
  base: BgpConfigurationFacts = DEFAULT_BGP_CONFIGURATION,
): Read<BgpConfigurationFacts> {
  const { report, spec, name, annotations, root } = readHeader(object, 'Cluster');
  const meshEnabled = spec.at('nodeToNodeMeshEnabled').flag() ?? base.nodeToNodeMeshEnabled;
  for (const part of ['nodeMeshPassword', 'nodeMeshMaxRestartTime']) {
    if (!meshEnabled && spec.at(part).present)
      spec.at(part).invalid('may not be set while nodeToNodeMeshEnabled is false');
  }
  const word = annotations.get(POD_CIDRS_ANNOTATION);
  if (word !== undefined && word !== 'advertise' && word !== 'keep')
    root.at('metadata').at('annotations').at(POD_CIDRS_ANNOTATION).unhonoured('must be advertise or keep');
  const advertises = word === 'advertise' || (word !== 'keep' && base.advertisesPodCidrs === true);
  return finish(report, {
    ...(advertises ? { advertisesPodCidrs: true as const } : {}),
    name,
    logSeverityScreen: readSeverity(spec.at('logSeverityScreen')) ?? base.logSeverityScreen,
    nodeToNodeMeshEnabled: meshEnabled,
    asNumber: readAs(spec.at('asNumber')) ?? base.asNumber,
    listenPort: spec.at('listenPort').integer(1, 65_535) ?? base.listenPort,
    bindMode: spec.at('bindMode').oneOf(['None', 'NodeIP']) ?? base.bindMode,
    nodeMeshPassword: readSecretKeyRef(spec.at('nodeMeshPassword')) ?? base.nodeMeshPassword,
    nodeMeshMaxRestartTime: readDuration(spec.at('nodeMeshMaxRestartTime')) ?? base.nodeMeshMaxRestartTime,
    serviceClusterIps: readCidrs(spec.at('serviceClusterIPs')) ?? base.serviceClusterIps,
    serviceExternalIps: readCidrs(spec.at('serviceExternalIPs')) ?? base.serviceExternalIps,
    serviceLoadBalancerIps: readCidrs(spec.at('serviceLoadBalancerIPs')) ?? base.serviceLoadBalancerIps,
    serviceLoadBalancerAggregation:
      spec.at('serviceLoadBalancerAggregation').oneOf(['Enabled', 'Disabled']) ??
      base.serviceLoadBalancerAggregation,
    prefixAdvertisements: readAdvertisements(spec) ?? base.prefixAdvertisements,
    ignoredInterfaces: readInterfaces(spec.at('ignoredInterfaces')) ?? base.ignoredInterfaces,
    localWorkloadPeeringIpV4: readIp(spec.at('localWorkloadPeeringIPV4'), 4) ?? base.localWorkloadPeeringIpV4,
    localWorkloadPeeringIpV6: readIp(spec.at('localWorkloadPeeringIPV6'), 6) ?? base.localWorkloadPeeringIpV6,
    programClusterRoutes:
      spec
        .at('programClusterRoutes')
        .oneOf(['Enabled', 'Disabled', 'EnabledIPIPOnly', 'EnabledNoEncapOnly']) ?? base.programClusterRoutes,
    ipv4NormalRoutePriority:
      spec.at('ipv4NormalRoutePriority').integer(1, MOST_PRIORITY) ?? base.ipv4NormalRoutePriority,
    ipv6NormalRoutePriority:
      spec.at('ipv6NormalRoutePriority').integer(1, MOST_PRIORITY) ?? base.ipv6NormalRoutePriority,
  });
}

function readSeverity(field: Field): BgpConfigurationFacts['logSeverityScreen'] | undefined {
  const text = field.text()?.toLowerCase();
  if (text === undefined || text === '') return undefined;
  return (
    SEVERITIES.find(severity => severity.toLowerCase() === text) ??
    field.invalid(`must be one of ${SEVERITIES.join(', ')}`)
  );
}

function readCidrs(list: Field): readonly Prefix[] | undefined {
  if (!list.present) return undefined;
  return list.items().flatMap(item => readPrefix(item.at('cidr'), { bareHost: true }) ?? []);
}

function readInterfaces(list: Field): readonly string[] | undefined {
  if (!list.present) return undefined;
  return list.items().flatMap(item => {
    const text = item.text();
    if (text !== undefined && /^[a-zA-Z0-9_.*-]{1,15}$/.test(text) && text !== '*') return [text];
    item.invalid('must be an interface name, such as eth0 or dummy*, but not * alone');
    return [];
  });
}

function readAdvertisements(spec: Field): BgpConfigurationFacts['prefixAdvertisements'] | undefined {
  const names = new Map<string, BgpCommunity>();
  for (const item of spec.at('communities').items()) {
    const [name, value] = [item.at('name').text(), readCommunity(item.at('value'))];
    if (name !== undefined && value !== undefined) names.set(name, value);
  }
  const list = spec.at('prefixAdvertisements');
  if (!list.present) return undefined;
  return list.items().flatMap(item => {
    const cidr = readPrefix(item.at('cidr'), { bareHost: true });
    const communities = item
      .at('communities')
      .items()
      .flatMap(field => {
        const text = field.text() ?? '';
        const found = names.get(text) ?? parseCommunity(text);
        if (found === undefined)
          field.invalid(`${shown(text)} is neither a community nor a name in communities`);
        return found === undefined ? [] : [found];
      });
    if (cidr === undefined && !item.at('cidr').present) item.at('cidr').invalid('must be a prefix');
    return cidr === undefined ? [] : [{ cidr, communities }];
  });
}
