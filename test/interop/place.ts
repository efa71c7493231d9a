import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';

/** Addresses on the cable. The third speaker shares our namespace. */
export const ADDRESS = {
  ours: { ipv4: '10.78.0.1', ipv6: 'fd78::1', link: 'fe80::1' },
  theirs: { ipv4: '10.78.0.2', ipv6: 'fd78::2', link: 'fe80::2' },
  third: { ipv4: '10.78.0.3', ipv6: 'fd78::3' },
} as const;

export const LINK = 'io0';

let made = 0;

/** Two namespaces on one cable, and a folder: where one cell happens. */
export class Place {
  readonly ours: string;
  readonly theirs: string;
  readonly folder: string;

  /** @param linkOnly no addresses but link-local ones */
  constructor(linkOnly: boolean) {
    const name = `msl-io-${process.pid}-${++made}`;
    this.ours = `${name}m`;
    this.theirs = `${name}p`;
    this.folder = `/run/${name}`;
    mkdirSync(this.folder, { mode: 0o755 });
    const ip = (text: string) => execFileSync('ip', text.split(' '));
    for (const ns of [this.ours, this.theirs]) ip(`netns add ${ns}`);
    ip(`link add ${LINK} netns ${this.ours} type veth peer name ${LINK} netns ${this.theirs}`);
    const ends = [
      [this.ours, [ADDRESS.ours, ADDRESS.third]],
      [this.theirs, [ADDRESS.theirs]],
    ] as const;
    for (const [ns, speakers] of ends) {
      ip(`-n ${ns} link set ${LINK} addrgenmode none`);
      ip(`-n ${ns} link set lo up`);
      ip(`-n ${ns} link set ${LINK} up`);
      for (const addresses of speakers)
        for (const address of Object.values(addresses)) {
          if (linkOnly && !address.startsWith('fe80:')) continue;
          const [length, flags] = address.includes(':') ? [64, ' nodad'] : [24, ''];
          ip(`-n ${ns} addr add ${address}/${length} dev ${LINK}${flags}`);
        }
    }
  }

  /** A counter of the kernel (`TcpExt`) in one of the namespaces. */
  count(side: 'ours' | 'theirs', counter: string): number {
    const table = execFileSync('ip', ['netns', 'exec', this[side], 'cat', '/proc/net/netstat']).toString();
    const [names, values] = table.split('\n').filter(line => line.startsWith('TcpExt:'));
    const at = names?.split(' ').indexOf(counter) ?? -1;
    return Number(values?.split(' ')[at] ?? Number.NaN);
  }

  remove(): void {
    for (const ns of [this.ours, this.theirs]) spawnSync('ip', ['netns', 'del', ns]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Removes what a run left behind that was killed itself. */
export function removeLeftovers(): void {
  const names =
    execFileSync('ip', ['netns', 'list'])
      .toString()
      .match(/^msl-io-\d+-\d+[mp]/gm) ?? [];
  for (const name of names) {
    const owner = Number(name.split('-')[2]);
    if (existsSync(`/proc/${owner}`)) continue;
    const inside = spawnSync('ip', ['netns', 'pids', name]).stdout.toString().match(/\d+/g) ?? [];
    for (const pid of inside) process.kill(Number(pid), 'SIGKILL');
    spawnSync('ip', ['netns', 'del', name]);
    rmSync(`/run/${name.slice(0, -1)}`, { recursive: true, force: true });
  }
}
