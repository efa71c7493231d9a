import type { Output } from '@muslin/bgp';
import { planRoutes, ROUTE_PROTOCOL_BGP, type Route, TABLE_MAIN } from '@muslin/dataplane';
import type { RouteDriver } from '@muslin/linux';
import { formatPrefix } from '@muslin/net';

type BestChanged = Output & { readonly kind: 'bestChanged' };

/** What keeping the kernel's table takes. */
export interface FibOptions {
  readonly driver: RouteDriver;
  readonly metrics: () => Readonly<Record<4 | 6, number>>;
  readonly log: (line: string) => void;
}

/**
 * Learned routes in the kernel, owned by route protocol `bgp`. Changes are applied at the end of the turn of the
 * loop in which they came. Routes that an earlier life left stay until `settle`: a restart must not cut traffic
 * that still has a way.
 */
export class Fib {
  readonly #options: FibOptions;
  readonly #desired = new Map<string, Route>();
  readonly #refused = new Map<string, string>();
  #settled = false;
  #scheduled = false;
  #work: Promise<void> = Promise.resolve();

  constructor(options: FibOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#desired.size;
  }

  /** Routes that the kernel refused, with its reason. */
  get refused(): ReadonlyMap<string, string> {
    return this.#refused;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Takes a change of the best way to a prefix. */
  change(change: BestChanged): void {
    const key = formatPrefix(change.prefix);
    const route = this.#routeOf(change);
    if (route === undefined) this.#desired.delete(key);
    else this.#desired.set(key, route);
    this.#refused.delete(key);
    this.sync();
  }

  /** Everything is known that peers had to say: what nobody confirmed may go. */
  settle(): void {
    this.#settled = true;
    this.sync();
  }

  /** Compares with the kernel and puts right what differs. */
  sync(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#work = this.#work.then(() => this.#apply());
    });
  }

  async #apply(): Promise<void> {
    const { driver, log } = this.#options;
    const actual = await driver.read();
    if (!actual.ok) {
      log(`can't read the kernel's routes: ${actual.fault.message}`);
      return;
    }
    const plan = planRoutes(this.#desired.values(), actual.value, ROUTE_PROTOCOL_BGP);
    const remove = this.#settled ? plan.remove : [];
    for (const conflict of plan.conflicts)
      this.#complain(formatPrefix(conflict.wanted.destination), conflict.message);
    const steps = [
      ...remove.map(route => ({ kind: 'route', action: 'remove', route }) as const),
      ...plan.replace.map(route => ({ kind: 'route', action: 'replace', route }) as const),
      ...plan.add.map(route => ({ kind: 'route', action: 'add', route }) as const),
    ];
    if (steps.length === 0) return;
    const done = await driver.apply(steps);
    if (done.ok) return;
    for (const { op, fault } of done.fault.refused)
      this.#complain(formatPrefix(op.route.destination), fault.message);
  }

  #complain(prefix: string, message: string): void {
    if (this.#refused.get(prefix) === message) return;
    this.#refused.set(prefix, message);
    this.#options.log(`the kernel does not take the route to ${prefix}: ${message}`);
  }

  #routeOf({ prefix, source, nextHops }: BestChanged): Route | undefined {
    if (source === 'own' || source === 'none') return undefined;
    const hops = nextHops.map(hop => {
      const gateway = hop.linkLocal ?? hop.ip;
      return {
        gateway,
        ...(hop.weight === 1 ? {} : { weight: Math.min(256, Math.max(1, Math.round(hop.weight))) }),
      };
    });
    const [first] = hops;
    if (first === undefined) return undefined;
    return {
      destination: prefix,
      kind: 'unicast',
      ...(hops.length === 1 ? { gateway: first.gateway } : { nextHops: hops }),
      scope: 'universe',
      protocol: ROUTE_PROTOCOL_BGP,
      metric: this.#options.metrics()[prefix.ip.family],
      table: TABLE_MAIN,
    };
  }
}
