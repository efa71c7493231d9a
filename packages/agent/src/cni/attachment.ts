import { fail, type Ip, ok, parseIp, parsePrefix, type Result } from '@muslin/net';
import type { LocalPort } from '../core/local-endpoint.ts';
import { CNI_CODE, type CniFault } from './cni-fault.ts';

/** How fast one direction may go: bits a second, and bits at once (CNI conventions, `bandwidth`). */
export interface Rate {
  readonly bitsPerSecond: number;
  readonly burstBits: number | undefined;
}

/** What a caller asks for one interface, beside the configuration that all pods share. */
export interface Attachment {
  readonly mac: string | undefined;
  /** Addresses to have; empty leaves the choice to IPAM. */
  readonly ips: readonly Ip[];
  /** CNI conventions, `portMappings`. */
  readonly ports: readonly LocalPort[];
  readonly ingress: Rate | undefined;
  readonly egress: Rate | undefined;
}

const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const;
const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/;

/**
 * Reads `runtimeConfig` (capabilities `ips`, `mac`, `portMappings`, `bandwidth`), then the older CNI_ARGS `IP` and `MAC`
 * and `args.cni` (CNI conventions). What a runtime says wins over what came before it.
 */
export function readAttachment(
  raw: Readonly<Record<string, unknown>>,
  args: ReadonlyMap<string, string>,
): Result<Attachment, CniFault> {
  const runtime = objectAt(raw, 'runtimeConfig');
  const older = objectAt(objectAt(raw, 'args'), 'cni');
  const refuse = (code: 4 | 7, message: string, details: unknown) =>
    fail<CniFault>({ code, message, details: JSON.stringify(details) ?? '' });
  const mac = readMac(runtime['mac'] ?? older['mac'] ?? args.get('MAC'));
  if (mac === false)
    return refuse(
      CNI_CODE.invalidConfig,
      'mac must be the address of one interface, such as 02:00:00:00:00:01',
      [runtime['mac'] ?? older['mac'] ?? args.get('MAC')],
    );
  const asked = runtime['ips'] ?? older['ips'] ?? args.get('IP')?.split(',') ?? [];
  const ips = Array.isArray(asked) ? asked.map(readAddress) : [undefined];
  if (!ips.every(ip => ip !== undefined))
    return refuse(CNI_CODE.invalidConfig, 'ips must be a list of addresses such as ["10.0.0.7/24"]', asked);
  const mappings = runtime['portMappings'] ?? [];
  const ports = Array.isArray(mappings) ? mappings.map(readMapping) : [undefined];
  if (!ports.every(port => port !== undefined))
    return refuse(
      CNI_CODE.invalidConfig,
      'portMappings must be a list of {"hostPort", "containerPort", "protocol", "hostIP"}',
      mappings,
    );
  const bandwidth = inLowerCase(runtime['bandwidth']);
  const ingress = readRate(bandwidth['ingressrate'], bandwidth['ingressburst']);
  const egress = readRate(bandwidth['egressrate'], bandwidth['egressburst']);
  if (ingress === false || egress === false)
    return refuse(
      CNI_CODE.invalidConfig,
      'bandwidth must be whole numbers of bits: ingressRate, ingressBurst, egressRate, egressBurst',
      bandwidth,
    );
  return ok({ mac, ips, ports: ports.filter(port => port.hostPort > 0), ingress, egress });
}

/** A MAC that an interface may bear: neither a group's nor nobody's. False: it is none. */
export function readMac(value: unknown): string | undefined | false {
  if (value === undefined || value === '') return undefined;
  if (typeof value !== 'string') return false;
  const text = value.toLowerCase();
  const first = Number.parseInt(text, 16);
  return MAC.test(text) && (first & 1) === 0 && text !== '00:00:00:00:00:00' ? text : false;
}

function readAddress(text: unknown): Ip | undefined {
  if (typeof text !== 'string') return undefined;
  const ip = parseIp(text.split('/', 1)[0] ?? '');
  if (!ip.ok || (text.includes('/') && !parsePrefix(text).ok)) return undefined;
  return ip.value;
}

function readMapping(value: unknown): LocalPort | undefined {
  const fields = inLowerCase(value);
  const { hostport: hostPort, containerport: containerPort, protocol = 'tcp', hostip: hostIP = '' } = fields;
  if (typeof protocol !== 'string' || typeof hostIP !== 'string') return undefined;
  const named = PROTOCOLS.find(each => each === protocol.toLowerCase());
  const isPort = (port: unknown, least: number): port is number =>
    Number.isInteger(port) && (port as number) >= least && (port as number) <= 65535;
  if (named === undefined || !isPort(hostPort, 0) || !isPort(containerPort, 1)) return undefined;
  const ip = hostIP === '' ? undefined : parseIp(hostIP);
  if (ip?.ok === false) return undefined;
  // Kubernetes writes 0.0.0.0 or :: for any.
  const any = ip === undefined || /^(0\.0\.0\.0|::)$/.test(hostIP);
  return { protocol: named, hostIp: any ? undefined : ip.value, hostPort, containerPort };
}

/** False: it is no rate. Absent or 0 means no limit. */
function readRate(rate: unknown, burst: unknown): Rate | undefined | false {
  const isCount = (value: unknown) =>
    value === undefined || (Number.isSafeInteger(value) && Number(value) >= 0);
  if (!isCount(rate) || !isCount(burst)) return false;
  if (!rate) return undefined;
  return { bitsPerSecond: Number(rate), burstBits: burst ? Number(burst) : undefined };
}

/**
 * The fields of an object without regard to case, as Go reads them: containerd (go-cni) writes `HostPort` and `IngressRate`
 * where CNI conventions have `hostPort` and `ingressRate`.
 */
function inLowerCase(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key.toLowerCase(), part]));
}

function objectAt(of: Readonly<Record<string, unknown>>, key: string): Readonly<Record<string, unknown>> {
  const value = of[key];
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}
