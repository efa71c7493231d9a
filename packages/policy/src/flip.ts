import type { FactChange, Snapshot } from '@muslin/api';
import { applyChange } from './applied-change.ts';
import type { Explanation, Flow } from './flow.ts';
import { labelEdits } from './flip/label-edits.ts';
import { policyEdits } from './flip/policy-edits.ts';
import { verdict } from './verdict.ts';

/** What kind of edit, smallest first. */
export const EDIT_KINDS = [
  'change-label',
  'add-port',
  'add-peer',
  'add-rule',
  'remove-rule',
  'remove-policy',
  'add-policy',
] as const;

/** One thing that somebody could write. */
export interface Edit {
  readonly kind: (typeof EDIT_KINDS)[number];
  /** What to do, for people. */
  readonly text: string;
  /** The same as a change of the snapshot. */
  readonly change: FactChange;
}

/** Where edits come from: a flow that has an answer. */
export interface EditContext {
  readonly snapshot: Snapshot;
  readonly explanation: Explanation;
}

/**
 * The smallest single edits that turn the answer round, smallest first. Each was tried: with it, `verdict` gives the
 * other answer. None when both ends deny for reasons of their own, or when the flow has no answer.
 */
export function flips(snapshot: Snapshot, flow: Flow): readonly Edit[] {
  const found = verdict(snapshot, flow);
  if (!found.ok) return [];
  const context: EditContext = { snapshot, explanation: found.value };
  const unique = new Map([...labelEdits(context), ...policyEdits(context)].map(edit => [edit.text, edit]));
  return [...unique.values()]
    .filter(edit => {
      const after = verdict(applyChange(snapshot, edit.change), flow);
      return after.ok && after.value.answer !== found.value.answer;
    })
    .sort((a, b) => EDIT_KINDS.indexOf(a.kind) - EDIT_KINDS.indexOf(b.kind) || (a.text < b.text ? -1 : 1));
}
