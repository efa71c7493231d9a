import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Two network namespaces joined by a link `msl0`, with the addresses .1 and .2 of 10.78.0.0/24 and fd78::/64. */
export class TwoRooms {
  readonly ours: string;
  readonly theirs: string;
  readonly directory: string;
  readonly #children = new Set<ChildProcess>();

  constructor(name: string) {
    this.ours = `msl-t-bfd-${name}-a`;
    this.theirs = `msl-t-bfd-${name}-b`;
    this.directory = mkdtempSync(join(tmpdir(), 'msl-t-bfd-'));
    this.#removeNamespaces();
    for (const room of [this.ours, this.theirs]) run('ip', 'netns', 'add', room);
    run(
      'ip',
      'link',
      'add',
      'msl0',
      'netns',
      this.ours,
      'type',
      'veth',
      'peer',
      'name',
      'msl0',
      'netns',
      this.theirs,
    );
    [this.ours, this.theirs].forEach((room, i) => {
      this.in(room, 'ip', 'link', 'set', 'lo', 'up');
      // Link-local addresses must not wait for duplicate address detection.
      this.in(room, 'sh', '-c', 'echo 0 > /proc/sys/net/ipv6/conf/msl0/accept_dad');
      this.in(room, 'ip', 'link', 'set', 'msl0', 'up');
      this.in(room, 'ip', 'addr', 'add', `10.78.0.${i + 1}/24`, 'dev', 'msl0');
      this.in(room, 'ip', 'addr', 'add', `fd78::${i + 1}/64`, 'dev', 'msl0', 'nodad');
    });
  }

  /** Runs a program inside and gives what it prints. */
  in(room: string, ...command: readonly string[]): string {
    return run('ip', 'netns', 'exec', room, ...command);
  }

  /** The link-local address of a room's end. */
  linkLocal(room: string): string {
    const found = /inet6 (fe80:[0-9a-f:]+)/.exec(this.in(room, 'ip', 'addr', 'show', 'dev', 'msl0'));
    if (found?.[1] === undefined) throw new Error(`${room} has no link-local address`);
    return found[1];
  }

  start(room: string, ...command: readonly string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', room, ...command], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#children.add(child);
    return child;
  }

  /** BIRD with BFD on its side of the link, and what one asks it. */
  bird(interval: number, neighbours: readonly string[]) {
    const name = join(this.directory, `bird-${this.#children.size}`);
    const [file, socket] = [`${name}.conf`, `${name}.ctl`];
    const write = (pace: number) => writeFileSync(file, birdConfig(pace, neighbours));
    write(interval);
    const child = this.start(this.theirs, 'bird', '-f', '-c', file, '-s', socket, '-P', `${socket}.pid`);
    const ask = (...words: readonly string[]) => this.in(this.theirs, 'birdc', '-s', socket, ...words);
    return {
      sessions: () => ask('show', 'bfd', 'sessions'),
      ask,
      reconfigure: (pace: number) => {
        write(pace);
        ask('configure');
      },
      /** Whether it answers yet. */
      answers: () => {
        try {
          return ask('show', 'status').includes('up and running');
        } catch {
          return false;
        }
      },
      /** `ip netns exec` becomes the program, so that the signal reaches BIRD itself. */
      kill: () => child.kill('SIGKILL'),
    };
  }

  /** FRR's zebra and bfdd on its side of the link, and what one asks them. */
  frr(config: string) {
    const folder = this.directory;
    // The daemons give up root and write their sockets as another user.
    chmodSync(folder, 0o777);
    const file = join(folder, 'frr.conf');
    writeFileSync(file, config);
    const common = [
      '--vty_socket',
      folder,
      '-z',
      join(folder, 'zserv.api'),
      '-u',
      'frr',
      '-g',
      'frr',
      '-f',
      file,
    ];
    const daemon = (name: string, ...more: readonly string[]) =>
      this.start(this.theirs, `/usr/lib/frr/${name}`, ...common, '-i', join(folder, `${name}.pid`), ...more);
    daemon('zebra');
    const bfdd = daemon('bfdd', '--bfdctl', join(folder, 'bfdd.ctl'));
    const ask = (...commands: readonly string[]) =>
      this.in(this.theirs, 'vtysh', '--vty_socket', folder, ...commands.flatMap(command => ['-c', command]));
    return { ask, kill: () => bfdd.kill('SIGKILL') };
  }

  close(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    this.#removeNamespaces();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #removeNamespaces(): void {
    for (const room of [this.ours, this.theirs]) {
      try {
        run('ip', 'netns', 'del', room);
      } catch {
        // It was not there.
      }
    }
  }
}

function run(file: string, ...args: readonly string[]): string {
  return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

const birdConfig = (interval: number, neighbours: readonly string[]) => `
router id 10.78.0.2;
protocol device {}
protocol direct { ipv4; ipv6; }
protocol bfd {
  interface "msl0" { min rx interval ${interval} ms; min tx interval ${interval} ms; idle tx interval 300 ms; multiplier 3; };
  multihop { min rx interval ${interval} ms; min tx interval ${interval} ms; idle tx interval 300 ms; multiplier 3; };
${neighbours.map(neighbour => `  neighbor ${neighbour};`).join('\n')}
}
`;

/** Waits until a condition holds. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  ms = 20_000,
): Promise<void> {
  const end = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`it did not happen in time: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

export const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));
