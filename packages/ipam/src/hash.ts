/**
 * 32 bits that look random, for spreading names; not a secret. FNV-1a over UTF-16 code units, and then a finalizer
 * (MurmurHash3 fmix32), because the high bits of FNV hardly tell `node-1` from `node-2`.
 */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
