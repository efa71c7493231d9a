import { type Driver, type DriverFault, type Op, type Route, TABLE_MAIN } from '@muslin/dataplane';
import { type Family, fail, ok, type Result } from '@muslin/net';
import { driverFault, type RefusedStep, type StepsFault, stepsFault } from '../driver-fault.ts';
import type { NetlinkFault } from '../netlink/netlink-fault.ts';
import type { NetlinkRequest, NetlinkSocket } from '../netlink/netlink-socket.ts';
import type { Namespace } from '../netns/namespace.ts';
import { netlinkIn } from '../netns/namespace-sockets.ts';
import { addRouteRequest, deleteRouteRequest, listRoutes, replaceRouteRequest } from '../rtnetlink/routes.ts';
import type { SystemFault } from '../system-calls.ts';
import { LinkTable } from './link-table.ts';
import { fromKernelRoute, type NoLinkFault, toKernelRoute } from './route-codec.ts';

export type RouteOp = Op & { readonly kind: 'route' };
export type RouteFault = NetlinkFault | NoLinkFault;

/** Which routes to read; absent parts match all, except the table, which is main. */
export interface RouteReading {
  readonly family?: Family;
  readonly table?: number | 'all';
  readonly protocol?: number;
}

/** The routes of one network namespace. */
export class RouteDriver implements Driver<readonly Route[], RouteOp>, Disposable {
  readonly #socket: NetlinkSocket;
  /** Interface names; call `links.forget()` on link events. */
  readonly links: LinkTable;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
    this.links = new LinkTable(socket);
  }

  /** Opens the driver in a namespace (absent: the calling thread's). */
  static open(namespace?: Namespace): Result<RouteDriver, SystemFault> {
    const socket = netlinkIn(namespace);
    return socket.ok ? ok(new RouteDriver(socket.value)) : socket;
  }

  /** Routes as they are now. Without `protocol` also those of other owners, which a plan must not replace. */
  async read(reading: RouteReading = {}): Promise<Result<readonly Route[], DriverFault>> {
    const { family, table = TABLE_MAIN, protocol } = reading;
    const routes: Route[] = [];
    for (const each of family === undefined ? ([4, 6] as const) : [family]) {
      const listed = listRoutes(this.#socket, {
        family: each,
        ...(table === 'all' ? {} : { table }),
        ...(protocol === undefined ? {} : { protocol }),
      });
      if (!listed.ok) return fail(driverFault(listed.fault));
      for (const kernelRoute of listed.value) {
        const route = fromKernelRoute(kernelRoute, this.links);
        if (!route.ok) return fail(driverFault(route.fault));
        if (route.value !== undefined) routes.push(route.value);
      }
    }
    return ok(routes);
  }

  /**
   * Performs the steps in order, about 2 µs each, and tries them all: one route that can't be set keeps no other
   * out. Removing a route that is not there is no fault. The fault lists the refused steps; `no-link` ones are
   * worth another try after a link event.
   */
  async apply(ops: readonly RouteOp[]): Promise<Result<void, StepsFault<RouteOp, RouteFault>>> {
    const first = await this.#try(ops);
    // An interface that was made anew under its old name has a new index: look again, once.
    const stale = first.filter(({ fault }) => fault.code === 'ENODEV').map(({ op }) => op);
    if (stale.length > 0) this.links.forget();
    const again = stale.length > 0 ? await this.#try(stale) : [];
    const [refused, ...more] = [...first.filter(({ fault }) => fault.code !== 'ENODEV'), ...again];
    return refused === undefined ? ok(undefined) : fail(stepsFault([refused, ...more]));
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #try(ops: readonly RouteOp[]): Promise<RefusedStep<RouteOp, RouteFault>[]> {
    const refused: RefusedStep<RouteOp, RouteFault>[] = [];
    const requests: NetlinkRequest[] = [];
    const owners: RouteOp[] = [];
    for (const op of ops) {
      const request = this.#request(op);
      if (request.ok) {
        requests.push(request.value);
        owners.push(op);
      } else refused.push({ op, fault: request.fault });
    }
    (await this.#socket.askMany(requests)).forEach((fault, i) => {
      const op = owners[i] as RouteOp;
      const gone = op.action === 'remove' && fault?.code === 'ESRCH';
      if (fault !== undefined && !gone) refused.push({ op, fault });
    });
    return refused;
  }

  #request({ action, route }: RouteOp): Result<NetlinkRequest, RouteFault> {
    if (action === 'remove') {
      const { destination, kind, table, protocol, metric } = route;
      return ok(
        deleteRouteRequest({ destination, type: kind, table, protocol, ...(metric === 0 ? {} : { metric }) }),
      );
    }
    const made = toKernelRoute(route, this.links);
    if (!made.ok) return made;
    return ok(action === 'add' ? addRouteRequest(made.value) : replaceRouteRequest(made.value));
  }
}
