import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type KubeClient, RESOURCES, Reflector } from '@muslin/kube';
import { createNamespace, deleteNamespace, changeLink, netlinkIn } from '@muslin/linux';
import { addressesOf, callCni, type CniAnswer, type CniPlace } from './cni.ts';
import { type EchoServers, startEchoServers } from './echo-servers.ts';
import { chooseNode, declaredPorts, type LabPod, podAction } from './pod-action.ts';

/** A node of the lab, to its kubelet. */
export interface KubeletNode {
  readonly name: string;
  readonly ips: readonly string[];
  readonly netns: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly cni: CniPlace;
}

/** What a kubelet needs. */
export interface KubeletOptions {
  readonly client: KubeClient;
  readonly nodes: readonly KubeletNode[];
  /** Prefix of the names of pods' namespaces. */
  readonly namespacePrefix: string;
  /** Folder for one file per sandbox, read by `lab ls`. */
  readonly folder: string;
  readonly log: (line: string) => void;
}

/** What a pod got, as `lab ls` shows it. */
export interface SandboxRecord {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly netns: string;
  readonly containerId: string;
  readonly ips: readonly string[];
  /** Milliseconds that the CNI ADD took, as the runtime saw it. */
  readonly addMs: number;
}

interface Sandbox {
  readonly record: SandboxRecord;
  readonly node: KubeletNode;
  readonly pod: LabPod;
  readonly result: unknown;
  readonly servers: EchoServers | undefined;
}

const PARALLEL = 8;

/** What to listen on for all addresses of a pod, the later ones, too. */
function everyAddress(ips: readonly string[]): readonly string[] {
  return ips.some(ip => ip.includes(':')) ? ['0.0.0.0', '::'] : ['0.0.0.0'];
}

/**
 * The kubelets of all nodes in one process: binds pods, gives each a namespace and its network through the CNI
 * executable, answers on its ports, reports its status, and takes everything back.
 */
export class LabKubelet {
  readonly #options: KubeletOptions;
  readonly #pods: Reflector<LabPod & { readonly metadata: { readonly resourceVersion?: string } }>;
  readonly #sandboxes = new Map<string, Sandbox>();
  /** Pods whose work is under way; what changes meanwhile is looked at afterwards. */
  readonly #busy = new Set<string>();
  readonly #waiting: string[] = [];
  readonly #failures = new Map<string, number>();
  #bound = 0;

  constructor(options: KubeletOptions) {
    this.#options = options;
    mkdirSync(options.folder, { recursive: true });
    this.#pods = new Reflector(options.client, RESOURCES.Pod, {
      onEvent: event => {
        if (event.type === 'synced') return;
        const { namespace, name } = event.object.metadata;
        this.#look(`${namespace}/${name}`);
      },
      onFault: fault => options.log(`watch of pods: ${fault.message}`),
    });
  }

  start(): void {
    this.#pods.start();
  }

  /** Stops answering and watching; sandboxes stay for whoever sweeps the lab. */
  async stop(): Promise<void> {
    await this.#pods.stop();
    for (const sandbox of this.#sandboxes.values()) sandbox.servers?.close();
  }

  #look(key: string): void {
    if (!this.#waiting.includes(key)) this.#waiting.push(key);
    this.#drain();
  }

  #drain(): void {
    while (this.#busy.size < PARALLEL) {
      const next = this.#waiting.findIndex(key => !this.#busy.has(key));
      if (next < 0) return;
      const [key] = this.#waiting.splice(next, 1) as [string];
      this.#busy.add(key);
      this.#handle(key)
        .catch(error => this.#options.log(`${key}: ${(error as Error).stack}`))
        .finally(() => {
          this.#busy.delete(key);
          this.#drain();
        });
    }
  }

  async #handle(key: string): Promise<void> {
    const pod = this.#pods.items.get(key);
    const sandbox = this.#sandboxes.get(key);
    // A new pod of an old name: the old one's sandbox goes first.
    if (sandbox !== undefined && pod !== undefined && pod.metadata.uid !== sandbox.record.uid) {
      await this.#tearDown(key, sandbox);
      this.#look(key);
      return;
    }
    const node = this.#options.nodes.find(n => n.name === pod?.spec.nodeName);
    switch (podAction(pod, sandbox !== undefined, node !== undefined)) {
      case 'bind':
        return this.#bind(pod as LabPod);
      case 'start':
        return this.#setUp(key, pod as LabPod, node as KubeletNode);
      case 'stop':
        if (sandbox !== undefined) await this.#tearDown(key, sandbox);
        if (pod?.metadata.deletionTimestamp) await this.#forget(pod);
        return;
      case 'nothing':
        return;
    }
  }

  async #bind(pod: LabPod): Promise<void> {
    const name = chooseNode(pod, this.#options.nodes, this.#bound++);
    if (name === undefined) {
      this.#options.log(`${pod.metadata.namespace}/${pod.metadata.name}: no node fits its nodeSelector`);
      return;
    }
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { namespace: pod.metadata.namespace, name: pod.metadata.name },
      target: { kind: 'Node', name },
    };
    const done = await this.#options.client.create(RESOURCES.Pod, binding, { subresource: 'binding' });
    if (!done.ok && done.fault.code !== 'Conflict' && done.fault.code !== 'NotFound')
      this.#again(`${pod.metadata.namespace}/${pod.metadata.name}`, done.fault.message);
  }

  async #setUp(key: string, pod: LabPod, node: KubeletNode): Promise<void> {
    const { namespace, name, uid } = pod.metadata;
    const containerId = randomBytes(32).toString('hex');
    const base = { namespace, name, uid, node: node.name, containerId };
    if (pod.spec.hostNetwork) {
      const servers = startEchoServers(node.netns, key, declaredPorts(pod), node.ips);
      const record = { ...base, netns: node.netns, ips: node.ips, addMs: 0 };
      this.#keep(key, { record, node, pod, result: undefined, servers });
      return this.#report(key, pod, node, node.ips, containerId);
    }
    const netns = `${this.#options.namespacePrefix}p-${containerId.slice(0, 12)}`;
    const made = createNamespace(netns);
    if (!made.ok) return this.#again(key, made.fault.message);
    // containerd runs the plugin `loopback` for this.
    const inside = netlinkIn(made.value);
    if (inside.ok) {
      changeLink(inside.value, 'lo', { up: true });
      inside.value.close();
    }
    made.value.close();
    const call = { containerId, netns: `/var/run/netns/${netns}`, pod: { namespace, name, uid } };
    const answer = await callCni(node.cni, { ...call, command: 'ADD' });
    if (!answer.ok) {
      await callCni(node.cni, { ...call, command: 'DEL' });
      deleteNamespace(netns);
      await this.#event(pod, 'FailedCreatePodSandBox', `CNI ADD failed (${answer.code}): ${answer.message}`);
      return this.#again(key, `CNI ADD: ${answer.message}`);
    }
    this.#failures.delete(key);
    const ips = addressesOf(answer.result);
    const servers = startEchoServers(netns, key, declaredPorts(pod), everyAddress(ips));
    for (const line of servers.refused) this.#options.log(`${key}: ${line}`);
    const record = { ...base, netns, ips, addMs: answer.ms };
    this.#keep(key, { record, node, pod, result: answer.result, servers });
    await this.#report(key, pod, node, ips, containerId);
  }

  async #tearDown(key: string, sandbox: Sandbox): Promise<void> {
    const { record, node, pod } = sandbox;
    sandbox.servers?.close();
    if (!pod.spec.hostNetwork) {
      // containerd sends DEL twice: with the namespace, and again when the sandbox is removed.
      const { containerId } = record;
      const call = { command: 'DEL', containerId, pod: pod.metadata } as const;
      const first = await callCni(node.cni, {
        ...call,
        netns: `/var/run/netns/${record.netns}`,
        prevResult: sandbox.result,
      });
      this.#complain(key, first);
      deleteNamespace(record.netns);
      this.#complain(key, await callCni(node.cni, { ...call, netns: '' }));
    }
    this.#sandboxes.delete(key);
    rmSync(this.#file(record), { force: true });
  }

  async #forget(pod: LabPod): Promise<void> {
    const { namespace, name, uid } = pod.metadata;
    const gone = await this.#options.client.delete(
      RESOURCES.Pod,
      { namespace, name },
      { uid, gracePeriodSeconds: 0 },
    );
    if (!gone.ok && gone.fault.code !== 'NotFound' && gone.fault.code !== 'Conflict')
      this.#again(`${namespace}/${name}`, gone.fault.message);
  }

  async #report(
    key: string,
    pod: LabPod,
    node: KubeletNode,
    ips: readonly string[],
    containerId: string,
  ): Promise<void> {
    const { namespace, name, uid } = pod.metadata;
    const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const types = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'];
    const running = { ready: true, started: true, restartCount: 0, state: { running: { startedAt: now } } };
    const status = {
      phase: 'Running',
      hostIP: node.ips[0],
      hostIPs: node.ips.map(ip => ({ ip })),
      podIP: ips[0],
      podIPs: ips.map(ip => ({ ip })),
      startTime: now,
      conditions: types.map(type => ({ type, status: 'True', lastTransitionTime: now })),
      containerStatuses: pod.spec.containers.map(container => ({
        ...running,
        name: container.name,
        image: container.image ?? '',
        imageID: '',
        containerID: `lab://${containerId}`,
      })),
    };
    const body = { metadata: { uid }, status };
    const done = await this.#options.client.patch(
      RESOURCES.Pod,
      { namespace, name },
      { type: 'merge', body },
      { subresource: 'status' },
    );
    if (done.ok || done.fault.code === 'NotFound' || done.fault.code === 'Conflict') return;
    // The sandbox stands; only its report is late.
    await new Promise(resolve => setTimeout(resolve, 1000));
    if (this.#sandboxes.get(key)?.record.containerId === containerId)
      await this.#report(key, pod, node, ips, containerId);
  }

  async #event(pod: LabPod, reason: string, message: string): Promise<void> {
    const { namespace, name, uid } = pod.metadata;
    const now = new Date().toISOString();
    await this.#options.client.create(RESOURCES.Event, {
      metadata: { namespace, generateName: `${name}.` },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace, name, uid },
      reason,
      message,
      type: 'Warning',
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
      source: { component: 'lab-kubelet' },
    } as never);
  }

  #keep(key: string, sandbox: Sandbox): void {
    this.#sandboxes.set(key, sandbox);
    const path = this.#file(sandbox.record);
    writeFileSync(`${path}.new`, JSON.stringify(sandbox.record));
    renameSync(`${path}.new`, path);
  }

  /** By UID: namespace and name may have 317 characters, and a file's name 255. */
  #file({ uid }: SandboxRecord): string {
    return `${this.#options.folder}/${uid}.json`;
  }

  /** Tries a pod again later: 0.2 s, doubling to 10 s. */
  #again(key: string, why: string): void {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.#options.log(`${key}: ${why}`);
    setTimeout(() => this.#look(key), Math.min(10_000, 100 * 2 ** failures)).unref();
  }

  #complain(key: string, answer: CniAnswer): void {
    if (!answer.ok) this.#options.log(`${key}: CNI DEL (${answer.code}): ${answer.message}`);
  }
}
