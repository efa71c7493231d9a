import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { crdOf, KINDS } from '@muslin/api';
import { type AnyObject, KubeClient, loadKubeconfig, RESOURCES } from '@muslin/kube';
import { openNamespace, tcpListenIn } from '@muslin/linux';
import { mustIp, type Result } from '@muslin/net';

/** The value of a result; a fault fails the test with its message. */
export function must<T>(result: Result<T, { readonly message: string }>): T {
  if (!result.ok) throw new Error(result.fault.message);
  return result.value;
}

/** Waits until a check passes, and fails with its last words. */
export async function eventually(check: () => Promise<void> | void, ms = 20_000): Promise<void> {
  const end = performance.now() + ms;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  }
}

const NODE_FLAGS = ['--conditions=@muslin/source', '--disable-warning=ExperimentalWarning'];
const PACKAGES = fileURLToPath(new URL('../..', import.meta.url));
const ip = (...args: readonly string[]) =>
  execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** Namespaces of nodes on one bridge, an API server on it, and what runs inside. All of it ends with `close`. */
export class Stage {
  readonly folder = mkdtempSync(join(tmpdir(), 'msl-t-sp-'));
  readonly #names: string[] = [];
  readonly #children: ChildProcess[] = [];
  readonly #folders: string[] = [];
  #client: KubeClient | undefined;

  /** The namespace called `hub` holds the bridge; everybody else hangs on it, as 10.78.0.`host`. */
  constructor(hosts: Readonly<Record<string, number>>) {
    for (const name of ['hub', ...Object.keys(hosts)]) {
      const ns = this.ns(name);
      try {
        ip('netns', 'del', ns);
      } catch {
        // It was not there.
      }
      ip('netns', 'add', ns);
      this.#names.push(ns);
      this.run(name, 'ip', 'link', 'set', 'lo', 'up');
    }
    this.run('hub', 'ip', 'link', 'add', 'br0', 'up', 'type', 'bridge');
    this.run('hub', 'ip', 'addr', 'add', '10.78.0.254/24', 'dev', 'br0');
    for (const [name, host] of Object.entries(hosts)) {
      ip(
        'link',
        'add',
        `to-${name}`,
        'netns',
        this.ns('hub'),
        'type',
        'veth',
        'peer',
        'name',
        'eth0',
        'netns',
        this.ns(name),
      );
      this.run('hub', 'ip', 'link', 'set', `to-${name}`, 'master', 'br0', 'up');
      this.run(name, 'ip', 'addr', 'add', `10.78.0.${host}/24`, 'dev', 'eth0');
      this.run(name, 'ip', 'link', 'set', 'eth0', 'up');
    }
  }

  get client(): KubeClient {
    if (this.#client === undefined) throw new Error('the API server does not run');
    return this.#client;
  }

  ns(name: string): string {
    return `msl-t-sp-${process.pid}-${name}`;
  }

  /** Runs a program in a namespace and gives its standard output. */
  run(name: string, ...command: readonly string[]): string {
    return ip('netns', 'exec', this.ns(name), ...command);
  }

  /** Starts a program in a namespace; its output goes to a file of the stage. */
  start(name: string, log: string, ...command: readonly string[]): ChildProcess {
    const out = openSync(join(this.folder, log), 'a');
    const child = spawn('ip', ['netns', 'exec', this.ns(name), ...command], { stdio: ['ignore', out, out] });
    this.#children.push(child);
    return child;
  }

  logOf(log: string): string {
    return readFileSync(join(this.folder, log), 'utf8');
  }

  /** Starts the lab's API server with our CRDs; it listens on the bridge and on loopback. */
  async serveApi(): Promise<void> {
    using hub = must(openNamespace(this.ns('hub')));
    const fd = must(tcpListenIn(hub, mustIp('10.78.0.254'), 6443));
    const kubeconfig = join(this.folder, 'admin.conf');
    const child = spawn(
      process.execPath,
      [
        ...[...NODE_FLAGS, join(PACKAGES, 'lab/src/apiserver/main.ts')],
        ...['--listen', '127.0.0.1:0', '--listen-fd', '3', '--san', '10.78.0.254'],
        ...['--kubeconfig', kubeconfig],
      ],
      { stdio: ['ignore', 'pipe', 'inherit', fd] },
    );
    this.#children.push(child);
    for await (const _ of createInterface({ input: child.stdout as NodeJS.ReadableStream })) break;
    const text = readFileSync(kubeconfig, 'utf8');
    writeFileSync(this.nodeKubeconfig, text.replace(/127\.0\.0\.1:\d+/, '10.78.0.254:6443'));
    this.#client = new KubeClient(must(loadKubeconfig({ path: kubeconfig })));
    for (const kind of KINDS)
      must(await this.client.create(RESOURCES.CustomResourceDefinition, crdOf(kind) as never));
    await eventually(async () => {
      const list = must(await this.client.list<AnyObject>(RESOURCES.CustomResourceDefinition));
      const ready = list.items.filter(crd => JSON.stringify(crd['status'] ?? {}).includes('"Established"'));
      if (ready.length < KINDS.length) throw new Error('the CRDs are not established');
    });
  }

  /** For programs outside the namespaces. */
  get adminKubeconfig(): string {
    return join(this.folder, 'admin.conf');
  }

  get nodeKubeconfig(): string {
    return join(this.folder, 'node.conf');
  }

  /** Creates an object, or makes it what is given. */
  async put(kind: keyof typeof RESOURCES, name: string, parts: object, namespace?: string): Promise<void> {
    const { group, version } = RESOURCES[kind];
    const apiVersion = group === '' ? version : `${group}/${version}`;
    const at = { name, ...(namespace === undefined ? {} : { namespace }) };
    const { metadata, ...rest } = parts as { metadata?: object };
    const body = { apiVersion, kind: RESOURCES[kind].kind, metadata: { ...metadata, ...at }, ...rest };
    must(
      await this.client.patch(
        RESOURCES[kind],
        at,
        { type: 'apply', body },
        { fieldManager: 'test', force: true },
      ),
    );
  }

  /** A Node with its address. */
  async putNode(name: string, address: string): Promise<void> {
    const status = { addresses: [{ type: 'InternalIP', address }] };
    await this.put('Node', name, {});
    must(
      await this.client.patch(
        RESOURCES.Node,
        { name },
        { type: 'merge', body: { status } },
        { subresource: 'status' },
      ),
    );
  }

  async putBlock(node: string, cidr: string, state = 'confirmed'): Promise<void> {
    const spec = { cidr, node, type: 'host', state, deleted: false };
    await this.put('BlockAffinity', `${node}-${cidr.replace(/[./:]/g, '-')}`, { spec });
  }

  /** Starts the speaker of a node in the namespace of that name; `nodeFlags` are for Node.js. */
  startSpeaker(node: string, nodeFlags: readonly string[] = [], more: readonly string[] = []): ChildProcess {
    const main = join(PACKAGES, 'speaker/src/main.ts');
    const flags = ['--node', node, '--kubeconfig', this.nodeKubeconfig, '--run-dir', join(this.folder, node)];
    return this.start(
      node,
      `${node}.log`,
      process.execPath,
      ...NODE_FLAGS,
      ...nodeFlags,
      main,
      ...flags,
      ...more,
    );
  }

  /** Asks a speaker's socket. */
  ask(node: string, path: string): Promise<{ readonly code: number; readonly text: string }> {
    return new Promise((resolve, reject) => {
      const call = request({ socketPath: join(this.folder, node, 'speaker.sock'), path }, response => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          text += part;
        });
        response.on('end', () => resolve({ code: response.statusCode ?? 0, text }));
      });
      call.on('error', reject);
      call.end();
    });
  }

  // biome-ignore lint/suspicious/noExplicitAny: JSON of the socket
  async json(node: string, path: string): Promise<any> {
    return JSON.parse((await this.ask(node, path)).text);
  }

  /** State of a session as the node sees it. */
  // biome-ignore lint/suspicious/noExplicitAny: JSON of the socket
  async peer(node: string, address: string): Promise<any> {
    const { peers } = await this.json(node, '/v1/status');
    return peers.find((peer: { address: string }) => peer.address === address);
  }

  /** Routes of protocol bgp in a node's kernel, as `destination via gateway`. */
  learned(node: string): readonly string[] {
    const routes = JSON.parse(this.run(node, 'ip', '-j', 'route', 'show', 'proto', 'bgp') || '[]') as {
      dst: string;
      gateway?: string;
      metric?: number;
    }[];
    return routes.map(({ dst, gateway }) => `${dst} via ${gateway}`).sort();
  }

  /** Starts FRR's zebra and these daemons, one after the other, in a namespace; gives what asks them, and the daemons. */
  async startFrr(
    name: string,
    configs: Readonly<Partial<Record<'bfdd' | 'bgpd', string>>>,
  ): Promise<{
    readonly ask: (...commands: string[]) => string;
    readonly daemon: Record<string, ChildProcess>;
  }> {
    const folder = mkdtempSync(join(tmpdir(), 'msl-t-frr-'));
    this.#folders.push(folder);
    // The daemons give up root and write their sockets as another user.
    chmodSync(folder, 0o777);
    const daemon: Record<string, ChildProcess> = {};
    for (const [program, config] of Object.entries({ zebra: 'hostname frr\n', ...configs })) {
      const file = join(folder, `${program}.conf`);
      writeFileSync(file, config);
      daemon[program] = this.start(
        name,
        `${name}.log`,
        ...([`/usr/lib/frr/${program}`, '--vty_socket', folder, '-z', join(folder, 'zserv.api')] as const),
        ...['-u', 'frr', '-g', 'frr', '-f', file, '-A', '127.0.0.1', '--log', 'stdout'],
        ...['-i', join(folder, `${program}.pid`)],
        ...(program === 'bfdd' ? ['--bfdctl', join(folder, 'bfdd.ctl')] : []),
      );
      await eventually(() => {
        if (!existsSync(join(folder, `${program}.vty`))) throw new Error(`${program} does not answer`);
      });
    }
    const ask = (...commands: string[]) =>
      this.run(name, 'vtysh', '--vty_socket', folder, ...commands.flatMap(command => ['-c', command]));
    return { ask, daemon };
  }

  /** Starts BIRD in a namespace with this configuration; gives what asks it. */
  startBird(
    name: string,
    config: string,
  ): {
    readonly ask: (...words: string[]) => string;
    readonly reconfigure: (config: string) => void;
    readonly child: ChildProcess;
  } {
    const [file, control] = [join(this.folder, `${name}.conf`), join(this.folder, `${name}.ctl`)];
    writeFileSync(file, config);
    const child = this.start(
      name,
      `${name}.log`,
      ...['bird', '-f', '-c', file, '-s', control, '-P', `${control}.pid`],
    );
    const ask = (...words: string[]) => this.run(name, 'birdc', '-s', control, ...words);
    return {
      ask,
      child,
      reconfigure: next => {
        writeFileSync(file, next);
        ask('configure');
      },
    };
  }

  async close(): Promise<void> {
    for (const child of this.#children.reverse()) await end(child, 'SIGKILL');
    for (const ns of this.#names) ip('netns', 'del', ns);
    for (const folder of [this.folder, ...this.#folders]) rmSync(folder, { recursive: true, force: true });
  }
}

/** Ends a process and waits for its end. */
export function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  return new Promise(resolve => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill(signal);
  });
}
