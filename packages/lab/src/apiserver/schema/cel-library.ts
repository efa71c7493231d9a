import type { Environment } from '@marcbachmann/cel-js';
import {
  formatIp,
  type Ip,
  type Prefix,
  parseIp,
  parsePrefix,
  prefixCovers,
  prefixHas,
  sameIp,
} from '@muslin/net';
import { addTexts } from './cel-text.ts';
import { parseQuantity, type Quantity } from './quantity.ts';

/** Values of the Kubernetes CEL types; the environment tells them apart by class. */
class CelIp {
  readonly ip: Ip;
  constructor(ip: Ip) {
    this.ip = ip;
  }
}
class CelCidr {
  readonly address: Ip;
  readonly prefix: Prefix;
  constructor(address: Ip, prefix: Prefix) {
    this.address = address;
    this.prefix = prefix;
  }
}
class CelUrl {
  readonly url: URL;
  constructor(url: URL) {
    this.url = url;
  }
}
class CelQuantity {
  readonly quantity: Quantity;
  constructor(quantity: Quantity) {
    this.quantity = quantity;
  }
}
class CelSets {}

function readIp(text: string): CelIp | undefined {
  const ip = parseIp(text);
  return ip.ok && !isMapped(ip.value) ? new CelIp(ip.value) : undefined;
}

function readCidr(text: string): CelCidr | undefined {
  const prefix = parsePrefix(text);
  const address = parseIp(text.split('/')[0] ?? '');
  return prefix.ok && address.ok && !isMapped(address.value)
    ? new CelCidr(address.value, prefix.value)
    : undefined;
}

/** IPv4-mapped IPv6 addresses are no addresses here (KEP-3908, CEL IP library). */
function isMapped(ip: Ip): boolean {
  return ip.family === 6 && ip.words[0] === 0 && ip.words[1] === 0 && ip.words[2] === 0xffff;
}

function must<T>(value: T | undefined, what: string, text: string): T {
  if (value === undefined) throw new Error(`${what} '${text}' can't be parsed`);
  return value;
}

function inRange(ip: Ip, ...ranges: readonly string[]): boolean {
  return ranges.some(range => {
    const prefix = parsePrefix(range);
    return prefix.ok && prefixHas(prefix.value, ip);
  });
}

const isLoopback = (ip: Ip) => inRange(ip, '127.0.0.0/8', '::1/128');
const isUnspecified = (ip: Ip) => inRange(ip, '0.0.0.0/32', '::/128');
const isLinkLocal = (ip: Ip) => inRange(ip, '169.254.0.0/16', 'fe80::/10');
const isMulticast = (ip: Ip) => inRange(ip, '224.0.0.0/4', 'ff00::/8');

/** Registers Kubernetes' own CEL functions (Kubernetes docs, "CEL in Kubernetes", libraries). */
export function addKubernetesLibrary(env: Environment): Environment {
  env.registerType('IP', CelIp);
  env.registerType('CIDR', CelCidr);
  env.registerType('URL', CelUrl);
  env.registerType('Quantity', CelQuantity);
  env.registerType('Sets', CelSets);
  env.registerConstant('sets', 'Sets', new CelSets());
  addAddresses(env);
  addQuantities(env);
  addUrls(env);
  addLists(env);
  addTexts(env);
  return env;
}

function addAddresses(env: Environment): void {
  const ipOf = (text: string) => must(readIp(text), 'IP address', text);
  const cidrOf = (text: string) => must(readCidr(text), 'network address', text);
  env.registerFunction('isIP(string): bool', (text: string) => readIp(text) !== undefined);
  env.registerFunction('ip(string): IP', ipOf);
  env.registerFunction('string(IP): string', (value: CelIp) => formatIp(value.ip));
  env.registerFunction('IP.family(): int', (value: CelIp) => BigInt(value.ip.family));
  env.registerFunction('IP.isUnspecified(): bool', (value: CelIp) => isUnspecified(value.ip));
  env.registerFunction('IP.isLoopback(): bool', (value: CelIp) => isLoopback(value.ip));
  env.registerFunction('IP.isLinkLocalUnicast(): bool', (value: CelIp) => isLinkLocal(value.ip));
  env.registerFunction('IP.isLinkLocalMulticast(): bool', (value: CelIp) =>
    inRange(value.ip, '224.0.0.0/24', 'ff02::/16'),
  );
  env.registerFunction('IP.isGlobalUnicast(): bool', ({ ip }: CelIp) => {
    const special = isUnspecified(ip) || isLoopback(ip) || isLinkLocal(ip) || isMulticast(ip);
    return !special && !inRange(ip, '255.255.255.255/32');
  });
  env.registerOperator('IP == IP', (a: CelIp, b: CelIp) => sameIp(a.ip, b.ip));

  env.registerFunction('isCIDR(string): bool', (text: string) => readCidr(text) !== undefined);
  env.registerFunction('cidr(string): CIDR', cidrOf);
  env.registerFunction(
    'string(CIDR): string',
    (value: CelCidr) => `${formatIp(value.address)}/${value.prefix.length}`,
  );
  env.registerFunction('CIDR.containsIP(IP): bool', (net: CelCidr, value: CelIp) =>
    prefixHas(net.prefix, value.ip),
  );
  env.registerFunction('CIDR.containsIP(string): bool', (net: CelCidr, text: string) =>
    prefixHas(net.prefix, ipOf(text).ip),
  );
  env.registerFunction('CIDR.containsCIDR(CIDR): bool', (net: CelCidr, other: CelCidr) =>
    prefixCovers(net.prefix, other.prefix),
  );
  env.registerFunction('CIDR.containsCIDR(string): bool', (net: CelCidr, text: string) =>
    prefixCovers(net.prefix, cidrOf(text).prefix),
  );
  env.registerFunction('CIDR.ip(): IP', (net: CelCidr) => new CelIp(net.address));
  env.registerFunction('CIDR.masked(): CIDR', (net: CelCidr) => new CelCidr(net.prefix.ip, net.prefix));
  env.registerFunction('CIDR.prefixLength(): int', (net: CelCidr) => BigInt(net.prefix.length));
  env.registerOperator(
    'CIDR == CIDR',
    (a: CelCidr, b: CelCidr) => sameIp(a.address, b.address) && a.prefix.length === b.prefix.length,
  );
}

function addQuantities(env: Environment): void {
  const of = (text: string) => new CelQuantity(must(parseQuantity(text), 'quantity', text));
  const compare = (a: CelQuantity, b: CelQuantity) =>
    a.quantity < b.quantity ? -1n : a.quantity > b.quantity ? 1n : 0n;
  const THOUSANDTH = 1_000_000_000n;
  env.registerFunction('isQuantity(string): bool', (text: string) => parseQuantity(text) !== undefined);
  env.registerFunction('quantity(string): Quantity', of);
  env.registerFunction('Quantity.compareTo(Quantity): int', compare);
  env.registerFunction(
    'Quantity.isGreaterThan(Quantity): bool',
    (a: CelQuantity, b: CelQuantity) => compare(a, b) > 0n,
  );
  env.registerFunction(
    'Quantity.isLessThan(Quantity): bool',
    (a: CelQuantity, b: CelQuantity) => compare(a, b) < 0n,
  );
  env.registerFunction('Quantity.sign(): int', (a: CelQuantity) =>
    a.quantity > 0n ? 1n : a.quantity < 0n ? -1n : 0n,
  );
  env.registerFunction('Quantity.isInteger(): bool', (a: CelQuantity) => a.quantity % THOUSANDTH === 0n);
  env.registerFunction('Quantity.asInteger(): int', (a: CelQuantity) => a.quantity / THOUSANDTH);
  env.registerFunction('Quantity.asApproximateFloat(): double', (a: CelQuantity) => Number(a.quantity) / 1e9);
  env.registerFunction(
    'Quantity.add(Quantity): Quantity',
    (a: CelQuantity, b: CelQuantity) => new CelQuantity(a.quantity + b.quantity),
  );
  env.registerFunction(
    'Quantity.sub(Quantity): Quantity',
    (a: CelQuantity, b: CelQuantity) => new CelQuantity(a.quantity - b.quantity),
  );
  env.registerOperator('Quantity == Quantity', (a: CelQuantity, b: CelQuantity) => a.quantity === b.quantity);
}

function addUrls(env: Environment): void {
  env.registerFunction('isURL(string): bool', (text: string) => URL.canParse(text));
  env.registerFunction('url(string): URL', (text: string) => {
    if (!URL.canParse(text)) throw new Error(`URL '${text}' can't be parsed`);
    return new CelUrl(new URL(text));
  });
  env.registerFunction('URL.getScheme(): string', ({ url }: CelUrl) => url.protocol.replace(/:$/, ''));
  env.registerFunction('URL.getHost(): string', ({ url }: CelUrl) => url.host);
  env.registerFunction('URL.getHostname(): string', ({ url }: CelUrl) =>
    url.hostname.replace(/^\[|\]$/g, ''),
  );
  env.registerFunction('URL.getPort(): string', ({ url }: CelUrl) => url.port);
  env.registerFunction('URL.getEscapedPath(): string', ({ url }: CelUrl) => url.pathname);
}

type Comparable = bigint | number | string | boolean;

function addLists(env: Environment): void {
  const order = (a: Comparable, b: Comparable) => (a < b ? -1 : a > b ? 1 : 0);
  const extreme = (list: readonly Comparable[], sign: number) => {
    if (list.length === 0) throw new Error('min or max of an empty list');
    return list.reduce((best, item) => (order(item, best) * sign > 0 ? item : best));
  };
  const key = (value: unknown) =>
    JSON.stringify(value, (_name, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner));
  env.registerFunction('list.isSorted(): bool', (list: readonly Comparable[]) =>
    list.every((item, i) => i === 0 || order(list[i - 1] as Comparable, item) <= 0),
  );
  env.registerFunction('list.sum(): dyn', (list: readonly Comparable[]) =>
    list.length === 0 ? 0n : list.reduce((sum, item) => (sum as number) + (item as number)),
  );
  env.registerFunction('list.min(): dyn', (list: readonly Comparable[]) => extreme(list, -1));
  env.registerFunction('list.max(): dyn', (list: readonly Comparable[]) => extreme(list, 1));
  env.registerFunction('list.indexOf(dyn): int', (list: readonly unknown[], item: unknown) =>
    BigInt(list.findIndex(other => key(other) === key(item))),
  );
  env.registerFunction('list.lastIndexOf(dyn): int', (list: readonly unknown[], item: unknown) =>
    BigInt(list.findLastIndex(other => key(other) === key(item))),
  );
  const holds = (a: readonly unknown[], b: readonly unknown[]) => {
    const have = new Set(a.map(key));
    return b.every(item => have.has(key(item)));
  };
  env.registerFunction(
    'Sets.contains(list, list): bool',
    (_: CelSets, a: readonly unknown[], b: readonly unknown[]) => holds(a, b),
  );
  env.registerFunction(
    'Sets.equivalent(list, list): bool',
    (_: CelSets, a: readonly unknown[], b: readonly unknown[]) => holds(a, b) && holds(b, a),
  );
  env.registerFunction(
    'Sets.intersects(list, list): bool',
    (_: CelSets, a: readonly unknown[], b: readonly unknown[]) => {
      const have = new Set(a.map(key));
      return b.some(item => have.has(key(item)));
    },
  );
}
