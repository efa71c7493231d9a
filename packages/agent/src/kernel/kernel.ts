import {
  type ActualSet,
  afterTablePlan,
  COMPILED_TABLES,
  type DriverFault,
  emptyTable,
  type Op,
  type Plan,
  parseSave,
  planOf,
  planRoutes,
  planSets,
  planTable,
  ROUTE_PROTOCOL_MUSLIN,
  type Route,
  type SavedTable,
  type TableName,
} from '@muslin/dataplane';
import type { KernelDoor } from '@muslin/linux';
import { type Family, fail, formatPrefix, ok, type Result } from '@muslin/net';
import type { Desired } from '../core/agent-core.ts';

/** What the kernel holds, as read or as known from our own writes. */
export interface Actual {
  /** By family and table. */
  readonly tables: ReadonlyMap<string, SavedTable>;
  readonly sets: ReadonlyMap<string, ActualSet>;
  /** Everybody's routes of the main table: a plan must see whose place it would take. */
  readonly routes: readonly Route[];
  /** Wanted routes that could not be set, by interface (of a blackhole: by prefix), and why. */
  readonly unrouted: ReadonlyMap<string, string>;
}

const tableKey = (family: Family, table: TableName) => `${family} ${table}`;

/** Reads back, plans and applies. It remembers nothing: what is known is handed in and out as a value. */
export class Kernel {
  readonly #door: KernelDoor;
  readonly #families: readonly Family[];

  constructor(door: KernelDoor, families: readonly Family[]) {
    this.#door = door;
    this.#families = families;
  }

  /** Reads everything of ours. */
  async read(): Promise<Result<Actual, DriverFault>> {
    const tables = new Map<string, SavedTable>();
    const saves = this.#families.flatMap(family => COMPILED_TABLES.map(table => ({ family, table })));
    const texts = await Promise.all(saves.map(({ family, table }) => this.#door.tables[family].read(table)));
    for (const [i, { family, table }] of saves.entries()) {
      const text = texts[i];
      if (text === undefined || !text.ok)
        return fail({ code: 'lost', message: text?.fault.message ?? 'nothing read' });
      tables.set(tableKey(family, table), parseSave(text.value).get(table) ?? emptyTable(table));
    }
    const sets = await this.#door.sets.read();
    if (!sets.ok) return sets;
    const routes = await this.#door.routes.read();
    if (!routes.ok) return routes;
    return ok({ tables, sets: sets.value, routes: routes.value, unrouted: new Map() });
  }

  /** The steps from what is there to what is wanted. */
  plan(desired: Desired, actual: Actual): Plan {
    return planOf({
      sets: planSets(desired.sets, actual.sets),
      tables: desired.tables.map(table =>
        planTable(table, actual.tables.get(tableKey(table.family, table.table)) ?? emptyTable(table.table)),
      ),
      routes: planRoutes(desired.routes, actual.routes, ROUTE_PROTOCOL_MUSLIN),
    });
  }

  /**
   * Performs the steps in order and stops at the first that is refused, except for routes: one pod whose interface
   * was taken away must not keep policy from the others. Gives what the kernel holds afterwards.
   */
  async apply(plan: Plan, desired: Desired, actual: Actual): Promise<Result<Actual, DriverFault>> {
    const applied = await this.#door.apply(plan.filter(op => op.kind !== 'route' && !isFarewell(op)));
    if (!applied.ok) return applied;
    const tables = new Map(actual.tables);
    for (const op of plan)
      if (op.kind === 'iptables') {
        const key = tableKey(op.family, op.table);
        tables.set(key, afterTablePlan(op.plan, tables.get(key) ?? emptyTable(op.table)));
      }
    const routed = await this.#applyRoutes(plan, desired, actual);
    if (!routed.ok) return routed;
    const freed = await this.#door.apply(plan.filter(isFarewell));
    if (freed.ok) return ok({ tables, sets: desired.sets, ...routed.value });
    // The kernel frees replaced rules a moment later, and until then holds on to their sets. Nothing asks for
    // these sets any more, so the policy is in force; the next round tries again.
    const sets = await this.#door.sets.read();
    if (!sets.ok) return sets;
    const { create, replace, change } = planSets(desired.sets, sets.value);
    if (create.length + replace.length + change.length > 0) return freed;
    return ok({ tables, sets: sets.value, ...routed.value });
  }

  async #applyRoutes(
    plan: Plan,
    desired: Desired,
    actual: Actual,
  ): Promise<Result<Pick<Actual, 'routes' | 'unrouted'>, DriverFault>> {
    const { conflicts } = planRoutes(desired.routes, actual.routes, ROUTE_PROTOCOL_MUSLIN);
    const unrouted = new Map(conflicts.map(({ wanted, message }) => [placeOf(wanted), message]));
    const ops = plan.filter(op => op.kind === 'route');
    if (ops.length === 0) return ok({ routes: actual.routes, unrouted });
    const applied = await this.#door.routes.apply(ops);
    if (applied.ok) {
      const blocked = new Set(conflicts.map(({ wanted }) => wanted));
      const others = actual.routes.filter(route => route.protocol !== ROUTE_PROTOCOL_MUSLIN);
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

function isFarewell(op: Op): boolean {
  return op.kind === 'ipset' && op.phase === 'after-rules';
}

function placeOf({ interfaceName, destination }: Route): string {
  return interfaceName ?? formatPrefix(destination);
}
