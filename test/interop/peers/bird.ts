import { writeFileSync } from 'node:fs';
import { ADDRESS, LINK, type Place } from '../place.ts';
import { Programs } from '../programs.ts';
import { communityText, numbersIn, type SeenRoute } from '../seen-route.ts';
import type { PeerDaemon, TheirNeighbour, TheirPlan, TheirRoute } from './peer-daemon.ts';

/** BIRD 2, asked through birdc. The session with us is protocol `n0`, the third speaker's `n1`. */
export class Bird implements PeerDaemon {
  readonly #folder: string;
  readonly #plan: TheirPlan;
  readonly #programs: Programs;

  constructor(place: Place, plan: TheirPlan) {
    this.#folder = place.folder;
    this.#plan = plan;
    this.#programs = new Programs(place.theirs, place.folder);
    writeFileSync(`${place.folder}/conf`, birdConfig(plan));
  }

  async start(restarting: boolean): Promise<void> {
    const f = this.#folder;
    const words = ['bird', '-f', '-c', `${f}/conf`, '-s', `${f}/ctl`, '-P', `${f}/pid`];
    this.#programs.start([...words, ...(restarting ? ['-R'] : [])]);
  }

  async established(): Promise<boolean> {
    return / up .*Established/.test(await this.#ask('show protocols n0'));
  }

  async paths(prefix: string): Promise<readonly SeenRoute[]> {
    const text = await this.#ask(`show route for ${prefix} all where source = RTS_BGP`);
    if (!text.includes(prefix)) return [];
    // Each path begins with its protocol in brackets.
    return text
      .split(/\[n\d /)
      .slice(1)
      .map(path => {
        const value = (name: string) => new RegExp(`BGP\\.${name}: (.*)`).exec(path)?.[1] ?? '';
        const list = (name: string) =>
          value(name)
            .match(/\([^)]*\)/g)
            ?.map(communityText) ?? [];
        return {
          asPath: numbersIn(value('as_path')),
          // A link-local one stands behind an unspecified one.
          nextHop: value('next_hop').replace(/^:: /, '').split(' ')[0] ?? '',
          ...(value('local_pref') !== '' && { localPref: Number(value('local_pref')) }),
          communities: list('community'),
          largeCommunities: list('large_community'),
          extendedCommunities: list('ext_community'),
          ...(value('originator_id') !== '' && { originatorId: value('originator_id') }),
          clusterList: value('cluster_list').split(' ').filter(Boolean),
          stale: /\(\d+s\)|stale/.test(path.split('\n')[0] ?? ''),
        };
      });
  }

  async words(): Promise<string> {
    return (await this.#ask('show protocols all n0').catch(String)) + this.#programs.log();
  }

  async withdraw(prefix: string): Promise<void> {
    await this.#ask(`disable r${this.#plan.routes.findIndex(route => route.prefix === prefix)}`);
  }

  async askRefresh(): Promise<void> {
    await this.#ask('reload in n0');
  }

  async shutDown(text: string): Promise<void> {
    await this.#ask(`disable n0 "${text}"`);
  }

  async bfdUp(): Promise<boolean> {
    return /10\.78\.0\.1\s.*\sUp\s/.test(await this.#ask('show bfd sessions'));
  }

  freeze(): void {
    this.#programs.signal('SIGSTOP');
  }

  end(): Promise<void> {
    return this.#programs.end();
  }

  #ask(command: string): Promise<string> {
    return this.#programs.ask('birdc', '-s', `${this.#folder}/ctl`, ...command.split(' '));
  }
}

function birdConfig(plan: TheirPlan): string {
  const bulk = Array.from(
    { length: plan.bulk ?? 0 },
    (_, i) => `route 172.${16 + (i >> 8)}.${i & 255}.0/24 blackhole;`,
  );
  return `router id ${ADDRESS.theirs.ipv4};
log stderr all;
protocol device {}
${plan.bfd ? `protocol bfd { interface "${LINK}" { interval 100 ms; multiplier 3; }; }` : ''}
${plan.routes.map(routeConfig).join('\n')}
${bulk.length > 0 ? `protocol static bulk { ipv4; ${bulk.join('\n')} }` : ''}
${plan.neighbours.map((neighbour, i) => neighbourConfig(plan, neighbour, i)).join('\n')}
`;
}

function routeConfig(route: TheirRoute, i: number): string {
  const family = route.prefix.includes(':') ? 'ipv6' : 'ipv4';
  const pair = (text: string) => text.replaceAll(':', ', ');
  const sets = [
    ...(route.communities ?? []).map(c => `bgp_community.add((${pair(c)}));`),
    ...(route.largeCommunities ?? []).map(c => `bgp_large_community.add((${pair(c)}));`),
    ...(route.extendedCommunities ?? []).map(c => `bgp_ext_community.add((${pair(c)}));`),
  ];
  const blackhole = sets.length === 0 ? 'blackhole' : `blackhole { ${sets.join(' ')} }`;
  return `protocol static r${i} { ${family}; route ${route.prefix} ${blackhole}; }`;
}

function neighbourConfig(plan: TheirPlan, { ip, as }: TheirNeighbour, i: number): string {
  const six = plan.ip.includes(':');
  const link = plan.unnumbered === undefined ? '' : ` interface "${plan.unnumbered}";`;
  const channel = (family: string) => {
    const foreign = family === (six ? 'ipv4' : 'ipv6') && plan.extendedNextHop !== true;
    const own = family === 'ipv4' ? ADDRESS.theirs.ipv4 : ADDRESS.theirs.ipv6;
    const words = [
      'import all;',
      'export where source = RTS_STATIC || source = RTS_BGP;',
      plan.reflects ? 'next hop self ebgp;' : 'next hop self;',
      foreign ? `next hop address ${own};` : '',
      plan.extendedNextHop ? 'extended next hop on;' : '',
      plan.addPath ? 'add paths on;' : '',
      plan.maxPrefixes === undefined ? '' : `import limit ${plan.maxPrefixes} action disable;`,
    ];
    return `${family} { ${words.join(' ')} };`;
  };
  return `protocol bgp n${i} {
  local ${plan.ip} as ${plan.as}; neighbor ${ip} as ${as};${link}
  hold time ${plan.holdTime ?? 30}; connect delay time 1; error wait time 1, 2;
  enable extended messages on; debug { states, events };
  graceful restart ${plan.gracefulRestart ? 'on' : 'off'};
  ${plan.passive ? 'passive on;' : ''} ${plan.password === undefined ? '' : `password "${plan.password}";`}
  ${plan.gtsm ? 'ttl security on;' : ''} ${plan.bfd ? 'bfd on;' : ''}
  ${plan.reflects ? 'rr client;' : ''}
  ${plan.families.map(channel).join('\n  ')}
}`;
}
