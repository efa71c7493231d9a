import type { Snapshot } from '@muslin/api';
import {
  choiceText,
  type NodePrefix,
  neededTunnels,
  type OnLink,
  type Overlay,
  overlayOf,
  planTunnels,
  type TunnelSettings,
} from '@muslin/dataplane';
import {
  listAddresses,
  listLinks,
  type KernelEvent,
  type NetlinkSocket,
  onLinkPrefix,
  TunnelDriver,
  watchKernel,
} from '@muslin/linux';
import { formatIp, ok, type Result, sameIp } from '@muslin/net';
import type { Logger } from 'pino';
import { chooseMtu, type MtuChoice, type SizedLink } from './mtu.ts';
import type { TunnelAddresses } from './tunnel-addresses.ts';
import { WireguardKeeper } from './wireguard-keeper.ts';

/** What keeping a node's tunnels takes. */
export interface TunnelKeeperOptions {
  readonly node: string;
  readonly netlink: NetlinkSocket;
  readonly snapshot: () => Snapshot;
  readonly prefixes: () => readonly NodePrefix[];
  readonly settings: () => TunnelSettings;
  /** Links as they are now; undefined when they can't be read. */
  readonly links: () => readonly SizedLink[] | undefined;
  /** FelixConfiguration `mtuIfacePattern`. */
  readonly mtuPattern?: () => RegExp | undefined;
  readonly wireguard: Pick<WireguardKeeper, 'look' | 'status'>;
  readonly addresses: Pick<TunnelAddresses, 'isDue' | 'settle'>;
  /** Called when the overlay may have changed, or a device was touched: routes go with devices. */
  readonly onOverlay: (overlay: Overlay, touched: boolean) => void;
  readonly refreshMs: number;
  readonly log: Logger;
}

/** Bursts of events are taken together. */
const GATHER_MS = 5;
const RETRY_MS = 2_000;

/**
 * Holds this node's tunnels to what the cluster asks for. What others do to the devices is undone as the kernel tells of it.
 * A death changes nothing: devices, entries and routes stay, and the next agent finds its own address on its Node.
 */
export class TunnelKeeper {
  readonly #options: TunnelKeeperOptions;
  readonly #driver: TunnelDriver;
  readonly #stops: (() => void)[] = [];
  #overlay: Overlay | undefined;
  #devices = new Set<number>();
  /** Nothing was wanted and nothing was there at the last look. */
  #bare = false;
  #links: readonly SizedLink[] | undefined;
  #linksMoved = true;
  /** Whether the kernel tells of links. */
  #watching = false;
  #mtu: MtuChoice | undefined;
  #faults: readonly string[] = [];
  #unaddressed: readonly string[] = [];
  #soon: NodeJS.Timeout | undefined;
  #settling = false;
  /** The VXLAN port that rules were told of. */
  #told: number | undefined;
  #started = false;

  private constructor(options: TunnelKeeperOptions, driver: TunnelDriver) {
    this.#options = options;
    this.#driver = driver;
  }

  static open(options: TunnelKeeperOptions): Result<TunnelKeeper, { readonly message: string }> {
    const driver = TunnelDriver.open();
    return driver.ok ? ok(new TunnelKeeper(options, driver.value)) : driver;
  }

  /** Before the first whole view of the cluster nothing is touched. Brings about at once what is known already. */
  start(): void {
    this.#started = true;
    const watch = watchKernel(['link', 'address', 'neighbour'], events => {
      if (!events.some(event => this.#concerns(event))) return;
      this.#linksMoved = true;
      this.poke();
    });
    this.#watching = watch.ok;
    if (watch.ok) this.#stops.push(watch.value.stop);
    else
      this.#options.log.warn(
        `foreign changes of tunnels are only seen from time to time: ${watch.fault.message}`,
      );
    const refresh = setInterval(() => {
      this.#linksMoved = true;
      this.poke();
    }, this.#options.refreshMs);
    refresh.unref();
    this.#stops.push(() => clearInterval(refresh));
    this.#look();
  }

  /** Something that tunnels depend on changed. */
  poke(): void {
    if (!this.#started) return;
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      this.#look();
    }, GATHER_MS);
  }

  /** How large packets may be now, and why: with links as the last look found them. */
  mtu(): MtuChoice {
    const settings = this.#options.settings();
    const pools = [...this.#options.snapshot().pools.values()];
    // Listing routes takes a while where BGP brings many, and this is asked for each pod.
    this.#links ??= this.#options.links();
    const wireguard = ([4, 6] as const).filter(family => settings.wireguard.enabled[family]);
    const choice = chooseMtu({
      ...{ links: this.#links ?? [], pattern: this.#options.mtuPattern?.(), settings },
      tunnels: { ...neededTunnels(pools, settings), wireguard },
    });
    const before = this.#mtu;
    this.#mtu = choice;
    if (before !== undefined && before.pods !== choice.pods)
      this.#options.log.warn(
        { from: before.pods, to: choice.pods },
        `the MTU of pods changes: ${choice.why}; pods that run keep the one that they were born with`,
      );
    return choice;
  }

  /** For people: what stands, what is missing and why, and which way each prefix goes. */
  get status(): object {
    const { devices = [], choices = [], missing = [] } = this.#overlay ?? {};
    return {
      devices: devices.map(({ name, mtu, addresses }) => ({ name, mtu, addresses: addresses.map(formatIp) })),
      routes: choices.map(choiceText),
      missing: [...missing, ...this.#unaddressed],
      faults: this.#faults,
      wireguard: this.#options.wireguard.status,
    };
  }

  /** For the node's status object; undefined where nothing is asked for. */
  get word(): { readonly well: boolean; readonly message: string } | undefined {
    const encryption = this.#options.wireguard.status as { readonly faults?: readonly string[] } | undefined;
    const faults = [...this.#faults, ...this.#unaddressed, ...(encryption?.faults ?? [])];
    if (faults.length > 0) return { well: false, message: faults.join('; ') };
    const names = (this.#overlay?.devices ?? []).map(({ name }) => name);
    if (names.length === 0 && encryption === undefined) return undefined;
    return { well: true, message: [...names, ...(encryption === undefined ? [] : ['WireGuard'])].join(', ') };
  }

  stop(): void {
    this.#started = false;
    clearTimeout(this.#soon);
    for (const stop of this.#stops) stop();
    this.#driver.close();
  }

  #concerns(event: KernelEvent): boolean {
    switch (event.topic) {
      case 'lost':
        return true;
      case 'link':
        // Those of pods come and go; any other may carry packets between nodes.
        return !event.value.name.startsWith('msl');
      case 'address':
        // The underlay may have moved.
        return event.value.scope !== LINK_SCOPE;
      case 'neighbour':
        return this.#devices.has(event.value.link);
      default:
        return false;
    }
  }

  #look(): void {
    const { node, snapshot, prefixes, settings } = this.#options;
    const { nodes, pools } = snapshot();
    // A node with many pods has many links, and each address that a pod gets or gives back changes a block.
    if (this.#linksMoved) this.#links = this.#options.links() ?? this.#links;
    this.#linksMoved = !this.#watching;
    const { underlay } = this.mtu();
    // Most clusters have no overlay: there a change of a block costs nothing.
    const { vxlan, ipip } = neededTunnels([...pools.values()], settings());
    const plain = vxlan.length === 0 && !ipip && !settings().programs.direct;
    const asked = WireguardKeeper.isAsked({ settings: settings() });
    const idle = plain && this.#bare && !asked && this.#options.wireguard.status === undefined;
    // Pods may not send to the port whether an overlay stands or not.
    const sameRules = this.#told === settings().vxlanPort;
    if (idle && sameRules && !this.#options.addresses.isDue(settings())) return;
    const input = {
      ...{ node, nodes, pools: [...pools.values()], prefixes: prefixes() },
      ...{ onLink: this.#onLink(), settings: settings(), underlayMtu: underlay },
    };
    this.#options.wireguard.look(input);
    const overlay = overlayOf(input);
    this.#overlay = overlay;
    const touched = this.#bring(overlay);
    this.#told = settings().vxlanPort;
    this.#options.onOverlay(overlay, touched);
    void this.#settle();
  }

  /** Whether something had to be done. */
  #bring(overlay: Overlay): boolean {
    const read = this.#driver.read();
    if (!read.ok) {
      this.#tell([read.fault.message]);
      return false;
    }
    const ops = planTunnels(overlay, read.value);
    const faults = this.#driver.apply(ops);
    this.#tell([...new Set(faults.map(fault => fault.message))]);
    if (ops.length > faults.length)
      this.#options.log.debug({ steps: ops.length, faults: faults.length }, 'tunnels changed');
    this.#devices = new Set(this.#driver.indexes());
    this.#bare = overlay.devices.length === 0 && planTunnels(overlay, read.value).length === 0;
    return ops.length > faults.length;
  }

  #tell(faults: readonly string[]): void {
    for (const fault of faults)
      if (!this.#faults.includes(fault))
        this.#options.log.error({ fault }, 'a tunnel is not as it should be');
    this.#faults = faults;
    if (faults.length > 0) this.#later();
  }

  /** Subnets of the addresses by which other nodes know this one. */
  #onLink(): readonly OnLink[] {
    const own = this.#options.snapshot().nodes.get(this.#options.node)?.ips ?? [];
    const listed = listAddresses(this.#options.netlink);
    const links = listLinks(this.#options.netlink);
    if (!listed.ok || !links.ok) return [];
    const names = new Map(links.value.map(link => [link.index, link.name]));
    return listed.value.flatMap(address => {
      const interfaceName = names.get(address.link);
      const known = own.some(each => sameIp(each, address.ip));
      return known && interfaceName !== undefined ? [{ prefix: onLinkPrefix(address), interfaceName }] : [];
    });
  }

  async #settle(): Promise<void> {
    const { addresses, settings, log } = this.#options;
    if (this.#settling || !addresses.isDue(settings())) return;
    this.#settling = true;
    const faults = await addresses.settle(settings());
    this.#settling = false;
    for (const fault of faults)
      if (!this.#unaddressed.includes(fault)) log.warn({ fault }, 'a tunnel has no address yet');
    this.#unaddressed = faults;
    if (faults.length > 0) this.#later();
    else this.poke();
  }

  #later(): void {
    if (!this.#started) return;
    const timer = setTimeout(() => this.poke(), RETRY_MS);
    timer.unref();
  }
}

const LINK_SCOPE = 253;
