import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Feature } from './features.ts';
import { makeNamespaces, OURS, removeNamespaces, THEIRS } from './namespaces.ts';
import type { Peer } from './peers.ts';

/** One real session between our speaker and a peer. */
export class Cell {
  readonly #peer: Peer;
  readonly #folder: string;
  readonly #theirs: ChildProcess;
  readonly #ours: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(peer: Peer, feature: Feature) {
    makeNamespaces();
    this.#peer = peer;
    this.#folder = '/run/msl-t-io';
    rmSync(this.#folder, { recursive: true, force: true });
    mkdirSync(this.#folder, { mode: 0o755 });
    const { as, remoteAs, families, over6 = false } = feature;
    const files = peer.files({ as: remoteAs, remoteAs: as, families, over6 }, this.#folder);
    for (const [name, text] of Object.entries(files))
      writeFileSync(`${this.#folder}/${name}`, text, { mode: 0o600 });
    if (peer.owner !== undefined) execFileSync('chown', ['-R', peer.owner, this.#folder]);
    const log = openSync(`${this.#folder}/log`, 'w');
    this.#theirs = spawn('ip', ['netns', 'exec', THEIRS, ...peer.command(this.#folder)], {
      stdio: ['ignore', log, log],
      detached: true,
    });
    const ours = {
      as,
      remoteAs,
      remoteIp: over6 ? 'fd78::2' : '10.78.0.2',
      peer: { families: families.map(f => `${f}-unicast`), ...feature.peer },
    };
    const main = fileURLToPath(new URL('ours.ts', import.meta.url));
    const args = [
      '--conditions=@muslin/source',
      '--disable-warning=ExperimentalWarning',
      main,
      JSON.stringify(ours),
    ];
    const child = spawn('ip', ['netns', 'exec', OURS, process.execPath, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#ours = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  async ours(command: string): Promise<unknown> {
    this.#ours.stdin?.write(`${command}\n`);
    return JSON.parse((await this.#lines.next()).value ?? 'null');
  }

  established = (): boolean => this.#peer.established(this.#folder);
  routes = (): string => this.#peer.routes(this.#folder);
  lastWords = (): string => this.#peer.lastWords(this.#folder);
  freezeOurs = (): boolean => this.#ours.kill('SIGSTOP');

  /** Waits for what must become so; the daemon may still refuse to talk, so a failing question counts as no. */
  async until(what: string, holds: () => boolean | Promise<boolean>, seconds = 20): Promise<void> {
    const end = performance.now() + seconds * 1000;
    let last = '';
    while (performance.now() < end) {
      try {
        if (await holds()) return;
        last = '';
      } catch (error) {
        last = `: ${(error as Error).message.split('\n')[0]}`;
      }
      await sleep(200);
    }
    throw new Error(`not within ${seconds} s: ${what}${last}`);
  }

  async stop(): Promise<void> {
    this.#ours.kill('SIGKILL');
    const over = new Promise(resolve => this.#theirs.once('exit', resolve));
    if (this.#theirs.exitCode === null && this.#theirs.signalCode === null) {
      process.kill(-(this.#theirs.pid as number), 'SIGKILL');
      await over;
    }
    removeNamespaces();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Undefined when the cell is green, else why it is red. */
export async function tryCell(peer: Peer, feature: Feature): Promise<string | undefined> {
  const cell = new Cell(peer, feature);
  try {
    const theirs = { ipv4: '192.0.2.0/24', ipv6: '2001:db8:1::/48' };
    const own = { ipv4: '10.200.1.0', ipv6: 'fd00:200::' };
    await cell.until('the peer says Established', cell.established);
    await cell.until('we have the peer’s routes', async () => {
      const fib = (await cell.ours('fib')) as readonly string[];
      return feature.families.every(f => fib.includes(theirs[f]));
    });
    await cell.until('the peer has our routes', () =>
      feature.families.every(f => cell.routes().includes(own[f])),
    );
    await feature.also?.(cell);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await cell.stop();
  }
}
