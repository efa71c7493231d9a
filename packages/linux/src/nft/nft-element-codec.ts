import { nameBytes, type NftElements, nextBytes } from '@muslin/dataplane';
import {
  type Family,
  formatIp,
  formatPrefix,
  hostPrefix,
  type Ip,
  ipFromBytes,
  ipToBytes,
  mustIp,
  mustPrefix,
  prefix,
  samePrefix,
  widthOf,
} from '@muslin/net';
import { readBe16, readText, readU8 } from '../netlink/message-reader.ts';

/** One element as the kernel keeps it. `open`: an interval without end, which nft notes for its own listing. */
export interface KernelElement {
  readonly key: Uint8Array;
  readonly end?: true;
  readonly open?: true;
  /** Of a verdict map: the chain to go to. */
  readonly chain?: string;
}

/** A member in text as the kernel's elements: a prefix or stretch is where it begins and where it no longer holds. */
export function elementsOf(text: string, kind: NftElements['kind']): readonly KernelElement[] {
  if (kind === 'map') {
    const [, name, chain] = /^"([^"]*)" : goto (\S+)$/.exec(text) ?? [];
    if (name === undefined || chain === undefined)
      throw new Error(`${JSON.stringify(text)} is no element of a map`);
    return [{ key: nameBytes(name), chain }];
  }
  if (kind === 'ip-port') {
    const first = text.indexOf(' . ');
    const second = text.indexOf(' . ', first + 3);
    const address = ipToBytes(mustIp(text.slice(0, first)));
    const port = Number(text.slice(second + 3));
    const key = new Uint8Array(address.length + 8);
    key.set(address);
    key[address.length] = Number(text.slice(first + 3, second));
    key[address.length + 4] = port >>> 8;
    key[address.length + 5] = port & 0xff;
    return [{ key }];
  }
  if (kind === 'host') return [{ key: ipToBytes(mustPrefix(text).ip) }];
  const [from = '', to] = text.split('-');
  const net = to === undefined ? mustPrefix(from) : undefined;
  const key = ipToBytes(net?.ip ?? mustIp(from));
  const next = nextBytes(to === undefined ? lastOf(key, net?.length ?? 0) : ipToBytes(mustIp(to)));
  return next === undefined ? [{ key, open: true }] : [{ key }, { key: next, end: true }];
}

function lastOf(first: Uint8Array, length: number): Uint8Array {
  const last = first.slice();
  for (let bit = length; bit < last.length * 8; bit++)
    last[bit >> 3] = (last[bit >> 3] as number) | (0x80 >> (bit & 7));
  return last;
}

/** `10.0.0.1 . 6 . 80` of an element's key. */
export function portMember(key: Uint8Array): string {
  const width = key.length - 8;
  const ip = ipFromBytes(key.subarray(0, width));
  return `${ip === undefined ? '?' : formatIp(ip)} . ${readU8(key, width)} . ${readBe16(key, width + 4)}`;
}

/** `10.0.0.1/32` of an element's key. */
export function hostMember(key: Uint8Array): string {
  const ip = ipFromBytes(key);
  return ip === undefined ? '?' : formatPrefix(hostPrefix(ip));
}

/** The name that an interface's key means. */
export function keyName(key: Uint8Array): string {
  return readText(key);
}

/** Prefixes, or `a-b` where a stretch is none, of elements that say where stretches begin and end. */
export function netMembers(elements: readonly KernelElement[], family: Family): readonly string[] {
  const width = widthOf(family) / 8;
  const edges = elements
    .filter(({ key }) => key.length === width)
    // At one address the old stretch ends before the next begins.
    .toSorted((a, b) => Buffer.compare(a.key, b.key) || Number(b.end ?? false) - Number(a.end ?? false));
  const members: string[] = [];
  let open: Uint8Array | undefined;
  for (const { key, end } of edges) {
    if (open !== undefined) members.push(stretchText(open, before(key)));
    open = end ? undefined : key;
  }
  if (open !== undefined) members.push(stretchText(open, new Uint8Array(width).fill(0xff)));
  return members;
}

function before(bytes: Uint8Array): Uint8Array {
  const last = bytes.slice();
  for (let i = last.length - 1; i >= 0; i--) {
    last[i] = ((last[i] as number) - 1) & 0xff;
    if (last[i] !== 0xff) break;
  }
  return last;
}

function stretchText(first: Uint8Array, last: Uint8Array): string {
  const [from, to] = [first, last].map(bytes => ipFromBytes(bytes)) as [Ip, Ip];
  let length = 0;
  while (length < first.length * 8 && bitOf(first, length) === bitOf(last, length)) length++;
  const net = prefix(from, length);
  const whole = samePrefix(net, prefix(to, length)) && Buffer.compare(ipToBytes(net.ip), first) === 0;
  return whole && Buffer.compare(lastOf(first, length), last) === 0
    ? formatPrefix(net)
    : `${formatIp(from)}-${formatIp(to)}`;
}

function bitOf(bytes: Uint8Array, bit: number): number {
  return ((bytes[bit >> 3] as number) >> (7 - (bit & 7))) & 1;
}
