import { matchesSelector, parseSelector } from '@muslin/api';
import type { AnyObject } from '@muslin/kube';
import { formatIp, type Ip, parseIp, parsePrefix, prefixHas } from '@muslin/net';

/** KubeControllersConfiguration controllers.node.hostEndpoint. */
export interface HostEndpointSettings {
  readonly autoCreate?: string;
  readonly createDefaultHostEndpoint?: string;
  readonly templates?: readonly HostEndpointTemplate[];
}

interface HostEndpointTemplate {
  readonly generateName?: string;
  readonly interfaceCIDRs?: readonly string[];
  readonly interfacePattern?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly nodeSelector?: string;
}

/** A HostEndpoint (projectcalico.org/v3) as it should be. */
export interface WantedHostEndpoint {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: {
    readonly node: string;
    readonly interfaceName?: string;
    readonly expectedIPs?: readonly string[];
    readonly profiles: readonly string[];
  };
}

/** What nodes should have, and what of the settings makes no sense. */
export interface HostEndpointsWanted {
  readonly wanted: readonly WantedHostEndpoint[];
  readonly complaints: readonly string[];
}

/** Label of host endpoints that a controller made: no other is touched. Calico's own, so that either takes over. */
export const CREATED_BY = { 'projectcalico.org/created-by': 'calico-kube-controllers' } as const;
/** Without policy, traffic of the node goes on as before. */
const PROFILES = ['projectcalico-default-allow'];

/**
 * The host endpoints that nodes should have by themselves: `<node>-auto-hep` for all interfaces, and those of templates,
 * by address or by name of the interface. A template that makes no sense gives nothing, and is told of.
 */
export function wantedHostEndpoints(
  settings: HostEndpointSettings,
  nodes: Iterable<AnyObject>,
): HostEndpointsWanted {
  const wanted: WantedHostEndpoint[] = [];
  const complaints = new Set<string>();
  if (settings.autoCreate !== 'Enabled') return { wanted, complaints: [] };
  for (const node of nodes) {
    const name = node.metadata.name ?? '';
    const ips = addressesOfNode(node);
    const base = { ...node.metadata.labels, ...CREATED_BY };
    if (settings.createDefaultHostEndpoint !== 'Disabled')
      wanted.push({
        name: `${name}-auto-hep`,
        labels: base,
        annotations: {},
        spec: {
          ...{ node: name, interfaceName: '*', profiles: PROFILES },
          ...(ips.length > 0 ? { expectedIPs: ips.map(formatIp) } : {}),
        },
      });
    (settings.templates ?? []).forEach((template, i) => {
      const made = fromTemplate(template, node, ips);
      if (typeof made === 'string') complaints.add(`template ${template.generateName ?? i} ${made}`);
      else
        for (const endpoint of made)
          wanted.push({
            ...endpoint,
            labels: { ...base, ...template.labels, ...CREATED_BY },
            annotations: template.annotations ?? {},
          });
    });
  }
  return { wanted, complaints: [...complaints] };
}

function fromTemplate(
  template: HostEndpointTemplate,
  { metadata: { name: node = '', labels = {}, annotations = {} } }: AnyObject,
  ips: readonly Ip[],
): readonly Pick<WantedHostEndpoint, 'name' | 'spec'>[] | string {
  const { generateName, interfaceCIDRs = [], interfacePattern, nodeSelector } = template;
  if (!generateName) return 'has no generateName';
  if (nodeSelector) {
    const selector = parseSelector(nodeSelector);
    if (!selector.ok) return `has the nodeSelector ${nodeSelector}: ${selector.fault.message}`;
    if (!matchesSelector(selector.value, new Map(Object.entries(labels)))) return [];
  }
  const cidrs = interfaceCIDRs.map(text => parsePrefix(text));
  const bad = interfaceCIDRs.find((_, i) => !cidrs[i]?.ok);
  if (bad !== undefined) return `has ${bad} among its interfaceCIDRs, which is no prefix`;
  if (interfacePattern) {
    const pattern = patternOf(interfacePattern);
    if (pattern === undefined)
      return `has the interfacePattern ${interfacePattern}, which is no regular expression`;
    const found = interfacesOf(annotations).filter(each => pattern.test(each));
    return found.map(each => ({
      name: `${node}-${generateName}-${each.toLowerCase().replaceAll(/[^a-z0-9.-]/g, '-')}-auto-hep`,
      spec: { node, interfaceName: each, profiles: PROFILES },
    }));
  }
  const within = ips.filter(ip => cidrs.some(cidr => cidr.ok && prefixHas(cidr.value, ip)));
  if (within.length === 0) return [];
  const spec = { node, expectedIPs: within.map(formatIp), profiles: PROFILES };
  return [{ name: `${node}-${generateName}-auto-hep`, spec }];
}

function patternOf(text: string): RegExp | undefined {
  try {
    return new RegExp(text);
  } catch {
    return undefined;
  }
}

/** IFNAMSIZ without the zero at its end. */
const LONGEST_NAME = 15;

/** Annotation of a Node: its interfaces, `[{"name": "eth0", "addresses": […]}]`. Whatever is no name of one is passed over. */
function interfacesOf(annotations: Readonly<Record<string, string>>): readonly string[] {
  try {
    const list: unknown = JSON.parse(annotations['projectcalico.org/Interfaces'] ?? '[]');
    return (Array.isArray(list) ? list : [])
      .map((each: unknown) => (each as { readonly name?: unknown } | null)?.name)
      .filter(name => typeof name === 'string')
      .filter(name => name !== '' && name.length <= LONGEST_NAME);
  } catch {
    return [];
  }
}

const TUNNELS = ['IPv4IPIPTunnelAddr', 'IPv4VXLANTunnelAddr', 'IPv6VXLANTunnelAddr'] as const;
const WIREGUARD = ['IPv4WireguardInterfaceAddr', 'IPv6WireguardInterfaceAddr'] as const;

/** Every address that the Node (v1) or its annotations give it, in text order, so that a new order is no change. */
function addressesOfNode(node: AnyObject): readonly Ip[] {
  const { addresses = [] } = (node['status'] ?? {}) as {
    readonly addresses?: readonly { readonly type?: string; readonly address?: string }[];
  };
  const { annotations = {} } = node.metadata;
  const texts = [
    ...addresses.filter(({ type = '' }) => type.endsWith('IP')).map(({ address = '' }) => address),
    ...['IPv4Address', 'IPv6Address', ...TUNNELS, ...WIREGUARD].map(
      key => (annotations[`projectcalico.org/${key}`] ?? '').split('/')[0] ?? '',
    ),
  ];
  const ips = texts.map(text => parseIp(text)).flatMap(ip => (ip.ok ? [ip.value] : []));
  return [...new Map(ips.map(ip => [formatIp(ip), ip]))]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, ip]) => ip);
}
