import { closeSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type AnyObject, KubeClient, loadKubeconfig, RESOURCES, type Resource } from '@muslin/kube';
import { openNamespace, sysctl, tcpListenIn } from '@muslin/linux';
import { mustIp } from '@muslin/net';
import { type Child, ourProgram, startChild } from './child.ts';
import type { Report } from './checks.ts';
import { networkObjects, nodeObject } from './cluster-objects.ts';
import { AGENT_ACCOUNT, FanoutMounts, PROGRAMS, type Program, tokenFile } from './credentials.ts';
import { buildFabric } from './fabric.ts';
import { installPlugin } from './install-plugin.ts';
import { claim, sweep } from './instance.ts';
import { type AgentStatus, askSocket } from './local-status.ts';
import type { Addressing, LabOptions, Overlay } from './options.ts';
import { ownDefinitions, policyDefinitions } from './definitions.ts';
import type { KubeletNode } from './pods/kubelet.ts';
import type { KubeletConfig } from './pods/main.ts';
import { addressesOf, type Host, namespacePrefix, planTopology, type Topology } from './topology.ts';
import type { Router } from './tor/router.ts';
import { routerOf } from './tor/routers.ts';
import { until } from './until.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const API_PORT = 6443;
const START_MS = 30_000;
const FANOUT_PORT = 9467;
/** What a cluster is to be like. */
export interface ClusterOptions extends Pick<LabOptions, 'id' | 'nodes' | 'tor'> {
  /** More options of `muslin-agent`, on every node. */
  readonly agentArgs?: readonly string[];
  readonly overlay?: Overlay;
  readonly family?: Addressing;
  /** Agents are told by the controller what concerns their nodes, instead of watching everything. */
  readonly fanout?: boolean;
}

/** A cluster that stands: its client, its places, and its processes, each of which can be killed and started again. */
export class Cluster {
  readonly topology: Topology;
  readonly folder: string;
  readonly router: Router | undefined;
  readonly #agentArgs: readonly string[];
  readonly #fanout: boolean;
  readonly #mounts: FanoutMounts;
  readonly #children = new Map<string, Child>();
  #client: KubeClient | undefined;
  #apiPort = 0;

  private constructor(
    topology: Topology,
    folder: string,
    router: Router | undefined,
    { agentArgs = [], fanout = false }: ClusterOptions,
  ) {
    this.#agentArgs = agentArgs;
    this.#fanout = fanout;
    this.#mounts = new FanoutMounts(folder);
    this.topology = topology;
    this.folder = folder;
    this.router = router;
  }

  /** Brings everything up; throws with one clear sentence when a part does not come. */
  static async up(options: ClusterOptions, report: Report): Promise<Cluster> {
    const overlay = options.overlay ?? 'none';
    const topology = planTopology(options.id, options.nodes, overlay !== 'none', options.family === 'dual');
    const folder = claim(options.id);
    const router = routerOf(options.tor, { topology, folder: `${folder}/tor` });
    const cluster = new Cluster(topology, folder, router, options);
    report.step();
    await buildFabric(topology);
    allowForwarding(topology.tor);
    report.done(`underlay: ${options.nodes} nodes, control plane, router, an outside host`);
    const [executable] = await Promise.all([
      installPlugin(topology, folder),
      cluster.startApiServer(),
      cluster.startRouter(),
    ]);
    report.done(`API server, router ${options.tor}, CNI executable (${executable})`);
    await cluster.#writeObjects(overlay);
    report.done('CRDs, nodes, pool, BGP configuration');
    if (options.fanout === true) {
      await cluster.startController();
      await cluster.#mounts.mount(cluster.client, START_MS);
    }
    await Promise.all([
      ...topology.nodes.flatMap(node => [cluster.startAgent(node), cluster.startSpeaker(node)]),
      options.fanout === true ? undefined : cluster.startController(),
      cluster.startKubelet(),
    ]);
    report.done('agents, speakers, controller, kubelets');
    return cluster;
  }

  /** A client with the admin's kubeconfig. */
  get client(): KubeClient {
    if (this.#client === undefined) {
      const connection = loadKubeconfig({ path: this.kubeconfig });
      if (!connection.ok) throw new Error(connection.fault.message);
      this.#client = new KubeClient(connection.value, { userAgent: 'muslin-lab' });
    }
    return this.#client;
  }

  /** For people on this machine: the API server's loopback address. */
  get kubeconfig(): string {
    return `${this.folder}/kubeconfig`;
  }

  child(name: string): Child {
    const child = this.#children.get(name);
    if (child === undefined) throw new Error(`no process ${name} in this lab`);
    return child;
  }

  /** Names and process numbers of everything that runs. */
  processes(): readonly { readonly name: string; readonly pid: number }[] {
    return [...this.#children.values()].filter(c => c.alive()).map(c => ({ name: c.name, pid: c.id.pid }));
  }

  async startApiServer(): Promise<void> {
    const { control } = this.topology;
    mkdirSync(`${this.folder}/api`, { recursive: true });
    const tokens = `${this.folder}/api/tokens`;
    if (!existsSync(tokens)) writeFileSync(tokens, tokenFile(this.topology.nodes), { mode: 0o600 });
    const fd = listenIn(control, API_PORT);
    const log = `${this.folder}/api/server.log`;
    writeFileSync(log, '');
    this.#run('api', undefined, log, {
      descriptors: [fd],
      command: ourProgram(
        `${ROOT}/packages/lab/src/apiserver/main.ts`,
        ...['--listen', `127.0.0.1:${this.#apiPort}`, '--listen-fd', '3', '--san', control.ip],
        ...['--token-file', tokens, '--service-cidr', this.topology.serviceCidr],
        ...['--kubeconfig', this.kubeconfig, '--cert-dir', `${this.folder}/api`],
        ...['--data', `${this.folder}/api/state.db`, '--audit-log', this.auditLog],
      ),
    });
    // Our copy would keep the port open when the server dies.
    closeSync(fd);
    const ready = await until(
      async () => /^\{"ready":true.*$/m.exec(readFileSync(log, 'utf8'))?.[0],
      line => line !== undefined || !this.child('api').alive(),
      START_MS,
    );
    if (!ready.held || ready.value === undefined)
      throw new Error(`the API server did not start:\n${this.child('api').tail()}`);
    const config = readFileSync(this.kubeconfig, 'utf8');
    const server = /server: https:\/\/127\.0\.0\.1:(\d+)/.exec(config);
    if (server === null) throw new Error('the API server wrote a kubeconfig without a loopback address');
    this.#apiPort = Number(server[1]);
    const [admin = '', ...ours] = readFileSync(tokens, 'utf8')
      .split('\n')
      .map(line => line.split(',')[0] ?? '');
    const inside = config.replace(server[0], `server: https://${control.ip}:${API_PORT}`);
    writeFileSync(`${this.folder}/api/admin.kubeconfig`, inside, { mode: 0o600 });
    for (const [i, program] of PROGRAMS.entries())
      writeFileSync(this.#kubeconfigOf(program), inside.replace(admin, ours[i] ?? ''), { mode: 0o600 });
  }

  async startRouter(): Promise<void> {
    if (this.router === undefined) return;
    this.#children.set('tor', await this.router.start());
  }

  async startAgent(node: Host): Promise<void> {
    this.#program('agent', node);
    const socket = `${this.folder}/${node.name}/agent.sock`;
    await this.#appear(
      `agent-${node.name}`,
      () => askSocket<AgentStatus>(socket, '/v1/status'),
      status => status?.ready === true,
    );
  }

  async startSpeaker(node: Host): Promise<void> {
    this.#program('speaker', node);
    const socket = `${this.folder}/${node.name}/speaker.sock`;
    await this.#appear(
      `speaker-${node.name}`,
      () => askSocket(socket, '/v1/status'),
      status => status !== undefined,
    );
  }

  async startController(): Promise<void> {
    mkdirSync(`${this.folder}/control`, { recursive: true });
    const { control } = this.topology;
    this.#run('controller', control.netns, `${this.folder}/control/controller.log`, {
      command: ourProgram(
        `${ROOT}/packages/controller/src/main.ts`,
        ...[
          '--kubeconfig',
          this.#kubeconfigOf('controller'),
          '--run-dir',
          `${this.folder}/control`,
          '--id',
          'lab',
        ],
        ...(this.#fanout ? ['--fanout-listen', `${control.ip}:${FANOUT_PORT}`] : []),
        ...(this.#fanout ? ['--fanout-account', AGENT_ACCOUNT] : []),
      ),
    });
    await this.#appear(
      'controller',
      () => askSocket(`${this.folder}/control/controller.sock`, '/v1/status'),
      s => s !== undefined,
    );
  }

  async startKubelet(): Promise<void> {
    const config: KubeletConfig = {
      kubeconfig: this.kubeconfig,
      namespacePrefix: namespacePrefix(this.topology.id),
      folder: `${this.folder}/sandboxes`,
      nodes: this.topology.nodes.map(node => this.#kubeletNode(node)),
    };
    writeFileSync(`${this.folder}/kubelet.json`, JSON.stringify(config));
    this.#run('kubelet', undefined, `${this.folder}/kubelet.log`, {
      command: ourProgram(`${ROOT}/packages/lab/src/pods/main.ts`, `${this.folder}/kubelet.json`),
    });
  }

  /** Starts a program of this lab anew, by its name in `processes`. */
  async restart(name: string): Promise<void> {
    const [program, node] = /^(agent|speaker)-(.+)$/.exec(name)?.slice(1) ?? [name];
    const host = this.topology.nodes.find(each => each.name === node);
    if (program === 'agent' && host !== undefined) return this.startAgent(host);
    if (program === 'speaker' && host !== undefined) return this.startSpeaker(host);
    if (program === 'api') return this.startApiServer();
    if (program === 'tor') return this.startRouter();
    if (program === 'controller') return this.startController();
    if (program === 'kubelet') return this.startKubelet();
    throw new Error(`nobody knows how to start ${name}`);
  }

  /** What an agent says of itself. */
  agentStatus(node: Host): Promise<AgentStatus | undefined> {
    return askSocket<AgentStatus>(`${this.folder}/${node.name}/agent.sock`, '/v1/status');
  }

  /** Where the runtime finds the plugin of a node. */
  #kubeletNode(node: Host): KubeletNode {
    const bin = `${this.folder}/${node.name}/cni/bin`;
    return {
      name: node.name,
      ips: addressesOf(node),
      netns: node.netns,
      labels: { 'kubernetes.io/hostname': node.name, 'kubernetes.io/os': 'linux' },
      cni: {
        nodeNetns: node.netns,
        executable: `${bin}/muslin`,
        binFolder: bin,
        network: { name: 'k8s-pod-network', cniVersion: '1.0.0', plugin: { type: 'muslin' } },
      },
    };
  }

  /** Ends every process and removes every trace. */
  async down(): Promise<void> {
    await this.#client?.close();
    for (const child of this.#children.values()) child.kill();
    await Promise.all([...this.#children.values()].map(child => child.ended));
    await sweep(this.topology.id);
  }

  /** What each user asked the API server for (`AuditLine`). */
  get auditLog(): string {
    return `${this.folder}/api/audit.jsonl`;
  }

  #kubeconfigOf(program: Program): string {
    return `${this.folder}/api/${program}.kubeconfig`;
  }

  async #writeObjects(overlay: Overlay): Promise<void> {
    const crds = [...ownDefinitions(ROOT), ...policyDefinitions()];
    await Promise.all(crds.map(crd => this.apply(crd)));
    const established = await until(
      () => this.client.list<AnyObject>(RESOURCES.CustomResourceDefinition),
      list => list.ok && list.value.items.filter(isEstablished).length >= crds.length,
      START_MS,
    );
    if (!established.held) throw new Error('the CRDs were not established in time');
    const nodes = this.topology.nodes.map(node => nodeObject(node.name, addressesOf(node)) as AnyObject);
    await Promise.all(nodes.map(node => this.apply(node)));
    await Promise.all(nodes.map(node => this.apply(node, 'status')));
    for (const object of networkObjects(this.topology, this.router, overlay))
      await this.apply(object as AnyObject);
  }

  /** Server-side apply of any object of a known kind; throws when the server refuses. */
  async apply(object: AnyObject, subresource?: string): Promise<AnyObject> {
    const resource = resourceOf(object);
    const { name = '', namespace } = object.metadata;
    const done = await this.client.patch<AnyObject>(
      resource,
      namespace === undefined ? { name } : { namespace, name },
      { type: 'apply', body: object },
      { fieldManager: 'muslin-lab', force: true, ...(subresource === undefined ? {} : { subresource }) },
    );
    if (!done.ok) throw new Error(`${object.kind} ${name}: ${done.fault.message}`);
    return done.value;
  }

  #program(program: 'agent' | 'speaker', node: Host): void {
    const folder = `${this.folder}/${node.name}`;
    mkdirSync(folder, { recursive: true });
    this.#run(`${program}-${node.name}`, node.netns, `${folder}/${program}.log`, {
      command: ourProgram(
        `${ROOT}/packages/${program}/src/main.ts`,
        ...[
          '--node',
          node.name,
          '--kubeconfig',
          this.#kubeconfigOf(program),
          '--run-dir',
          folder,
          '--state-dir',
          `${folder}/state`,
        ],
        ...(program === 'agent' ? this.#agentFlags(node) : []),
      ),
    });
  }

  #agentFlags(node: Host): readonly string[] {
    if (!this.#fanout) return this.#agentArgs;
    const controllers = `${this.topology.control.ip}:${FANOUT_PORT}`;
    return [...this.#agentArgs, '--fanout', controllers, ...this.#mounts.flags(node)];
  }

  #run(
    name: string,
    netns: string | undefined,
    log: string,
    spec: { command: readonly string[]; descriptors?: readonly number[] },
  ): void {
    const env = { NODE_COMPILE_CACHE: `${ROOT}/node_modules/.cache/node` };
    this.#children.set(
      name,
      startChild({
        lab: this.topology.id,
        name,
        ...(netns === undefined ? {} : { netns }),
        log,
        env,
        ...spec,
      }),
    );
  }

  async #appear<T>(name: string, ask: () => Promise<T>, good: (value: T) => boolean): Promise<void> {
    const child = this.child(name);
    const seen = await until(ask, value => good(value) || !child.alive(), START_MS);
    if (child.alive() && seen.held) return;
    const why = child.alive() ? 'is not ready' : `ended with ${await child.ended}`;
    throw new Error(`${name} ${why}; its last lines:\n${child.tail()}`);
  }
}

/** The resource of an object by its apiVersion and kind; throws for kinds that the lab does not know. */
export function resourceOf(object: AnyObject): Resource {
  const found = Object.values(RESOURCES).find(
    r =>
      r.kind === object.kind &&
      object.apiVersion === (r.group === '' ? r.version : `${r.group}/${r.version}`),
  );
  if (found === undefined) throw new Error(`the lab does not know ${object.apiVersion} ${object.kind}`);
  return found;
}

function isEstablished(crd: AnyObject): boolean {
  const { conditions = [] } = (crd['status'] ?? {}) as {
    conditions?: readonly { type: string; status: string }[];
  };
  return conditions.some(c => c.type === 'Established' && c.status === 'True');
}

function listenIn(host: Host, port: number): number {
  const opened = openNamespace(host.netns);
  if (!opened.ok) throw new Error(opened.fault.message);
  using namespace = opened.value;
  const fd = tcpListenIn(namespace, mustIp(host.ip), port);
  if (!fd.ok) throw new Error(fd.fault.message);
  return fd.value;
}

function allowForwarding(host: Host): void {
  const opened = openNamespace(host.netns);
  if (!opened.ok) throw new Error(opened.fault.message);
  using namespace = opened.value;
  const set = sysctl(namespace, 'net/ipv4/ip_forward', 1);
  if (host.ip6 !== undefined) sysctl(namespace, 'net/ipv6/conf/all/forwarding', 1);
  if (!set.ok) throw new Error(set.fault.message);
  sysctl(namespace, 'net/ipv4/fib_multipath_hash_policy', 1);
}
