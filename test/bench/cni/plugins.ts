import { spawn } from 'node:child_process';
import { type Namespace, withNamespace } from '@muslin/linux';

/** One call of an executable as a container runtime makes it. */
export interface Call {
  readonly command: 'ADD' | 'DEL';
  readonly containerId: string;
  readonly netns: string;
  /** Kubernetes name of the pod; plugins that know no pods are given it all the same. */
  readonly pod: string;
  readonly uid: string;
}

/** A plugin to be measured: what ADD and DEL run, and where. */
export interface Plugin {
  readonly name: string;
  readonly executable: string;
  readonly config: object;
  /** The node's namespace; plugins work in the one that they are started in. */
  readonly node: Namespace;
}

const BIN = '/usr/lib/cni';

/** Debian's plugins that do what ours does without policy: an address from a file, a cable, routes. */
export function debianPlugins(node: Namespace, folder: string): readonly Plugin[] {
  const ipam = (name: string, subnet: string) => ({
    ...{ type: 'host-local', dataDir: `${folder}/${name}`, routes: [{ dst: '0.0.0.0/0' }] },
    ranges: [[{ subnet }]],
  });
  const bridge = {
    ...{ cniVersion: '1.0.0', name: 'bench-bridge', type: 'bridge', bridge: 'bench0', isGateway: true },
    ipam: ipam('bridge', '10.81.0.0/16'),
  };
  const ptp = { cniVersion: '1.0.0', name: 'bench-ptp', type: 'ptp', ipam: ipam('ptp', '10.82.0.0/16') };
  return [
    { name: 'bridge + host-local', executable: `${BIN}/bridge`, config: bridge, node },
    { name: 'ptp + host-local', executable: `${BIN}/ptp`, config: ptp, node },
  ];
}

/** Calls a plugin; the milliseconds until it ended. Throws with what it printed when it failed. */
export function call(plugin: Plugin, { command, containerId, netns, pod, uid }: Call): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const begun = performance.now();
  const started = withNamespace(plugin.node, () =>
    spawn(plugin.executable, [], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        CNI_COMMAND: command,
        CNI_CONTAINERID: containerId,
        CNI_NETNS: netns,
        CNI_IFNAME: 'eth0',
        CNI_PATH: BIN,
        CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${pod};K8S_POD_UID=${uid}`,
        // Where the plugins look for iptables and the like.
        PATH: process.env['PATH'],
      },
    }),
  );
  if (!started.ok) throw new Error(started.fault.message);
  const child = started.value;
  let out = '';
  child.stdout.on('data', chunk => (out += chunk));
  child.on('error', reject);
  child.on('exit', code => {
    const ms = performance.now() - begun;
    if (code === 0) resolve(ms);
    else child.stdout.once('close', () => reject(new Error(`${plugin.name} ${command}: ${out}`)));
  });
  // Whoever is done before it has read everything has not failed.
  child.stdin.on('error', () => {});
  child.stdin.end(JSON.stringify(plugin.config));
  return promise;
}
