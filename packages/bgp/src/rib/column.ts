/** A column of a table. */
export type Column = Uint8Array | Uint32Array | Int32Array | Float64Array;

/**
 * A longer column with the same start; the old one is empty afterwards. Its memory is given back at once: columns double
 * faster than the collector comes by, and would stay in memory twice. What is not yet written of the new one is not in
 * memory at all.
 */
export function grown<T extends Column>(old: T, length: number): T {
  const Kind = old.constructor as new (length: number) => T;
  const longer = new Kind(length);
  longer.set(old);
  (old.buffer as ArrayBuffer).transfer(0);
  return longer;
}
