import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { ADDRESS, LINK, type Place } from '../place.ts';
import { Programs } from '../programs.ts';
import { numbersIn, type SeenRoute } from '../seen-route.ts';
import { frrConfig } from './frr-config.ts';
import type { PeerDaemon, TheirPlan } from './peer-daemon.ts';

interface FrrPath {
  readonly aspath?: { readonly string: string };
  readonly nexthops?: readonly { readonly ip: string; readonly scope?: string }[];
  readonly locPrf?: number;
  readonly metric?: number;
  readonly community?: { readonly list: readonly string[] };
  readonly largeCommunity?: { readonly list: readonly string[] };
  readonly extendedCommunity?: { readonly string: string };
  readonly originatorId?: string;
  readonly clusterList?: { readonly list: readonly string[] };
  readonly stale?: boolean;
  readonly peer?: { readonly peerId: string };
}

/** FRR 8: bgpd, and zebra and bfdd where a feature needs them, asked through vtysh. */
export class Frr implements PeerDaemon {
  readonly #folder: string;
  readonly #plan: TheirPlan;
  readonly #programs: Programs;
  readonly #neighbour: string;

  constructor(place: Place, plan: TheirPlan) {
    this.#folder = place.folder;
    this.#plan = plan;
    this.#programs = new Programs(place.theirs, place.folder);
    this.#neighbour = plan.unnumbered ?? plan.neighbours[0]?.ip ?? '';
    writeFileSync(`${place.folder}/conf`, frrConfig(plan));
    writeFileSync(`${place.folder}/other`, 'log stdout\n');
    writeFileSync(`${place.folder}/bfd`, bfdConfig());
    execFileSync('chown', ['-R', 'frr:frr', place.folder]);
  }

  async start(): Promise<void> {
    const f = this.#folder;
    const sockets = ['--vty_socket', f, '-z', `${f}/z`, '-A', '127.0.0.1'];
    const start = (daemon: string, conf: string, ...more: string[]) =>
      this.#programs.start([
        `/usr/lib/frr/${daemon}`,
        '-f',
        `${f}/${conf}`,
        '-i',
        `${f}/${daemon}.pid`,
        ...sockets,
        ...more,
      ]);
    const { bfd, unnumbered } = this.#plan;
    const interfaces = bfd === true || unnumbered !== undefined;
    if (interfaces) {
      start('zebra', 'other');
      await this.#answers('zebra');
    }
    if (bfd) {
      start('bfdd', 'bfd', '--bfdctl', `${f}/bfdctl`);
      await this.#answers('bfdd');
    }
    start('bgpd', 'conf', ...(interfaces ? [] : ['-Z', '-n']));
  }

  async established(): Promise<boolean> {
    const all = JSON.parse(await this.#ask('show bgp neighbors json'));
    return all[this.#neighbour]?.bgpState === 'Established';
  }

  async paths(prefix: string): Promise<readonly SeenRoute[]> {
    const family = prefix.includes(':') ? 'ipv6' : 'ipv4';
    const { paths = [] } = JSON.parse(await this.#ask(`show bgp ${family} unicast ${prefix} json`));
    return (paths as readonly FrrPath[])
      .filter(path => path.peer !== undefined && !/^(0\.0\.0\.0|::)$/.test(path.peer.peerId))
      .map(path => ({
        asPath: numbersIn(path.aspath?.string ?? ''),
        nextHop: path.nexthops?.[0]?.ip ?? '',
        ...(path.locPrf !== undefined && { localPref: path.locPrf }),
        ...(path.metric !== undefined && { med: path.metric }),
        communities: path.community?.list ?? [],
        largeCommunities: path.largeCommunity?.list ?? [],
        extendedCommunities: (path.extendedCommunity?.string ?? '').toLowerCase().split(' ').filter(Boolean),
        ...(path.originatorId !== undefined && { originatorId: path.originatorId }),
        clusterList: path.clusterList?.list ?? [],
        stale: path.stale ?? false,
      }));
  }

  async words(): Promise<string> {
    return (
      (await this.#ask(`show bgp neighbors ${this.#neighbour} json`).catch(String)) + this.#programs.log()
    );
  }

  async withdraw(prefix: string): Promise<void> {
    const family = prefix.includes(':') ? 'ipv6' : 'ipv4';
    await this.#configure(`address-family ${family} unicast`, `no network ${prefix}`);
  }

  async askRefresh(): Promise<void> {
    await this.#ask(`clear bgp ipv4 unicast ${this.#neighbour} soft in`);
  }

  async shutDown(text: string): Promise<void> {
    await this.#configure(`neighbor ${this.#neighbour} shutdown message ${text}`);
  }

  async bfdUp(): Promise<boolean> {
    const peers = JSON.parse(await this.#ask('show bfd peers json')) as readonly {
      readonly status: string;
    }[];
    return peers.some(peer => peer.status === 'up');
  }

  freeze(): void {
    this.#programs.signal('SIGSTOP');
  }

  end(): Promise<void> {
    return this.#programs.end();
  }

  #configure(...lines: string[]): Promise<string> {
    return this.#ask('configure terminal', `router bgp ${this.#plan.as}`, ...lines);
  }

  #ask(...commands: string[]): Promise<string> {
    return this.#programs.ask(
      'vtysh',
      '--vty_socket',
      this.#folder,
      ...commands.flatMap(line => ['-c', line]),
    );
  }

  /** vtysh reaches the daemon. */
  async #answers(daemon: string): Promise<void> {
    for (let left = 100; ; left--) {
      const found = await this.#programs
        .ask('vtysh', '--vty_socket', this.#folder, '-d', daemon, '-c', 'show version')
        .catch(String);
      if (found.includes('FRRouting')) return;
      if (left === 0) throw new Error(`${daemon} does not answer: ${found}`);
      await new Promise(resolve => setTimeout(resolve, 100));
    }
  }
}

function bfdConfig(): string {
  return `log stdout
bfd
 peer ${ADDRESS.ours.ipv4} interface ${LINK}
  detect-multiplier 3
  receive-interval 100
  transmit-interval 100
 exit
exit
`;
}
