import { mustIp } from '@muslin/net';
import { describe, expect, it } from 'vitest';
import {
  compile,
  desiredSets,
  emptyTable,
  IPTABLES_LIMITS,
  ipsetOf,
  lower,
  type NodeConfig,
  planOf,
  planRoutes,
  planSets,
  planTable,
  renderTables,
  ROUTE_PROTOCOL_MUSLIN,
  workloadRoute,
} from '../src/index.ts';
import { configOf } from './world.ts';

const nothing = { endpoints: new Map(), policies: new Map(), sets: new Map() };

describe('planOf', () => {
  const config: NodeConfig = configOf(4);
  const rules = lower(compile(nothing, config), IPTABLES_LIMITS);
  const old = ipsetOf('gone', { kind: 'net', members: new Set() }, 4);
  const sets = planSets(desiredSets(nothing.sets, rules), new Map([[old.name, old]]));
  const tables = renderTables(rules).map(table => planTable(table, emptyTable(table.table)));
  const routes = planRoutes(
    [workloadRoute(mustIp('10.0.0.1'), 'msl1')],
    [workloadRoute(mustIp('10.0.0.2'), 'msl2')],
    ROUTE_PROTOCOL_MUSLIN,
  );

  it('puts sets before the rules that need them, routes behind the rules, and removals last', () => {
    const steps = planOf({ sets, tables, routes }).map(op =>
      'phase' in op ? op.phase : 'table' in op ? op.table : 'action' in op ? op.action : op.kind,
    );
    expect(steps).toEqual(['before-rules', 'raw', 'filter', 'nat', 'remove', 'add', 'after-rules']);
  });
  it('is empty when nothing is to do', () => {
    expect(planOf({})).toEqual([]);
    expect(
      planOf({ sets: planSets(new Map(), new Map()), tables: [], routes: planRoutes([], [], 1) }),
    ).toEqual([]);
  });
});
