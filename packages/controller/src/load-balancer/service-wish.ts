import { namesNone, type PoolNames } from '@muslin/ipam';
import type { AnyObject } from '@muslin/kube';
import { type Family, formatIp, type Ip, parseIp } from '@muslin/net';

/** KubeControllersConfiguration controllers.loadBalancer.assignIPs. */
export type AssignIps = 'AllServices' | 'RequestedServicesOnly';

/** What a Service (v1) wants of us. */
export type ServiceWish =
  /** Nothing: what it had goes back. */
  | { readonly type: 'nothing' }
  /** It asks for something that makes no sense: what it has stays. */
  | { readonly type: 'wrong'; readonly message: string }
  | {
      readonly type: 'addresses';
      /** One address of each; empty when `ips` says it all. */
      readonly families: readonly Family[];
      /** Whether a family without any pool is a fault. */
      readonly allFamilies: boolean;
      readonly ips: readonly Ip[];
      /** IPPools; undefined: any. */
      readonly pools: PoolNames | undefined;
      /** Whether it names us, and so expects us even where there is no pool. */
      readonly explicit: boolean;
    };

/** The loadBalancerClass of Calico, and so ours. */
const LOAD_BALANCER_CLASS = 'calico';
const PREFIX = 'projectcalico.org/';
const NOTHING: ServiceWish = { type: 'nothing' };

/** The part of a Service that matters here. */
interface ServiceSpec {
  readonly type?: string;
  readonly loadBalancerClass?: string;
  readonly loadBalancerIP?: string;
  readonly ipFamilies?: readonly string[];
  readonly ipFamilyPolicy?: string;
}

/**
 * What a Service asks for: type LoadBalancer with the class `calico` or, for those without a class, as `assignIPs` says;
 * annotations projectcalico.org/ipv4pools, ipv6pools and loadBalancerIPs (JSON lists), spec.loadBalancerIP after them.
 */
export function wishOf(service: AnyObject, assignIps: AssignIps): ServiceWish {
  const spec = (service['spec'] ?? {}) as ServiceSpec;
  const { annotations = {}, deletionTimestamp } = service.metadata;
  if (spec.type !== 'LoadBalancer' || deletionTimestamp) return NOTHING;
  const named = (['ipv4pools', 'ipv6pools', 'loadBalancerIPs'] as const).filter(
    name => annotations[`${PREFIX}${name}`] !== undefined,
  );
  const explicit = spec.loadBalancerClass === LOAD_BALANCER_CLASS || named.length > 0;
  if (spec.loadBalancerClass !== undefined && spec.loadBalancerClass !== LOAD_BALANCER_CLASS) return NOTHING;
  if (!explicit && assignIps === 'RequestedServicesOnly') return NOTHING;
  const texts: Partial<Record<(typeof named)[number], readonly string[]>> = {};
  for (const name of named) {
    const list = readList(annotations[`${PREFIX}${name}`] ?? '');
    if (list === undefined)
      return wrong(`annotation ${PREFIX}${name} must be a JSON list of texts such as ${EXAMPLE[name]}`);
    texts[name] = list;
  }
  const asked = texts.loadBalancerIPs ?? (spec.loadBalancerIP ? [spec.loadBalancerIP] : []);
  const ips: Ip[] = [];
  for (const text of asked) {
    const ip = parseIp(text);
    if (!ip.ok) return wrong(`${text}, which is asked for, is no address: ${ip.fault.message}`);
    if (ips.some(other => other.family === ip.value.family))
      return wrong(`${asked.join(' and ')} are asked for, but a Service gets one address of each family`);
    ips.push(ip.value);
  }
  const pools = { 4: texts.ipv4pools ?? [], 6: texts.ipv6pools ?? [] };
  const families: readonly Family[] = (spec.ipFamilies ?? ['IPv4']).map(name => (name === 'IPv6' ? 6 : 4));
  const stranger = ips.find(ip => !families.includes(ip.family));
  if (stranger !== undefined)
    return wrong(
      `${formatIp(stranger)} is asked for, but spec.ipFamilies of the Service is ${spec.ipFamilies?.join(', ') ?? 'IPv4'}`,
    );
  return {
    type: 'addresses',
    families: ips.length > 0 ? [] : families,
    allFamilies: spec.ipFamilyPolicy === 'RequireDualStack',
    ips,
    pools: namesNone(pools) ? undefined : pools,
    explicit,
  };
}

const EXAMPLE = {
  ipv4pools: '["services"] or ["192.0.2.0/24"]',
  ipv6pools: '["services6"] or ["2001:db8::/64"]',
  loadBalancerIPs: '["192.0.2.10"]',
} as const;

function wrong(message: string): ServiceWish {
  return { type: 'wrong', message };
}

function readList(text: string): readonly string[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every(item => typeof item === 'string') ? value : undefined;
  } catch {
    return undefined;
  }
}
