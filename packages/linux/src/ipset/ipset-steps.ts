import { type Ipset, type SetPlan, temporarySetName } from '@muslin/dataplane';
import type { IpsetOp } from './ipset-op.ts';

/** New sets and new members: what rules are about to look into. */
export function stepsBeforeRules(plan: SetPlan): readonly IpsetOp[] {
  return [
    ...plan.create.flatMap(set => fillSteps(set, set.name)),
    ...plan.change.map(({ set, add }): IpsetOp => ({ op: 'add', name: set.name, members: add })),
  ];
}

/** Members and sets that no rule looks into any more. */
export function stepsAfterRules(plan: SetPlan): readonly IpsetOp[] {
  return [
    ...plan.change.map(({ set, remove }): IpsetOp => ({ op: 'remove', name: set.name, members: remove })),
    ...plan.destroy.map((name): IpsetOp => ({ op: 'destroy', name })),
  ];
}

/** Fills the successor of a set beside it, so that rules never see one half full. */
export function stepsBeside(set: Ipset): readonly IpsetOp[] {
  const beside = temporarySetName(set.name);
  // A crash may have left one there of another type, which can't be created again.
  return [{ op: 'destroy', name: beside }, ...fillSteps(set, beside)];
}

/** A set of this name that is there already (left by a crash) is emptied first. */
function fillSteps(set: Ipset, name: string): readonly IpsetOp[] {
  const { type, family, maxelem, hashsize, counters } = set;
  return [
    { op: 'create', name, type, family, maxelem, hashsize, ...(counters === true && { counters }) },
    { op: 'flush', name },
    { op: 'add', name, members: [...set.members] },
  ];
}
