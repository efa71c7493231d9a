import type { SetId } from '@muslin/api';
import {
  afterTablePlan,
  type DriverFault,
  type IptablesActual,
  type IptablesPlan,
  type IptablesVariant,
  type Op,
  type Plan,
  parseSave,
  planIptables,
  planMembers,
  planNft,
  planNftRemoval,
  planOf,
  planRoutes,
  planSets,
  planTable,
  ROUTE_PROTOCOL_MUSLIN,
  type Route,
  type RoutePlan,
  type Subject,
  type Total,
} from '@muslin/dataplane';
import type { KernelDoor } from '@muslin/linux';
import { type Family, fail, formatPrefix, ok, type Result } from '@muslin/net';
import type { Desired } from '../core/agent-core.ts';
import { type Actual, isOurs, type SavedTables, savedTable } from './actual.ts';
import { type BackEnd, type Rendered, render, variantOf } from './back-end.ts';
import { RuleCounters } from './rule-counters.ts';

const VARIANTS: readonly IptablesVariant[] = ['nft', 'legacy'];

/**
 * Reads back, plans and applies, for one back end at a time. What another one still holds of ours goes as soon as
 * this one was written and read back. What the kernel holds is handed in and out as a value.
 */
export class Kernel {
  readonly #door: KernelDoor;
  readonly #families: readonly Family[];
  #backEnd: BackEnd;
  #chosen: BackEnd;
  /** Sets that rules look up under their other name. After a restart nobody knows, and all move to their first. */
  #aside: ReadonlySet<SetId> = new Set();
  /** The rules of the last `apply` that went through. */
  #loaded: Rendered['lowered'] | undefined;
  readonly #counters: RuleCounters;
  /** As the latest plan wants iptables' tables: with sets under the names that they have then. */
  #tables: { readonly of: Desired; readonly value: IptablesPlan['tables'] } | undefined;
  #sets: { readonly of: Desired; readonly value: Rendered['sets'] } | undefined;
  /** What the last `apply` of iptables left: as long as nobody touches it there is nothing to plan. */
  #planned:
    | (Pick<Actual, 'iptables' | 'sets'> & {
        readonly lowered: Rendered['lowered'];
        readonly states: Desired['state']['sets'];
        readonly plan: IptablesPlan;
      })
    | undefined;
  #routePlan:
    | { readonly of: Desired; readonly there: Actual['routes']; readonly value: RoutePlan }
    | undefined;
  #rendered: { readonly of: Desired; readonly by: BackEnd; readonly value: Rendered } | undefined;

  constructor(door: KernelDoor, families: readonly Family[], backEnd: BackEnd) {
    this.#door = door;
    this.#families = families;
    this.#backEnd = backEnd;
    this.#chosen = backEnd;
    this.#counters = new RuleCounters(door.counts);
  }

  /** What rules have counted, of the subjects that are there. Reads the kernel. */
  totals(isThere: (subject: Subject) => boolean): readonly Total[] {
    return this.#counters.totals(isThere);
  }

  /** The back end that was chosen last. */
  get backEnd(): BackEnd {
    return this.#chosen;
  }

  /** Chooses the back end of whatever is planned from the next `read` on: a round that is under way keeps its own. */
  use(backEnd: BackEnd): void {
    this.#chosen = backEnd;
  }

  /** Reads everything of ours. `known`: an iptables that is not in use, and was empty then, need not be asked again. */
  read(known?: Actual): Promise<Result<Actual, DriverFault>> {
    this.#backEnd = this.#chosen;
    return this.#readAll(known);
  }

  async #readAll(known?: Actual): Promise<Result<Actual, DriverFault>> {
    const own = variantOf(this.#backEnd);
    const asked = VARIANTS.filter(
      variant => variant === own || known === undefined || known.iptables.has(variant),
    );
    const saved = await Promise.all(asked.map(variant => this.#save(variant, variant === own)));
    const iptables = new Map<IptablesVariant, SavedTables>();
    for (const [i, variant] of asked.entries()) {
      const tables = saved[i];
      if (tables === undefined || !tables.ok)
        return tables ?? fail({ code: 'lost', message: 'nothing read' });
      const held = this.#families.some(family => [...tables.value[family].values()].some(isOurs));
      if (variant === own || held) iptables.set(variant, tables.value);
    }
    const nft = new Map<Family, NonNullable<ReturnType<Actual['nft']['get']>>>();
    for (const family of this.#families) {
      const listed = await this.#door.nft[family].read();
      if (listed.ok) {
        if (listed.value !== undefined) nft.set(family, listed.value);
      } else if (own === undefined || listed.fault.code !== 'unavailable') return listed;
    }
    const sets = await this.#door.sets.read();
    if (!sets.ok) return sets;
    const routes = await this.#door.routes.read();
    if (!routes.ok) return routes;
    return ok({ iptables, nft, sets: sets.value, routes: routes.value, unrouted: new Map() });
  }

  /** All tables of one iptables. One that is not in use may be missing, or not work here. */
  async #save(variant: IptablesVariant, inUse: boolean): Promise<Result<SavedTables, DriverFault>> {
    const texts = await Promise.all(
      this.#families.map(family => this.#door.variants[variant][family].readAll()),
    );
    const tables: Record<Family, ReturnType<typeof parseSave>> = { 4: new Map(), 6: new Map() };
    for (const [i, family] of this.#families.entries()) {
      const text = texts[i];
      if (text?.ok) tables[family] = parseSave(text.value);
      else if (inUse) return fail({ code: 'lost', message: text?.fault.message ?? 'nothing read' });
    }
    return ok(tables);
  }

  /** What the back end in use would be told, before changed sets get their other names (`planIptables`). */
  rendered(desired: Desired): Rendered {
    return this.#render(desired);
  }

  /** The steps from what is there to what is wanted. */
  plan(desired: Desired, actual: Actual): Plan {
    const { lowered, nft } = this.#render(desired);
    const own = variantOf(this.#backEnd);
    const iptables = own === undefined ? undefined : this.#planIptables(own, lowered, desired, actual);
    return planOf({
      sets: iptables?.setPlan ?? planSets(new Map(), actual.sets),
      ...(own === undefined ? {} : { variant: own, tables: iptables?.tablePlans ?? [] }),
      nft: nft.map(table => planNft(table, actual.nft.get(table.family))),
      routes: this.#planRoutes(desired, actual),
      farewell: {
        tables: VARIANTS.filter(variant => variant !== own).flatMap(variant =>
          this.#families.flatMap(family =>
            [...(actual.iptables.get(variant)?.[family].values() ?? [])].map(saved => ({
              variant,
              plan: planTable({ family, table: saved.table, chains: new Map(), hooks: new Map() }, saved),
            })),
          ),
        ),
        nft:
          own === undefined
            ? []
            : [...actual.nft].flatMap(([family, listed]) => planNftRemoval(family, listed)),
      },
    });
  }

  #planIptables(
    variant: IptablesVariant,
    lowered: Rendered['lowered'],
    desired: Desired,
    actual: Actual,
  ): IptablesPlan {
    const known = this.#planned;
    const same = known?.lowered === lowered && known.states === desired.state.sets;
    const there = known?.iptables === actual.iptables && known?.sets === actual.sets;
    if (same && there) {
      this.#sets = { of: desired, value: known.plan.sets };
      this.#tables = { of: desired, value: known.plan.tables };
      return known.plan;
    }
    const saved: IptablesActual['saved'] = ({ family, table }) => savedTable(actual, variant, family, table);
    const plan = planIptables(lowered, desired.state.sets, { sets: actual.sets, saved }, this.#aside);
    this.#aside = plan.aside;
    this.#sets = { of: desired, value: plan.sets };
    this.#tables = { of: desired, value: plan.tables };
    return plan;
  }

  /**
   * Brings the members of sets that are there up to date while a step of `apply` keeps everybody waiting, where rules
   * before and after allow it. Whether it did something: then what is known of sets is no longer so.
   */
  async members(desired: Desired): Promise<boolean> {
    if (this.#backEnd === 'nftables' || this.#loaded === undefined) return false;
    const { lowered } = render(desired, this.#backEnd);
    const held = await this.#door.sets.read();
    if (!held.ok) return false;
    const plan = planMembers(lowered, this.#loaded, desired.state.sets, held.value, this.#aside);
    if (plan === undefined) return false;
    await this.#door.sets.apply(planOf({ sets: plan }).filter(op => op.kind === 'ipset'));
    return true;
  }

  /** ipsets as the latest plan for this state has them. */
  #setsOf(desired: Desired): Rendered['sets'] {
    return this.#sets?.of === desired && this.#backEnd !== 'nftables'
      ? this.#sets.value
      : this.#render(desired).sets;
  }

  /**
   * Performs the steps in order and stops at the first that is refused, except for routes: one pod whose interface
   * was taken away must not keep policy from the others. Gives what the kernel holds afterwards.
   */
  async apply(plan: Plan, desired: Desired, actual: Actual): Promise<Result<Actual, DriverFault>> {
    const lost = this.#counters.before(plan);
    const applied = await this.#door.apply(
      plan.filter(op => op.kind !== 'route' && !isFarewell(op) && !isRelease(op)),
    );
    if (!applied.ok) return applied;
    const routed = await this.#applyRoutes(plan, desired, actual);
    if (!routed.ok) return routed;
    const farewell = plan.filter(isFarewell);
    if (farewell.length > 0) {
      const missing = await this.#verify(desired);
      if (missing !== undefined) return fail(missing);
      const left = await this.#door.apply(farewell);
      if (!left.ok) return left;
    }
    const { lowered, nft: nftTables } = this.#render(desired);
    this.#loaded = lowered;
    const { iptables, nft } = this.#after(plan, desired, actual);
    const freed = await this.#door.apply(plan.filter(isRelease));
    const wanted = this.#setsOf(desired);
    this.#counters.after(lost, {
      backEnd: this.#backEnd,
      rulesets: lowered,
      tables: this.#backEnd === 'nftables' ? nftTables : (this.#tables?.value ?? []),
      sets: desired.state.sets,
    });
    if (freed.ok) {
      this.#keep(lowered, desired, { iptables, sets: wanted });
      return ok({ iptables, nft, sets: wanted, ...routed.value });
    }
    // The kernel frees replaced rules a moment later, and until then holds on to their sets. Nothing asks for
    // these sets any more, so the policy is in force; the next round tries again.
    const sets = await this.#door.sets.read();
    if (!sets.ok) return sets;
    const { create, replace, change } = planSets(wanted, sets.value);
    if (create.length + replace.length + change.length > 0) return freed;
    return ok({ iptables, nft, sets: sets.value, ...routed.value });
  }

  #keep(
    lowered: Rendered['lowered'],
    desired: Desired,
    { iptables, sets }: Pick<Actual, 'iptables'> & Pick<Rendered, 'sets'>,
  ): void {
    const done = this.#sets?.of === desired && this.#tables?.of === desired;
    const plan = { sets, tables: this.#tables?.value ?? [], aside: this.#aside };
    const nothing = { setPlan: { create: [], replace: [], change: [], destroy: [] }, tablePlans: [] };
    const states = desired.state.sets;
    this.#planned = done ? { iptables, sets, lowered, states, plan: { ...plan, ...nothing } } : undefined;
  }

  /** What is known of the rules when all of the plan is done. */
  #after(plan: Plan, desired: Desired, actual: Actual): Pick<Actual, 'iptables' | 'nft'> {
    const own = variantOf(this.#backEnd);
    if (own === undefined)
      return {
        iptables: new Map(),
        nft: new Map(this.#render(desired).nft.map(table => [table.family, table])),
      };
    const isWhole = actual.iptables.size === 1 && actual.iptables.has(own) && actual.nft.size === 0;
    if (isWhole && !plan.some(op => op.kind === 'iptables'))
      return { iptables: actual.iptables, nft: actual.nft };
    const before = actual.iptables.get(own);
    const tables = { 4: new Map(before?.[4]), 6: new Map(before?.[6]) };
    for (const op of plan)
      if (op.kind === 'iptables' && op.farewell === undefined)
        tables[op.family].set(
          op.table,
          afterTablePlan(op.plan, savedTable(actual, own, op.family, op.table)),
        );
    return { iptables: new Map([[own, tables]]), nft: new Map() };
  }

  /** Whether the back end that takes over holds everything, by its own word. */
  async #verify(desired: Desired): Promise<DriverFault | undefined> {
    const read = await this.#readAll();
    if (!read.ok) return read.fault;
    const missing = this.plan(desired, read.value).find(
      op => op.kind !== 'route' && !isFarewell(op) && !isRelease(op),
    );
    return missing === undefined
      ? undefined
      : { code: 'lost', op: missing, message: `${this.#backEnd} does not hold yet what was written to it` };
  }

  #render(desired: Desired): Rendered {
    const known = this.#rendered;
    // Of a pod that was prepared the routes alone are new.
    const same = known?.of.rulesets === desired.rulesets && known.of.state === desired.state;
    if (same && known.by === this.#backEnd) return known.value;
    const value = render(desired, this.#backEnd);
    this.#rendered = { of: desired, by: this.#backEnd, value };
    return value;
  }

  /** The same for a plan and for its application. */
  #planRoutes(desired: Desired, { routes }: Pick<Actual, 'routes'>): RoutePlan {
    const known = this.#routePlan;
    if (known?.of === desired && known.there === routes) return known.value;
    const value = planRoutes(desired.routes, routes, ROUTE_PROTOCOL_MUSLIN, desired.aloneOn);
    this.#routePlan = { of: desired, there: routes, value };
    return value;
  }

  async #applyRoutes(
    plan: Plan,
    desired: Desired,
    actual: Actual,
  ): Promise<Result<Pick<Actual, 'routes' | 'unrouted'>, DriverFault>> {
    const { conflicts, remove } = this.#planRoutes(desired, actual);
    const unrouted = new Map(conflicts.map(({ wanted, message }) => [placeOf(wanted), message]));
    const ops = plan.filter(op => op.kind === 'route');
    if (ops.length === 0) return ok({ routes: actual.routes, unrouted });
    const applied = await this.#door.routes.apply(ops);
    if (applied.ok) {
      const blocked = new Set(conflicts.map(({ wanted }) => wanted));
      const others = actual.routes.filter(
        route => route.protocol !== ROUTE_PROTOCOL_MUSLIN && !remove.includes(route),
      );
      return ok({ routes: [...others, ...desired.routes.filter(route => !blocked.has(route))], unrouted });
    }
    for (const { op, fault } of applied.fault.refused) unrouted.set(placeOf(op.route), fault.message);
    const routes = await this.#door.routes.read();
    return routes.ok ? ok({ routes: routes.value, unrouted }) : routes;
  }

  close(): Promise<void> {
    return this.#door.close();
  }
}

/** Takes away the rules of a back end that was left. */
function isFarewell(op: Op): boolean {
  return 'farewell' in op && op.farewell === true;
}

/** Takes away sets and members that no rule asks for any more. */
function isRelease(op: Op): boolean {
  return op.kind === 'ipset' && op.phase === 'after-rules';
}

function placeOf({ interfaceName, destination }: Route): string {
  return interfaceName ?? formatPrefix(destination);
}
