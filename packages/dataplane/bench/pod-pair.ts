import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { formatIp } from '@muslin/net';
import { podInterface, podIp } from './full-node.ts';

/** Commands of one namespace. */
export function inside(namespace: string, words: readonly string[], input = ''): string {
  return execFileSync('ip', ['netns', 'exec', namespace, ...words], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** The pods that talk: in the middle of the node's others, so that no dispatch finds them first. */
const CLIENT = 0;
const GATEWAY = '169.254.1.1';

/** A node with two pods on veths, each in a namespace of its own. */
export class PodPair {
  readonly node: string;
  readonly #pods: readonly [string, string];
  readonly #server: number;

  constructor(name: string, server: number) {
    this.node = `msl-t-db-${name}`;
    this.#pods = [`${this.node}-c`, `${this.node}-s`];
    this.#server = server;
    for (const namespace of [this.node, ...this.#pods]) execFileSync('ip', ['netns', 'add', namespace]);
    inside(this.node, ['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv4.conf.all.rp_filter=0']);
    for (const [i, pod] of [CLIENT, server].entries()) {
      const [namespace, host, ip] = [this.#pods[i] as string, podInterface(pod), formatIp(podIp(pod))];
      inside(this.node, [
        'ip',
        'link',
        'add',
        host,
        'type',
        'veth',
        'peer',
        'name',
        'eth0',
        'netns',
        namespace,
      ]);
      inside(this.node, ['sysctl', '-qw', `net.ipv4.conf.${host}.rp_filter=0`]);
      inside(this.node, ['ip', 'link', 'set', host, 'address', 'ee:ee:ee:ee:ee:ee', 'up']);
      inside(this.node, ['ip', 'route', 'add', ip, 'dev', host]);
      const peer = `addr add ${ip}/32 dev eth0\nlink set eth0 up\nlink set lo up\nroute add ${GATEWAY} dev eth0\n`;
      const gateway = `route add default via ${GATEWAY}\nneigh add ${GATEWAY} lladdr ee:ee:ee:ee:ee:ee dev eth0 nud permanent\n`;
      inside(namespace, ['ip', '-batch', '-'], peer + gateway);
      inside(namespace, ['sysctl', '-qw', 'net.ipv4.ip_local_port_range=1024 65000']);
      const mac = inside(namespace, ['cat', '/sys/class/net/eth0/address']).trim();
      inside(this.node, ['ip', 'neigh', 'add', ip, 'lladdr', mac, 'dev', host, 'nud', 'permanent']);
    }
  }

  close(): void {
    for (const namespace of [...this.#pods, this.node]) execFileSync('ip', ['netns', 'delete', namespace]);
  }

  /** TCP connections from one pod to the other, each opened and reset, per second of CPU. */
  connections(program: string, cpu: number, port: number, ms: number): Promise<number> {
    return this.#run(program, cpu, ['accept', `${port}`], ['connect', this.#ip, `${port}`, `${ms}`]);
  }

  /** Small datagrams that arrive, per second of CPU; nobody answers, so each is the first of its connection. */
  datagrams(program: string, cpu: number, port: number, ms: number): Promise<number> {
    return this.#run(program, cpu, ['receive', `${port}`], ['send', this.#ip, `${port}`, `${ms}`]);
  }

  /** What the waiting side counted, divided by the CPU time of both, which share one CPU. */
  async #run(program: string, cpu: number, waiting: string[], acting: string[]): Promise<number> {
    const server = this.#start(1, program, cpu, waiting);
    await once(server.stdout, 'data');
    const client = this.#start(0, program, cpu, acting);
    const [sent] = (await once(client.stdout, 'data')) as [Buffer];
    await new Promise(resolve => setTimeout(resolve, 20));
    server.kill();
    const [received] = (await once(server.stdout, 'data')) as [Buffer];
    this.#forget();
    const [[, mine], [count, theirs]] = [numbers(sent), numbers(received)];
    return (count / (mine + theirs)) * 1e6;
  }

  get #ip(): string {
    return formatIp(podIp(this.#server));
  }

  #start(pod: 0 | 1, program: string, cpu: number, words: readonly string[]) {
    const pinned = ['nice', '-n', '-10', 'taskset', '-c', `${cpu}`, program, ...words];
    return spawn('ip', ['netns', 'exec', this.#pods[pod], ...pinned], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }

  #forget(): void {
    try {
      inside(this.node, ['conntrack', '-F']);
    } catch {
      // A node without connection tracking has nothing to forget.
    }
  }
}

/** `COUNT MICROSECONDS` */
function numbers(line: Buffer): readonly [number, number] {
  const [count = 0, us = 0] = String(line).trim().split(' ').map(Number);
  return [count, us];
}
