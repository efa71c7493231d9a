import { parseArgs } from 'node:util';

/** How the agent was started. */
export interface AgentOptions {
  readonly node: string;
  /** Absent: in-cluster credentials, or KUBECONFIG. */
  readonly kubeconfig: string | undefined;
  /** Folder for sockets. */
  readonly runDir: string;
  /** Folder for what must outlive a restart of the node. */
  readonly stateDir: string;
  readonly iptables: 'auto' | 'nft' | 'legacy';
  /** Milliseconds between looks at what others may have changed. */
  readonly refreshMs: number;
}

export const USAGE = `muslin-agent --node NAME [options]
  --node NAME           Kubernetes name of this node (or NODENAME)
  --kubeconfig FILE     API server; default in-cluster, then KUBECONFIG
  --run-dir DIR         sockets (/run/muslin)
  --state-dir DIR       what must outlive a restart (/var/lib/muslin)
  --iptables BACKEND    auto, nft or legacy (auto)
  --refresh-ms N        how often to look for foreign changes of our rules (10000)
`;

/** Reads the command line; a text is the sentence to print before exiting with code 2. */
export function readOptions(args: readonly string[], env: NodeJS.ProcessEnv): AgentOptions | string {
  const text = { type: 'string' } as const;
  let values: { readonly [name: string]: string | boolean | undefined };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        node: text,
        kubeconfig: text,
        'run-dir': text,
        'state-dir': text,
        iptables: text,
        'refresh-ms': text,
      },
    }));
  } catch (error) {
    return `${(error as Error).message}\n${USAGE}`;
  }
  const node = values['node'] ?? env['NODENAME'];
  if (typeof node !== 'string' || !/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(node))
    return `--node must be this node's Kubernetes name, not ${JSON.stringify(node ?? '')}\n${USAGE}`;
  const iptables = values['iptables'] ?? 'auto';
  if (iptables !== 'auto' && iptables !== 'nft' && iptables !== 'legacy')
    return `--iptables takes auto, nft or legacy, not "${iptables}"`;
  const refreshMs = Number(values['refresh-ms'] ?? 10_000);
  if (!Number.isInteger(refreshMs) || refreshMs < 100)
    return '--refresh-ms takes a whole number of 100 or more';
  return {
    node,
    kubeconfig: values['kubeconfig'] as string | undefined,
    runDir: (values['run-dir'] as string | undefined) ?? '/run/muslin',
    stateDir: (values['state-dir'] as string | undefined) ?? '/var/lib/muslin',
    iptables,
    refreshMs,
  };
}
