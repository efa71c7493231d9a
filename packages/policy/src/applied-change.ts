import { type FactChange, SNAPSHOT_MAP, type Snapshot } from '@muslin/api';

/** The snapshot with one fact set or removed; the given one stays as it is. */
export function applyChange(snapshot: Snapshot, { type, key, value }: FactChange): Snapshot {
  const name = SNAPSHOT_MAP[type];
  const map = new Map<string, unknown>(snapshot[name]);
  if (value === undefined) map.delete(key);
  else map.set(key, value);
  return { ...snapshot, [name]: map };
}
