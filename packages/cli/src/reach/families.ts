import type { Snapshot } from '@muslin/api';
import { type Family, formatIp, type Ip, parseIp } from '@muslin/net';
import type { ConnectionGroup } from '@muslin/policy';
import { endText } from './outside.ts';

/** Connections of one port; `family` undefined: in every family that both ends have. */
export interface JoinedGroup extends Omit<ConnectionGroup, 'family'> {
  readonly family: Family | undefined;
}

/** Tells which families an end (as it is called) has addresses of. */
export type FamiliesOf = (end: string) => ReadonlySet<Family>;

/** Reads it from snapshots, together. */
export function familiesIn(snapshots: readonly Snapshot[], outside: readonly Ip[]): FamiliesOf {
  const known = new Map<string, Set<Family>>();
  const add = (end: string, family: Family) => {
    const families = known.get(end) ?? new Set();
    known.set(end, families.add(family));
  };
  for (const { endpoints, nodes } of snapshots)
    for (const [key, { ips, node = '', hostPorts = [] }] of endpoints) {
      for (const ip of ips) add(endText(key), ip.family);
      if (hostPorts.length === 0) continue;
      const own = new Set(ips.map(ip => ip.family));
      for (const ip of nodes.get(node)?.ips ?? [])
        if (own.has(ip.family)) add(`${node} (${endText(key)})`, ip.family);
    }
  for (const ip of outside) add(endText(formatIp(ip)), ip.family);
  const none: ReadonlySet<Family> = new Set();
  return end => {
    const found = known.get(end);
    if (found !== undefined) return found;
    const ip = parseIp(end);
    return ip.ok ? new Set([ip.value.family]) : none;
  };
}

/**
 * Joins the groups of both families that say the same of all ends that have both, as nearly all policies do. An end of
 * one family does not keep them apart.
 */
export function joinFamilies(
  groups: readonly ConnectionGroup[],
  familiesOf: FamiliesOf,
): readonly JoinedGroup[] {
  const dual = (ends: readonly string[]) => ends.filter(end => familiesOf(end).size > 1);
  const joined: JoinedGroup[] = [];
  const open = new Map<string, number>();
  for (const group of groups) {
    const { from, to, protocol, port, family } = group;
    const [fromDual, toDual] = [dual(from), dual(to)];
    const key = JSON.stringify([protocol, port, fromDual, toDual, family === 4 ? 6 : 4]);
    const at = open.get(key);
    const twin = at === undefined ? undefined : joined[at];
    if (at !== undefined && twin !== undefined) {
      joined[at] = { ...twin, family: undefined, from: union(twin.from, from), to: union(twin.to, to) };
      open.delete(key);
      continue;
    }
    const own = JSON.stringify([protocol, port, fromDual, toDual, family]);
    if (!open.has(own)) open.set(own, joined.length);
    joined.push(
      toDual.length === 0 || (fromDual.length === 0 && from.length > 0)
        ? { ...group, family: undefined }
        : group,
    );
  }
  return joined;
}

function union(a: readonly string[], b: readonly string[]): readonly string[] {
  return [...new Set([...a, ...b])].sort();
}
