/**
 * Addresses, prefixes, tries, port sets, byte readers and writers, desired-versus-actual delta maps.
 * Pure and without dependencies; every other room stands on it.
 *
 * @packageDocumentation
 */
export { ByteReader } from './byte-reader.ts';
export { ByteTail } from './byte-tail.ts';
export { ByteWriter } from './byte-writer.ts';
export { type Delta, DeltaMap, deltaBetween } from './delta-map.ts';
export { formatJson, parseJson } from './exact-json.ts';
export {
  type AddressFault,
  compareIp,
  distanceBetween,
  type Family,
  formatIp,
  type Ip,
  type Ip4,
  type Ip6,
  ip4,
  ip6,
  ipFromBytes,
  ipToBytes,
  mustIp,
  offsetIp,
  parseIp,
  sameIp,
  widthOf,
} from './ip.ts';
export {
  formatPortRange,
  type PortRange,
  type PortSet,
  portSet,
  portSetHas,
} from './port-set.ts';
export {
  bitOf,
  comparePrefix,
  familyOf,
  formatPrefix,
  hostPrefix,
  maskIp,
  mustPrefix,
  type Prefix,
  parsePrefix,
  prefix,
  prefixCovers,
  prefixesOverlap,
  prefixHas,
  prefixSize,
  samePrefix,
} from './prefix.ts';
export { PrefixTrie } from './prefix-trie.ts';
export { fail, ok, type Result } from './result.ts';
