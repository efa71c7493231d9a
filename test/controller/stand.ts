import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { crdOf, KINDS } from '@muslin/api';
import { type AnyObject, KubeClient, loadKubeconfig, RESOURCES, type Resource } from '@muslin/kube';
import { kubeconfigText, makeCertificates, startApiServer } from '../../packages/lab/src/apiserver/index.ts';
import { askSocket } from '../../packages/lab/src/local-status.ts';
import { until } from '../../packages/lab/src/until.ts';

const MAIN = fileURLToPath(new URL('../../packages/controller/src/main.ts', import.meta.url));
const TOKEN = 'token-of-the-stand';

/** What a replica says of itself. */
export interface ReplicaStatus {
  readonly id: string;
  readonly role: string;
  readonly leader: string | undefined;
}

/** A replica of the controller: a process of its own. */
export interface Replica {
  readonly process: ChildProcess;
  /** Undefined while it does not answer. */
  status(): Promise<ReplicaStatus | undefined>;
  /** `kill -9`. */
  kill(): Promise<void>;
  log(): string;
}

/** An API server with our CRDs, and as many controllers as a test starts. */
export class Stand {
  readonly client: KubeClient;
  readonly #folder: string;
  readonly #close: () => Promise<void>;
  readonly #replicas: Replica[] = [];

  private constructor(client: KubeClient, folder: string, close: () => Promise<void>) {
    this.client = client;
    this.#folder = folder;
    this.#close = close;
  }

  static async up(): Promise<Stand> {
    const folder = mkdtempSync(`${tmpdir()}/msl-controllers-`);
    const made = await makeCertificates({ dns: ['localhost'], ips: ['127.0.0.1'] });
    const server = await startApiServer({
      listeners: [{ host: '127.0.0.1', port: 0 }],
      tokens: new Map([[TOKEN, { user: 'tester', groups: ['system:masters'] }]]),
      tls: { cert: made.certPem, key: made.keyPem, ca: made.caPem },
    });
    const url = `https://127.0.0.1:${server.addresses[0]?.port}`;
    const config = kubeconfigText({ server: url, caPem: made.caPem, token: TOKEN, name: 'stand' });
    writeFileSync(`${folder}/kubeconfig`, config, { mode: 0o600 });
    const connection = loadKubeconfig({ path: `${folder}/kubeconfig` });
    if (!connection.ok) throw new Error(connection.fault.message);
    const client = new KubeClient(connection.value);
    const stand = new Stand(client, folder, async () => {
      await client.close();
      await server.close();
    });
    for (const kind of KINDS)
      await stand.make('CustomResourceDefinition', crdOf(kind) as unknown as AnyObject);
    await stand.untilTrue('the CRDs are served', async () => {
      const lists = await Promise.all([client.list(RESOURCES.IPPool), client.list(RESOURCES.Tier)]);
      return lists.every(list => list.ok);
    });
    return stand;
  }

  /** Ends everything, also what a failed test left. */
  async down(): Promise<void> {
    await Promise.all(this.#replicas.map(replica => replica.kill()));
    await this.#close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  startController(name: string): Replica {
    const folder = `${this.#folder}/${name}`;
    mkdirSync(folder);
    const log = openSync(`${folder}/log`, 'a');
    const child = spawn(
      process.execPath,
      [
        ...['--conditions=@muslin/source', '--disable-warning=ExperimentalWarning', MAIN],
        ...['--kubeconfig', `${this.#folder}/kubeconfig`, '--run-dir', folder, '--id', name],
      ],
      { stdio: ['ignore', log, log] },
    );
    const ended = new Promise<void>(resolve => child.once('exit', () => resolve()));
    const replica: Replica = {
      process: child,
      status: () => askSocket<ReplicaStatus>(`${folder}/controller.sock`, '/v1/status'),
      kill: async () => {
        child.kill('SIGKILL');
        await ended;
      },
      log: () => readFileSync(`${folder}/log`, 'utf8'),
    };
    this.#replicas.push(replica);
    return replica;
  }

  async make(kind: keyof typeof RESOURCES, object: AnyObject): Promise<AnyObject> {
    const done = await this.client.create<AnyObject>(RESOURCES[kind], object);
    if (!done.ok) throw new Error(done.fault.message);
    return done.value;
  }

  async read(kind: keyof typeof RESOURCES, name: string, namespace?: string): Promise<AnyObject | undefined> {
    const at = namespace === undefined ? { name } : { name, namespace };
    const done = await this.client.get<AnyObject>(RESOURCES[kind], at);
    return done.ok ? done.value : undefined;
  }

  async patch(kind: keyof typeof RESOURCES, name: string, body: object, namespace?: string): Promise<void> {
    const at = namespace === undefined ? { name } : { name, namespace };
    const done = await this.client.patch(RESOURCES[kind], at, { type: 'merge', body });
    if (!done.ok) throw new Error(done.fault.message);
  }

  async remove(kind: keyof typeof RESOURCES, name: string, namespace?: string): Promise<void> {
    const at = namespace === undefined ? { name } : { name, namespace };
    const done = await this.client.delete(RESOURCES[kind], at);
    if (!done.ok) throw new Error(done.fault.message);
  }

  async all(resource: Resource): Promise<readonly AnyObject[]> {
    const done = await this.client.listAll<AnyObject>(resource);
    if (!done.ok) throw new Error(done.fault.message);
    return done.value.items;
  }

  /** Messages of the Events about an object, `reason: message`. */
  async told(kind: string, name: string): Promise<readonly string[]> {
    return (await this.all(RESOURCES.Event))
      .filter(event => {
        const { involvedObject } = event as unknown as { involvedObject: { kind: string; name: string } };
        return involvedObject.kind === kind && involvedObject.name === name;
      })
      .map(event => `${event['reason']}: ${event['message']}`);
  }

  /** Waits for a fact; names it when it does not come. */
  async untilTrue(what: string, fact: () => Promise<boolean>, timeoutMs = 20_000): Promise<void> {
    const waited = await until(fact, held => held, timeoutMs, 30);
    if (!waited.held)
      throw new Error(`${what}: not within ${timeoutMs} ms\n${this.#replicas.map(r => r.log()).join('\n')}`);
  }
}
