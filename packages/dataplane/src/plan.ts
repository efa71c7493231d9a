import type { Family, Result } from '@muslin/net';
import { ipsetAfterRules, ipsetBeforeRules } from './ipset/restore.ts';
import type { SetPlan } from './ipset/plan.ts';
import { restoreInput } from './iptables/restore.ts';
import { isEmptyTablePlan, type TablePlan } from './iptables/plan.ts';
import type { TableName } from './ir/ruleset.ts';
import { isEmptyNftPlan, type NftPlan } from './nft/plan.ts';
import { nftScript } from './nft/script.ts';
import type { RoutePlan } from './routes/plan.ts';
import type { Route } from './routes/route.ts';

/** One step of a change: data that a driver performs and a person can read. */
export type Op =
  /** `ipset restore -exist` reads `input`; drivers with netlink use `plan`, the same as values. */
  | {
      readonly kind: 'ipset';
      readonly phase: 'before-rules' | 'after-rules';
      readonly plan: SetPlan;
      readonly input: string;
    }
  /** `iptables-restore --noflush` (or ip6tables-) reads `input`: one commit. */
  | {
      readonly kind: 'iptables';
      readonly family: Family;
      readonly table: TableName;
      readonly plan: TablePlan;
      readonly input: string;
      /** Which iptables; absent: the one that the node uses. */
      readonly variant?: IptablesVariant;
      readonly farewell?: true;
    }
  /** `nft -f` reads `input`, drivers with netlink `plan`: one transaction. */
  | {
      readonly kind: 'nft';
      readonly family: Family;
      readonly plan: NftPlan;
      readonly input: string;
      readonly farewell?: true;
    }
  | { readonly kind: 'route'; readonly action: 'add' | 'replace' | 'remove'; readonly route: Route };

/** The two kernel interfaces of iptables. */
export type IptablesVariant = 'legacy' | 'nft';

/** Steps in the order in which they are safe. */
export type Plan = readonly Op[];

/** The parts of a change of one node; what is absent doesn't change. */
export interface PlanParts {
  readonly sets?: SetPlan;
  readonly tables?: readonly TablePlan[];
  /** Which iptables `tables` are for; absent: the one that the node uses. */
  readonly variant?: IptablesVariant;
  /** Rules and sets of the nftables back end, instead of `sets` and `tables`. */
  readonly nft?: readonly NftPlan[];
  readonly routes?: RoutePlan;
  /** Rules of a back end that the node no longer uses: they go when everything else is in place and verified. */
  readonly farewell?: {
    readonly tables?: readonly { readonly variant: IptablesVariant; readonly plan: TablePlan }[];
    readonly nft?: readonly NftPlan[];
  };
}

/**
 * Puts parts in order: sets and members that rules need, the rules, routes (a pod is reachable only behind its
 * rules), rules of a back end that is left, then members and sets that rules no longer need. Stopping after any step
 * leaves a safe node: what is missing follows from reading back and planning again.
 */
export function planOf(parts: PlanParts): Plan {
  const ops: Op[] = [];
  const set = (phase: 'before-rules' | 'after-rules', input: string) => {
    if (parts.sets !== undefined && input !== '') ops.push({ kind: 'ipset', phase, plan: parts.sets, input });
  };
  if (parts.sets !== undefined) set('before-rules', ipsetBeforeRules(parts.sets));
  const table = (plan: TablePlan, more: { readonly variant?: IptablesVariant; readonly farewell?: true }) => {
    if (isEmptyTablePlan(plan)) return;
    const { family, table } = plan;
    ops.push({ kind: 'iptables', family, table, plan, input: restoreInput(plan), ...more });
  };
  const nft = (plan: NftPlan, more: { readonly farewell?: true }) => {
    if (isEmptyNftPlan(plan)) return;
    ops.push({ kind: 'nft', family: plan.family, plan, input: nftScript(plan), ...more });
  };
  for (const plan of parts.tables ?? [])
    table(plan, parts.variant === undefined ? {} : { variant: parts.variant });
  for (const plan of parts.nft ?? []) nft(plan, {});
  for (const route of parts.routes?.remove ?? []) ops.push({ kind: 'route', action: 'remove', route });
  for (const route of parts.routes?.replace ?? []) ops.push({ kind: 'route', action: 'replace', route });
  for (const route of parts.routes?.add ?? []) ops.push({ kind: 'route', action: 'add', route });
  for (const { variant, plan } of parts.farewell?.tables ?? []) table(plan, { variant, farewell: true });
  for (const plan of parts.farewell?.nft ?? []) nft(plan, { farewell: true });
  if (parts.sets !== undefined) set('after-rules', ipsetAfterRules(parts.sets));
  return ops;
}

/** What a driver could not do. */
export interface DriverFault {
  /** `refused`: the kernel or tool said no; `unavailable`: the tool or kernel feature is missing; `lost`: try again. */
  readonly code: 'refused' | 'unavailable' | 'lost';
  /** The step that failed; steps before it are done. */
  readonly op?: Op;
  /** What happened, in the tool's or kernel's words, and what to do. */
  readonly message: string;
}

/**
 * A door to the kernel. Restartable at any instant: `read` tells the truth, `apply` performs steps in order and
 * stops at the first fault. It touches only what is ours.
 */
export interface Driver<Actual, Step extends Op = Op> {
  read(): Promise<Result<Actual, DriverFault>>;
  apply(plan: readonly Step[]): Promise<Result<void, DriverFault>>;
}
