import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { crdOf, KINDS } from '@muslin/api';
import { type AnyObject, KubeClient, loadKubeconfig, RESOURCES } from '@muslin/kube';
import { tcpListenIn } from '@muslin/linux';
import { mustIp } from '@muslin/net';
import { makeSpace, must, type Space, until } from './spaces.ts';

const PACKAGES = fileURLToPath(new URL('../..', import.meta.url));
const FLAGS = ['--conditions=@muslin/source', '--disable-warning=ExperimentalWarning'];
const TOKEN = 'a-token-that-no-log-may-show';
const PORT = 6443;

/** What the executable said. */
export interface CniAnswer {
  readonly code: number | null;
  readonly out: string;
  readonly ms: number;
}

/** A pod of the stand: its namespace, and how the runtime names its sandbox. */
export interface StandPod {
  readonly name: string;
  readonly uid: string;
  readonly containerId: string;
  readonly space: Space;
}

/** One node in a namespace: API server, agent and the real executable, each of which can be killed and come back. */
export class Stand {
  readonly node: Space = makeSpace();
  readonly folder = mkdtempSync(`${tmpdir()}/msl-stand-`);
  readonly spaces: Space[] = [];
  readonly #children = new Map<string, ChildProcess>();
  #client: KubeClient | undefined;
  #count = 0;
  #apiPort = 0;
  #apiStarts = 0;

  static async up(...agentArgs: readonly string[]): Promise<Stand> {
    const stand = new Stand();
    const where = ['--bin-dir', `${stand.folder}/bin`, '--socket', `${stand.folder}/cni.sock`];
    const queue = ['--queue', `${stand.folder}/state/cni-queue`, '--cache', `${stand.folder}/cache`];
    execFileSync(process.execPath, [...FLAGS, `${PACKAGES}agent/src/install-cni.ts`, ...where, ...queue]);
    await stand.startApi();
    for (const kind of KINDS) await stand.create(crdOf(kind) as unknown as AnyObject);
    await until(
      () => stand.client.list<AnyObject>(RESOURCES.IPReservation),
      list => list.ok,
      'the CRDs are served',
    );
    await stand.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' }, spec: {} });
    await stand.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
    for (const [name, cidr] of Object.entries({ four: '10.77.0.0/24', six: 'fd77::/116' }))
      await stand.create({
        apiVersion: 'projectcalico.org/v3',
        kind: 'IPPool',
        metadata: { name },
        spec: { cidr, blockSize: name === 'four' ? 26 : 122 },
      });
    await stand.startAgent(...agentArgs);
    return stand;
  }

  async down(): Promise<void> {
    await this.#client?.close();
    for (const name of this.#children.keys()) await this.kill(name);
    for (const space of this.spaces) space.close();
    this.node.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  get client(): KubeClient {
    this.#client ??= new KubeClient(must(loadKubeconfig({ path: `${this.folder}/kubeconfig` })), {
      userAgent: 'test',
    });
    return this.#client;
  }

  /** Everything that the agent wrote since the stand came up. */
  get log(): string {
    return readFileSync(`${this.folder}/agent.log`, 'utf8');
  }

  async create(object: AnyObject): Promise<AnyObject> {
    const resource = Object.values(RESOURCES).find(
      r =>
        r.kind === object.kind &&
        object.apiVersion === (r.group === '' ? r.version : `${r.group}/${r.version}`),
    );
    if (resource === undefined) throw new Error(`unknown kind ${object.kind}`);
    return must(await this.client.create<AnyObject>(resource, object));
  }

  async startApi(): Promise<void> {
    const inside = must(tcpListenIn(this.node.namespace, mustIp('127.0.0.1'), PORT));
    writeFileSync(`${this.folder}/tokens`, `${TOKEN},admin,admin,"system:masters"\n`);
    const child = this.#spawn(
      'api',
      [],
      `${PACKAGES}lab/src/apiserver/main.ts`,
      [inside],
      [
        ...[
          '--listen',
          `127.0.0.1:${this.#apiPort}`,
          '--listen-fd',
          '3',
          '--kubeconfig',
          `${this.folder}/kubeconfig`,
        ],
        ...['--token-file', `${this.folder}/tokens`, '--data', `${this.folder}/state.db`],
        ...['--cert-dir', this.folder],
      ],
    );
    closeSync(inside);
    const log = () =>
      readFileSync(`${this.folder}/api.log`, 'utf8')
        .split('\n')
        .filter(l => l.startsWith('{"ready"'));
    const before = this.#apiStarts;
    await until(log, lines => lines.length > before || child.exitCode !== null, 'the API server serves');
    this.#apiStarts = before + 1;
    const config = readFileSync(`${this.folder}/kubeconfig`, 'utf8');
    this.#apiPort = Number(/127\.0\.0\.1:(\d+)/.exec(config)?.[1]);
    writeFileSync(`${this.folder}/node.kubeconfig`, config.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${PORT}`));
  }

  /** Starts the agent in the node's namespace and waits until it is ready. */
  async startAgent(...args: readonly string[]): Promise<void> {
    this.launchAgent(...args);
    await until(
      () => this.status(),
      status => status?.ready === true,
      `the agent is ready\n${this.log}`,
      40_000,
    );
  }

  launchAgent(...args: readonly string[]): void {
    const folders = ['--run-dir', this.folder, '--state-dir', `${this.folder}/state`];
    this.#spawn(
      'agent',
      ['ip', 'netns', 'exec', this.node.name],
      `${PACKAGES}agent/src/main.ts`,
      [],
      [
        ...['--node', 'n1', '--kubeconfig', `${this.folder}/node.kubeconfig`, ...folders],
        ...['--refresh-ms', '60000', ...args],
      ],
    );
  }

  async kill(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#children.get(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise(resolve => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  /** Of a program of the stand; it stays its process' after the program ended. */
  pidOf(name: string): number | undefined {
    return this.#children.get(name)?.pid;
  }

  // biome-ignore lint/suspicious/noExplicitAny: what the status page says is what the tests look at
  status(): Promise<any> {
    return new Promise(resolve => {
      const asked = request(
        { socketPath: `${this.folder}/agent.sock`, path: '/v1/status', agent: false },
        answer => {
          let text = '';
          answer.on('data', chunk => (text += chunk));
          answer.on('error', () => resolve(undefined));
          answer.on('end', () => resolve(JSON.parse(text)));
        },
      );
      asked.on('error', () => resolve(undefined));
      asked.end();
    });
  }

  /** A Pod at the API server, bound to this node, and a namespace for its sandbox. */
  async pod(
    name: string,
    labels: Readonly<Record<string, string>> = { app: name },
    annotations: Readonly<Record<string, string>> = {},
  ): Promise<StandPod> {
    const made = await this.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace: 'shop', name, labels, annotations },
      spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'x' }] },
    });
    return this.sandboxOf(name, made.metadata.uid as string);
  }

  /** Another sandbox of a pod. */
  sandboxOf(name: string, uid: string): StandPod {
    const space = makeSpace();
    this.spaces.push(space);
    return { name, uid, space, containerId: `box${this.#count++}` };
  }

  /** Calls the executable as containerd does; `killAfterMs`: and lets it die meanwhile (its code is null then). */
  cni(
    command: string,
    pod: StandPod,
    env: Readonly<Record<string, string>> = {},
    config: object = {},
    killAfterMs?: number,
  ): Promise<CniAnswer> {
    const begun = performance.now();
    const child = spawn(`${this.folder}/bin/muslin`, [], {
      ...(killAfterMs === undefined ? {} : { timeout: killAfterMs, killSignal: 'SIGKILL' as const }),
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        CNI_COMMAND: command,
        CNI_CONTAINERID: pod.containerId,
        CNI_NETNS: pod.space.path,
        CNI_IFNAME: 'eth0',
        CNI_PATH: '/opt/cni/bin',
        CNI_ARGS: `K8S_POD_UID=${pod.uid};IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${pod.name}`,
        ...env,
      },
    });
    let out = '';
    child.stdout.on('data', chunk => (out += chunk));
    child.stdin.on('error', () => {});
    child.stdin.end(
      JSON.stringify({ cniVersion: '1.1.0', name: 'k8s-pod-network', type: 'muslin', ...config }),
    );
    return new Promise(resolve =>
      child.on('close', code => resolve({ code, out, ms: performance.now() - begun })),
    );
  }

  /** ADD that must succeed; the pod's addresses. */
  async add(pod: StandPod): Promise<readonly string[]> {
    const answer = await this.cni('ADD', pod);
    if (answer.code !== 0) throw new Error(`ADD of ${pod.name}: ${answer.out}\n${this.log}`);
    const { ips } = JSON.parse(answer.out) as { ips: { address: string }[] };
    return ips.map(ip => ip.address.split('/')[0] as string);
  }

  /** Addresses that IPAM's blocks hold, by the handle that holds them. */
  async held(): Promise<ReadonlyMap<string, number>> {
    const blocks = must(await this.client.listAll<AnyObject>(RESOURCES.IPAMBlock)).items;
    const held = new Map<string, number>();
    for (const block of blocks) {
      const { allocations = [], attributes = [] } = block['spec'] as {
        allocations?: (number | null)[];
        attributes?: { handle_id?: string; releasedAt?: string }[];
      };
      for (const at of allocations) {
        if (at === null) continue;
        const { handle_id: handle = '', releasedAt } = attributes[at] ?? {};
        if (!releasedAt) held.set(handle, (held.get(handle) ?? 0) + 1);
      }
    }
    return held;
  }

  /** Interfaces of pods on the node. */
  cables(): readonly string[] {
    return this.node
      .ip('link', 'show')
      .map(l => l.ifname as string)
      .filter(name => name.startsWith('msl'));
  }

  /** Routes to pods on the node, without the blackholes of blocks. */
  routes(): readonly string[] {
    return ['-4', '-6']
      .flatMap(family => this.node.ip(family, 'route', 'show', 'table', 'main'))
      .filter(route => route.dev?.startsWith('msl') && !route.dst.startsWith('fe80'))
      .map(route => route.dst as string);
  }

  #spawn(
    name: string,
    before: readonly string[],
    path: string,
    descriptors: readonly number[],
    args: readonly string[],
  ): ChildProcess {
    mkdirSync(this.folder, { recursive: true });
    const log = openSync(`${this.folder}/${name}.log`, 'a');
    const [file = '', ...rest] = [...before, process.execPath, ...FLAGS, path, ...args];
    const child = spawn(file, rest, { stdio: ['ignore', log, log, ...descriptors] });
    closeSync(log);
    this.#children.set(name, child);
    return child;
  }
}
