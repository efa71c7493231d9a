import { fail, formatIp, type Ip, mustIp, ok, type Result } from '@muslin/net';
import type { AddressBook } from '../address-book.ts';
import { CNI_CODE, type CniFault } from '../cni/cni-fault.ts';
import type { AgentCore } from '../core/agent-core.ts';
import { endpointKeyOf } from '../core/local-endpoint.ts';
import { holderOf } from './address-wishes.ts';
import { CONFIRM_SECONDS, isConfirmed } from './confirmation.ts';
import { letGo } from './limit-table.ts';
import type { PodCache } from './pod-cache.ts';
import type { Sandbox, SandboxStore } from './sandbox-store.ts';

/** What taking sandboxes back takes. */
export interface RemovalOptions {
  readonly core: AgentCore;
  readonly sandboxes: SandboxStore;
  readonly addresses: AddressBook;
  readonly pods: PodCache;
  /** Deletes a link of the node; nothing to delete is fine. */
  readonly removeLink: (name: string) => Promise<Result<void, { readonly message: string }>>;
  /** Resolves when all that the core knows is in the kernel. */
  readonly enforce: () => Promise<void>;
  /** The same, when nobody waits for it. */
  readonly enforceInPassing: () => Promise<void>;
  /** Resolves when no connection of the addresses is tracked any more. */
  readonly forgetFlows: (ips: readonly Ip[]) => Promise<void>;
  /** Somebody waits for that. */
  readonly hurryFlows: () => void;
  readonly log: (line: string) => void;
}

/** A disk that refuses what must be written is asked again. */
const RETRY_MS = 2_000;

/** Takes away what was made for sandboxes, in the order in which nobody else can get at it too early. */
export class SandboxRemoval {
  readonly #options: RemovalOptions;
  /** What is left to do for sandboxes whose DEL was answered. */
  readonly #leaving = new Map<Sandbox, Promise<void>>();
  /** Those of them that rules may still name. */
  readonly #ruled = new Set<Sandbox>();
  /** Those of them that somebody waits for. */
  readonly #hurried = new Set<Sandbox>();

  constructor(options: RemovalOptions) {
    this.#options = options;
  }

  /**
   * An older sandbox of the same pod would lose its interface to the new one: it goes as a whole, addresses too. Nor may the
   * new one's interface meet rules that were the older one's.
   */
  async displace({
    hostInterface,
    pod,
    containerId,
  }: Pick<Sandbox, 'hostInterface' | 'pod' | 'containerId'>): Promise<Result<void, CniFault>> {
    for (const older of this.#options.sandboxes.all()) {
      const samePod = older.pod.namespace === pod.namespace && older.pod.name === pod.name;
      const displaced = samePod && older.containerId !== containerId;
      if (!displaced && older.hostInterface !== hostInterface) continue;
      const gone = await this.takeBack(older);
      if (!gone.ok) return gone;
    }
    const rulesStay = [...this.#ruled].some(
      older =>
        older.hostInterface === hostInterface ||
        (older.pod.namespace === pod.namespace && older.pod.name === pod.name),
    );
    return rulesStay ? confirmed(this.#options.enforce()) : ok(undefined);
  }

  /** Promises the addresses of a sandbox back; those of another plugin are not ours to give. */
  async release(sandbox: Sandbox): Promise<void> {
    if (sandbox.madeBy === undefined)
      await this.#options.addresses.release(holderOf(sandbox), sandbox.network);
  }

  /**
   * Removes all that was made for a sandbox, addresses last: nobody may get them while rules still name them, or while
   * connections of theirs are tracked. The answer does not wait for that (decision 0041); until then the sandbox is written
   * down as leaving, so that a restart finishes it.
   */
  async takeBack(sandbox: Sandbox): Promise<Result<undefined, CniFault>> {
    if (this.#leaving.has(sandbox)) return ok(undefined);
    const { sandboxes, core, pods } = this.#options;
    const { containerId, hostInterface, pod } = sandbox;
    const key = endpointKeyOf(pod);
    const plugged = (core.locals.get(key) ?? [])
      .filter(local => local.containerId === containerId && local.hostInterface === hostInterface)
      .flatMap(local => local.ips.map(formatIp));
    const leaving: Sandbox = {
      ...sandbox,
      state: 'leaving',
      ips: [...new Set([...sandbox.ips, ...plugged])],
    };
    sandboxes.put(leaving);
    core.tell({ type: 'not-local', key, containerId, hostInterface });
    const unseen = core.locals.has(key) ? undefined : pods.forget(pod);
    if (unseen !== undefined) core.tell({ type: 'gone', object: unseen });
    const ruleless = this.#ruledUntil(this.#options.enforceInPassing(), leaving);
    const closed = await (sandbox.madeBy === undefined
      ? this.#unplug(sandbox)
      : confirmed(this.#options.enforce()));
    if (!closed.ok) return closed;
    const free = await this.unlimit(sandbox);
    if (!free.ok) return fail({ code: CNI_CODE.ioFailure, message: free.fault.message });
    const finished = this.#finish(leaving, ruleless);
    this.#leaving.set(leaving, finished);
    void finished.then(() => this.#leaving.delete(leaving));
    return ok(undefined);
  }

  /** An interface of ours goes. One that another plugin made is its own to remove: without rules nothing passes it. */
  async #unplug({ hostInterface }: Sandbox): Promise<Result<undefined, CniFault>> {
    const unplugged = await this.#options.removeLink(hostInterface);
    return unplugged.ok
      ? ok(undefined)
      : fail({ code: CNI_CODE.ioFailure, message: unplugged.fault.message });
  }

  async #ruledUntil(round: Promise<void>, sandbox: Sandbox): Promise<void> {
    this.#ruled.add(sandbox);
    await round;
    this.#ruled.delete(sandbox);
  }

  /** What is left when the interface is gone. */
  async #finish(sandbox: Sandbox, ruleless: Promise<void>): Promise<void> {
    const { sandboxes, forgetFlows } = this.#options;
    const { containerId, ifname } = sandbox;
    await ruleless;
    const forgotten = forgetFlows(sandbox.ips.map(mustIp));
    if (this.#hurried.delete(sandbox)) this.#options.hurryFlows();
    await forgotten;
    // Where not even a promise can be written (no inodes left), the sandbox' file stays: it is one.
    while (!(await this.#isReleased(sandbox))) await new Promise(resolve => setTimeout(resolve, RETRY_MS));
    if (sandboxes.get(containerId, ifname) === sandbox) sandboxes.delete(containerId, ifname);
  }

  #isReleased(sandbox: Sandbox): Promise<boolean> {
    return this.release(sandbox).then(
      () => true,
      (error: Error) => {
        this.#options.log(`addresses of ${sandbox.containerId} are promised back later: ${error.message}`);
        return false;
      },
    );
  }

  /** Waits until those sandboxes that are leaving are gone: for as long as anybody would wait for the kernel. */
  async gone(which: (sandbox: Sandbox) => boolean = () => true): Promise<Result<undefined, CniFault>> {
    const awaited = [...this.#leaving].filter(([sandbox]) => which(sandbox));
    if (awaited.some(([sandbox]) => this.#ruled.has(sandbox))) void this.#options.enforce();
    return confirmed(Promise.all(awaited.map(([, gone]) => gone)));
  }

  /** The same for one that comes again, which is rare: it need not wait until more go. */
  async goneSoon(which: (sandbox: Sandbox) => boolean): Promise<Result<undefined, CniFault>> {
    const hurried = [...this.#leaving.keys()].filter(which);
    for (const sandbox of hurried) this.#hurried.add(sandbox);
    if (hurried.length > 0) this.#options.hurryFlows();
    return this.gone(sandbox => hurried.includes(sandbox));
  }

  /** Takes what limits its packets and connections out of the kernel; the table goes with the last one. */
  async unlimit(sandbox: Sandbox): Promise<Result<void, { readonly message: string }>> {
    const { limits, hostInterface } = sandbox;
    if (limits === undefined) return ok(undefined);
    const held = this.#options.sandboxes
      .all()
      .some(each => each.hostInterface !== hostInterface && each.limits && each.state !== 'leaving');
    return letGo({ hostInterface, limits }, !held);
  }
}

async function confirmed(work: Promise<unknown>): Promise<Result<undefined, CniFault>> {
  if (await isConfirmed(work)) return ok(undefined);
  return fail({
    code: CNI_CODE.tryAgain,
    message: `the kernel still holds rules of this pod after ${CONFIRM_SECONDS} s; the agent's log says why`,
  });
}
