import { type BestNextHop, isLinkLocal, type Output } from '@muslin/bgp';
import { planRoutes, ROUTE_PROTOCOL_BGP, type Route, type RoutePlan, TABLE_MAIN } from '@muslin/dataplane';
import type { RouteDriver, RouteOp } from '@muslin/linux';
import { formatIp, formatPrefix, hostPrefix, type Ip, type Prefix, prefixCovers } from '@muslin/net';

type BestChanged = Output & { readonly kind: 'bestChanged' };

/** What holds for all learned routes. */
export interface FibShape {
  /** Metric in the kernel, by family. */
  readonly metrics: Readonly<Record<4 | 6, number>>;
  /** Routes inside these are not for the kernel. */
  readonly keepOut: readonly Prefix[];
  /** Routes to peers that are reached by a gateway of their own; they count more than learned ones. */
  readonly ways: readonly { readonly to: Ip; readonly by: Ip }[];
  /** The interface of a peer without numbers: its next hop means nothing elsewhere. */
  readonly interfaceOf: (peer: string) => string | undefined;
  /** Whether a route of an earlier life may still be told again, although all peers with a name are back. */
  readonly awaited: (route: Route) => boolean;
}

/** What keeping the kernel's table takes. */
export interface FibOptions {
  readonly driver: Pick<RouteDriver, 'read' | 'apply'>;
  readonly shape: () => FibShape;
  readonly log: (line: string) => void;
  /** The kernel has what was known at this instant, on the clock of `performance.now`. */
  readonly onSynced?: (from: number) => void;
}

/**
 * Learned routes in the kernel, owned by route protocol `bgp`. Changes are applied at the end of the turn of the
 * loop in which they came. Routes that an earlier life left stay until `settle`: a restart must not cut traffic
 * that still has a way.
 */
export class Fib {
  readonly #options: FibOptions;
  readonly #best = new Map<string, BestChanged>();
  /** Prefixes of an earlier life of which nothing was heard in this one. */
  readonly #inherited = new Set<string>();
  #refused: ReadonlyMap<string, string> = new Map();
  #settled = false;
  #frozen = false;
  #dirty = false;
  #working = false;

  constructor(options: FibOptions) {
    this.#options = options;
  }

  /** How many prefixes have been learned. */
  get size(): number {
    return this.#best.size;
  }

  /** Routes that the kernel did not take at the last try, by prefix, with its reason. */
  get refused(): ReadonlyMap<string, string> {
    return this.#refused;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** An earlier life left these in the kernel. */
  inherit(routes: readonly Route[]): void {
    for (const { destination } of routes) this.#inherited.add(formatPrefix(destination));
  }

  /** Takes a change of the best way to a prefix. */
  change(change: BestChanged): void {
    const key = formatPrefix(change.prefix);
    this.#inherited.delete(key);
    const learned = change.source !== 'own' && change.source !== 'none' && change.nextHops.length > 0;
    if (learned) this.#best.set(key, change);
    else this.#best.delete(key);
    this.sync();
  }

  /** Everything is known that peers had to say: what nobody confirmed may go. */
  settle(): void {
    this.#settled = true;
    this.sync();
  }

  /** From now on the kernel's table stays as it is: the program ends, or is out of the network; forwarding goes on. */
  freeze(): void {
    this.#frozen = true;
  }

  /** Keeps the table again. What is in it now is of an earlier life: it stays until `settle`. */
  thaw(): void {
    this.#frozen = false;
    this.#settled = false;
    this.sync();
  }

  /** Compares with the kernel and puts right what differs. */
  sync(): void {
    this.#dirty = true;
    if (this.#working) return;
    this.#working = true;
    setImmediate(() => void this.#work());
  }

  /** Changes that come while the kernel works are one more round. */
  async #work(): Promise<void> {
    while (this.#dirty && !this.#frozen) {
      this.#dirty = false;
      await this.#apply();
    }
    this.#working = false;
  }

  async #apply(): Promise<void> {
    const { driver, log, onSynced } = this.#options;
    const from = performance.now();
    const actual = await driver.read();
    if (this.#frozen) return;
    if (!actual.ok) {
      log(`can't read the kernel's routes: ${actual.fault.message}`);
      return;
    }
    const plan = planRoutes(this.#routes(), actual.value, ROUTE_PROTOCOL_BGP);
    const refused = new Map(
      plan.conflicts.map(({ wanted, message }) => [formatPrefix(wanted.destination), message]),
    );
    const lost = this.#settled ? this.#lost(plan.remove) : [];
    const steps = stepsOf(plan, lost);
    const done = steps.length === 0 ? undefined : await driver.apply(steps);
    if (done?.ok === false)
      for (const { op, fault } of done.fault.refused)
        refused.set(formatPrefix(op.route.destination), fault.message);
    for (const [prefix, message] of refused)
      if (this.#refused.get(prefix) !== message)
        log(`the kernel does not take the route to ${prefix}: ${message}`);
    this.#refused = refused;
    onSynced?.(from);
  }

  /** What was told in this life and is gone is gone, whoever may still come. */
  #lost(routes: readonly Route[]): readonly Route[] {
    const { awaited } = this.#options.shape();
    const kept = (route: Route) => this.#inherited.has(formatPrefix(route.destination)) && awaited(route);
    return this.#inherited.size === 0 ? routes : routes.filter(route => !kept(route));
  }

  #routes(): readonly Route[] {
    const shape = this.#options.shape();
    const ways = new Map(
      shape.ways.map(({ to, by }) => {
        const prefix = hostPrefix(to);
        return [formatPrefix(prefix), routeOf(prefix, [{ ip: by, peer: formatIp(to), weight: 1 }], shape)];
      }),
    );
    const learned = [...this.#best]
      .filter(([key]) => !ways.has(key))
      .map(([, change]) => change)
      .filter(({ prefix }) => !shape.keepOut.some(cidr => prefixCovers(cidr, prefix)))
      .map(({ prefix, nextHops }) => routeOf(prefix, nextHops, shape));
    return [...ways.values(), ...learned];
  }
}

/** Additions first: a route that moves to another metric has no moment without a way. No removals before `settle`. */
function stepsOf(plan: RoutePlan, lost: readonly Route[]): readonly RouteOp[] {
  const step = (action: RouteOp['action']) => (route: Route) => ({ kind: 'route', action, route }) as const;
  return [...plan.replace.map(step('replace')), ...plan.add.map(step('add')), ...lost.map(step('remove'))];
}

function routeOf(destination: Prefix, nextHops: readonly BestNextHop[], shape: FibShape): Route {
  const hops = nextHops.map(hop => ({
    gateway: hop.linkLocal ?? hop.ip,
    ...linkOf(hop, shape),
    ...(hop.weight === 1 ? {} : { weight: Math.min(256, Math.max(1, Math.round(hop.weight))) }),
  }));
  const [{ weight: _, ...only } = {} as (typeof hops)[number] & { readonly weight?: number }] = hops;
  return {
    destination,
    kind: 'unicast',
    ...(hops.length === 1 ? only : { nextHops: hops }),
    scope: 'universe',
    protocol: ROUTE_PROTOCOL_BGP,
    metric: shape.metrics[destination.ip.family],
    table: TABLE_MAIN,
  };
}

function linkOf(hop: BestNextHop, shape: FibShape): { readonly interfaceName?: string } {
  const gateway = hop.linkLocal ?? hop.ip;
  const interfaceName = isLinkLocal(gateway) ? shape.interfaceOf(hop.peer) : undefined;
  return interfaceName === undefined ? {} : { interfaceName };
}
