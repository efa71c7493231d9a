import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type Namespace, withNamespace } from '@muslin/linux';
import { must } from '../../../packages/agent/test/spaces.ts';
import { BIN, type Call, type Plugin } from './plugins.ts';

const SOURCE = fileURLToPath(new URL('caller.c', import.meta.url));

/**
 * Who calls the plugins: a native process with threads (caller.c), as a container runtime is. Started by Node each call took 3 to
 * 5 ms of one thread, and in a burst that thread was what the calls waited for.
 */
export class Caller {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;

  /** `node`: the namespace that plugins are started in, and so work in. The program is compiled into `folder`. */
  constructor(node: Namespace, folder: string) {
    const program = `${folder}/caller`;
    execFileSync('cc', ['-O2', '-std=gnu11', '-pthread', '-o', program, SOURCE]);
    this.#child = must(
      withNamespace(node, () => spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'], env: {} })),
    );
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  /** Makes the calls, so many at a time; the milliseconds of each. Throws with what a plugin printed when it failed. */
  async burst(plugin: Plugin, calls: readonly Call[], parallel: number): Promise<readonly number[]> {
    const input = JSON.stringify(plugin.config);
    const lines = calls.map(call => [plugin.executable, input, ...environmentOf(call)].join('\t'));
    this.#child.stdin.write(`${calls.length} ${parallel}\n${lines.join('\n')}\n`);
    const times: number[] = [];
    let failure: string | undefined;
    for (const call of calls) {
      const { value, done } = await this.#answers.next();
      if (done) throw new Error('the caller has ended');
      const [microseconds = '', code = '', ...out] = value.split(' ');
      if (code !== '0') failure ??= `${plugin.name} ${call.command}: ${code} ${out.join(' ')}`;
      times.push(Number(microseconds) / 1000);
    }
    if (failure !== undefined) throw new Error(failure);
    return times;
  }

  close(): void {
    this.#child.stdin.end();
    this.#lines.close();
  }
}

/** As a runtime that knows Kubernetes calls. */
const environmentOf = ({ command, containerId, netns, pod, uid }: Call): readonly string[] => [
  `CNI_COMMAND=${command}`,
  `CNI_CONTAINERID=${containerId}`,
  `CNI_NETNS=${netns}`,
  'CNI_IFNAME=eth0',
  `CNI_PATH=${BIN}`,
  `CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${pod};K8S_POD_UID=${uid}`,
  // Where the plugins look for iptables and the like.
  `PATH=${process.env['PATH']}`,
];
