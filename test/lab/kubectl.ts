import { execa } from 'execa';

/** What a user has: `kubectl` and the lab's kubeconfig. */
export class Kubectl {
  readonly #kubeconfig: string;

  constructor(kubeconfig: string) {
    this.#kubeconfig = kubeconfig;
  }

  /** Runs one command line, split at spaces; throws with kubectl's own words when it fails. */
  run(line: string, options: { readonly input?: string; readonly editor?: string } = {}): Promise<string> {
    return this.args(line.split(' '), options);
  }

  async args(
    args: readonly string[],
    options: { readonly input?: string; readonly editor?: string } = {},
  ): Promise<string> {
    const done = await execa('kubectl', ['--kubeconfig', this.#kubeconfig, ...args], {
      reject: false,
      timeout: 60_000,
      ...(options.input === undefined ? {} : { input: options.input }),
      ...(options.editor === undefined ? {} : { env: { KUBE_EDITOR: options.editor } }),
    });
    if (done.exitCode !== 0)
      throw new Error(`kubectl ${args.join(' ')}: ${done.stderr || done.shortMessage}`);
    return done.stdout ?? '';
  }

  apply(yaml: string): Promise<string> {
    return this.run('apply -f -', { input: yaml });
  }
}
