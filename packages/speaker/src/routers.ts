import { isLinkLocal } from '@muslin/bgp';
import {
  findLink,
  listNeighbours,
  type Neighbour,
  type NetlinkSocket,
  type Watch,
  watchKernel,
} from '@muslin/linux';
import { type Ip6, sameIp } from '@muslin/net';
import { advertiseRouter } from './router-advertisements.ts';

/** What looking for routers takes. */
export interface RoutersOptions {
  readonly netlink: NetlinkSocket;
  /** A router was heard on an interface, or another one than before. */
  readonly onRouter: (interfaceName: string, ip: Ip6) => void;
  readonly log: (line: string) => void;
}

/** Soon after the start the other end is probably listening for it (RFC 4861 §6.2.4); later it may start anew. */
const FIRST_PAUSES_MS = [300, 1000, 3000] as const;
const PAUSE_MS = 10_000;

/**
 * Finds the router at the other end of interfaces without numbers, by its router advertisements, and makes this node
 * heard there by its own. The kernel keeps who advertised: neighbours that are marked as routers (RFC 4861 §7.3).
 */
export class Routers {
  readonly #options: RoutersOptions;
  readonly #links = new Set<string>();
  readonly #found = new Map<string, Ip6>();
  readonly #complaints = new Set<string>();
  #watch: Watch | undefined;
  #timer: NodeJS.Timeout | undefined;
  #turn = 0;

  constructor(options: RoutersOptions) {
    this.#options = options;
  }

  /** Looks on these interfaces and no others. */
  follow(interfaces: readonly string[]): void {
    const fresh = interfaces.filter(name => !this.#links.has(name));
    for (const name of this.#links)
      if (!interfaces.includes(name)) {
        this.#links.delete(name);
        this.#found.delete(name);
      }
    if (fresh.length === 0) {
      if (this.#links.size === 0) this.stop();
      return;
    }
    for (const name of fresh) this.#links.add(name);
    this.#turn = 0;
    this.#listen();
    clearTimeout(this.#timer);
    this.#tick();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#watch?.stop();
    this.#watch = undefined;
  }

  #listen(): void {
    if (this.#watch !== undefined) return;
    const watch = watchKernel(['neighbour', 'link'], () => this.#look());
    if (watch.ok) this.#watch = watch.value;
    else this.#complain(`can't watch neighbours: ${watch.fault.message}`);
  }

  #tick(): void {
    for (const name of this.#links) this.#advertise(name);
    this.#look();
    const pause = FIRST_PAUSES_MS[this.#turn++] ?? PAUSE_MS;
    this.#timer = setTimeout(() => this.#tick(), pause);
    this.#timer.unref();
  }

  #advertise(name: string): void {
    const link = findLink(this.#options.netlink, name);
    if (!link.ok || !link.value?.up) return;
    const sent = advertiseRouter(name, link.value.mac);
    if (!sent.ok) this.#complain(sent.fault.message);
  }

  #look(): void {
    const { netlink, onRouter } = this.#options;
    const neighbours = listNeighbours(netlink, 6);
    if (!neighbours.ok) return;
    for (const name of this.#links) {
      const link = findLink(netlink, name);
      if (!link.ok || link.value === undefined) continue;
      const router = routerOn(neighbours.value, link.value.index, this.#found.get(name));
      if (router === undefined) continue;
      const before = this.#found.get(name);
      if (before !== undefined && sameIp(before, router)) continue;
      this.#found.set(name, router);
      onRouter(name, router);
    }
  }

  #complain(message: string): void {
    if (this.#complaints.has(message)) return;
    this.#complaints.add(message);
    this.#options.log(message);
  }
}

/** The router of a link: the one that is known already, if it is still there; else any that advertised itself. */
export function routerOn(
  neighbours: readonly Neighbour[],
  link: number,
  before: Ip6 | undefined,
): Ip6 | undefined {
  const found = neighbours.flatMap(entry =>
    entry.kind === 'neighbour' && entry.link === link && entry.router && isLinkLocal(entry.ip)
      ? [entry.ip as Ip6]
      : [],
  );
  return found.find(ip => before !== undefined && sameIp(ip, before)) ?? found[0];
}
