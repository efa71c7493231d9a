import { workloadInterfaceName } from '@muslin/dataplane';
import type { KubeClient } from '@muslin/kube';
import { RESOURCES, type AnyObject } from '@muslin/kube';
import type { NetlinkSocket } from '@muslin/linux';
import { fail, formatIp, mustIp, ok, type Result } from '@muslin/net';
import type { AddressBook } from '../address-book.ts';
import { CNI_CODE, type CniFault } from '../cni/cni-fault.ts';
import type { CniPod, CniRequest } from '../cni/cni-request.ts';
import { formatCniResult } from '../cni/cni-result.ts';
import type { AgentCore } from '../core/agent-core.ts';
import { endpointKeyOf } from '../core/local-endpoint.ts';
import { GATEWAY } from './gateway.ts';
import { inspect, plugIn, type PodLinkFault, unplug } from './pod-link.ts';
import type { Sandbox, SandboxStore } from './sandbox-store.ts';

/** What serving pods takes. */
export interface PodNetworkOptions {
  readonly client: KubeClient;
  readonly core: AgentCore;
  readonly sandboxes: SandboxStore;
  readonly addresses: AddressBook;
  /** Of the node's own namespace. */
  readonly netlink: NetlinkSocket;
  /** Resolves when all that the core knows is in the kernel. */
  readonly enforce: () => Promise<void>;
  /** Whether this agent knows the cluster's policies yet. */
  readonly ready: () => boolean;
  /** The Pod as a watch last showed it. */
  readonly cachedPod: (pod: CniPod) => AnyObject | undefined;
  /** MTU for pods when the configuration names none. */
  readonly mtu: () => number;
  readonly log: (line: string) => void;
}

/** Longest wait for the kernel to hold a new pod's rules; then ADD fails and nothing of it stays. */
const CONFIRM_MS = 20_000;

/** Serves ADD, DEL and CHECK. One request at a time for each sandbox; different sandboxes go side by side. */
export class PodNetwork {
  readonly #options: PodNetworkOptions;
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: PodNetworkOptions) {
    this.#options = options;
  }

  /** Serves one request of the CNI executable. */
  handle(request: CniRequest): Promise<Result<object | undefined, CniFault>> {
    const key = `${request.containerId} ${request.ifname}`;
    const before = this.#turns.get(key) ?? Promise.resolve();
    const turn = before.then(() => this.#serve(request));
    const settled = turn.catch(() => {});
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
        return this.#del(request.containerId, request.ifname, request.config.name);
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
    if (this.#options.sandboxes.get(containerId, ifname)?.state === 'ready')
      return fail({
        code: CNI_CODE.invalidNetns,
        message: `container ${containerId} has its interface ${ifname} already`,
      });
    const found = await this.#findPod(request.pod);
    if (!found.ok) return found;
    const object = found.value;
    const pod = { namespace: request.pod.namespace, name: request.pod.name, uid: object.metadata.uid ?? '' };
    const assigned = await this.#options.addresses.assign({ containerId, network: config.name, pod, object });
    if (!assigned.ok) {
      const code = assigned.fault.code === 'retry' ? CNI_CODE.tryAgain : CNI_CODE.noAddress;
      return fail({ code, message: assigned.fault.message });
    }
    const ips = assigned.value;
    const mtu = config.mtu ?? this.#options.mtu();
    const hostInterface = workloadInterfaceName(pod.namespace, pod.name);
    const sandbox: Sandbox = {
      ...{ containerId, ifname, netns, hostInterface, pod, mtu },
      ips: ips.map(formatIp),
      podMac: '',
      state: 'adding',
    };
    this.#options.sandboxes.put(sandbox);
    const made = plugIn(this.#options.netlink, { hostInterface, netns, ifname, ips, mtu });
    if (!made.ok) {
      await this.#del(containerId, ifname, config.name);
      return fail(cniFaultOf(made.fault));
    }
    this.#tellCore(sandbox);
    const confirmed = await withinTime(this.#options.enforce(), CONFIRM_MS);
    if (!confirmed) {
      await this.#del(containerId, ifname, config.name);
      const message = `the kernel did not hold this pod's policy within ${CONFIRM_MS / 1000} s; the agent's log says why`;
      return fail({ code: CNI_CODE.tryAgain, message });
    }
    this.#options.sandboxes.put({ ...sandbox, podMac: made.value.podMac, state: 'ready' });
    void this.#publish(sandbox);
    const result = {
      hostInterface: { name: hostInterface, mac: GATEWAY.mac },
      podInterface: { name: ifname, mac: made.value.podMac, sandbox: netns, mtu },
      ips,
    };
    return ok(formatCniResult(result, config.cniVersion));
  }

  /** Gone is gone: every part may be missing, and the answer is success unless something stays. */
  async #del(containerId: string, ifname: string, network: string): Promise<Result<undefined, CniFault>> {
    const { sandboxes, core, netlink, addresses } = this.#options;
    const sandbox = sandboxes.get(containerId, ifname);
    if (sandbox !== undefined) {
      const key = endpointKeyOf(sandbox.pod);
      // A newer sandbox of the same pod has taken the interface over.
      const heir = sandboxes
        .all()
        .some(s => s.containerId !== containerId && s.hostInterface === sandbox.hostInterface);
      core.tell({ type: 'not-local', key, containerId });
      if (!heir) {
        const gone = unplug(netlink, sandbox.hostInterface);
        if (!gone.ok) return fail(cniFaultOf(gone.fault));
      }
      await withinTime(this.#options.enforce(), CONFIRM_MS);
    }
    const released = await addresses.release(containerId, network);
    if (!released.ok) return fail({ code: CNI_CODE.tryAgain, message: released.fault.message });
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
    const { hostInterface, mtu } = sandbox;
    const differences = inspect(this.#options.netlink, { hostInterface, netns, ifname, ips, mtu });
    if (differences.length === 0) return ok(undefined);
    return fail({
      code: CNI_CODE.checkFailed,
      message: differences[0] as string,
      details: differences.slice(1).join('; '),
    });
  }

  /** Removes every sandbox that the runtime does not name as valid (CNI 1.1 GC). */
  async #collect(request: CniRequest): Promise<Result<undefined, CniFault>> {
    const valid = new Set(request.config.validAttachments.map(a => `${a.containerId} ${a.ifname}`));
    let fault: CniFault | undefined;
    for (const { containerId, ifname } of this.#options.sandboxes.all()) {
      if (valid.has(`${containerId} ${ifname}`)) continue;
      const gone = await this.#del(containerId, ifname, request.config.name);
      if (!gone.ok) fault = gone.fault;
    }
    return fault === undefined ? ok(undefined) : fail(fault);
  }

  /** The Pod object, fresh from the API server, else as a watch showed it. */
  async #findPod(pod: CniPod): Promise<Result<AnyObject, CniFault>> {
    const cached = this.#options.cachedPod(pod);
    if (cached !== undefined && (pod.uid === undefined || cached.metadata.uid === pod.uid)) return ok(cached);
    const name = { namespace: pod.namespace, name: pod.name };
    const read = await this.#options.client.get<AnyObject>(RESOURCES.Pod, name, { timeoutMs: 5000 });
    const label = `pod ${pod.namespace}/${pod.name}`;
    if (!read.ok)
      return fail({ code: CNI_CODE.tryAgain, message: `can't read ${label}`, details: read.fault.message });
    if (pod.uid !== undefined && read.value.metadata.uid !== pod.uid)
      return fail({
        code: CNI_CODE.tryAgain,
        message: `${label} is another one than the runtime started: its UID differs`,
      });
    const object = { ...read.value, apiVersion: 'v1', kind: 'Pod' };
    this.#options.core.tell({ type: 'object', object });
    return ok(object);
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

  /** Tells the cluster the addresses at once, as Calico's plugin does: the kubelet's status comes a little later. */
  async #publish(sandbox: Sandbox): Promise<void> {
    const { pod, ips, containerId } = sandbox;
    const annotations = {
      'cni.projectcalico.org/containerID': containerId,
      'cni.projectcalico.org/podIP': `${ips[0]}/${ips[0]?.includes(':') ? 128 : 32}`,
      'cni.projectcalico.org/podIPs': ips.map(ip => `${ip}/${ip.includes(':') ? 128 : 32}`).join(','),
    };
    const body = { metadata: { uid: pod.uid, annotations } };
    const done = await this.#options.client.patch(RESOURCES.Pod, pod, { type: 'merge', body });
    if (!done.ok && done.fault.code !== 'NotFound' && done.fault.code !== 'Conflict')
      this.#options.log(`annotations of ${pod.namespace}/${pod.name}: ${done.fault.message}`);
  }

  /** After a restart: pods that were answered for come back as they were; half-made ones are taken back. */
  async restore(network: string): Promise<void> {
    for (const sandbox of this.#options.sandboxes.all()) {
      if (sandbox.state === 'ready') this.#tellCore(sandbox);
      else {
        unplug(this.#options.netlink, sandbox.hostInterface);
        const released = await this.#options.addresses.release(sandbox.containerId, network);
        if (released.ok) this.#options.sandboxes.delete(sandbox.containerId, sandbox.ifname);
      }
    }
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
