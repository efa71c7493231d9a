import { parseArgs } from 'node:util';
import { fail, ok, type Result } from '@muslin/net';

export const USAGE = `muslin-speaker --node NAME [--kubeconfig FILE] [--run-dir DIR] [--namespace NAME] [--journal DIR]
  --node NAME        Kubernetes name of this node (or NODENAME)
  --kubeconfig FILE  API server; default in-cluster, then KUBECONFIG
  --run-dir DIR      socket (/run/muslin)
  --namespace NAME   where the Secrets with TCP-MD5 passwords are (kube-system)
  --journal DIR      write down all that reaches the speaker, for muslinctl bgp replay; holds routes, no passwords
  --journal-size MIB most that the journal takes on disk (64); the oldest goes first
`;

/** How the program was called. */
export interface Options {
  readonly node: string;
  readonly kubeconfig: string | undefined;
  readonly runDir: string;
  readonly namespace: string;
  /** Folder of the journal; undefined: none is written. */
  readonly journal: string | undefined;
  readonly journalMaxBytes: number;
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
      options: {
        node: text,
        kubeconfig: text,
        'run-dir': text,
        'state-dir': text,
        namespace: text,
        journal: text,
        'journal-size': text,
      },
    });
    const node = values.node ?? environment['NODENAME'];
    if (node === undefined || node === '') return fail('--node is missing');
    const mebibytes = Number(values['journal-size'] ?? '64');
    if (!(mebibytes >= 1)) return fail('--journal-size takes a number of MiB, at least 1');
    return ok({
      node,
      kubeconfig: values.kubeconfig,
      runDir: values['run-dir'] ?? '/run/muslin',
      namespace: values.namespace ?? 'kube-system',
      journal: values.journal,
      journalMaxBytes: Math.floor(mebibytes * 1024 * 1024),
    });
  } catch (error) {
    return fail((error as Error).message);
  }
}
