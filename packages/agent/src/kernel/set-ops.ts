import { type Ipset, type SetPlan, temporarySetName } from '@muslin/dataplane';
import type { IpsetOp } from '@muslin/linux';

/** What must be done before the rules: new sets, sets made anew beside the old ones and swapped, new members. */
export function setOpsBeforeRules(plan: SetPlan): readonly IpsetOp[] {
  return [
    ...plan.create.flatMap(set => made(set, set.name)),
    ...plan.replace.flatMap((set): IpsetOp[] => {
      const temporary = temporarySetName(set.name);
      return [
        ...made(set, temporary),
        { op: 'swap', name: temporary, other: set.name },
        { op: 'destroy', name: temporary },
      ];
    }),
    ...plan.change.flatMap(({ set, add }): IpsetOp[] =>
      add.length === 0 ? [] : [{ op: 'add', name: set.name, members: add }],
    ),
  ];
}

/** What is done after the rules: members and sets that nothing asks for any more. */
export function setOpsAfterRules(plan: SetPlan): readonly IpsetOp[] {
  return [
    ...plan.change.flatMap(({ set, remove }): IpsetOp[] =>
      remove.length === 0 ? [] : [{ op: 'remove', name: set.name, members: remove }],
    ),
    ...plan.destroy.map((name): IpsetOp => ({ op: 'destroy', name })),
  ];
}

/** A set that a crash left under this name is emptied first. */
function made({ type, family, maxelem, hashsize, members }: Ipset, name: string): IpsetOp[] {
  return [
    { op: 'create', name, type, family, maxelem, hashsize },
    { op: 'flush', name },
    ...(members.size === 0 ? [] : [{ op: 'add', name, members: [...members] } as const]),
  ];
}
