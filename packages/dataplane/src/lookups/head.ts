import type { PolicyKey, SetId } from '@muslin/api';
import type { RuleRef } from '../counters/counted.ts';
import type { Match } from '../ir/match.ts';

/** Rules of a group that differ in their peers only. Of a peer the first rule that names it counts. */
export interface Head {
  readonly matches: readonly Match[];
  /** A rule without a peer: whoever else is named means nothing. */
  anybody: RuleRef | undefined;
  readonly sets: Map<SetId, RuleRef>;
  /** Of these the prefixes of more than one address only. */
  readonly wide: Map<SetId, RuleRef>;
  readonly nets: Map<string, RuleRef>;
  readonly names: Set<string>;
  readonly policies: Set<PolicyKey>;
}

/** Finds the head of a list of matches, or begins one. */
export function headOf(heads: Map<string, Head>, matches: readonly Match[]): Head {
  const key = JSON.stringify(matches);
  let head = heads.get(key);
  if (head === undefined) {
    head = {
      ...{ matches, anybody: undefined, sets: new Map(), wide: new Map(), nets: new Map() },
      ...{ names: new Set(), policies: new Set() },
    };
    heads.set(key, head);
  }
  return head;
}
