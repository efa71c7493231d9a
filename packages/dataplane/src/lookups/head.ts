import type { PolicyKey, SetId } from '@muslin/api';
import type { Match } from '../ir/match.ts';

/** Rules of a group that differ in their peers only. */
export interface Head {
  readonly matches: readonly Match[];
  /** A rule without a peer: whoever else is named means nothing. */
  anybody: boolean;
  readonly sets: Set<SetId>;
  /** Of these the prefixes of more than one address only. */
  readonly wide: Set<SetId>;
  readonly nets: Set<string>;
  readonly names: Set<string>;
  readonly policies: Set<PolicyKey>;
}

/** Finds the head of a list of matches, or begins one. */
export function headOf(heads: Map<string, Head>, matches: readonly Match[]): Head {
  const key = JSON.stringify(matches);
  let head = heads.get(key);
  if (head === undefined) {
    const empty = { sets: new Set<SetId>(), wide: new Set<SetId>(), nets: new Set<string>() };
    head = { matches, anybody: false, ...empty, names: new Set(), policies: new Set() };
    heads.set(key, head);
  }
  return head;
}
