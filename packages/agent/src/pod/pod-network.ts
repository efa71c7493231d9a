import { workloadInterfaceName } from '@muslin/dataplane';
import type { KubeClient } from '@muslin/kube';
import { listLinks, type NetlinkSocket } from '@muslin/linux';
import { fail, formatIp, type Ip, mustIp, ok, type Result } from '@muslin/net';
import type { AddressBook } from '../address-book.ts';
import { CNI_CODE, type CniFault } from '../cni/cni-fault.ts';
import type { CniRequest } from '../cni/cni-request.ts';
import { formatCniResult } from '../cni/cni-result.ts';
import type { AgentCore } from '../core/agent-core.ts';
import { endpointKeyOf } from '../core/local-endpoint.ts';
import { GATEWAY } from './gateway.ts';
import type { PodCache } from './pod-cache.ts';
import { findPod, publishAddresses } from './pod-object.ts';
import { inspect } from './pod-inspection.ts';
import { examine, plugIn, type PodLinkFault } from './pod-link.ts';
import type { Sandbox, SandboxStore } from './sandbox-store.ts';

/** What serving pods takes. */
export interface PodNetworkOptions {
  readonly client: KubeClient;
  readonly core: AgentCore;
  readonly sandboxes: SandboxStore;
  readonly addresses: AddressBook;
  /** Of the node's own namespace. */
  readonly netlink: NetlinkSocket;
  /** Deletes a link of the node; nothing to delete is fine. */
  readonly removeLink: (name: string) => Promise<Result<void, { readonly message: string }>>;
  /** Resolves when all that the core knows is in the kernel. */
  readonly enforce: () => Promise<void>;
  /** Resolves when no connection of the addresses is tracked any more. */
  readonly forgetFlows: (ips: readonly Ip[]) => Promise<void>;
  /** What the kernel lacked of what had been enforced, as a sentence; undefined when nothing. */
  readonly audit: () => Promise<string | undefined>;
  /** Why the route to a pod's interface could not be set; undefined when it is there. */
  readonly unrouted: (hostInterface: string) => string | undefined;
  /** Whether this agent knows the cluster's policies yet. */
  readonly ready: () => boolean;
  readonly pods: PodCache;
  /** MTU for pods when the configuration names none. */
  readonly mtu: () => number;
  readonly log: (line: string) => void;
}

/** Longest wait for the kernel to hold a new pod's rules; then ADD fails and nothing of it stays. */
const CONFIRM_MS = 20_000;

/** Serves ADD, DEL, CHECK, GC and STATUS. One at a time for each sandbox; different sandboxes go side by side. */
export class PodNetwork {
  readonly #options: PodNetworkOptions;
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: PodNetworkOptions) {
    this.#options = options;
  }

  /** Serves one request of the CNI executable. */
  handle(request: CniRequest): Promise<Result<object | undefined, CniFault>> {
    const { command, containerId, ifname } = request;
    // These two are about the node; GC takes the turn of each sandbox that it removes.
    if (command === 'STATUS' || command === 'GC') return this.#serve(request);
    return this.#inTurn(containerId, ifname, () => this.#serve(request));
  }

  #inTurn<T>(containerId: string, ifname: string, work: () => Promise<T>): Promise<T> {
    const key = `${containerId} ${ifname}`;
    const turn = (this.#turns.get(key) ?? Promise.resolve()).then(work);
    const settled = turn.then(
      () => {},
      () => {},
    );
    this.#turns.set(key, settled);
    void settled.then(() => {
      if (this.#turns.get(key) === settled) this.#turns.delete(key);
    });
    return turn;
  }

  async #serve(request: CniRequest): Promise<Result<object | undefined, CniFault>> {
    switch (request.command) {
      case 'ADD':
        return this.#add(request);
      case 'DEL':
        return this.#del(request);
      case 'CHECK':
        return this.#check(request);
      case 'STATUS':
        return this.#options.ready()
          ? ok(undefined)
          : fail({ code: CNI_CODE.notAvailable, message: 'the Muslin agent does not know the cluster yet' });
      case 'GC':
        return this.#collect(request);
      case 'VERSION':
        return ok(undefined);
    }
  }

  async #add(request: CniRequest): Promise<Result<object, CniFault>> {
    const { containerId, ifname, netns, config } = request;
    const { sandboxes, addresses, netlink } = this.#options;
    if (request.pod === undefined)
      return fail({
        code: CNI_CODE.invalidEnvironment,
        message: 'CNI_ARGS must name K8S_POD_NAMESPACE and K8S_POD_NAME',
      });
    if (!this.#options.ready())
      return fail({
        code: CNI_CODE.tryAgain,
        message: 'the Muslin agent does not know the cluster’s policies yet; try again',
      });
    const mine = sandboxes.ofContainer(containerId)[0];
    if (mine !== undefined)
      return fail({
        code: CNI_CODE.invalidEnvironment,
        message: `container ${containerId} has its interface ${mine.ifname} already`,
      });
    const free = examine({ netns, ifname });
    if (!free.ok) return fail(cniFaultOf(free.fault));
    const found = await findPod(request.pod, this.#options);
    if (!found.ok) return found;
    const object = found.value;
    const pod = { namespace: request.pod.namespace, name: request.pod.name, uid: object.metadata.uid ?? '' };
    const mtu = config.mtu ?? this.#options.mtu();
    const hostInterface = workloadInterfaceName(pod.namespace, pod.name);
    const displaced = await this.#displace(hostInterface);
    if (!displaced.ok) return displaced;
    const wanted = { containerId, network: config.name, pod, object };
    const taken = addresses.take(wanted);
    const adding: Sandbox = {
      ...{ containerId, ifname, netns, network: config.name, hostInterface, pod, mtu },
      ...{ ips: (taken ?? []).map(formatIp), podMac: '', state: 'adding' },
    };
    // Before anything is asked for or made: whoever restarts finds what to take back.
    sandboxes.put(adding);
    // A newer sandbox of this pod may displace this one at every wait; from then on the interface is not ours.
    const isDisplaced = () => sandboxes.get(containerId, ifname) !== adding;
    const giveUp = async (fault: CniFault) => {
      if (isDisplaced()) addresses.release(containerId, config.name);
      else await this.#takeBack(adding);
      return fail(fault);
    };
    const displacedFault: CniFault = {
      code: CNI_CODE.tryAgain,
      message: `a newer sandbox of pod ${pod.namespace}/${pod.name} took the place of this one`,
    };
    const assigned = taken === undefined ? await addresses.assign(wanted) : ok(taken);
    if (!assigned.ok) {
      const code = assigned.fault.code === 'retry' ? CNI_CODE.tryAgain : CNI_CODE.noAddress;
      return giveUp({ code, message: assigned.fault.message });
    }
    if (isDisplaced()) return giveUp(displacedFault);
    const ips = assigned.value;
    const made = plugIn(netlink, { hostInterface, netns, ifname, ips, mtu });
    if (!made.ok) return giveUp(cniFaultOf(made.fault));
    const { podMac } = made.value;
    const sandbox: Sandbox = { ...adding, ips: ips.map(formatIp), podMac, state: 'ready' };
    this.#tellCore(sandbox);
    const confirmed = await withinTime(this.#options.enforce(), CONFIRM_MS);
    if (isDisplaced()) return giveUp(displacedFault);
    if (!confirmed) {
      const message = `the kernel did not hold this pod's policy within ${CONFIRM_MS / 1000} s; the agent's log says why`;
      return giveUp({ code: CNI_CODE.tryAgain, message });
    }
    const unrouted = this.#options.unrouted(hostInterface);
    if (unrouted !== undefined)
      return giveUp({ code: CNI_CODE.tryAgain, message: `no route to the pod could be set: ${unrouted}` });
    sandboxes.put(sandbox);
    void publishAddresses(sandbox, this.#options);
    const result = {
      hostInterface: { name: hostInterface, mac: GATEWAY.mac },
      podInterface: { name: ifname, mac: podMac, sandbox: netns, mtu },
      ips,
    };
    return ok(formatCniResult(result, config.cniVersion));
  }

  /** An older sandbox of the same pod would lose its interface to the new one: it goes as a whole, addresses too. */
  async #displace(hostInterface: string): Promise<Result<void, CniFault>> {
    for (const older of this.#options.sandboxes.all()) {
      if (older.hostInterface !== hostInterface) continue;
      const gone = await this.#takeBack(older);
      if (!gone.ok) return gone;
    }
    return ok(undefined);
  }

  /** Gone is gone: every part may be missing, and the answer is success unless something stays. */
  async #del({ containerId, ifname, config }: CniRequest): Promise<Result<undefined, CniFault>> {
    const { sandboxes, addresses } = this.#options;
    const sandbox = sandboxes.get(containerId, ifname);
    if (sandbox !== undefined) return this.#takeBack(sandbox);
    // Addresses belong to the container: not while another interface of it uses them.
    if (sandboxes.ofContainer(containerId).length === 0) addresses.release(containerId, config.name);
    return ok(undefined);
  }

  /** Removes all that was made for a sandbox, addresses last: nobody may get them while rules still name them. */
  async #takeBack(sandbox: Sandbox): Promise<Result<undefined, CniFault>> {
    const { sandboxes, core, addresses, pods } = this.#options;
    const { containerId, ifname, network, hostInterface, pod } = sandbox;
    const key = endpointKeyOf(pod);
    const ips = core.locals.get(key)?.containerId === containerId ? (core.locals.get(key)?.ips ?? []) : [];
    core.tell({ type: 'not-local', key, containerId });
    const unseen = pods.forget(pod);
    if (unseen !== undefined) core.tell({ type: 'gone', object: unseen });
    // Rules go while the kernel takes the interface away: an interface without rules gets nothing through.
    const enforced = withinTime(this.#options.enforce(), CONFIRM_MS);
    const unplugged = await this.#options.removeLink(hostInterface);
    if (!unplugged.ok) return fail({ code: CNI_CODE.ioFailure, message: unplugged.fault.message });
    if (!(await enforced))
      return fail({
        code: CNI_CODE.tryAgain,
        message: `the kernel still holds rules of this pod after ${CONFIRM_MS / 1000} s; the agent's log says why`,
      });
    await this.#options.forgetFlows(ips);
    addresses.release(containerId, network);
    sandboxes.delete(containerId, ifname);
    return ok(undefined);
  }

  async #check(request: CniRequest): Promise<Result<undefined, CniFault>> {
    const { containerId, ifname, netns } = request;
    const sandbox = this.#options.sandboxes.get(containerId, ifname);
    if (sandbox === undefined || sandbox.state !== 'ready')
      return fail({
        code: CNI_CODE.unknownContainer,
        message: `container ${containerId} has no interface ${ifname} of Muslin`,
      });
    const ips = sandbox.ips.map(mustIp);
    const { hostInterface, mtu, podMac: mac } = sandbox;
    const differences = inspect(this.#options.netlink, { hostInterface, netns, ifname, ips, mtu, mac });
    const missing = await this.#options.audit();
    const all = missing === undefined ? differences : [...differences, missing];
    if (all.length === 0) return ok(undefined);
    return fail({
      code: CNI_CODE.checkFailed,
      message: all[0] as string,
      details: all.slice(1).join('; '),
    });
  }

  /** Removes every sandbox that the runtime does not name as valid (CNI 1.1 GC), and goes on after faults. */
  async #collect(request: CniRequest): Promise<Result<undefined, CniFault>> {
    const { sandboxes } = this.#options;
    const valid = new Set(request.config.validAttachments.map(a => `${a.containerId} ${a.ifname}`));
    // One that is being worked on is newer than the runtime's list.
    const stale = sandboxes.all().filter(({ containerId, ifname, network }) => {
      const key = `${containerId} ${ifname}`;
      return network === request.config.name && !valid.has(key) && !this.#turns.has(key);
    });
    const done = await Promise.all(
      stale.map(({ containerId, ifname }) =>
        this.#inTurn(containerId, ifname, async () => {
          const sandbox = sandboxes.get(containerId, ifname);
          return sandbox === undefined ? ok(undefined) : this.#takeBack(sandbox);
        }),
      ),
    );
    return done.find(gone => !gone.ok) ?? ok(undefined);
  }

  #tellCore(sandbox: Sandbox): void {
    const { containerId, hostInterface, pod } = sandbox;
    this.#options.core.tell({
      type: 'local',
      endpoint: {
        key: endpointKeyOf(pod),
        containerId,
        hostInterface,
        uid: pod.uid,
        ips: sandbox.ips.map(mustIp),
      },
    });
  }

  /**
   * After a restart: pods that were answered for come back as they were; half-made ones are taken back, their
   * addresses as soon as the API server can be reached. One whose interface stays is kept for the runtime's DEL.
   */
  async restore(): Promise<void> {
    const { sandboxes, addresses, netlink, log } = this.#options;
    const links = listLinks(netlink);
    // When in doubt it is there.
    const linkExists = (name: string) => !links.ok || links.value.some(link => link.name === name);
    const all = sandboxes.all();
    // After a reboot the interface is gone and nothing needs routes or rules; addresses wait for the runtime's DEL.
    for (const sandbox of all) {
      if (sandbox.state !== 'ready') continue;
      // Even after a reboot: until the runtime's DEL nobody else may have them.
      addresses.recall(sandbox, sandbox.ips.map(mustIp));
      if (linkExists(sandbox.hostInterface)) this.#tellCore(sandbox);
    }
    await Promise.all(
      all.map(async ({ state, containerId, ifname, network, hostInterface }) => {
        if (state === 'ready') return;
        const unplugged = await this.#options.removeLink(hostInterface);
        if (!unplugged.ok) return log(`half-made sandbox ${containerId}: ${unplugged.fault.message}`);
        addresses.releaseLater(containerId, network);
        sandboxes.delete(containerId, ifname);
      }),
    );
  }
}

function cniFaultOf(fault: PodLinkFault): CniFault {
  switch (fault.code) {
    case 'bad-namespace':
      return { code: CNI_CODE.invalidNetns, message: fault.message };
    case 'interface-exists':
      return { code: CNI_CODE.invalidEnvironment, message: fault.message };
    case 'kernel':
      return { code: CNI_CODE.ioFailure, message: fault.message };
  }
}

/** Whether the work ended in time. */
function withinTime(work: Promise<void>, ms: number): Promise<boolean> {
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve(false), ms);
    void work.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
