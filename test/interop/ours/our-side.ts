import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { PeerView } from '@muslin/bgp';
import type { SeenRoute } from '../seen-route.ts';
import type { OurPeer, OurPlan, OurRequest } from './speaker-request.ts';

/** What our speaker says of a peer. */
export interface OurPeerView extends Omit<PeerView, 'capabilities' | 'remoteIp' | 'localIp'> {
  /** Octets of the largest message. */
  readonly largestIn: number;
  readonly largestOut: number;
  /** The connection on which it was last heard. */
  readonly connection?: string;
}

const ANSWER_MS = 10_000;

/** Our speakers in a process of their own, so that it can be frozen and killed. */
export class OurSide {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #errors = '';
  /** Questions go one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(namespace: string, plans: readonly OurPlan[]) {
    const flags = ['--conditions=@muslin/source', '--disable-warning=ExperimentalWarning'];
    const main = fileURLToPath(new URL('main.ts', import.meta.url));
    const command = [process.execPath, ...flags, main, JSON.stringify(plans)];
    const child = spawn('ip', ['netns', 'exec', namespace, ...command], { stdio: 'pipe' });
    child.stderr.on('data', text => {
      this.#errors += text;
    });
    child.stdin.on('error', () => {});
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** The speaker's one peer. */
  async peer(speaker = 'ours'): Promise<OurPeerView> {
    const [peer] = (await this.#ask({ ask: 'peers' }, speaker)) as readonly OurPeerView[];
    if (peer === undefined) throw new Error(`${speaker} has no peer`);
    return peer;
  }

  received(prefix: string, speaker = 'ours', peer = 'theirs'): Promise<readonly SeenRoute[]> {
    return this.#ask({ ask: 'received', peer, prefix }, speaker) as Promise<readonly SeenRoute[]>;
  }

  /** Ways that it would put into the kernel, and prefixes that were without one at some time. */
  fib(): Promise<{ readonly routes: Readonly<Record<string, string>>; readonly lost: readonly string[] }> {
    return this.#ask({ ask: 'fib' }) as ReturnType<OurSide['fib']>;
  }

  async log(): Promise<string> {
    return ((await this.#ask({ ask: 'log' })) as readonly string[]).join('\n');
  }

  bfd(): Promise<readonly string[]> {
    return this.#ask({ ask: 'bfd' }) as Promise<readonly string[]>;
  }

  async setPeer(config: OurPeer): Promise<void> {
    await this.#ask({ ask: 'setPeer', config });
  }

  async setKeys(keys: Readonly<Record<string, string>>): Promise<void> {
    await this.#ask({ ask: 'setKeys', keys });
  }

  async withdraw(prefix: string): Promise<void> {
    await this.#ask({ ask: 'withdraw', prefix });
  }

  async refresh(family: 'ipv4-unicast' | 'ipv6-unicast'): Promise<void> {
    await this.#ask({ ask: 'refresh', peer: 'theirs', family });
  }

  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  /** `kill -9`; returns when it is gone. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise(resolve => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await gone;
  }

  #ask(request: OurRequest, speaker = 'ours'): Promise<unknown> {
    const answer = this.#last.then(async () => {
      this.#child.stdin?.write(`${JSON.stringify({ speaker, ...request })}\n`);
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error('our side does not answer')), ANSWER_MS);
      });
      const line = await Promise.race([this.#lines.next(), late]).finally(() => clearTimeout(timer));
      if (line.done) throw new Error(`our side ended: ${this.#errors.trim()}`);
      return JSON.parse(line.value);
    });
    this.#last = answer.catch(() => {});
    return answer;
  }
}
