import { execa } from 'execa';

/** One call of the plugin for one sandbox, as containerd makes it. */
export interface CniCall {
  readonly command: 'ADD' | 'DEL' | 'CHECK';
  readonly containerId: string;
  /** Path of the pod's namespace; empty in the second DEL, when the sandbox is gone. */
  readonly netns: string;
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** Result of the ADD, for DEL and CHECK. */
  readonly prevResult?: unknown;
}

/** Where the plugin and its configuration are, and in which namespace the node lives. */
export interface CniPlace {
  readonly nodeNetns: string;
  readonly executable: string;
  readonly binFolder: string;
  readonly network: {
    readonly name: string;
    readonly cniVersion: string;
    readonly plugin: Readonly<Record<string, unknown>>;
  };
}

/** What the plugin answered. */
export type CniAnswer =
  | { readonly ok: true; readonly result: unknown; readonly ms: number }
  | { readonly ok: false; readonly code: number; readonly message: string; readonly ms: number };

/**
 * Runs the plugin's executable inside the node's namespace with containerd's environment and configuration
 * (keys sorted, `name` and `cniVersion` put in, prevResult when there is one).
 */
export async function callCni(place: CniPlace, call: CniCall): Promise<CniAnswer> {
  const { name, cniVersion, plugin } = place.network;
  const config = {
    ...plugin,
    cniVersion,
    name,
    ...(call.prevResult === undefined ? {} : { prevResult: call.prevResult }),
  };
  const sorted = Object.fromEntries(Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1)));
  const { namespace, name: pod, uid } = call.pod;
  const started = performance.now();
  const done = await execa('ip', ['netns', 'exec', place.nodeNetns, place.executable], {
    input: JSON.stringify(sorted),
    reject: false,
    timeout: 120_000,
    extendEnv: false,
    env: {
      PATH: `${place.binFolder}:/usr/sbin:/usr/bin:/sbin:/bin`,
      CNI_COMMAND: call.command,
      CNI_CONTAINERID: call.containerId,
      CNI_NETNS: call.netns,
      CNI_IFNAME: 'eth0',
      CNI_PATH: place.binFolder,
      CNI_ARGS: `K8S_POD_UID=${uid};IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${pod};K8S_POD_INFRA_CONTAINER_ID=${call.containerId}`,
    },
  });
  const ms = performance.now() - started;
  const answer = parse(done.stdout);
  if (done.exitCode === 0) return { ok: true, result: answer, ms };
  const fault = (answer ?? {}) as { code?: number; msg?: string; details?: string };
  const words =
    [fault.msg, fault.details].filter(Boolean).join(': ') || done.stderr || done.shortMessage || 'no answer';
  return { ok: false, code: fault.code ?? 999, message: words, ms };
}

function parse(text: string | undefined): unknown {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

/** Addresses in a CNI result, without prefix lengths. */
export function addressesOf(result: unknown): readonly string[] {
  const ips = (result as { ips?: readonly { address?: string }[] } | undefined)?.ips ?? [];
  return ips.flatMap(ip => ip.address?.split('/')[0] ?? []);
}
