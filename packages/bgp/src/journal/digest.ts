/** A 32-bit check sum of octets (FNV-1a): tells values apart that differ by accident, not by malice. */
export function digestOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const octet of bytes) hash = Math.imul(hash ^ octet, 0x01000193);
  return hash >>> 0;
}
