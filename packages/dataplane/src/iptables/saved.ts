import { isOwnChain } from '../chain-name.ts';
import type { TableName } from '../ir/ruleset.ts';
import { COMMENT_PREFIX, chainHash, isText, NO_HASH, RULE_HASH_LENGTH } from './render.ts';

/** A jump of ours in a chain of somebody else: where it stands (0 = first), and how to name it in `-D`. */
export interface SavedJump {
  readonly position: number;
  /** What it is known by: the hash in its comment, or its text when it has none of ours. */
  readonly hash: string;
  /** The rule without `-A <chain>`, as `iptables-save` wrote it. */
  readonly text: string;
}

/** One table as the kernel has it, as far as it concerns us. */
export interface SavedTable {
  readonly table: TableName;
  /** Our chains: name → hash of the content (`chainHash`). */
  readonly chains: ReadonlyMap<string, string>;
  /** Built-in and foreign chains: how many rules they have, and which of them lead to us. */
  readonly foreign: ReadonlyMap<string, { readonly rules: number; readonly jumps: readonly SavedJump[] }>;
}

/** A table that holds nothing of ours. */
export function emptyTable(table: TableName): SavedTable {
  return { table, chains: new Map(), foreign: new Map() };
}

/**
 * Reads what `iptables-save` prints (one table or several). Total: lines that mean nothing here are skipped.
 * Rules of ours are known by the hash in their comment, or by their text; any other rule in a chain of ours makes the
 * chain's hash differ from any that we render, so it will be rewritten.
 */
export function parseSave(text: string): ReadonlyMap<TableName, SavedTable> {
  const tables = new Map<TableName, SavedTable>();
  let own = new Map<string, string[]>();
  let foreign = new Map<string, { rules: number; jumps: SavedJump[] }>();
  let table: TableName | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) {
      table = line.slice(1).trim() as TableName;
      own = new Map();
      foreign = new Map();
    } else if (line.startsWith(':')) {
      const name = line.slice(1, line.indexOf(' '));
      if (isOwnChain(name)) own.set(name, own.get(name) ?? []);
      else foreign.set(name, foreign.get(name) ?? { rules: 0, jumps: [] });
    } else if (line.startsWith('-A ')) {
      const end = line.indexOf(' ', 3);
      const name = end < 0 ? line.slice(3) : line.slice(3, end);
      const rule = end < 0 ? '' : line.slice(end + 1);
      const hashes = own.get(name);
      if (hashes !== undefined) hashes.push(hashOf(rule));
      else {
        const chain = foreign.get(name) ?? { rules: 0, jumps: [] };
        foreign.set(name, chain);
        if (leadsToUs(rule)) chain.jumps.push({ position: chain.rules, hash: hashOf(rule), text: rule });
        chain.rules++;
      }
    } else if (line.startsWith('COMMIT') && table !== undefined) {
      const chains = new Map([...own].map(([name, hashes]) => [name, chainHash(hashes)]));
      tables.set(table, { table, chains, foreign });
    }
  }
  return tables;
}

const HASH = new RegExp(`--comment "?${COMMENT_PREFIX}([A-Za-z0-9_-]{${RULE_HASH_LENGTH}})(?=[ "]|$)`);

function hashOf(rule: string): string {
  return HASH.exec(rule)?.[1] ?? (isText(rule) ? rule : NO_HASH);
}

function leadsToUs(rule: string): boolean {
  const target = / ?(?:-j|-g) (\S+)\s*$/.exec(rule)?.[1];
  return target !== undefined && isOwnChain(target);
}
