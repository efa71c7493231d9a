import { statSync } from 'node:fs';
import { runCommand } from '@muslin/linux';
import { fail, type Family, formatPrefix, type Ip, ok, parseIp, type Prefix, type Result } from '@muslin/net';
import { CNI_CODE, type CniFault } from '../cni/cni-fault.ts';
import type { CniCommand, CniRequest } from '../cni/cni-request.ts';

/** All that a delegated IPAM plugin is called with (CNI 1.1 §Delegated plugins), as it may be kept on disk. */
export interface Delegation {
  readonly type: string;
  /** CNI_PATH. */
  readonly path: string;
  readonly containerId: string;
  readonly netns: string;
  readonly ifname: string;
  readonly args: string;
  /** Our own configuration, which is the plugin's too. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** Plugins of addresses ask nobody far away, but for DHCP. */
const PLUGIN_MS = 60_000;

/** Whom a request's addresses come from; undefined: from us. */
export function delegationOf(request: CniRequest): Delegation | undefined {
  const { config, path, containerId, netns, ifname, args } = request;
  if (config.ipam.kind === 'ours') return undefined;
  return { type: config.ipam.type, path, containerId, netns, ifname, args, config: config.raw };
}

/** The plugin's file; undefined when it is in no folder of CNI_PATH. */
export function pluginOf({ path, type }: Delegation): string | undefined {
  return path
    .split(':')
    .map(folder => `${folder}/${type}`)
    .find(isFile);
}

/** Calls the plugin. The value is what it printed, `{}` where it prints nothing; its own fault is passed on as it is. */
export async function callDelegate(
  command: CniCommand,
  delegation: Delegation,
): Promise<Result<Readonly<Record<string, unknown>>, CniFault>> {
  const { type, path, containerId, netns, ifname, args, config } = delegation;
  const file = pluginOf(delegation);
  if (file === undefined)
    return fail({
      code: CNI_CODE.invalidConfig,
      message: `the IPAM plugin ${type} is in no folder of CNI_PATH that the Muslin agent can see`,
      details: path,
    });
  const env = {
    ...{ CNI_COMMAND: command, CNI_CONTAINERID: containerId, CNI_NETNS: netns, CNI_IFNAME: ifname },
    ...{ CNI_ARGS: args, CNI_PATH: path, PATH: process.env['PATH'] ?? '' },
  };
  const cniVersion = versionFor(command, config['cniVersion']);
  const { prevResult } = config;
  const before = isRecord(prevResult) ? { prevResult: { ...prevResult, cniVersion } } : {};
  const input = JSON.stringify({ ...config, ...before, cniVersion });
  const ran = await runCommand(file, [], { input, env, bare: true, timeoutMs: PLUGIN_MS });
  const said = readObject(ran.ok ? ran.value : 'stdout' in ran.fault ? (ran.fault.stdout ?? '') : '');
  if (ran.ok)
    return said === undefined
      ? fail({ code: CNI_CODE.decodingFailure, message: `the IPAM plugin ${type} answered no JSON` })
      : ok(said);
  const { code, msg, details } = said ?? {};
  if (typeof code !== 'number' || code < 1)
    return fail({ code: CNI_CODE.internal, message: `IPAM plugin ${type}: ${ran.fault.message}` });
  return fail({
    ...{ code, message: `IPAM plugin ${type}: ${typeof msg === 'string' ? msg : 'no reason given'}` },
    ...(typeof details === 'string' ? { details } : {}),
  });
}

/** Commands of CNI 1.1 are not known to every plugin: one that is too old for them has nothing to do. */
export function isTooOld({ code }: CniFault): boolean {
  return code === CNI_CODE.incompatibleVersion || code === CNI_CODE.invalidEnvironment;
}

/** Addresses of a result in any version's form; undefined when there is none, or one can't be read. */
export function addressesIn(result: Readonly<Record<string, unknown>>): readonly Ip[] | undefined {
  const listed = Array.isArray(result['ips']) ? result['ips'].map(each => each?.address) : [];
  const older = ['ip4', 'ip6'].flatMap(name => {
    const each = result[name] as { readonly ip?: unknown } | undefined;
    return each?.ip === undefined ? [] : [each.ip];
  });
  const ips = [...listed, ...older].map(text => parseIp(String(text).split('/', 1)[0] ?? ''));
  return ips.length > 0 && ips.every(ip => ip.ok) ? ips.map(ip => ip.value) : undefined;
}

/** What stands for the node's own range: Calico's words for the Node's podCIDRs, and ours for what flannel tells. */
const OWN_RANGE = new Map<unknown, { readonly of: 'node' | 'flannel'; readonly family: Family }>([
  ['usePodCidr', { of: 'node', family: 4 }],
  ['usePodCidrIPv6', { of: 'node', family: 6 }],
  ['useFlannelSubnet', { of: 'flannel', family: 4 }],
  ['useFlannelSubnetIPv6', { of: 'flannel', family: 6 }],
]);

/** The node's own ranges, by who tells them. */
export interface OwnRanges {
  readonly node: readonly Prefix[];
  readonly flannel: readonly Prefix[];
}

/** Puts the node's ranges in place of their names. The fault names the family that there is none of. */
export function withOwnRanges(
  delegation: Delegation,
  ranges: OwnRanges,
): Result<Delegation, { readonly family: Family; readonly of: keyof OwnRanges }> {
  const missing: { readonly family: Family; readonly of: keyof OwnRanges }[] = [];
  const cidrOf = (subnet: unknown): unknown => {
    const own = OWN_RANGE.get(subnet);
    if (own === undefined) return subnet;
    const cidr = ranges[own.of].find(({ ip }) => ip.family === own.family);
    if (cidr === undefined) missing.push(own);
    return cidr === undefined ? subnet : formatPrefix(cidr);
  };
  const filled = (range: unknown): unknown =>
    isRecord(range) && 'subnet' in range ? { ...range, subnet: cidrOf(range['subnet']) } : range;
  const ipam = filled(delegation.config['ipam']) as Readonly<Record<string, unknown>>;
  const sets = ipam['ranges'];
  const filledSets = Array.isArray(sets)
    ? { ranges: sets.map(set => (Array.isArray(set) ? set.map(filled) : filled(set))) }
    : {};
  const config = { ...delegation.config, ipam: { ...ipam, ...filledSets } };
  const [first] = missing;
  return first === undefined ? ok({ ...delegation, config }) : fail(first);
}

/** 1.1.0 changed nothing for these commands, and older plugins know them by 1.0.0. */
function versionFor(command: CniCommand, version: unknown): unknown {
  return version === '1.1.0' && command !== 'GC' && command !== 'STATUS' ? '1.0.0' : version;
}

function readObject(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isFile(path: string): boolean {
  return path.startsWith('/') && (statSync(path, { throwIfNoEntry: false })?.isFile() ?? false);
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
