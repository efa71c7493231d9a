import {
  type ActualTunnels,
  type DriverFault,
  IPIP_NAME,
  TUNNEL_DEVICE_NAMES,
  type TunnelDevice,
  type TunnelEntry,
  type TunnelOp,
} from '@muslin/dataplane';
import { fail, ip4, ok, type Result } from '@muslin/net';
import { driverFault } from '../driver-fault.ts';
import { LinkFeatures } from '../genetlink/link-features.ts';
import type { NetlinkFault } from '../netlink/netlink-fault.ts';
import type { NetlinkSocket } from '../netlink/netlink-socket.ts';
import { netlinkIn } from '../netns/namespace-sockets.ts';
import type { Namespace } from '../netns/namespace.ts';
import { deleteAddress, listAddresses, putAddress } from '../rtnetlink/addresses.ts';
import { changeLink, createLink, deleteLink, findLink, type Link, listLinks } from '../rtnetlink/links.ts';
import {
  deleteNeighbour,
  listNeighbours,
  type Neighbour,
  type NeighbourPlan,
  putNeighbour,
} from '../rtnetlink/neighbours.ts';
import type { SystemFault } from '../system-calls.ts';

/** ethtool's name of what makes the kernel leave inner checksums to hardware. */
const CHECKSUM = 'tx-checksum-ip-generic';
/** Missing already is as good as removed. */
const GONE = new Set(['ENODEV', 'ENOENT', 'EADDRNOTAVAIL', 'ESRCH']);
/** The kernel has no such device type, or no such feature. */
const UNKNOWN = new Set(['EOPNOTSUPP', 'ENODEV']);

/** A step that was refused. */
export interface TunnelFault {
  readonly op: TunnelOp;
  readonly code: string;
  readonly message: string;
}

/** The tunnel devices of one network namespace, and who is behind them. It touches devices with our names only. */
export class TunnelDriver implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #generic: NetlinkSocket;
  readonly #features: LinkFeatures | undefined;

  private constructor(socket: NetlinkSocket, generic: NetlinkSocket, features: LinkFeatures | undefined) {
    this.#socket = socket;
    this.#generic = generic;
    this.#features = features;
  }

  /** Opens the driver in a namespace (absent: the calling thread's). */
  static open(namespace?: Namespace): Result<TunnelDriver, SystemFault> {
    const socket = netlinkIn(namespace);
    if (!socket.ok) return socket;
    const generic = netlinkIn(namespace, 'generic');
    if (!generic.ok) return generic;
    // Linux before 5.6 can't be asked so: its checksums stay as they are.
    const features = LinkFeatures.of(generic.value);
    return ok(new TunnelDriver(socket.value, generic.value, features.ok ? features.value : undefined));
  }

  /** What there is under our names. A device of a type that we don't make is in nobody's way, and isn't read. */
  read(): Result<ActualTunnels, DriverFault> {
    const links = listLinks(this.#socket);
    if (!links.ok) return fail(driverFault(links.fault));
    const ours = links.value.filter(link => TUNNEL_DEVICE_NAMES.includes(link.name));
    const devices: TunnelDevice[] = [];
    for (const link of ours) {
      const device = this.#deviceOf(link);
      if (!device.ok) return fail(driverFault(device.fault));
      if (device.value !== undefined) devices.push(device.value);
    }
    const names = new Map(ours.map(link => [link.index, link.name]));
    const entries: TunnelEntry[] = [];
    if (devices.length > 0)
      for (const table of [4, 6, 'forwarding'] as const) {
        const listed = listNeighbours(this.#socket, table);
        if (!listed.ok) return fail(driverFault(listed.fault));
        entries.push(...listed.value.flatMap(neighbour => entryOf(neighbour, names)));
      }
    return ok({ devices, entries });
  }

  #deviceOf(link: Link): Result<TunnelDevice | undefined, NetlinkFault> {
    const listed = listAddresses(this.#socket, link.index);
    if (!listed.ok) return listed;
    const addresses = listed.value
      .filter(({ ip, length, scope }) => scope !== LINK_SCOPE && length === (ip.family === 4 ? 32 : 128))
      .map(({ ip }) => ip);
    const { name, mtu, up, mac = '' } = link;
    if (link.name === IPIP_NAME) return ok({ kind: 'ipip', name, mtu, up, addresses });
    if (link.vxlan === undefined) return ok(undefined);
    const active = this.#features?.active(name);
    if (active?.ok === false) return active;
    const { vni, port, local = ip4(0) } = link.vxlan;
    const offload = active?.value.has(CHECKSUM) ?? false;
    return ok({ kind: 'vxlan', name, mtu, up, mac, vni, port, local, addresses, offload });
  }

  /** Indexes of the devices that have our names; none when links can't be read. */
  indexes(): readonly number[] {
    const links = listLinks(this.#socket);
    if (!links.ok) return [];
    return links.value.filter(({ name }) => TUNNEL_DEVICE_NAMES.includes(name)).map(({ index }) => index);
  }

  /** Performs the steps in order; what a device that can't be made was for is left out. The answer lists those that were refused. */
  apply(ops: readonly TunnelOp[]): readonly TunnelFault[] {
    const unmade = new Set<string>();
    return ops.flatMap(op => {
      if (unmade.has(deviceNameOf(op))) return [];
      const done = this.#perform(op);
      if (!done.ok && op.kind === 'create') unmade.add(op.device.name);
      if (done.ok || (op.kind.startsWith('remove') && GONE.has(done.fault.code))) return [];
      return [{ op, code: done.fault.code, message: done.fault.message }];
    });
  }

  #perform(op: TunnelOp): Result<void, NetlinkFault> {
    switch (op.kind) {
      case 'create':
        return this.#create(op.device);
      case 'remove':
        return op.device.kind === 'ipip' ? this.#rest(op.device) : deleteLink(this.#socket, op.device.name);
      case 'change':
        return this.#change(op.device);
      case 'add-address':
      case 'remove-address': {
        const link = this.#indexOf(op.device);
        if (!link.ok) return link;
        const address = { link: link.value, ip: op.ip, length: op.ip.family === 4 ? 32 : 128, noDad: true };
        return op.kind === 'add-address'
          ? putAddress(this.#socket, address)
          : deleteAddress(this.#socket, address);
      }
      case 'put-entry':
      case 'remove-entry': {
        const link = this.#indexOf(op.entry.device);
        if (!link.ok) return link;
        const { kind, ip, mac } = op.entry;
        const entry: NeighbourPlan = { kind, ip, mac, link: link.value, permanent: true };
        return op.kind === 'put-entry'
          ? putNeighbour(this.#socket, entry)
          : deleteNeighbour(this.#socket, entry);
      }
      default:
        return op satisfies never;
    }
  }

  #create(device: TunnelDevice): Result<void, NetlinkFault> {
    const { name, mtu } = device;
    if (device.kind === 'ipip') {
      // The module makes tunl0 in each namespace when the first ipip device is asked for, and takes the request for it.
      const made = createLink(this.#socket, {
        ...{ kind: 'ipip', name, mtu, ipip: { pathMtuDiscovery: true } },
      });
      if (!made.ok && made.fault.code !== 'EEXIST') return refusal(made.fault, 'ipip');
      return this.#change(device);
    }
    const { vni, port, local, mac } = device;
    const made = createLink(this.#socket, {
      ...{ kind: 'vxlan', name, mac, mtu, vxlan: { vni, port, local, learning: false } },
    });
    if (!made.ok)
      return made.fault.code === 'EEXIST' ? this.#taken(device, made.fault) : refusal(made.fault, 'vxlan');
    return this.#change(device);
  }

  /** The kernel takes one VXLAN device for a VNI and a port of each family, and one device for a name. */
  #taken(
    { name, vni, port, local }: Extract<TunnelDevice, { kind: 'vxlan' }>,
    fault: NetlinkFault,
  ): Result<void, NetlinkFault> {
    const links = listLinks(this.#socket);
    if (!links.ok) return links;
    const same = links.value.find(link => link.name === name);
    const rival = links.value.find(
      ({ vxlan }) =>
        vxlan?.vni === vni && vxlan.port === port && (vxlan.local?.family ?? local.family) === local.family,
    );
    const why =
      same !== undefined
        ? `${name} is there and is no VXLAN device: remove it (ip link del ${name})`
        : rival !== undefined
          ? `${rival.name} has VNI ${vni} and port ${port} already: remove it (ip link del ${rival.name}), or set another vxlanVNI or vxlanPort`
          : fault.message;
    return fail({ ...fault, message: `create link ${name}: ${why}` });
  }

  #change(device: TunnelDevice): Result<void, NetlinkFault> {
    if (device.kind === 'vxlan' && this.#features !== undefined) {
      const set = this.#features.set(device.name, CHECKSUM, device.offload);
      if (!set.ok) return set;
    }
    const link = findLink(this.#socket, device.name);
    if (!link.ok) return link;
    // Setting a MAC forgets all neighbours, even if it is the same one.
    const mac = device.kind === 'vxlan' && link.value?.mac !== device.mac ? { mac: device.mac } : {};
    return changeLink(this.#socket, device.name, { ...mac, mtu: device.mtu, up: device.up });
  }

  /** `tunl0` stays as long as its module: without addresses and down it does nothing. */
  #rest(device: TunnelDevice): Result<void, NetlinkFault> {
    const link = this.#indexOf(device.name);
    if (!link.ok) return link;
    for (const ip of device.addresses) {
      const done = deleteAddress(this.#socket, { link: link.value, ip, length: ip.family === 4 ? 32 : 128 });
      if (!done.ok && !GONE.has(done.fault.code)) return done;
    }
    return changeLink(this.#socket, device.name, { up: false });
  }

  #indexOf(name: string): Result<number, NetlinkFault> {
    const link = findLink(this.#socket, name);
    if (!link.ok) return link;
    if (link.value !== undefined) return ok(link.value.index);
    const call = `find link ${name}`;
    return fail({ code: 'ENODEV', errno: 19, call, message: `${call}: there is none` });
  }

  close(): void {
    this.#socket.close();
    this.#generic.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const LINK_SCOPE = 253;

function deviceNameOf(op: TunnelOp): string {
  if ('entry' in op) return op.entry.device;
  return typeof op.device === 'string' ? op.device : op.device.name;
}

function entryOf(neighbour: Neighbour, names: ReadonlyMap<number, string>): readonly TunnelEntry[] {
  if (neighbour.kind === 'proxy' || neighbour.kind === 'unresolved') return [];
  const device = names.get(neighbour.link);
  // Multicast entries are the kernel's own.
  if (device === undefined || !neighbour.permanent || /^(33:33|01:00:5e|00:00:00)/.test(neighbour.mac))
    return [];
  return [{ kind: neighbour.kind, device, ip: neighbour.ip, mac: neighbour.mac }];
}

/** What a person can do about a kernel that does not know a kind of device. */
function refusal(fault: NetlinkFault, module: string): Result<void, NetlinkFault> {
  if (!UNKNOWN.has(fault.code)) return fail(fault);
  return fail({
    ...fault,
    message: `${fault.message}: this kernel has no ${module} devices: load the module '${module}', or choose another encapsulation`,
  });
}
