import { type Family, type Ip, parseIp, type PortRange } from '@muslin/net';
import type { RuleSettings } from './core/node-rules.ts';
import { type FelixWord, wordOf } from './felix-spec.ts';

/** Where rules go; absent: the agent's own choice holds. */
export interface BackEndWish {
  readonly nftables?: 'enabled' | 'disabled';
  readonly iptables?: 'nft' | 'legacy';
}

/** What FelixConfigurations ask of this node besides tunnels; absent: nothing, so the agent's own choice holds. */
export interface FelixSettings extends BackEndWish {
  readonly established?: 'cut' | 'keep';
  readonly serviceLoopPrevention: 'Drop' | 'Reject' | 'Disabled';
  readonly endpointToHostAction: 'Accept' | 'Drop' | 'Return';
  readonly allowIpipFromPods: boolean;
  readonly allowVxlanFromPods: boolean;
  readonly logPrefix?: string;
  /** An interface, or how several begin. */
  readonly natOutgoingInterface?: { readonly name: string; readonly wildcard: boolean };
  /** What natOutgoing translates to, and the ports that it chooses from for TCP and UDP. */
  readonly natAddress?: Ip;
  readonly natPorts?: PortRange;
  /** Whether natOutgoing leaves packets to nodes alone. */
  readonly natExcludesNodes: boolean;
  readonly ipForwarding: boolean;
  readonly mtuPattern?: RegExp;
  readonly routeSource: 'WorkloadIPs' | 'CalicoIPAM';
  readonly routeSources: Partial<Readonly<Record<Family, Ip>>>;
  readonly removeExternalRoutes: boolean;
  /** How the names of other CNIs' interfaces begin that are governed without our plugin in their chain. */
  readonly interfacePrefixes: readonly string[];
  /** What becomes of packets of such an interface that no pod is known for. */
  readonly strangers: 'drop' | 'accept';
  /** Whether pods may ask for addresses that lead to them by translation. */
  readonly floatingIps: boolean;
  /** As pino calls it. */
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';
}

/** The part that rules are made from. */
export function rulesIn(settings: FelixSettings): RuleSettings {
  const { endpointToHostAction, serviceLoopPrevention, natExcludesNodes, logPrefix } = settings;
  const { allowIpipFromPods, allowVxlanFromPods, natOutgoingInterface, natAddress, natPorts } = settings;
  return {
    ...{
      endpointToHostAction,
      serviceLoopPrevention,
      allowIpipFromPods,
      allowVxlanFromPods,
      natExcludesNodes,
    },
    ...(logPrefix === undefined ? {} : { logPrefix }),
    ...(natOutgoingInterface === undefined ? {} : { natOutgoingInterface }),
    ...(natAddress === undefined ? {} : { natAddress }),
    ...(natPorts === undefined ? {} : { natPorts }),
  };
}

/** Calico has no field for it: `muslin.dev/established: keep` on a FelixConfiguration. */
export const ESTABLISHED_ANNOTATION = 'muslin.dev/established';
/** Nor for this: `muslin.dev/unknown-interfaces: accept`. Calico drops what comes from an interface of its prefix that it does not know. */
export const STRANGERS_ANNOTATION = 'muslin.dev/unknown-interfaces';

/** Reads what concerns this node. `Auto`, which the API server fills in, is no wish, nor is a value that nobody knows. */
export function felixSettings({ spec, annotations }: FelixWord): FelixSettings {
  const nftables = MODES.get(spec['nftablesMode']);
  const iptables = BACKENDS.get(wordOf(spec['iptablesBackend'], ['NFT', 'Legacy']));
  const established = annotations[ESTABLISHED_ANNOTATION]?.toLowerCase();
  const logPrefix = spec['logPrefix'];
  const natOutgoingInterface = interfaceOf(spec['iptablesNATOutgoingInterfaceFilter']);
  const natAddress = parsedIp(spec['natOutgoingAddress']);
  const natPorts = portsOf(spec['natPortRange']);
  const mtuPattern = patternOf(spec['mtuIfacePattern']);
  return {
    ...(nftables === undefined ? {} : { nftables }),
    ...(iptables === undefined ? {} : { iptables }),
    ...(established === 'cut' || established === 'keep' ? { established } : {}),
    serviceLoopPrevention: wordOf(spec['serviceLoopPrevention'], ['Reject', 'Disabled']) ?? 'Drop',
    endpointToHostAction: wordOf(spec['defaultEndpointToHostAction'], ['Drop', 'Return']) ?? 'Accept',
    allowIpipFromPods: spec['allowIPIPPacketsFromWorkloads'] === true,
    allowVxlanFromPods: spec['allowVXLANPacketsFromWorkloads'] === true,
    ...(typeof logPrefix === 'string' && logPrefix !== '' ? { logPrefix } : {}),
    ...(natOutgoingInterface === undefined ? {} : { natOutgoingInterface }),
    ...(natAddress === undefined ? {} : { natAddress }),
    ...(natPorts === undefined ? {} : { natPorts }),
    natExcludesNodes: spec['natOutgoingExclusions'] === 'IPPoolsAndHostIPs',
    ipForwarding: spec['ipForwarding'] !== 'Disabled',
    ...(mtuPattern === undefined ? {} : { mtuPattern }),
    routeSource: wordOf(spec['routeSource'], ['WorkloadIPs']) ?? 'CalicoIPAM',
    routeSources: {
      ...addressOf(spec['deviceRouteSourceAddress'], 4),
      ...addressOf(spec['deviceRouteSourceAddressIPv6'], 6),
    },
    removeExternalRoutes: spec['removeExternalRoutes'] === true,
    interfacePrefixes: prefixesOf(spec['interfacePrefix']),
    strangers: annotations[STRANGERS_ANNOTATION]?.toLowerCase() === 'accept' ? 'accept' : 'drop',
    floatingIps: wordOf(spec['floatingIPs'], ['Enabled']) !== undefined,
    logLevel: LEVELS.get(String(spec['logSeverityScreen']).toLowerCase()) ?? 'info',
  };
}

const MODES = new Map<unknown, 'enabled' | 'disabled'>([
  ['Enabled', 'enabled'],
  ['Disabled', 'disabled'],
]);
const BACKENDS = new Map<unknown, 'nft' | 'legacy'>([
  ['NFT', 'nft'],
  ['Legacy', 'legacy'],
]);
const LEVELS = new Map<string, FelixSettings['logLevel']>([
  ['trace', 'trace'],
  ['debug', 'debug'],
  ['warning', 'warn'],
  ['error', 'error'],
  ['fatal', 'fatal'],
]);

/** IFNAMSIZ leaves 15 letters; iptables' `+` at the end stands for any. */
function interfaceOf(value: unknown): FelixSettings['natOutgoingInterface'] {
  const [, name, plus] = /^([A-Za-z0-9_.-]{1,15})(\+?)$/.exec(typeof value === 'string' ? value : '') ?? [];
  return name === undefined ? undefined : { name, wildcard: plus === '+' };
}

function patternOf(value: unknown): RegExp | undefined {
  if (typeof value !== 'string' || value === '' || value.length > 512) return undefined;
  try {
    return new RegExp(value);
  } catch {
    return undefined;
  }
}

function parsedIp(value: unknown): Ip | undefined {
  const ip = parseIp(typeof value === 'string' ? value : '');
  return ip.ok ? ip.value : undefined;
}

function addressOf(value: unknown, family: Family): Partial<Readonly<Record<Family, Ip>>> {
  const ip = parsedIp(value);
  return ip?.family === family ? { [family]: ip } : {};
}

/** Calico's `first:last`, or one port. Zero is what its own default says for any. */
function portsOf(value: unknown): PortRange | undefined {
  const [, one, two = one] = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(`${value}`) ?? [];
  const [first, last] = [Number(one), Number(two)];
  return first >= 1 && first <= last && last <= 65_535 ? { first, last } : undefined;
}

/** Calico's list, parted by commas. Ours needs no naming, and `cali` alone is what the API server fills in. */
function prefixesOf(value: unknown): readonly string[] {
  if (typeof value !== 'string' || value === 'cali') return [];
  return value
    .split(',')
    .map(each => each.trim())
    .filter(each => /^[A-Za-z0-9_.-]{2,14}$/.test(each) && each !== 'msl');
}
