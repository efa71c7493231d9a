import { fail, ok, type Result } from '@muslin/net';
import type { NetlinkFault } from '../netlink/netlink-fault.ts';
import type { NetlinkRequest, NetlinkSocket } from '../netlink/netlink-socket.ts';
import { netlinkIn } from '../netns/namespace-sockets.ts';
import type { Namespace } from '../netns/namespace.ts';
import type { NextHop } from '../rtnetlink/route-attributes.ts';
import {
  deleteRouteRequest,
  type KernelRoute,
  listRoutes,
  replaceRouteRequest,
} from '../rtnetlink/routes.ts';
import type { SystemFault } from '../system-calls.ts';
import { LinkTable } from './link-table.ts';
import type { Hop, Route, RouteOp, RouteOwner } from './route.ts';

/** A route that names an interface which does not exist (yet): try again after a link event. */
export interface NoLinkFault {
  readonly code: 'no-link';
  readonly link: string;
  readonly message: string;
}

export type RouteFault = NetlinkFault | NoLinkFault;

/** A step that was refused; the others were tried all the same. */
export interface RefusedRoute {
  readonly op: RouteOp;
  readonly fault: RouteFault;
}

/** Reads and changes the routes of one namespace, and touches only routes of the protocol it is told. */
export class RouteDriver implements Disposable {
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

  /** The owner's routes. A hop whose link is gone meanwhile keeps the name `#index`, which is equal to none. */
  read(owner: RouteOwner): Result<Route[], NetlinkFault> {
    const listed = listRoutes(this.#socket, owner);
    if (!listed.ok) return listed;
    const routes: Route[] = [];
    for (const route of listed.value) {
      const named = this.#named(route);
      if (!named.ok) return named;
      routes.push(named.value);
    }
    return ok(routes);
  }

  /** Applies the steps in order, about 1 µs each; a fault lists those that were refused. */
  apply(ops: readonly RouteOp[]): Result<void, readonly RefusedRoute[]> {
    const refused = this.#try(ops);
    // An interface that was re-created under its old name has a new index: look again, once.
    const stale = refused.filter(({ fault }) => fault.code === 'ENODEV').map(({ op }) => op);
    if (stale.length === 0) return refused.length === 0 ? ok(undefined) : fail(refused);
    this.links.forget();
    const again = [...refused.filter(({ fault }) => fault.code !== 'ENODEV'), ...this.#try(stale)];
    return again.length === 0 ? ok(undefined) : fail(again);
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #try(ops: readonly RouteOp[]): RefusedRoute[] {
    const refused: RefusedRoute[] = [];
    const requests: NetlinkRequest[] = [];
    const owners: RouteOp[] = [];
    for (const op of ops) {
      const request = this.#request(op);
      if (request.ok) {
        requests.push(request.value);
        owners.push(op);
      } else refused.push({ op, fault: request.fault });
    }
    this.#socket.askAll(requests).forEach((fault, i) => {
      const op = owners[i] as RouteOp;
      const gone = op.op === 'remove' && fault?.code === 'ESRCH';
      if (fault !== undefined && !gone) refused.push({ op, fault });
    });
    return refused;
  }

  #request(op: RouteOp): Result<NetlinkRequest, RouteFault> {
    if (op.op === 'remove') return ok(deleteRouteRequest(op.route));
    const hops: NextHop[] = [];
    for (const { link, ...hop } of op.route.hops) {
      const found = link === undefined ? ok(undefined) : this.links.byName(link);
      if (!found.ok) return found;
      if (link !== undefined && found.value === undefined)
        return fail({ code: 'no-link', link, message: `interface ${link} does not exist` });
      hops.push(found.value === undefined ? hop : { ...hop, link: found.value.index });
    }
    return ok(replaceRouteRequest({ ...op.route, hops }));
  }

  #named(route: KernelRoute): Result<Route, NetlinkFault> {
    const hops: Hop[] = [];
    for (const { link, ...hop } of route.hops) {
      const found = link === undefined ? ok(undefined) : this.links.byIndex(link);
      if (!found.ok) return found;
      hops.push(link === undefined ? hop : { ...hop, link: found.value?.name ?? `#${link}` });
    }
    return ok({ ...route, hops });
  }
}
