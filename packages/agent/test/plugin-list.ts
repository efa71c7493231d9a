import { spawn } from 'node:child_process';
import type { Stand, StandPod } from './stand.ts';

/** Where Debian keeps the reference plugins (containernetworking-plugins). */
const REFERENCE = '/usr/lib/cni';

/** One entry of a conflist. */
export interface PluginConf {
  readonly type: string;
  readonly capabilities?: Readonly<Record<string, true>>;
  readonly [field: string]: unknown;
}

/** A plugin's answer that is no success. */
export class PluginRefusal extends Error {
  readonly code: number;
  constructor(type: string, code: number, message: string) {
    super(`${type}: ${message}`);
    this.code = code;
  }
}

type Result = Readonly<Record<string, unknown>>;

/**
 * Calls a list of plugins as libcni does: ADD and CHECK in order, DEL backwards, each with the result before it (for DEL
 * and CHECK the last one of ADD), and with those parts of `capabilities` that it declares.
 */
export class PluginList {
  readonly #stand: Stand;
  readonly #plugins: readonly PluginConf[];
  readonly #cniVersion: string;
  /** By container and interface, as libcni caches them. */
  readonly #results = new Map<string, Result>();

  constructor(stand: Stand, plugins: readonly PluginConf[], cniVersion = '1.0.0') {
    this.#stand = stand;
    this.#plugins = plugins;
    this.#cniVersion = cniVersion;
  }

  async add(pod: StandPod, runtime: Result = {}, ifname = 'eth0'): Promise<Result> {
    let last: Result | undefined;
    for (const plugin of this.#plugins) last = await this.#call('ADD', plugin, pod, ifname, runtime, last);
    if (last === undefined) throw new Error('the last plugin said nothing');
    this.#results.set(`${pod.containerId} ${ifname}`, last);
    return last;
  }

  async check(pod: StandPod, runtime: Result = {}, except: readonly string[] = []): Promise<void> {
    const ifname = 'eth0';
    const result = this.#results.get(`${pod.containerId} ${ifname}`);
    for (const plugin of this.#plugins.filter(({ type }) => !except.includes(type)))
      await this.#call('CHECK', plugin, pod, ifname, runtime, result);
  }

  async del(pod: StandPod, runtime: Result = {}, ifname = 'eth0'): Promise<void> {
    const result = this.#results.get(`${pod.containerId} ${ifname}`);
    for (const plugin of this.#plugins.toReversed())
      await this.#call('DEL', plugin, pod, ifname, runtime, result);
  }

  async #call(
    command: string,
    plugin: PluginConf,
    pod: StandPod,
    ifname: string,
    runtime: Result,
    prevResult: Result | undefined,
  ): Promise<Result | undefined> {
    const { capabilities = {}, ...fields } = plugin;
    const given = Object.entries(runtime).filter(([name]) => name in capabilities);
    const conf = {
      ...fields,
      cniVersion: this.#cniVersion,
      name: 'k8s-pod-network',
      ...(given.length === 0 ? {} : { runtimeConfig: Object.fromEntries(given) }),
      ...(prevResult === undefined ? {} : { prevResult }),
    };
    const path =
      plugin.type === 'muslin' ? `${this.#stand.folder}/bin/muslin` : `${REFERENCE}/${plugin.type}`;
    const child = spawn('ip', ['netns', 'exec', this.#stand.node.name, path], {
      // sbr tells each rule that it looks at.
      stdio: ['pipe', 'pipe', plugin.type === 'sbr' ? 'ignore' : 'inherit'],
      env: {
        PATH: process.env['PATH'],
        CNI_COMMAND: command,
        CNI_CONTAINERID: pod.containerId,
        CNI_NETNS: pod.space.path,
        CNI_IFNAME: ifname,
        CNI_PATH: `${REFERENCE}:${this.#stand.folder}/bin`,
        CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${pod.name};K8S_POD_UID=${pod.uid}`,
      },
    });
    let out = '';
    child.stdout.on('data', chunk => (out += chunk));
    child.stdin.end(JSON.stringify(conf));
    const code = await new Promise(resolve => child.on('close', resolve));
    const said = out.trim() === '' ? undefined : (JSON.parse(out) as Result);
    if (code !== 0)
      throw new PluginRefusal(plugin.type, Number(said?.['code'] ?? -1), String(said?.['msg'] ?? code));
    return said;
  }
}
