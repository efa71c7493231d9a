import { mkdirSync, writeFileSync } from 'node:fs';
import { ADDRESS, type Place } from '../place.ts';
import { Programs } from '../programs.ts';
import { numbersIn, type SeenRoute } from '../seen-route.ts';
import type { PeerDaemon, TheirNeighbour, TheirPlan, TheirRoute } from './peer-daemon.ts';

interface OpenPath {
  readonly aspath?: string;
  readonly exit_nexthop?: string;
  readonly localpref?: number;
  readonly neighbor?: { readonly description?: string };
  readonly communities?: readonly string[];
  readonly large_communities?: readonly string[];
  readonly extended_communities?: readonly string[];
  readonly originator?: string;
  readonly attributes?: readonly {
    readonly type: string;
    readonly originator?: string;
    readonly cluster_list?: readonly string[];
  }[];
  readonly stale?: boolean;
}

/** OpenBGPD 7, asked through bgpctl. */
export class OpenBgpd implements PeerDaemon {
  readonly #folder: string;
  readonly #programs: Programs;
  readonly #neighbour: string;

  constructor(place: Place, plan: TheirPlan) {
    // It wants this folder whatever its control socket is called.
    mkdirSync('/run/openbgpd', { recursive: true, mode: 0o755 });
    this.#folder = place.folder;
    this.#programs = new Programs(place.theirs, place.folder);
    this.#neighbour = plan.neighbours[0]?.ip ?? '';
    writeFileSync(`${place.folder}/conf`, openConfig(plan, place.folder), { mode: 0o600 });
  }

  async start(): Promise<void> {
    this.#programs.start(['bgpd', '-d', '-v', '-f', `${this.#folder}/conf`]);
  }

  async established(): Promise<boolean> {
    const { neighbors = [] } = JSON.parse(await this.#ask('show', 'neighbor', this.#neighbour));
    return neighbors[0]?.state === 'Established';
  }

  async paths(prefix: string): Promise<readonly SeenRoute[]> {
    const { rib = [] } = JSON.parse(await this.#ask('show', 'rib', 'detail'));
    return (rib as readonly (OpenPath & { readonly prefix: string })[])
      .filter(path => path.prefix === prefix && path.neighbor?.description !== 'LOCAL')
      .map(path => {
        const attribute = (name: string) =>
          path.attributes?.find(({ type }) => type.toLowerCase().includes(name));
        const originatorId = path.originator ?? attribute('originator')?.originator;
        return {
          asPath: numbersIn(path.aspath ?? ''),
          nextHop: path.exit_nexthop ?? '',
          ...(path.localpref !== undefined && { localPref: path.localpref }),
          communities: path.communities ?? [],
          largeCommunities: path.large_communities ?? [],
          extendedCommunities: (path.extended_communities ?? []).map(text => text.replace(' ', ':')),
          ...(originatorId !== undefined && { originatorId }),
          clusterList: attribute('cluster')?.cluster_list ?? [],
          stale: path.stale ?? false,
        };
      });
  }

  async words(): Promise<string> {
    return (await this.#ask('show', 'neighbor', this.#neighbour).catch(String)) + this.#programs.log();
  }

  async withdraw(prefix: string): Promise<void> {
    await this.#ask('network', 'delete', prefix);
  }

  async askRefresh(): Promise<void> {
    await this.#ask('neighbor', this.#neighbour, 'refresh');
  }

  async shutDown(text: string): Promise<void> {
    await this.#ask('neighbor', this.#neighbour, 'down', text);
  }

  async bfdUp(): Promise<boolean> {
    return false;
  }

  freeze(): void {
    this.#programs.signal('SIGSTOP');
  }

  end(): Promise<void> {
    return this.#programs.end();
  }

  #ask(...words: string[]): Promise<string> {
    return this.#programs.ask('bgpctl', '-j', '-s', `${this.#folder}/ctl`, ...words);
  }
}

function openConfig(plan: TheirPlan, folder: string): string {
  const bulk = Array.from(
    { length: plan.bulk ?? 0 },
    (_, i) => `network 172.${16 + (i >> 8)}.${i & 255}.0/24\n`,
  );
  return `AS ${plan.as}
router-id ${ADDRESS.theirs.ipv4}
fib-update no
nexthop qualify via default
listen on ${plan.ip}
socket "${folder}/ctl"
holdtime ${plan.holdTime ?? 30}
${plan.routes.map(route => network(plan, route)).join('')}${bulk.join('')}${plan.neighbours.map(neighbour => openNeighbour(plan, neighbour)).join('')}allow from any
allow to any
${hasForeign(plan) ? 'match to any set nexthop no-modify\n' : ''}`;
}

/** Whether routes go over a session whose addresses are of the other family. */
function hasForeign(plan: TheirPlan): boolean {
  return plan.families.some(family => (family === 'ipv6') !== plan.ip.includes(':'));
}

/**
 * The next hop of the other family is said, and the session called a multihop one, since only there it is left alone:
 * what bgpd 7.7 finds by itself on Linux is ::1 or 127.0.0.1.
 */
function network(plan: TheirPlan, route: TheirRoute): string {
  const family = route.prefix.includes(':') ? 'ipv6' : 'ipv4';
  const sets = [
    hasForeign(plan) ? `nexthop ${ADDRESS.theirs[family]}` : '',
    ...(route.communities ?? []).map(text => `community ${text}`),
    ...(route.largeCommunities ?? []).map(text => `large-community ${text}`),
    ...(route.extendedCommunities ?? []).map(text => `ext-community ${text.replace('rt:', 'rt ')}`),
  ];
  return `network ${route.prefix}${sets.join('') === '' ? '' : ` set { ${sets.filter(Boolean).join(' ')} }`}\n`;
}

function openNeighbour(plan: TheirPlan, { ip, as }: TheirNeighbour): string {
  const lines = [
    `remote-as ${as}`,
    `local-address ${plan.ip}`,
    hasForeign(plan) ? 'multihop 2' : '',
    `announce IPv4 ${plan.families.includes('ipv4') ? 'unicast' : 'none'}`,
    plan.families.includes('ipv6') ? 'announce IPv6 unicast' : '',
    'announce enhanced refresh yes',
    plan.passive ? 'passive' : '',
    plan.password === undefined ? '' : `tcp md5sig password ${plan.password}`,
    plan.gtsm ? 'ttl-security yes' : '',
    plan.reflects ? 'route-reflector' : '',
    plan.addPath ? 'announce add-path recv yes\n announce add-path send all' : '',
    plan.maxPrefixes === undefined ? '' : `max-prefix ${plan.maxPrefixes}`,
  ];
  return `neighbor ${ip} {\n${lines
    .filter(Boolean)
    .map(line => ` ${line}\n`)
    .join('')}}\n`;
}
