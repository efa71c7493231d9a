import { workloadInterfaceName } from '@muslin/dataplane';
import type { KubeClient } from '@muslin/kube';
import { listLinks, type NetlinkSocket } from '@muslin/linux';
import { fail, formatIp, mustIp, ok, type Result } from '@muslin/net';
import { CNI_CODE, type CniFault } from '../cni/cni-fault.ts';
import { contradictions, toldOf } from './told-result.ts';
import type { CniRequest } from '../cni/cni-request.ts';
import { endpointKeyOf } from '../core/local-endpoint.ts';
import { holderOf, interfaceSeed, macFor, podForInterface } from './address-wishes.ts';
import { isLimited, limitBandwidth } from './bandwidth.ts';
import { bandwidthFor, unenforcedLimits } from './bandwidth-wishes.ts';
import { adoptCable, type Cable, cableFault, makeCable, planOf } from './cable.ts';
import { alsoDelegated } from './also-delegated.ts';
import { delegationOf } from '../ipam/delegation.ts';
import { flannelMtu } from '../ipam/subnet-env.ts';
import { holdTo } from './limit-table.ts';
import { packetLimitsFor } from './packet-limits.ts';
import { findPod } from './pod-object.ts';
import type { PreparedPods } from './prepared-pods.ts';
import { inspect, inspectForeign } from './pod-inspection.ts';
import { examine } from './pod-link.ts';
import { CONFIRM_SECONDS, isConfirmed } from './confirmation.ts';
import { type RemovalOptions, SandboxRemoval } from './sandbox-removal.ts';
import { portsOf, portTexts, type Sandbox } from './sandbox-store.ts';
import { tenantOf } from './tenant.ts';

/** What serving pods takes. */
export interface PodNetworkOptions extends RemovalOptions {
  readonly client: KubeClient;
  /** Of the node's own namespace. */
  readonly netlink: NetlinkSocket;
  /** What the kernel lacked of what had been enforced, as a sentence; undefined when nothing. */
  readonly audit: () => Promise<string | undefined>;
  /** Why the route to a pod's interface could not be set; undefined when it is there. */
  readonly unrouted: (hostInterface: string) => string | undefined;
  /** Whether this agent knows the cluster's policies yet. */
  readonly ready: () => boolean;
  /** Why what is wanted is not in the kernel since the last round; undefined when it is. */
  readonly trouble: () => string | undefined;
  /** Pods whose rules are loaded before they come. */
  readonly prepared: Pick<PreparedPods, 'claim' | 'learn'>;
  /** The pod has its interface, and the runtime its answer. */
  readonly onServed: (sandbox: Sandbox) => void;
  /** See `findPod`. */
  readonly knowsAll?: () => boolean;
  /** MTU for pods when the configuration names none. */
  readonly mtu: () => number;
}

/** Serves ADD, DEL, CHECK, GC and STATUS. One at a time for each container; different containers go side by side. */
export class PodNetwork {
  readonly #options: PodNetworkOptions;
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #removal: SandboxRemoval;

  constructor(options: PodNetworkOptions) {
    this.#options = options;
    this.#removal = new SandboxRemoval(options);
  }

  /** Whether a container waits for an answer. */
  get busy(): boolean {
    return this.#turns.size > 0;
  }

  /** Serves one request of the CNI executable. */
  handle(request: CniRequest): Promise<Result<object | undefined, CniFault>> {
    const { command, containerId } = request;
    // These two are about the node; GC takes the turn of each sandbox that it removes.
    if (command === 'STATUS' || command === 'GC') return this.#serve(request);
    return this.#inTurn(containerId, () => this.#serve(request));
  }

  #inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
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
        return this.#add(request).catch(error => this.#undo(request, error));
      case 'DEL':
        return this.#del(request);
      case 'CHECK':
      case 'STATUS':
      case 'GC':
        return this.#asked(request, request.command);
      case 'VERSION':
        return ok(undefined);
    }
  }

  async #asked(
    request: CniRequest,
    command: 'CHECK' | 'STATUS' | 'GC',
  ): Promise<Result<undefined, CniFault>> {
    const ours =
      command === 'STATUS'
        ? this.#status()
        : await (command === 'CHECK' ? this.#check(request) : this.#collect(request));
    return alsoDelegated({ ...request, command }, ours, this.#options.addresses);
  }

  /** CNI 1.1 §STATUS: 50 can't serve ADD, 51 neither that nor changes of what pods have. */
  #status(): Result<undefined, CniFault> {
    if (!this.#options.ready())
      return fail({ code: CNI_CODE.notAvailable, message: 'the Muslin agent does not know the cluster yet' });
    const trouble = this.#options.trouble();
    if (trouble === undefined) return ok(undefined);
    return fail({
      code: CNI_CODE.limitedConnectivity,
      message: 'the kernel refuses what the cluster wants; pods keep what they had',
      details: trouble,
    });
  }

  async #add(request: CniRequest): Promise<Result<object, CniFault>> {
    const { containerId, ifname, netns, config, attachment } = request;
    const { sandboxes, addresses, netlink, prepared } = this.#options;
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
    const left = await this.#removal.goneSoon(
      sandbox => sandbox.containerId === containerId || sandbox.netns === netns,
    );
    if (!left.ok) return left;
    const mine = sandboxes.ofContainer(containerId);
    if (mine.some(sandbox => sandbox.ifname === ifname))
      return fail({
        code: CNI_CODE.invalidEnvironment,
        message: `container ${containerId} has its interface ${ifname} already`,
      });
    const foreign = config.prevResult !== undefined;
    const free = foreign ? ok(undefined) : examine({ netns, ifname });
    if (!free.ok) return fail(cableFault(free.fault));
    using door = free.value;
    const tenant = tenantOf({ netns, containerId, pod: request.pod }, sandboxes.all());
    if (tenant !== undefined) return fail({ code: CNI_CODE.invalidNetns, message: tenant });
    const found = await findPod(request.pod, this.#options);
    if (!found.ok) return found;
    const object = found.value;
    const pod = { namespace: request.pod.namespace, name: request.pod.name, uid: object.metadata.uid ?? '' };
    const mac = macFor(object, ifname, attachment);
    if (!mac.ok) return mac;
    const bandwidth = bandwidthFor(object, attachment);
    if (!bandwidth.ok) return bandwidth;
    const limits = packetLimitsFor(object);
    if (!limits.ok) return limits;
    const unenforced = unenforcedLimits(object);
    if (unenforced.length > 0)
      this.#options.log(
        `pod ${pod.namespace}/${pod.name} asks for limits that are not enforced: ${unenforced.join(', ')}`,
      );
    const mtu = config.mtu ?? flannelMtu(config.raw) ?? this.#options.mtu();
    const hostInterface = workloadInterfaceName(pod.namespace, interfaceSeed(pod.name, ifname));
    const displaced = await this.#removal.displace({ hostInterface, pod, containerId });
    if (!displaced.ok) return displaced;
    const holder = holderOf(request);
    const asking = podForInterface(object, ifname, attachment);
    const network = config.ipam.kind === 'ours' && !foreign ? config.ipam : undefined;
    const { pools, without } = network ?? { pools: {}, without: [] };
    const delegation = delegationOf(request);
    // Before it is anybody's: what was prepared for the pod's first interface is for that alone.
    const first = holder === containerId;
    if (first) prepared.learn(network);
    const claim = first ? prepared.claim(pod.uid) : undefined;
    // However this ends, nothing may stay prepared.
    using _ = { [Symbol.dispose]: () => claim?.end() };
    const wanted = {
      containerId: holder,
      network: config.name,
      pod,
      object: asking,
      pools,
      without,
      delegation,
      promised: claim?.ips ?? [],
    };
    const taken = foreign ? [] : addresses.take(wanted);
    const adding: Sandbox = {
      ...{ containerId, ifname, netns, network: config.name, hostInterface, pod, mtu },
      ...{ ips: (taken ?? []).map(formatIp), podMac: '', state: 'adding' },
      ...((config.defaultRoute ?? mine.length === 0) ? {} : { defaultRoute: false }),
      ...(foreign ? { madeBy: 'others' } : {}),
      ...(attachment.ports.length > 0 ? { ports: portTexts(attachment.ports) } : {}),
      ...(Object.keys(limits.value).length > 0 ? { limits: limits.value } : {}),
      ...(isLimited(bandwidth.value) ? { bandwidth: bandwidth.value } : {}),
    };
    // Before anything is asked for or made: whoever restarts finds what to take back.
    sandboxes.put(adding);
    // A newer sandbox of this pod may displace this one at every wait; from then on the interface is not ours.
    const isDisplaced = () => sandboxes.get(containerId, ifname) !== adding;
    const giveUp = async (fault: CniFault) => {
      claim?.end();
      if (isDisplaced()) await this.#removal.release(adding);
      else await this.#removal.takeBack(adding);
      return fail(fault);
    };
    const displacedFault: CniFault = {
      code: CNI_CODE.tryAgain,
      message: `a newer sandbox of pod ${pod.namespace}/${pod.name} took the place of this one`,
    };
    // What is asked for comes after what is on its way back: the same address may be wished for.
    if (taken === undefined) await this.#removal.gone();
    const assigned = taken === undefined ? await addresses.assign(wanted) : ok(taken);
    if (!assigned.ok) {
      const code = assigned.fault.code === 'retry' ? CNI_CODE.tryAgain : CNI_CODE.noAddress;
      return giveUp(assigned.fault.told ?? { code, message: assigned.fault.message });
    }
    if (isDisplaced()) return giveUp(displacedFault);
    const made: Result<Cable, CniFault> = foreign
      ? adoptCable(netlink, adding, request)
      : makeCable(netlink, adding, request, assigned.value, mac.value, door);
    // Whoever waits for rules must not keep a namespace alive.
    door?.[Symbol.dispose]();
    if (!made.ok) return giveUp(made.fault);
    const { sandbox, result } = made.value;
    const limited = limitBandwidth(netlink, sandbox, bandwidth.value);
    if (!limited.ok) return giveUp(cableFault(limited.fault));
    const held =
      sandbox.limits === undefined ? ok(undefined) : await holdTo({ ...sandbox, limits: sandbox.limits });
    if (!held.ok) return giveUp({ code: CNI_CODE.ioFailure, message: held.fault.message });
    if (isDisplaced()) return giveUp(displacedFault);
    this.#tellCore(sandbox);
    claim?.end();
    const confirmed = await isConfirmed(this.#options.enforce());
    if (isDisplaced()) return giveUp(displacedFault);
    if (!confirmed) {
      const message = `the kernel did not hold this pod's policy within ${CONFIRM_SECONDS} s; the agent's log says why`;
      return giveUp({ code: CNI_CODE.tryAgain, message });
    }
    const unrouted = this.#options.unrouted(hostInterface);
    if (unrouted !== undefined)
      return giveUp({ code: CNI_CODE.tryAgain, message: `no route to the pod could be set: ${unrouted}` });
    sandboxes.put(sandbox);
    if (mine.length === 0) this.#options.onServed(sandbox);
    return ok(result);
  }

  /** An ADD ended in the midst, as on a full disk: nothing of it may stay, and the reason is told as it was. */
  async #undo({ containerId, ifname, config }: CniRequest, error: unknown): Promise<never> {
    const { sandboxes, addresses } = this.#options;
    const sandbox = sandboxes.get(containerId, ifname);
    const undone =
      sandbox === undefined
        ? addresses.release(holderOf({ containerId, ifname }), config.name)
        : this.#removal.takeBack(sandbox);
    // What this can't do either, the runtime's DEL does.
    await undone.catch(() => {});
    throw error;
  }

  /** Gone is gone: every part may be missing, and the answer is success unless something stays. */
  async #del(request: CniRequest): Promise<Result<undefined, CniFault>> {
    const { containerId, ifname, config } = request;
    const { sandboxes, addresses } = this.#options;
    const sandbox = sandboxes.get(containerId, ifname);
    const holder = holderOf({ containerId, ifname });
    const delegation = delegationOf(request);
    if (sandbox === undefined) await addresses.release(holder, config.name, delegation);
    else {
      const gone = await this.#removal.takeBack(sandbox);
      if (!gone.ok || delegation === undefined) return gone;
      const left = await this.#removal.gone(leaving => leaving.containerId === containerId);
      if (!left.ok) return left;
    }
    const fault = await addresses.freed(holder, config.name);
    return fault === undefined ? ok(undefined) : fail(fault);
  }

  async #check(request: CniRequest): Promise<Result<undefined, CniFault>> {
    const { containerId, ifname, netns } = request;
    const sandbox = this.#options.sandboxes.get(containerId, ifname);
    if (sandbox === undefined || sandbox.state !== 'ready')
      return fail({
        code: CNI_CODE.unknownContainer,
        message: `container ${containerId} has no interface ${ifname} of Muslin`,
      });
    const told = toldOf(request);
    // A plugin after us may have given the interface another MAC and said so.
    const { mac = sandbox.podMac } = told;
    const plan = { ...planOf(sandbox), netns, mac, remade: mac !== sandbox.podMac };
    const look = sandbox.madeBy === undefined ? inspect : inspectForeign;
    const differences = look(this.#options.netlink, plan);
    const missing = await this.#options.audit();
    const others = contradictions(told, sandbox);
    const all = [...differences, ...others, ...(missing === undefined ? [] : [missing])];
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
    // A caller that names nothing wants nothing taken away (cnitool): libcni sends DELs for what it knows itself.
    if (request.config.validAttachments === undefined) return ok(undefined);
    const valid = new Set(request.config.validAttachments.map(a => `${a.containerId} ${a.ifname}`));
    // One that is being worked on is newer than the runtime's list.
    const stale = sandboxes.all().filter(({ containerId, ifname, network }) => {
      const key = `${containerId} ${ifname}`;
      return network === request.config.name && !valid.has(key) && !this.#turns.has(containerId);
    });
    const done = await Promise.all(
      stale.map(({ containerId, ifname }) =>
        this.#inTurn(containerId, async () => {
          const sandbox = sandboxes.get(containerId, ifname);
          return sandbox === undefined ? ok(undefined) : this.#removal.takeBack(sandbox);
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
        routedBy: sandbox.madeBy ?? 'us',
        ports: portsOf(sandbox),
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
      if (sandbox.madeBy === undefined)
        addresses.recall({ ...sandbox, containerId: holderOf(sandbox) }, sandbox.ips.map(mustIp));
      if (linkExists(sandbox.hostInterface)) this.#tellCore(sandbox);
    }
    await Promise.all(
      all.map(async sandbox => {
        const { state, containerId, ifname, network, hostInterface, madeBy } = sandbox;
        if (state === 'ready') return;
        if (madeBy !== undefined) return sandboxes.delete(containerId, ifname);
        const unplugged = await this.#options.removeLink(hostInterface);
        if (!unplugged.ok) return log(`half-made sandbox ${containerId}: ${unplugged.fault.message}`);
        const free = await this.#removal.unlimit(sandbox);
        if (!free.ok) log(`half-made sandbox ${containerId}: ${free.fault.message}`);
        if (state === 'leaving') await this.#options.forgetFlows(sandbox.ips.map(mustIp));
        try {
          await addresses.releaseLater(holderOf(sandbox), network);
          sandboxes.delete(containerId, ifname);
        } catch (error) {
          // The file stays, and is the promise: a full disk must not keep the agent from starting.
          log(`addresses of ${containerId} are promised back later: ${(error as Error).message}`);
        }
      }),
    );
  }
}
