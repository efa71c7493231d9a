import type { Family } from '@muslin/net';

/** Something that was asked for one address family. */
export interface PerFamily {
  readonly family: Family;
}

/**
 * Joins what is equal but for its family, as it is for nearly all policies; `family` is then undefined. The order of
 * first appearance is kept.
 */
export function mergeFamilies<T extends PerFamily>(
  rows: readonly T[],
  /** What must be equal. */
  key: (row: T) => string,
): readonly (Omit<T, 'family'> & { readonly family: Family | undefined })[] {
  const merged = new Map<string, Omit<T, 'family'> & { readonly family: Family | undefined }>();
  for (const row of rows) {
    const id = key(row);
    merged.set(id, merged.has(id) ? { ...row, family: undefined } : row);
  }
  return [...merged.values()];
}
