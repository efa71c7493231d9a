import { type Family, formatIp, formatPrefix, type Ip, mustPrefix, prefixHas, sameIp } from '@muslin/net';
import { TUNNEL_DEVICE_NAMES } from '@muslin/dataplane';
import { type AutodetectMethod, methodText } from './autodetect-method.ts';

/** An interface of the node, with its addresses in the kernel's order. */
export interface NodeInterface {
  readonly name: string;
  /** ifindex: interfaces are looked at in this order. */
  readonly index: number;
  readonly up: boolean;
  readonly addresses: readonly InterfaceAddress[];
}

/** One address of an interface. */
export interface InterfaceAddress {
  readonly ip: Ip;
  /** Length of its on-link prefix. */
  readonly length: number;
  /** Duplicate address detection runs, or failed (RFC 4862 §5.4). */
  readonly tentative?: boolean;
  /** Past its preferred lifetime (RFC 4862 §5.5.4). */
  readonly deprecated?: boolean;
  /** A privacy address that changes by itself (RFC 8981). */
  readonly temporary?: boolean;
}

/** All that a choice depends on. */
export interface AddressFacts {
  readonly family: Family;
  readonly method: AutodetectMethod;
  readonly interfaces: readonly NodeInterface[];
  /** InternalIPs of the Node, both families, in its order. */
  readonly internalIps: readonly Ip[];
  /** What a person wrote into `projectcalico.org/IPv4Address` or `IPv6Address`: it wins over every method. */
  readonly given: Ip | undefined;
  /** The source that the kernel takes for packets to the destination of `can-reach`; a text says why there is none. */
  readonly towards: Ip | string | undefined;
  /** Other nodes by name, with the addresses that they say they have. */
  readonly others: ReadonlyMap<string, readonly Ip[]>;
}

/** The address that others know this node by, why, and why it is none of the rest. */
export interface AddressChoice {
  readonly family: Family;
  /** The method, or `annotation`. */
  readonly by: string;
  readonly chosen: ChosenAddress | undefined;
  /** A sentence. */
  readonly why: string;
  readonly rest: readonly { readonly ip: Ip; readonly interfaceName: string; readonly why: string }[];
  /** What is wrong with it, a sentence; undefined: nothing. */
  readonly trouble: string | undefined;
}

/** `interfaceName` is absent when no interface has it. */
export interface ChosenAddress {
  readonly ip: Ip;
  readonly length: number;
  readonly interfaceName?: string;
}

/** Interfaces that belong to pods, containers, virtual machines or tunnels: `first-found` passes over them. */
const NOT_A_NODES =
  /^(lo$|docker|podman|cbr|cni|br-|virbr|lxcbr|lxdbr|veth|dummy|cali|msl|tunl|flannel|kube-ipvs|nodelocaldns|vxlan[.-]|wireguard\.|wg[.-]|cilium|tailscale|zt)/;
/** Pods and our own tunnels have addresses that are never the node's. */
const isOurs = (name: string) => /^(msl|cali)/.test(name) || TUNNEL_DEVICE_NAMES.includes(name);

const LINK_LOCAL = [mustPrefix('169.254.0.0/16'), mustPrefix('fe80::/10')];
const LOOPBACK = [mustPrefix('127.0.0.0/8'), mustPrefix('::1/128')];

interface Candidate extends ChosenAddress {
  readonly interfaceName: string;
  readonly at: NodeInterface;
  readonly address: InterfaceAddress;
}

/** Chooses: a plain function of the facts, so that a person can see beforehand what a method would do. */
export function chooseAddress(facts: AddressFacts): AddressChoice {
  const { family, method, given } = facts;
  const candidates = candidatesOf(facts);
  const named = namedBy(facts);
  const choice = named === undefined ? chooseAmong(candidates, facts) : takeNamed(named, candidates, family);
  const by = given === undefined ? methodText(method) : 'annotation';
  return { family, by, ...choice, trouble: troubleOf(choice.chosen, choice.why, facts) };
}

function candidatesOf({ interfaces, family }: AddressFacts): readonly Candidate[] {
  return interfaces
    .filter(({ name }) => !isOurs(name))
    .toSorted((a, b) => a.index - b.index)
    .flatMap(at =>
      at.addresses
        .filter(({ ip }) => ip.family === family && !LOOPBACK.some(prefix => prefixHas(prefix, ip)))
        .map(address => ({
          ...{ ip: address.ip, length: address.length, interfaceName: at.name, at, address },
        })),
    );
}

interface Named {
  readonly ip: Ip | undefined;
  readonly why: string;
}

/** The address that something else than an interface names; undefined for methods that look at interfaces. */
function namedBy({ family, method, given, internalIps, towards }: AddressFacts): Named | undefined {
  if (given !== undefined)
    return { ip: given, why: `the Node's annotation projectcalico.org/IPv${family}Address says so` };
  if (method.kind === 'kubernetes-internal-ip') {
    const ip = internalIps.find(each => each.family === family);
    if (ip === undefined) return { ip, why: `the Node has no InternalIP of IPv${family}` };
    const first = internalIps.filter(each => each.family === family).length > 1 ? 'first ' : '';
    return { ip, why: `it is the Node's ${first}InternalIP` };
  }
  if (method.kind !== 'can-reach') return undefined;
  const { destination } = method;
  if (typeof towards === 'string') return { ip: undefined, why: towards };
  if (towards === undefined || towards.family !== family)
    return { ip: undefined, why: `no IPv${family} route leads to ${destination}` };
  return { ip: towards, why: `packets to ${destination} leave from it` };
}

type Chosen = Pick<AddressChoice, 'chosen' | 'why' | 'rest'>;

function takeNamed({ ip, why }: Named, candidates: readonly Candidate[], family: Family): Chosen {
  const holder = ip === undefined ? undefined : candidates.find(each => sameIp(each.ip, ip));
  const rest = candidates
    .filter(each => each !== holder)
    .map(each => ({ ...spotOf(each), why: ip === undefined ? why : `${formatIp(ip)}: ${why}` }));
  if (ip === undefined) return { chosen: undefined, why, rest };
  if (holder === undefined)
    return { chosen: { ip, length: family === 4 ? 32 : 128 }, why: `${why}; no interface has it`, rest };
  return { chosen: chosenOf(holder), why, rest };
}

function chooseAmong(candidates: readonly Candidate[], facts: AddressFacts): Chosen {
  const judged = candidates.map(each => ({ each, ...judge(each, facts) }));
  const fit = judged
    .filter(({ fault }) => fault === undefined)
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ each }) => each);
  const [first] = fit;
  const rest = judged
    .filter(({ each }) => each !== first)
    .map(({ each, fault }) => ({
      ...spotOf(each),
      why: fault ?? `${first === undefined ? '' : spotText(first)} comes first`,
    }));
  if (first === undefined)
    return {
      chosen: undefined,
      why: `no address of IPv${facts.family} fits ${methodText(facts.method)}`,
      rest,
    };
  const why =
    fit.length === 1
      ? `it alone fits ${methodText(facts.method)}`
      : `it is the first of ${fit.length} that fit ${methodText(facts.method)}`;
  return { chosen: chosenOf(first), why, rest };
}

/** Why an address is none for the method; of those that are, the lower rank comes first. */
function judge(
  { ip, at, address }: Candidate,
  { method }: AddressFacts,
): { readonly fault: string | undefined; readonly rank: number } {
  const no = (fault: string) => ({ fault, rank: 0 });
  if (LINK_LOCAL.some(prefix => prefixHas(prefix, ip))) return no('it is link-local');
  if (!at.up) return no(`${at.name} is down`);
  if (address.tentative) return no('duplicate address detection is not over, or failed');
  if (address.deprecated) return no('it is deprecated');
  if (address.temporary) return no('it is temporary');
  switch (method.kind) {
    case 'interface': {
      const rank = method.patterns.findIndex(pattern => pattern.test(at.name));
      return rank < 0 ? no(`${at.name} does not match`) : { fault: undefined, rank };
    }
    case 'cidr':
      return method.cidrs.some(cidr => prefixHas(cidr, ip))
        ? { fault: undefined, rank: 0 }
        : no(`it is outside ${method.cidrs.map(formatPrefix).join(', ')}`);
    case 'skip-interface': {
      const skipped = method.patterns.find(pattern => pattern.test(at.name));
      if (skipped !== undefined) return no(`${at.name} matches ${skipped.source}, which is skipped`);
      break;
    }
    default:
  }
  return NOT_A_NODES.test(at.name)
    ? no(`${at.name} belongs to containers, tunnels or virtual machines`)
    : { fault: undefined, rank: 0 };
}

function troubleOf(
  chosen: ChosenAddress | undefined,
  why: string,
  { others, family, method, given }: AddressFacts,
): string | undefined {
  // A node without IPv6, say, is no trouble unless somebody asked for it.
  if (chosen === undefined) return method.kind === 'kubernetes-internal-ip' ? undefined : why;
  const text = formatIp(chosen.ip);
  for (const [name, ips] of others)
    if (ips.some(ip => sameIp(ip, chosen.ip)))
      return `node ${name} says that it has ${text}, too: packets for one of them go astray`;
  if (chosen.interfaceName !== undefined) return undefined;
  return given === undefined
    ? `no interface of this node has its InternalIP ${text}`
    : `no interface of this node has ${text} of projectcalico.org/IPv${family}Address: mend or remove the annotation`;
}

const spotOf = ({ ip, interfaceName }: Candidate) => ({ ip, interfaceName });
const spotText = ({ ip, interfaceName }: Candidate) => `${formatIp(ip)} on ${interfaceName}`;
const chosenOf = ({ ip, length, interfaceName }: Candidate): ChosenAddress => ({ ip, length, interfaceName });

/** The choice as one line. */
export function addressChoiceText({ by, chosen, why }: AddressChoice): string {
  if (chosen === undefined) return `${by}: none, since ${why}`;
  const { ip, length, interfaceName } = chosen;
  const where = interfaceName === undefined ? '' : ` on ${interfaceName}`;
  return `${by}: ${formatIp(ip)}/${length}${where}, since ${why}`;
}
