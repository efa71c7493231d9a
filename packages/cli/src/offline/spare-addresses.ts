import {
  formatIp,
  type Ip,
  mustPrefix,
  offsetIp,
  type Prefix,
  parseIp,
  parsePrefix,
  prefixCovers,
  prefixHas,
  prefixSize,
} from '@muslin/net';

/**
 * Where made-up addresses come from when nobody says: a part of class E (RFC 1112 §4) that nobody writes by chance, and the discard-only block of RFC 6666.
 * No cluster's policies speak of these apart from everything else, so what a rule says about addresses does not depend
 * on which ones were made up.
 */
export const RESERVED: readonly Prefix[] = [mustPrefix('251.64.0.0/10'), mustPrefix('100::/64')];

/** Hands out addresses that nothing in the given objects names. */
export class SpareAddresses {
  readonly #taken: ReadonlySet<string>;
  readonly #avoided: readonly Prefix[];
  readonly #next: Map<Prefix, Ip>;

  /** @param texts every text of the objects that may be an address or a prefix */
  constructor(from: readonly Prefix[], texts: Iterable<string>) {
    const taken = new Set<string>();
    const avoided: Prefix[] = [];
    for (const text of texts) {
      const ip = parseIp(text);
      const net = ip.ok ? undefined : parsePrefix(text);
      if (ip.ok) taken.add(formatIp(ip.value));
      // What covers the whole block covers all addresses from it alike.
      else if (
        net?.ok &&
        from.some(block => prefixCovers(block, net.value) && block.length < net.value.length)
      )
        avoided.push(net.value);
    }
    this.#taken = taken;
    this.#avoided = avoided;
    this.#next = new Map(from.map(block => [block, offsetIp(block.ip, 1)]));
  }

  /** One more address of each block; undefined when a block is used up. */
  take(): readonly Ip[] | undefined {
    const ips: Ip[] = [];
    for (const [block, start] of this.#next) {
      let ip = start;
      for (let again = true; again && prefixHas(block, ip); ) {
        const around = this.#avoided.find(net => prefixHas(net, ip));
        again = around !== undefined || this.#taken.has(formatIp(ip));
        if (around !== undefined && !Number.isFinite(prefixSize(around))) return undefined;
        if (around !== undefined) ip = offsetIp(around.ip, prefixSize(around));
        else if (again) ip = offsetIp(ip, 1);
      }
      if (!prefixHas(block, ip)) return undefined;
      ips.push(ip);
      this.#next.set(block, offsetIp(ip, 1));
    }
    return ips;
  }
}

/** Every text that can be an address or a prefix. */
export function* addressTexts(value: unknown): Generator<string> {
  if (typeof value === 'string') {
    if (value.length <= 49 && /^[0-9a-fA-F.:]+(\/\d+)?$/.test(value)) yield value;
  } else if (typeof value === 'object' && value !== null)
    for (const part of Object.values(value)) yield* addressTexts(part);
}
