import { fail, type Ip, ok, parseIp, type Result } from '@muslin/net';

/** What a pod's annotations ask of IPAM. */
export interface PodWishes {
  readonly ips: readonly Ip[];
  /** Pools by name or CIDR; empty leaves the choice to IPAM. */
  readonly poolNames: readonly string[];
}

const PREFIX = 'cni.projectcalico.org/';

/** Reads Calico's annotations `ipAddrs`, `ipv4pools` and `ipv6pools`: JSON lists. A pod's win over its namespace's. */
export function readWishes(
  pod: Readonly<Record<string, string>>,
  namespace: Readonly<Record<string, string>>,
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
  return six.ok ? ok({ ips, poolNames: [...four.value, ...six.value] }) : six;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
