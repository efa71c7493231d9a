import type { PoolNames } from '@muslin/ipam';
import { fail, type Family, type Ip, ok, parseIp, type Result } from '@muslin/net';

/** What a pod's annotations ask of IPAM. */
export interface PodWishes {
  readonly ips: readonly Ip[];
  /** A family that names none leaves the choice to IPAM. */
  readonly poolNames: PoolNames;
}

const PREFIX = 'cni.projectcalico.org/';

/** Calico gives these where `feature_control.ip_addrs_no_ipam` is set, and refuses them elsewhere, too. */
const NO_BYPASS = `annotation ${PREFIX}ipAddrsNoIpam asks for addresses that nobody keeps account of, which Muslin gives to none: use ${PREFIX}ipAddrs and an IPPool with assignmentMode Manual`;

/**
 * Reads Calico's annotations `ipAddrs`, `ipv4pools` and `ipv6pools`: JSON lists. A pod's word on pools goes before its namespace's, and
 * that before the network's; for each family.
 */
export function readWishes(
  pod: Readonly<Record<string, string>>,
  namespace: Readonly<Record<string, string>>,
  network: PoolNames = {},
): Result<PodWishes, string> {
  const list = (
    name: string,
    from: Readonly<Record<string, string>>[],
  ): Result<readonly string[], string> => {
    const text = from.map(annotations => annotations[PREFIX + name]).find(value => value !== undefined);
    if (text === undefined) return ok([]);
    const value = parse(text);
    return Array.isArray(value) && value.every(item => typeof item === 'string')
      ? ok(value)
      : fail(
          `annotation ${PREFIX}${name} must be a JSON list of texts such as ["a"], not ${text.slice(0, 80)}`,
        );
  };
  if (pod[`${PREFIX}ipAddrsNoIpam`] !== undefined) return fail(NO_BYPASS);
  const addresses = list('ipAddrs', [pod]);
  if (!addresses.ok) return addresses;
  const ips: Ip[] = [];
  for (const text of addresses.value) {
    const ip = parseIp(text);
    if (!ip.ok) return fail(`annotation ${PREFIX}ipAddrs: ${ip.fault.message}`);
    ips.push(ip.value);
  }
  const four = list('ipv4pools', [pod, namespace]);
  if (!four.ok) return four;
  const six = list('ipv6pools', [pod, namespace]);
  if (!six.ok) return six;
  const orElse = (named: readonly string[], family: Family) =>
    named.length > 0 ? named : (network[family] ?? []);
  return ok({ ips, poolNames: { 4: orElse(four.value, 4), 6: orElse(six.value, 6) } });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
