import type { DriverFault, NftListing } from '@muslin/dataplane';
import { type Family, fail, ok, type Result } from '@muslin/net';
import { driverFault } from '../driver-fault.ts';
import type { NetlinkFault } from '../netlink/netlink-fault.ts';
import { NETLINK, NetlinkSocket } from '../netlink/netlink-socket.ts';
import { inNamespace, type Namespace } from '../netns/namespace.ts';
import type { SystemFault } from '../system-calls.ts';
import type { NftDriver, NftStep } from './nft-driver.ts';
import { nftDriver } from './nft-driver.ts';
import { readGeneration, readListing } from './nft-reading.ts';
import { FRAMES, planRequests } from './nft-requests.ts';

/**
 * The driver that speaks nfnetlink: microseconds for a member, a millisecond for a rule, where a process takes ten to
 * thirty. A step whose rules it has no expressions for goes by the nft command, as does one that the kernel refused in
 * our words: what the command says is what is told.
 */
export class NetlinkNftDriver implements NftDriver {
  readonly family: Family;
  readonly #socket: NetlinkSocket;
  readonly #command: NftDriver;
  /** What was read at a generation, so that nothing is read while nobody changes anything. */
  #known: { readonly generation: number; readonly listing: NftListing | undefined } | undefined;

  private constructor(family: Family, socket: NetlinkSocket, command: NftDriver) {
    this.family = family;
    this.#socket = socket;
    this.#command = command;
  }

  /** Opens the driver in a namespace (absent: the calling thread's). */
  static open(options: {
    readonly family: Family;
    readonly namespace?: Namespace | undefined;
    readonly timeoutMs?: number;
  }): Result<NetlinkNftDriver, SystemFault> {
    const socket = inNamespace(options.namespace, () => NetlinkSocket.open(NETLINK.netfilter));
    return socket.ok ? ok(new NetlinkNftDriver(options.family, socket.value, nftDriver(options))) : socket;
  }

  async read(): Promise<Result<NftListing | undefined, DriverFault>> {
    const before = readGeneration(this.#socket);
    if (!before.ok) return fail(nftFault(before.fault));
    if (this.#known?.generation === before.value) return ok(this.#known.listing);
    const listed = readListing(this.#socket, this.family);
    if (!listed.ok) return fail(nftFault(listed.fault));
    const after = readGeneration(this.#socket);
    this.#known =
      after.ok && after.value === before.value
        ? { generation: before.value, listing: listed.value }
        : undefined;
    return listed;
  }

  async apply(steps: readonly NftStep[]): Promise<Result<void, DriverFault>> {
    for (const step of steps) {
      const requests = planRequests(step.plan);
      const refused = requests && this.#socket.transact(FRAMES, requests);
      if (requests !== undefined && refused === undefined) continue;
      if (refused !== undefined && GONE.has(refused.fault.code))
        return fail(driverFault({ ...refused.fault, code: 'EAGAIN' }, step));
      const done = await this.#command.apply([step]);
      if (!done.ok) return done;
    }
    return ok(undefined);
  }

  close(): void {
    this.#socket.close();
  }
}

/** What was planned with is no longer so: somebody took it away, or was faster. Read back and plan again. */
const GONE = new Set(['ENOENT', 'EEXIST', 'EBUSY', 'ERESTART', 'EINTR', 'ENOBUFS']);

function nftFault(fault: NetlinkFault): DriverFault {
  // Without CONFIG_NF_TABLES nobody answers.
  return driverFault(fault.code === 'EINVAL' ? { ...fault, code: 'EOPNOTSUPP' } : fault);
}
