import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { FANOUT_FLAGS, type FanoutOptions, readFanoutOptions } from './fanout/fanout-options.ts';

export const USAGE = `muslin-controller [--kubeconfig FILE] [--run-dir DIR] [--id NAME] [--namespace NAMESPACE]
                  [--garbage free|dry-run|off]
                  [--fanout-listen HOST:PORT [--fanout-account NAME |
                   --fanout-cert FILE --fanout-key FILE --fanout-ca FILE]]
  --id NAME         identity in the leader election (host name)
  --namespace NS    where the Lease stands (kube-system)
  --garbage MODE    free lost addresses (free), only tell of them (dry-run), or neither (off)
  --fanout-listen   serve each agent what its node needs, over mutual TLS (off)
  --fanout-account NAME  service account of the agents (muslin-node): they get certificates for the node that
                    their tokens are bound to, from an authority in the Secret muslin-fanout-authority
  --fanout-cert, -key, -ca  PEM files instead: agents show certificates for system:node:NODE that the
                    authority in --fanout-ca signed
`;

const GARBAGE_MODES = ['free', 'dry-run', 'off'] as const;

/** How the controller was started. */
export interface ControllerOptions {
  readonly kubeconfig: string | undefined;
  readonly runDir: string;
  /** Different for each process. */
  readonly id: string;
  readonly namespace: string;
  readonly garbage: (typeof GARBAGE_MODES)[number];
  /** Where agents may be told what concerns their nodes; undefined: nowhere. */
  readonly fanout: FanoutOptions | undefined;
}

/** Reads the command line; a text is the sentence to print before exiting with code 2. */
export function readOptions(args: readonly string[]): ControllerOptions | string {
  try {
    const text = { type: 'string' } as const;
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...{ kubeconfig: text, 'run-dir': text, id: text, namespace: text, garbage: text },
        ...FANOUT_FLAGS,
      },
    });
    const garbage = GARBAGE_MODES.find(each => each === (values.garbage ?? 'free'));
    if (garbage === undefined) return `--garbage ${values.garbage}: choose free, dry-run or off\n${USAGE}`;
    const fanout = readFanoutOptions(values);
    if (typeof fanout === 'string') return `${fanout}\n${USAGE}`;
    return {
      garbage,
      fanout,
      kubeconfig: values.kubeconfig,
      runDir: values['run-dir'] ?? '/run/muslin',
      id: `${values.id ?? hostname()}-${process.pid}`,
      namespace: values.namespace ?? 'kube-system',
    };
  } catch (error) {
    return `${(error as Error).message}\n${USAGE}`;
  }
}
