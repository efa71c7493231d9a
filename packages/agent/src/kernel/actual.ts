import type { ActualSet, IptablesVariant, NftListing, Route, SavedTable, TableName } from '@muslin/dataplane';
import { emptyTable } from '@muslin/dataplane';
import type { Family } from '@muslin/net';

/** One iptables of both families, as far as it concerns us. */
export type SavedTables = Readonly<Record<Family, ReadonlyMap<TableName, SavedTable>>>;

/** What the kernel holds, as read or as known from our own writes. */
export interface Actual {
  /** Those that were read; whichever is not here held nothing of ours when it was looked at last. */
  readonly iptables: ReadonlyMap<IptablesVariant, SavedTables>;
  /** ipsets by name. */
  readonly sets: ReadonlyMap<string, ActualSet>;
  /** Our nftables table by family, where there is one. */
  readonly nft: ReadonlyMap<Family, NftListing>;
  /** Everybody's routes of the main table: a plan must see whose place it would take. */
  readonly routes: readonly Route[];
  /** Wanted routes that could not be set, by interface (of a blackhole: by prefix), and why. */
  readonly unrouted: ReadonlyMap<string, string>;
}

/** A table of one iptables; empty where nothing is known of it. */
export function savedTable(
  actual: Pick<Actual, 'iptables'>,
  variant: IptablesVariant,
  family: Family,
  table: TableName,
): SavedTable {
  return actual.iptables.get(variant)?.[family].get(table) ?? emptyTable(table);
}

/** Whether a table holds chains or jumps of ours. */
export function isOurs(table: SavedTable): boolean {
  return table.chains.size > 0 || [...table.foreign.values()].some(({ jumps }) => jumps.length > 0);
}
