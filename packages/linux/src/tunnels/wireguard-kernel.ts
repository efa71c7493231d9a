import {
  type ActualWireguard,
  WIREGUARD_NAMES,
  WIREGUARD_TABLES,
  type WireguardOp,
  type WireguardRule,
} from '@muslin/dataplane';
import { type Family, fail, ok, type Result } from '@muslin/net';
import { WireguardDriver } from '../genetlink/wireguard.ts';
import type { NetlinkSocket } from '../netlink/netlink-socket.ts';
import { netlinkIn } from '../netns/namespace-sockets.ts';
import type { Namespace } from '../netns/namespace.ts';
import { RouteDriver } from '../routes/route-driver.ts';
import { deleteAddress, listAddresses, putAddress } from '../rtnetlink/addresses.ts';
import { changeLink, createLink, deleteLink, findLink } from '../rtnetlink/links.ts';
import { addRule, deleteRule, listRules, type RoutingRule } from '../rtnetlink/rules.ts';
import type { SystemFault } from '../system-calls.ts';

/** Missing already is as good as removed. */
const GONE = new Set(['ENODEV', 'ENOENT', 'EADDRNOTAVAIL', 'ESRCH']);
/** RT_SCOPE_LINK: the kernel's own link-local addresses. */
const LINK_SCOPE = 253;
/** The kernel has no such device type. */
const UNKNOWN = new Set(['EOPNOTSUPP', 'ENODEV']);

interface Fault {
  readonly code: string;
  readonly message: string;
}

/** WireGuard of one network namespace: devices, peers, and the rules and tables that lead into them. */
export class WireguardKernel implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #generic: NetlinkSocket;
  readonly #routes: RouteDriver;
  #driver: WireguardDriver | undefined;

  private constructor(socket: NetlinkSocket, generic: NetlinkSocket, routes: RouteDriver) {
    this.#socket = socket;
    this.#generic = generic;
    this.#routes = routes;
  }

  /** Opens it in a namespace (absent: the calling thread's). Whether the kernel has WireGuard is asked when it is needed. */
  static open(namespace?: Namespace): Result<WireguardKernel, SystemFault> {
    const socket = netlinkIn(namespace);
    if (!socket.ok) return socket;
    const generic = netlinkIn(namespace, 'generic');
    if (!generic.ok) return generic;
    const routes = RouteDriver.open(namespace);
    return routes.ok ? ok(new WireguardKernel(socket.value, generic.value, routes.value)) : routes;
  }

  /** What there is of a family. Rules and tables of others are not in it. */
  async read(family: Family): Promise<Result<ActualWireguard, Fault>> {
    const table = WIREGUARD_TABLES[family];
    const rules = listRules(this.#socket, family);
    if (!rules.ok) return rules;
    const device = this.#device(family);
    if (!device.ok) return device;
    this.#routes.links.forget();
    const routes = await this.#routes.read({ family, table });
    if (!routes.ok) return routes;
    return ok({
      device: device.value,
      rules: rules.value.filter(rule => rule.table === table).map(rule => ownRule(rule)),
      routes: routes.value,
    });
  }

  #device(family: Family): Result<ActualWireguard['device'], Fault> {
    const link = findLink(this.#socket, WIREGUARD_NAMES[family]);
    if (!link.ok) return link;
    if (link.value === undefined) return ok(undefined);
    const { index, mtu, up, name } = link.value;
    const driver = this.#wireguard();
    if (!driver.ok) return driver;
    const read = driver.value.read(name);
    if (!read.ok) return read;
    const listed = listAddresses(this.#socket, index);
    if (!listed.ok) return listed;
    const addresses = listed.value.filter(({ scope }) => scope !== LINK_SCOPE).map(({ ip }) => ip);
    return ok({ port: 0, mark: 0, peers: [], ...read.value, mtu, up, addresses });
  }

  #wireguard(): Result<WireguardDriver, Fault> {
    if (this.#driver !== undefined) return ok(this.#driver);
    const driver = WireguardDriver.of(this.#generic);
    if (driver.ok) this.#driver = driver.value;
    return driver;
  }

  /** Performs the steps in order, up to the first that is refused: a rule must not lead to a device that isn't there. */
  async apply(ops: readonly WireguardOp[]): Promise<Result<void, Fault>> {
    for (const op of ops) {
      const done = await this.#perform(op);
      if (!done.ok && !(op.kind.startsWith('remove') && GONE.has(done.fault.code))) return done;
    }
    return ok(undefined);
  }

  async #perform(op: WireguardOp): Promise<Result<void, Fault>> {
    switch (op.kind) {
      case 'create': {
        const made = createLink(this.#socket, { kind: 'wireguard', name: op.name, mtu: op.mtu });
        if (made.ok || !UNKNOWN.has(made.fault.code)) return made;
        const message = `${made.fault.message}: this kernel has no WireGuard: load the module 'wireguard' (Linux 5.6), or disable WireGuard`;
        return fail({ ...made.fault, message });
      }
      case 'remove':
        return deleteLink(this.#socket, op.name);
      case 'configure': {
        const { kind: _, name, ...change } = op;
        const driver = this.#wireguard();
        return driver.ok ? driver.value.change(name, change) : driver;
      }
      case 'raise':
        return changeLink(this.#socket, op.name, { mtu: op.mtu, up: true });
      case 'add-address':
      case 'remove-address': {
        const link = findLink(this.#socket, op.name);
        if (!link.ok) return link;
        if (link.value === undefined) return fail({ code: 'ENODEV', message: `${op.name} is gone` });
        const address = { link: link.value.index, ip: op.ip, length: op.ip.family === 4 ? 32 : 128 };
        return op.kind === 'add-address'
          ? putAddress(this.#socket, { ...address, noDad: true })
          : deleteAddress(this.#socket, address);
      }
      case 'add-rule': {
        const added = addRule(this.#socket, kernelRule(op.rule));
        return added.ok || added.fault.code === 'EEXIST' ? ok(undefined) : added;
      }
      case 'remove-rule':
        return deleteRule(this.#socket, kernelRule(op.rule));
      case 'route': {
        this.#routes.links.forget();
        return this.#routes.apply([op]);
      }
      default:
        return op satisfies never;
    }
  }

  close(): void {
    this.#socket.close();
    this.#generic.close();
    this.#routes.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** `ip rule add not fwmark MARK/MASK lookup TABLE`. */
function kernelRule(rule: WireguardRule): RoutingRule {
  return { ...rule, not: true };
}

/** Marks and masks that are absent are 0, which no rule of ours has. */
function ownRule(rule: RoutingRule): WireguardRule {
  const { family, table, mark = 0, mask = 0 } = rule;
  return { family, table, mark, mask, priority: rule.priority };
}
