import { formatPrefix } from '@muslin/net';
import { type Route, routeKey, sameRoute } from './route.ts';

/** A desired route that somebody else's route keeps out: same table, destination and metric. */
export interface RouteConflict {
  readonly wanted: Route;
  readonly holder: Route;
  readonly message: string;
}

/** The least that turns the kernel's routes of one owner into the desired ones. */
export interface RoutePlan {
  readonly add: readonly Route[];
  /** Ours, with other content; one message each (NLM_F_REPLACE), so that no packet falls between. */
  readonly replace: readonly Route[];
  readonly remove: readonly Route[];
  readonly conflicts: readonly RouteConflict[];
}

/**
 * Compares desired routes with the kernel's. Only routes with the owner's protocol number are replaced or
 * removed; where another owner's route stands, the desired one is reported and left out.
 *
 * @param alone interfaces by which others may have no routes: theirs are removed, too.
 */
export function planRoutes(
  desired: Iterable<Route>,
  actual: Iterable<Route>,
  owner: number,
  alone: ReadonlySet<string> = NOWHERE,
): RoutePlan {
  const there = new Map<string, Route>();
  for (const route of actual) {
    const key = routeKey(route);
    const other = there.get(key);
    if (other === undefined || route.protocol === owner) there.set(key, route);
  }
  const add: Route[] = [];
  const replace: Route[] = [];
  const conflicts: RouteConflict[] = [];
  const wanted = new Set<string>();
  for (const route of desired) {
    if (route.protocol !== owner)
      throw new Error(`route to ${formatPrefix(route.destination)} has another owner`);
    const key = routeKey(route);
    if (wanted.has(key)) continue;
    wanted.add(key);
    const holder = there.get(key);
    if (holder === undefined) add.push(route);
    else if (holder.protocol !== owner)
      conflicts.push({ wanted: route, holder, message: conflictText(route, holder) });
    else if (!sameRoute(route, holder)) replace.push(route);
  }
  const remove = [...there]
    .filter(([key, route]) => route.protocol === owner && !wanted.has(key))
    .map(([, r]) => r)
    .concat([...there.values()].filter(route => isStranger(route, owner, alone)));
  return { add, replace, remove, conflicts };
}

const NOWHERE: ReadonlySet<string> = new Set();
/** RTPROT_KERNEL: on-link prefixes and the like. */
const PROTOCOL_KERNEL = 2;

/** A route by one of the interfaces that neither the owner nor the kernel by itself made. */
function isStranger(route: Route, owner: number, alone: ReadonlySet<string>): boolean {
  const { protocol, interfaceName = '', kind } = route;
  return kind === 'unicast' && protocol !== owner && protocol !== PROTOCOL_KERNEL && alone.has(interfaceName);
}

function conflictText(wanted: Route, holder: Route): string {
  const where = `table ${wanted.table}, metric ${wanted.metric}`;
  return `${formatPrefix(wanted.destination)} (${where}) is held by a route of protocol ${holder.protocol}; remove that route or change its metric`;
}

/** Whether there is nothing to do. */
export function isEmptyRoutePlan(plan: RoutePlan): boolean {
  return plan.add.length === 0 && plan.replace.length === 0 && plan.remove.length === 0;
}
