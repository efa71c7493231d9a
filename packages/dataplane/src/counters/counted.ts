import type { ActiveRule, Direction, PolicyKey, SetId } from '@muslin/api';

/** The rule of a policy. */
export interface RuleRef {
  readonly policy: PolicyKey;
  readonly path: string;
}

/** Whose packets the kernel counts at one place: a policy's rule, or what stands for those that no rule decided. */
export type Subject =
  | (RuleRef & {
      readonly kind: 'rule';
      readonly direction: Direction;
      readonly action: ActiveRule['action'];
    })
  | { readonly kind: 'end of tier'; readonly tier: string; readonly direction: Direction }
  /** Rules that only allow and share a look-up too large to be counted one by one. */
  | { readonly kind: 'several'; readonly direction: Direction };

/** What a kernel rule counts: packets of one subject, or of as many as the members of a derived set have owners. */
export type Counted =
  | Subject
  | { readonly kind: 'members'; readonly set: SetId; readonly direction: Direction };

/** Equal for equal subjects. */
export function subjectKey(subject: Subject): string {
  switch (subject.kind) {
    case 'rule':
      return `${subject.direction} ${subject.action} ${subject.policy} ${subject.path}`;
    case 'end of tier':
      return `${subject.direction} end of tier ${subject.tier}`;
    case 'several':
      return `${subject.direction} several`;
    default:
      return subject satisfies never;
  }
}

/** The subject of an Allow rule. */
export function allowedBy({ policy, path }: RuleRef, direction: Direction): Subject {
  return { kind: 'rule', policy, path, direction, action: 'Allow' };
}
