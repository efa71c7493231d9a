import type { SetId } from '@muslin/api';
import { ok, type Result } from '@muslin/net';
import type { RenderedTable } from '../iptables/render.ts';
import { type Ruleset, setsUsed, type TableName, type TableRules } from '../ir/ruleset.ts';
import type { NftTable } from '../nft/table.ts';
import { setName } from '../set-name.ts';
import { readTable } from './read-iptables.ts';
import { readNftTable } from './read-nft.ts';
import type { ReadFault } from './words.ts';

const names = { 4: new Map<SetId, string>(), 6: new Map<SetId, string>() } as const;

/** The rules that a rendered text says, with the sets of what it was rendered from. */
export function readBack(
  lowered: Ruleset,
  rendered: NftTable | readonly RenderedTable[],
): Result<Ruleset, ReadFault> {
  const ids = new Map<string, SetId>();
  for (const id of setsUsed(lowered).keys()) {
    const known = names[lowered.family];
    let name = known.get(id);
    if (name === undefined) {
      // Ids of sets that are gone for long need not be kept.
      if (known.size > 100_000) known.clear();
      known.set(id, (name = setName(id, lowered.family)));
    }
    ids.set(name, id);
  }
  const setOf = (name: string) => ids.get(name);
  if ('maps' in rendered) {
    const read = readNftTable(rendered, setOf);
    return read.ok ? ok({ ...lowered, tables: read.value }) : read;
  }
  const tables = new Map<TableName, TableRules>();
  for (const table of rendered) {
    const read = readTable(table, setOf);
    if (!read.ok) return read;
    tables.set(table.table, read.value);
  }
  return ok({ ...lowered, tables });
}
