import { writeFileSync } from 'node:fs';
import { ADDRESS, type Place } from '../place.ts';
import { Programs } from '../programs.ts';
import type { SeenRoute } from '../seen-route.ts';
import type { Family, PeerDaemon, TheirNeighbour, TheirPlan, TheirRoute } from './peer-daemon.ts';

/** Path attributes as gobgp prints them, by type code. */
interface GoAttribute {
  readonly type: number;
  readonly value?: unknown;
  readonly nexthop?: string;
  readonly metric?: number;
  readonly as_paths?: readonly { readonly asns: readonly number[] }[];
  readonly communities?: readonly number[];
}

interface GoPath {
  readonly nlri: { readonly prefix: string };
  readonly attrs: readonly GoAttribute[];
  readonly stale?: boolean;
}

/** GoBGP 3, asked through gobgp. Routes of its own are added through the API, as it has no configuration for them. */
export class GoBgp implements PeerDaemon {
  readonly #folder: string;
  readonly #plan: TheirPlan;
  readonly #programs: Programs;
  readonly #neighbour: string;

  constructor(place: Place, plan: TheirPlan) {
    this.#folder = place.folder;
    this.#plan = plan;
    this.#programs = new Programs(place.theirs, place.folder);
    this.#neighbour = plan.unnumbered ?? plan.neighbours[0]?.ip ?? '';
    writeFileSync(`${place.folder}/conf.toml`, goConfig(plan));
  }

  async start(restarting: boolean): Promise<void> {
    if (this.#plan.unnumbered !== undefined) await this.#meet(this.#plan.unnumbered);
    const words = ['gobgpd', '-f', `${this.#folder}/conf.toml`, '--log-level=debug', '--pprof-disable'];
    // Its routes come through the API after its start; a session before them would end with an End-of-RIB without them.
    const away = ['blackhole', `${this.#plan.neighbours[0]?.ip}/32`];
    if (restarting) await this.#programs.ask('ip', 'route', 'add', ...away);
    this.#programs.start([...words, ...(restarting ? ['-r'] : [])]);
    for (let left = 100; ; left--) {
      const found = await this.#ask('global').catch(String);
      if (found.includes('Router-ID')) break;
      if (left === 0) throw new Error(`gobgpd does not answer: ${found}`);
      await new Promise(resolve => setTimeout(resolve, 100));
    }
    for (const route of this.#plan.routes)
      await this.#ask('global', 'rib', 'add', ...routeWords(this.#plan, route));
    for (let i = 0; i < (this.#plan.bulk ?? 0); i++)
      await this.#ask('global', 'rib', 'add', '-a', 'ipv4', `172.${16 + (i >> 8)}.${i & 255}.0/24`);
    if (restarting) await this.#programs.ask('ip', 'route', 'del', ...away);
  }

  async established(): Promise<boolean> {
    return (await this.#ask('neighbor', this.#neighbour)).includes('BGP state = ESTABLISHED');
  }

  async paths(prefix: string): Promise<readonly SeenRoute[]> {
    const family = familyOf(prefix);
    const text = await this.#ask('neighbor', this.#neighbour, 'adj-in', '-a', family, '-j');
    const table = JSON.parse(text) as Readonly<Record<string, readonly GoPath[]>> | readonly never[];
    const received = (table as Readonly<Record<string, readonly GoPath[]>>)[prefix] ?? [];
    return received.map(seen);
  }

  async words(): Promise<string> {
    return (await this.#ask('neighbor', this.#neighbour).catch(String)) + this.#programs.log();
  }

  async withdraw(prefix: string): Promise<void> {
    await this.#ask('global', 'rib', 'del', '-a', familyOf(prefix), prefix);
  }

  async askRefresh(): Promise<void> {
    await this.#ask('neighbor', this.#neighbour, 'softresetin');
  }

  async shutDown(text: string): Promise<void> {
    await this.#ask('neighbor', this.#neighbour, 'shutdown', '--reason', text);
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
    return this.#programs.ask('gobgp', ...words);
  }

  /**
   * It finds an unnumbered neighbour in the kernel's neighbour table, at its start only, and does not look for it itself
   * (unnumbered-bgp.md); our calls put it there.
   */
  async #meet(link: string): Promise<void> {
    for (let left = 100; left > 0; left--) {
      if ((await this.#programs.ask('ip', '-6', 'neigh', 'show', 'dev', link)).includes('lladdr')) return;
      await new Promise(resolve => setTimeout(resolve, 100));
    }
    throw new Error('our link-local address does not come into the peer’s neighbour table');
  }
}

const familyOf = (prefix: string): Family => (prefix.includes(':') ? 'ipv6' : 'ipv4');

function seen(path: GoPath): SeenRoute {
  const of = (type: number) => path.attrs.find(attribute => attribute.type === type);
  const reach = of(14);
  const large = (of(32)?.value ?? []) as readonly { ASN: number; LocalData1: number; LocalData2: number }[];
  const extended = (of(16)?.value ?? []) as readonly { value?: string; subtype?: number }[];
  const localPref = of(5)?.value as number | undefined;
  const originatorId = of(9)?.value as string | undefined;
  return {
    asPath: (of(2)?.as_paths ?? []).flatMap(segment => segment.asns),
    nextHop: of(3)?.nexthop ?? reach?.nexthop ?? '',
    ...(localPref !== undefined && { localPref }),
    communities: (of(8)?.communities ?? []).map(value => `${value >>> 16}:${value & 0xffff}`),
    largeCommunities: large.map(({ ASN, LocalData1, LocalData2 }) => `${ASN}:${LocalData1}:${LocalData2}`),
    extendedCommunities: extended.map(({ value, subtype }) => `${subtype === 2 ? 'rt:' : ''}${value}`),
    ...(originatorId !== undefined && { originatorId }),
    clusterList: (of(10)?.value ?? []) as readonly string[],
    stale: path.stale ?? false,
  };
}

function routeWords(plan: TheirPlan, route: TheirRoute): string[] {
  const family = familyOf(route.prefix);
  const foreign = plan.ip.includes(':') !== (family === 'ipv6') && plan.extendedNextHop !== true;
  return [
    ...['-a', family, route.prefix],
    ...(foreign ? ['nexthop', ADDRESS.theirs[family]] : []),
    ...(route.communities === undefined ? [] : ['community', route.communities.join(',')]),
    ...(route.largeCommunities === undefined ? [] : ['large-community', route.largeCommunities.join(',')]),
    ...(route.extendedCommunities ?? []).flatMap(community => ['rt', community.replace('rt:', '')]),
  ];
}

function goConfig(plan: TheirPlan): string {
  return `[global.config]
as = ${plan.as}
router-id = "${ADDRESS.theirs.ipv4}"
${plan.neighbours.map(neighbour => goNeighbour(plan, neighbour)).join('\n')}`;
}

function goNeighbour(plan: TheirPlan, { ip, as }: TheirNeighbour): string {
  const { holdTime = 30, unnumbered, password, maxPrefixes } = plan;
  const family = (name: Family) => `[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = "${name}-unicast"
${plan.gracefulRestart ? '[neighbors.afi-safis.mp-graceful-restart.config]\nenabled = true' : ''}
${maxPrefixes === undefined ? '' : `[neighbors.afi-safis.prefix-limit.config]\nmax-prefixes = ${maxPrefixes}`}
`;
  return `[[neighbors]]
[neighbors.config]
${unnumbered === undefined ? `neighbor-address = "${ip}"` : `neighbor-interface = "${unnumbered}"`}
peer-as = ${as}
${password === undefined ? '' : `auth-password = "${password}"`}
[neighbors.timers.config]
connect-retry = 1
idle-hold-time-after-reset = 1
hold-time = ${holdTime}
keepalive-interval = ${Math.max(1, Math.floor(holdTime / 3))}
[neighbors.transport.config]
passive-mode = ${plan.passive ?? false}
${unnumbered === undefined ? `local-address = "${plan.ip}"` : ''}
${plan.gtsm ? '[neighbors.ttl-security.config]\nenabled = true\nttl-min = 255' : ''}
${plan.reflects ? `[neighbors.route-reflector.config]\nroute-reflector-client = true\nroute-reflector-cluster-id = "${ADDRESS.theirs.ipv4}"` : ''}
${plan.addPath ? '[neighbors.add-paths.config]\nsend-max = 8\nreceive = true' : ''}
${plan.gracefulRestart ? '[neighbors.graceful-restart.config]\nenabled = true\nrestart-time = 60' : ''}
${plan.families.map(family).join('')}`;
}
