import { type Ipset, type SetPlan, temporarySetName } from '@muslin/dataplane';
import type { IpsetOp } from './ipset-op.ts';

/** The steps of one phase of a plan: new sets and members before the rules that need them, the rest after. */
export function ipsetSteps(plan: SetPlan, phase: 'before-rules' | 'after-rules'): readonly IpsetOp[] {
  if (phase === 'after-rules')
    return [
      ...plan.change.map(({ set, remove }): IpsetOp => ({ op: 'remove', name: set.name, members: remove })),
      ...plan.destroy.map((name): IpsetOp => ({ op: 'destroy', name })),
    ];
  return [
    ...plan.create.flatMap(set => fillSteps(set, set.name)),
    ...plan.replace.flatMap(replaceSteps),
    ...plan.change.map(({ set, add }): IpsetOp => ({ op: 'add', name: set.name, members: add })),
  ];
}

/** Fills a set beside the old one and swaps it in, so that rules never see it half full. */
function replaceSteps(set: Ipset): readonly IpsetOp[] {
  const beside = temporarySetName(set.name);
  return [
    // A crash may have left one of another type, which can't be created again.
    { op: 'destroy', name: beside, ifThere: true },
    ...fillSteps(set, beside),
    { op: 'swap', name: beside, other: set.name },
    { op: 'destroy', name: beside },
  ];
}

/** A set of this name that is there already (left by a crash) is emptied first. */
function fillSteps(set: Ipset, name: string): readonly IpsetOp[] {
  return [
    { op: 'create', name, type: set.type, family: set.family, maxelem: set.maxelem, hashsize: set.hashsize },
    { op: 'flush', name },
    { op: 'add', name, members: [...set.members] },
  ];
}
