import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { ADDRESS, type Place } from '../place.ts';
import { Programs } from '../programs.ts';
import type { SeenRoute } from '../seen-route.ts';
import type { PeerDaemon, TheirNeighbour, TheirPlan, TheirRoute } from './peer-daemon.ts';

interface ExaAttributes {
  readonly 'as-path'?: readonly number[];
  readonly 'local-preference'?: number;
  readonly med?: number;
  readonly community?: readonly (readonly number[])[];
  readonly 'large-community'?: readonly (readonly number[])[];
  readonly 'extended-community'?: readonly { readonly string: string }[];
  readonly 'originator-id'?: string;
  readonly 'cluster-list'?: readonly string[];
}

interface ExaNlri {
  readonly nlri: string;
  readonly 'path-information'?: string;
}

interface ExaEvent {
  readonly type: string;
  readonly neighbor?: {
    readonly state?: string;
    readonly address?: { readonly peer: string };
    readonly message?: {
      readonly update?: {
        readonly attribute?: ExaAttributes;
        readonly announce?: Readonly<Record<string, Readonly<Record<string, readonly ExaNlri[]>>>>;
        readonly withdraw?: Readonly<Record<string, readonly ExaNlri[]>>;
      };
    };
  };
}

/** What ExaBGP tells its program is written to a file, and what is appended to another is told to it. */
const TAP = `exec 3<&0
cat <&3 >>"$1/events" &
exec tail -n +1 -f "$1/commands"
`;

/** ExaBGP 4. It keeps no table of what it receives but tells a program, so the table is made here of what it told. */
export class ExaBgp implements PeerDaemon {
  readonly #folder: string;
  readonly #plan: TheirPlan;
  readonly #programs: Programs;

  constructor(place: Place, plan: TheirPlan) {
    this.#folder = place.folder;
    this.#plan = plan;
    this.#programs = new Programs(place.theirs, place.folder);
    writeFileSync(`${place.folder}/conf`, exaConfig(plan, place.folder));
    writeFileSync(`${place.folder}/tap.sh`, TAP);
  }

  async start(): Promise<void> {
    for (const name of ['events', 'commands']) writeFileSync(`${this.#folder}/${name}`, '');
    const env = {
      'exabgp.daemon.user': 'root',
      'exabgp.daemon.drop': 'false',
      'exabgp.daemon.daemonize': 'false',
      'exabgp.api.cli': 'false',
      'exabgp.api.respawn': 'false',
      'exabgp.log.destination': 'stdout',
      'exabgp.log.level': 'INFO',
    };
    this.#programs.start(['exabgp', `${this.#folder}/conf`], env);
  }

  async established(): Promise<boolean> {
    const states = this.#events().filter(event => event.type === 'state');
    return states.at(-1)?.neighbor?.state === 'up';
  }

  async paths(prefix: string): Promise<readonly SeenRoute[]> {
    const paths = new Map<string, SeenRoute>();
    for (const { type, neighbor } of this.#events()) {
      if (type === 'state' && neighbor?.state === 'down') paths.clear();
      const update = neighbor?.message?.update;
      const id = (route: ExaNlri) => route['path-information'] ?? '';
      for (const route of Object.values(update?.withdraw ?? {}).flat())
        if (route.nlri === prefix) paths.delete(id(route));
      for (const hops of Object.values(update?.announce ?? {}))
        for (const [nextHop, routes] of Object.entries(hops))
          for (const route of Array.isArray(routes) ? routes : [])
            if (route.nlri === prefix) paths.set(id(route), seen(update?.attribute ?? {}, nextHop));
    }
    return [...paths.values()];
  }

  async words(): Promise<string> {
    // Data of a NOTIFICATION come in hexadecimal.
    const readable = this.#read().replace(/"0x([0-9A-F]+)"/gi, (_, digits: string) =>
      Buffer.from(digits, 'hex').toString(),
    );
    return readable + this.#programs.log();
  }

  async withdraw(prefix: string): Promise<void> {
    this.#tell(`withdraw route ${prefix} next-hop self`);
  }

  async askRefresh(): Promise<void> {
    this.#tell('announce route-refresh ipv4 unicast');
  }

  async shutDown(): Promise<void> {
    this.#tell(`neighbor ${this.#plan.neighbours[0]?.ip} teardown 2`);
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

  #tell(command: string): void {
    appendFileSync(`${this.#folder}/commands`, `${command}\n`);
  }

  #read(): string {
    const file = `${this.#folder}/events`;
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  #events(): ExaEvent[] {
    const lines = this.#read().split('\n').slice(0, -1);
    return lines.filter(line => line.startsWith('{')).map(line => JSON.parse(line) as ExaEvent);
  }
}

function seen(attributes: ExaAttributes, nextHop: string): SeenRoute {
  const { med, 'local-preference': localPref, 'originator-id': originatorId } = attributes;
  return {
    asPath: attributes['as-path'] ?? [],
    nextHop,
    ...(localPref !== undefined && { localPref }),
    ...(med !== undefined && { med }),
    communities: (attributes.community ?? []).map(parts => parts.join(':')),
    largeCommunities: (attributes['large-community'] ?? []).map(parts => parts.join(':')),
    extendedCommunities: (attributes['extended-community'] ?? []).map(({ string }) =>
      string.replace('target:', 'rt:'),
    ),
    ...(originatorId !== undefined && { originatorId }),
    clusterList: attributes['cluster-list'] ?? [],
  };
}

function exaConfig(plan: TheirPlan, folder: string): string {
  return `process tap { run /bin/sh ${folder}/tap.sh ${folder}; encoder json; }
${plan.neighbours.map(neighbour => exaNeighbour(plan, neighbour)).join('\n')}`;
}

/** Unless it is to call it is passive: it goes on to call while a session of ours stands, and changes over to its own. */
function exaNeighbour(plan: TheirPlan, { ip, as }: TheirNeighbour): string {
  const { families } = plan;
  // It offers an IPv6 next hop only beside IPv6 itself.
  const agreed = plan.extendedNextHop ? (['ipv4', 'ipv6'] as const) : families;
  const bulk = Array.from(
    { length: plan.bulk ?? 0 },
    (_, i) => `route 172.${16 + (i >> 8)}.${i & 255}.0/24 next-hop self;`,
  );
  // Of two paths to one prefix that it announces, both are its own.
  const twice = (route: TheirRoute, i: number) =>
    plan.addPath && i > 0
      ? [routeLine(plan, route, '0.0.0.1'), routeLine(plan, route, '0.0.0.2')]
      : [routeLine(plan, route)];
  return `neighbor ${ip} {
  router-id ${ADDRESS.theirs.ipv4};
  local-address ${plan.ip};
  local-as ${plan.as};
  peer-as ${as};
  hold-time ${plan.holdTime ?? 30};
  listen 179;
  passive ${plan.passive ?? true};
  ${plan.password === undefined ? '' : `md5-password "${plan.password}";`}
  ${plan.gtsm ? 'outgoing-ttl 255;\n  incoming-ttl 255;' : ''}
  family { ${agreed.map(family => `${family} unicast;`).join(' ')} }
  capability {
    asn4 enable; route-refresh enable; extended-message enable;
    ${plan.gracefulRestart ? 'graceful-restart 60;' : ''}
    ${plan.addPath ? 'add-path send/receive;' : ''}
    ${plan.extendedNextHop ? 'nexthop enable;' : ''}
  }
  ${plan.addPath ? `add-path { ${families.map(family => `${family} unicast;`).join(' ')} }` : ''}
  ${plan.extendedNextHop ? 'nexthop { ipv4 unicast ipv6; }' : ''}
  static { ${[...plan.routes.flatMap(twice), ...bulk].join('\n    ')} }
  api { processes [ tap ]; neighbor-changes; receive { parsed; update; notification; } }
}`;
}

function routeLine(plan: TheirPlan, route: TheirRoute, id?: string): string {
  const family = route.prefix.includes(':') ? 'ipv6' : 'ipv4';
  const foreign = plan.ip.includes(':') !== (family === 'ipv6');
  const nextHop = foreign ? (plan.extendedNextHop ? plan.ip : ADDRESS.theirs[family]) : 'self';
  const list = (name: string, values: readonly string[] | undefined) =>
    values === undefined ? '' : ` ${name} [ ${values.join(' ')} ]`;
  const extended = route.extendedCommunities?.map(text => text.replace('rt:', 'target:'));
  return `route ${route.prefix} next-hop ${nextHop}${id === undefined ? '' : ` path-information ${id}`}${list('community', route.communities)}${list('large-community', route.largeCommunities)}${list('extended-community', extended)};`;
}
