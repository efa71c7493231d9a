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

/** What says the intent in a policy comes first, what takes a whole policy away last. */
const BEST_FIRST: readonly Edit['kind'][] = [
  'add-port',
  'add-peer',
  'add-rule',
  'remove-rule',
  'remove-policy',
];

/**
 * The edits of policies that together allow what no single one would, as both ends (or host endpoints on the way) deny it
 * for reasons of their own: one for each. Empty when one is enough, and when nothing helps. They were tried.
 */
export function flipsTogether(snapshot: Snapshot, flow: Flow): readonly Edit[] {
  const found = verdict(snapshot, flow);
  if (!found.ok) return [];
  const edits: Edit[] = [];
  let now: State = { snapshot, explanation: found.value };
  while (now.explanation.answer === 'deny') {
    const step = nextStep(now, flow);
    if (step === undefined) return [];
    edits.push(step.edit);
    now = step.state;
  }
  return edits.length > 1 ? edits : [];
}

type State = EditContext;

/** The best edit after which fewer deny. */
function nextStep(state: State, flow: Flow): { readonly edit: Edit; readonly state: State } | undefined {
  const edits = [...policyEdits(state)].sort(
    (a, b) => BEST_FIRST.indexOf(a.kind) - BEST_FIRST.indexOf(b.kind),
  );
  for (const edit of edits) {
    const snapshot = applyChange(state.snapshot, edit.change);
    const after = verdict(snapshot, flow);
    if (after.ok && denials(after.value) < denials(state.explanation))
      return { edit, state: { snapshot, explanation: after.value } };
  }
  return undefined;
}

/** How many deny on the way where the fewest do. */
function denials({ paths }: Explanation): number {
  const ready = paths.filter(path => path.ready);
  const counts = ready.map(
    ({ egress, crossings, ingress }) =>
      [egress, ...crossings, ingress].filter(decision => decision.answer === 'deny').length,
  );
  return Math.min(...counts);
}
