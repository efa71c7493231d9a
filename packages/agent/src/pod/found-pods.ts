import type { Endpoint, EndpointKey } from '@muslin/api';
import { workloadInterfaceName } from '@muslin/dataplane';
import {
  changeLinkRequest,
  type KernelRoute,
  type Link,
  listLinks,
  listRoutes,
  type NetlinkSocket,
  ROUTE_TABLE,
} from '@muslin/linux';
import { type Family, formatIp, type Ip, prefixHas, sameIp, widthOf } from '@muslin/net';
import type { AgentCore } from '../core/agent-core.ts';
import type { FelixSettings } from '../felix-settings.ts';
import { barStrangers } from './stranger-table.ts';

/** What it takes to govern pods that nobody told us of. */
export interface FoundPodsOptions {
  readonly node: string;
  readonly core: AgentCore;
  readonly families: readonly Family[];
  readonly netlink: NetlinkSocket;
  /** No prefixes: only pods of our plugin are governed. */
  readonly settings: () => Pick<FelixSettings, 'interfacePrefixes' | 'strangers'>;
  /** Rules should follow. */
  readonly onNews: () => void;
  readonly log: (line: string) => void;
}

/** Written on an interface that was given our name: it is another's, and never ours to delete. */
export const FOUND_ALIAS = 'muslin: found as ';

const GATHER_MS = 50;
/** The kernel tells nobody here of routes: pods that come are seen by the watch, the rest by looking. */
const LOOK_MS = 5_000;

/**
 * Policy over another CNI's interfaces without our plugin in its chain (Canal): a pod of this node that the API server
 * shows with an address, and whose address the node routes into a veth with a name of that CNI, gets that veth under the name
 * that rules know. What goes past the node's rules, such as ports of a bridge, is told, and not governed.
 */
export class FoundPods {
  readonly #options: FoundPodsOptions;
  /** By endpoint: the interface under our name. */
  readonly #found = new Map<EndpointKey, { readonly containerId: string; readonly hostInterface: string }>();
  #refused: ReadonlyMap<EndpointKey, string> = new Map();
  #timer: NodeJS.Timeout | undefined;
  #often: NodeJS.Timeout | undefined;
  /** Prefixes that are barred, as far as this agent knows. */
  #barred = '';
  #barring = false;

  constructor(options: FoundPodsOptions) {
    this.#options = options;
  }

  /** Begins with a look: whoever was governed before a restart is so from the first round of rules on. */
  start(): void {
    this.#look();
    this.#often = setInterval(() => this.#look(), LOOK_MS);
    this.#often.unref();
  }

  /** A pod or the settings may have changed. */
  poke(): void {
    if (this.#often !== undefined)
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#look();
      }, GATHER_MS);
  }

  /** For people: who is governed by which interface, and who is not, and why. */
  get status(): object {
    const found = [...this.#found].map(([key, { hostInterface }]) => [key, hostInterface] as const);
    return { governed: Object.fromEntries(found), ungoverned: Object.fromEntries(this.#refused) };
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#often);
    this.#often = undefined;
  }

  #look(): void {
    const { core, netlink, families, node, log, settings, onNews } = this.#options;
    const { interfacePrefixes: asked } = settings();
    if (asked.length === 0 && this.#found.size === 0 && this.#barred === '') return;
    // After this look: whom it finds has a name of ours.
    queueMicrotask(() => void this.#bar());
    const links = listLinks(netlink);
    const routes = families.map(family => listRoutes(netlink, { family, table: ROUTE_TABLE.main }));
    if (!links.ok || !routes.every(each => each.ok)) return;
    const seen = { links: links.value, routes: routes.flatMap(each => each.value) };
    const refused = new Map<EndpointKey, string>();
    const wanted = new Set<EndpointKey>();
    let news = false;
    for (const endpoint of asked.length === 0 ? [] : core.snapshot.endpoints.values()) {
      if (endpoint.node !== node || endpoint.hostNetwork || endpoint.ips.length === 0) continue;
      const locals = core.locals.get(endpoint.key) ?? [];
      const own = this.#found.get(endpoint.key);
      // Our plugin knows better.
      if (locals.some(({ containerId }) => containerId !== own?.containerId)) continue;
      const taken = this.#take(endpoint, seen, asked);
      if (typeof taken === 'string') refused.set(endpoint.key, taken);
      else {
        wanted.add(endpoint.key);
        news = this.#tell(endpoint, taken) || news;
      }
    }
    for (const [key, { containerId, hostInterface }] of this.#found) {
      if (wanted.has(key)) continue;
      this.#found.delete(key);
      core.tell({ type: 'not-local', key, containerId, hostInterface });
      news = true;
    }
    for (const [key, why] of refused)
      if (this.#refused.get(key) !== why) log(`${key.replace('pod/', 'pod ')} is not governed: ${why}`);
    this.#refused = refused;
    if (news) onNews();
  }

  /** Holds back those whom no look has found. */
  async #bar(): Promise<void> {
    const { settings, log } = this.#options;
    if (this.#barring) return;
    this.#barring = true;
    const { interfacePrefixes, strangers } = settings();
    const wanted = strangers === 'drop' ? interfacePrefixes : [];
    const done = await barStrangers(wanted);
    this.#barring = false;
    const text = wanted.join();
    if (!done.ok) log(done.fault.message);
    else if (this.#barred === text && done.value === 'changed')
      log('interfaces of unknown pods were let through by somebody: they are held back again');
    if (done.ok) this.#barred = text;
  }

  /** The pod's interface under our name; a text says why there is none. */
  #take(
    { ips, namespace, name }: Endpoint,
    seen: { readonly links: readonly Link[]; readonly routes: readonly KernelRoute[] },
    prefixes: readonly string[],
  ): Link | string {
    const hostInterface = workloadInterfaceName(namespace, name);
    const ways = ips.map(ip => linkTo(ip, seen));
    const link = ways.find(each => each !== undefined);
    if (link === undefined) return `the node has no route to ${ips.map(formatIp).join(', ')} by an interface`;
    if (link.name === hostInterface) return link;
    if (link.kind !== 'veth' || link.master !== undefined)
      return `${link.name} is a ${link.kind ?? 'device'}: pods behind it reach each other past the node's rules. Use a plugin that routes, such as ptp`;
    if (!prefixes.some(prefix => link.name.startsWith(prefix)))
      return `${link.name} begins with none of interfacePrefix (${prefixes.join(', ')})`;
    const { netlink } = this.#options;
    const change = { name: hostInterface, alias: `${FOUND_ALIAS}${link.name}` };
    const renamed = netlink.ask(changeLinkRequest(link.index, change));
    if (!renamed.ok)
      return `${link.name} can't be named ${hostInterface} (Linux 6.2 or later renames what is up): ${renamed.fault.message}`;
    return { ...link, name: hostInterface };
  }

  /** Whether it is news. */
  #tell({ key, uid, ips }: Endpoint, { index, name: hostInterface }: Link): boolean {
    const containerId = `found:${index}`;
    const { core } = this.#options;
    const known = core.locals.get(key)?.[0];
    const same = known?.containerId === containerId && known.uid === uid;
    if (same && known.ips.map(formatIp).join() === ips.map(formatIp).join()) return false;
    this.#found.set(key, { containerId, hostInterface });
    core.tell({
      type: 'local',
      endpoint: { key, containerId, uid, hostInterface, ips, routedBy: 'others', ports: [] },
    });
    return true;
  }
}

/** Where a packet for the address goes by the narrowest route, if that leads straight into an interface. */
function linkTo(
  ip: Ip,
  { links, routes }: { readonly links: readonly Link[]; readonly routes: readonly KernelRoute[] },
): Link | undefined {
  const [best] = routes
    .filter(({ destination }) => destination.ip.family === ip.family && prefixHas(destination, ip))
    .toSorted((a, b) => b.destination.length - a.destination.length);
  const hop = best?.hops[0];
  if (best === undefined || hop === undefined || hop.via !== undefined) return undefined;
  const link = links.find(({ index }) => index === hop.link);
  const own = best.destination.length === widthOf(ip.family) && sameIp(best.destination.ip, ip);
  // A range that leads into a bridge is that bridge's; one into a veth is somebody else's net.
  return own || link?.kind === 'bridge' ? link : undefined;
}
