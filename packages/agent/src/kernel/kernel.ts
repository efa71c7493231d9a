import {
  type ActualSet,
  afterTablePlan,
  emptyTable,
  isOwnSet,
  type Op,
  parseSave,
  type Plan,
  planOf,
  planRoutes,
  planSets,
  planTable,
  ROUTE_PROTOCOL_MUSLIN,
  type Route,
  type SavedTable,
  TABLE_MAIN,
  type TableName,
} from '@muslin/dataplane';
import type { Backend, IpsetDriver, IptablesDriver, RouteDriver } from '@muslin/linux';
import { fail, type Family, ok, type Result } from '@muslin/net';
import type { Desired } from '../core/agent-core.ts';
import { fromKernelRoute, toRouteOp } from './route-form.ts';
import { setOpsAfterRules, setOpsBeforeRules } from './set-ops.ts';

/** Tables that we write to. */
const TABLES: readonly TableName[] = ['filter', 'nat'];

/** What the kernel holds of ours, as read or as known from our own writes. */
export interface Actual {
  /** By family and table. */
  readonly tables: ReadonlyMap<string, SavedTable>;
  readonly sets: ReadonlyMap<string, ActualSet>;
  readonly routes: readonly Route[];
}

/** A step that the kernel or a tool refused. */
export interface KernelFault {
  readonly op: Op | undefined;
  readonly message: string;
}

/** The drivers of one node. */
export interface KernelDoors {
  readonly backend: Backend;
  readonly iptables: ReadonlyMap<Family, IptablesDriver>;
  readonly ipset: IpsetDriver;
  readonly routes: RouteDriver;
}

const tableKey = (family: Family, table: TableName) => `${family} ${table}`;

/** Reads back and applies. It remembers nothing: what is known is handed in and out as a value. */
export class Kernel {
  readonly doors: KernelDoors;

  constructor(doors: KernelDoors) {
    this.doors = doors;
  }

  /** Reads everything of ours. */
  async read(): Promise<Result<Actual, KernelFault>> {
    const tables = new Map<string, SavedTable>();
    for (const [family, driver] of this.doors.iptables)
      for (const table of TABLES) {
        const saved = await driver.read(table);
        if (!saved.ok) return fail({ op: undefined, message: saved.fault.message });
        tables.set(tableKey(family, table), parseSave(saved.value).get(table) ?? emptyTable(table));
      }
    const sets = await this.doors.ipset.read('msl');
    if (!sets.ok) return fail({ op: undefined, message: sets.fault.message });
    const routes: Route[] = [];
    for (const family of this.doors.iptables.keys()) {
      const listed = this.doors.routes.read({ family, protocol: ROUTE_PROTOCOL_MUSLIN, table: TABLE_MAIN });
      if (!listed.ok) return fail({ op: undefined, message: listed.fault.message });
      routes.push(...listed.value.flatMap(route => fromKernelRoute(route) ?? []));
    }
    const own = new Map([...sets.value].filter(([name]) => isOwnSet(name)));
    return ok({ tables, sets: own, routes });
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
   * Performs the steps in order and stops at the first that is refused. Both families' rules go at the same time:
   * they don't know each other. Gives what the kernel holds afterwards.
   */
  async apply(plan: Plan, desired: Desired, actual: Actual): Promise<Result<Actual, KernelFault>> {
    const tables = new Map(actual.tables);
    const kept = new Map<string, ActualSet>();
    for (let i = 0; i < plan.length; ) {
      const op = plan[i] as Op;
      if (op.kind !== 'iptables') {
        const done = await this.#perform(op);
        if (!done.ok) return done;
        for (const name of done.value) kept.set(name, actual.sets.get(name) as ActualSet);
        i++;
        continue;
      }
      const batch = plan.slice(i).filter(next => next.kind === 'iptables');
      const all = await Promise.all(
        [...this.doors.iptables.keys()].map(family => this.#restore(family, batch)),
      );
      const refused = all.find(done => !done.ok);
      if (refused !== undefined && !refused.ok) return refused;
      for (const { family, table, plan: change } of batch)
        tables.set(
          tableKey(family, table),
          afterTablePlan(change, tables.get(tableKey(family, table)) ?? emptyTable(table)),
        );
      i += batch.length;
    }
    return ok({ tables, sets: new Map([...desired.sets, ...kept]), routes: desired.routes });
  }

  async #restore(family: Family, ops: readonly Op[]): Promise<Result<void, KernelFault>> {
    const mine = ops.flatMap(op => (op.kind === 'iptables' && op.family === family ? [op] : []));
    if (mine.length === 0) return ok(undefined);
    const done = await this.doors.iptables.get(family)?.restore(mine.map(op => op.input).join(''));
    return done === undefined || done.ok ? ok(undefined) : fail({ op: mine[0], message: done.fault.message });
  }

  /** Gives the names of sets that the kernel would not let go yet: the rules that used them are still being freed. */
  async #perform(op: Op): Promise<Result<readonly string[], KernelFault>> {
    if (op.kind === 'ipset') {
      const steps = op.phase === 'before-rules' ? setOpsBeforeRules(op.plan) : setOpsAfterRules(op.plan);
      const done = await this.doors.ipset.apply(steps);
      if (done.ok) return ok([]);
      const busy = done.fault.filter(refused => refused.op.op === 'destroy');
      const other = done.fault.find(refused => refused.op.op !== 'destroy');
      if (other !== undefined) return fail({ op, message: other.fault.message });
      return ok(busy.flatMap(refused => (refused.op.op === 'destroy' ? [refused.op.name] : [])));
    }
    if (op.kind === 'route') {
      const done = this.doors.routes.apply([toRouteOp(op.action, op.route)]);
      return done.ok ? ok([]) : fail({ op, message: done.fault[0]?.fault.message ?? 'route failed' });
    }
    throw new Error(`no driver for ${op.kind}`);
  }

  async close(): Promise<void> {
    await Promise.all([...this.doors.iptables.values()].map(driver => driver.close()));
    this.doors.ipset.close();
    this.doors.routes.close();
  }
}
