import { parseArgs } from 'node:util';
import { fail, ok, type Result } from '@muslin/net';

export const USAGE = `muslin-speaker --node NAME [--kubeconfig FILE] [--run-dir DIR] [--namespace NAME]
  --node NAME        Kubernetes name of this node (or NODENAME)
  --kubeconfig FILE  API server; default in-cluster, then KUBECONFIG
  --run-dir DIR      socket (/run/muslin)
  --namespace NAME   where the Secrets with TCP-MD5 passwords are (kube-system)
`;

/** How the program was called. */
export interface Options {
  readonly node: string;
  readonly kubeconfig: string | undefined;
  readonly runDir: string;
  readonly namespace: string;
}

/** Reads the command line; the fault is a sentence. */
export function readOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Result<Options, string> {
  try {
    const text = { type: 'string' } as const;
    const { values } = parseArgs({
      args: [...args],
      // Programs of a node are all called alike; this one keeps no state.
      options: { node: text, kubeconfig: text, 'run-dir': text, 'state-dir': text, namespace: text },
    });
    const node = values.node ?? environment['NODENAME'];
    if (node === undefined || node === '') return fail('--node is missing');
    return ok({
      node,
      kubeconfig: values.kubeconfig,
      runDir: values['run-dir'] ?? '/run/muslin',
      namespace: values.namespace ?? 'kube-system',
    });
  } catch (error) {
    return fail((error as Error).message);
  }
}
