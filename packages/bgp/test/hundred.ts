import { formatIp, type Ip4, mustIp, mustPrefix } from '@muslin/net';
import { Dice } from './fuzz/update-mutation.ts';
import { type Host, VirtualNet } from './virtual-net.ts';

const COUNT = 100;
/** Prefixes that several hosts may announce at once. */
const SHARED = ['10.1.0.0/24', '10.2.0.0/24', '10.3.0.0/24', '10.4.0.0/24'];

/** A hundred hosts on links that delay by chance, never reorder, and break. */
class Hundred {
  readonly net = new VirtualNet();
  readonly hosts: readonly Host[];
  readonly origins: ReadonlyMap<string, Set<Host>> = new Map(SHARED.map(p => [p, new Set()]));
  readonly broken = new Map<string, readonly [Host, Host]>();
  readonly dice: Dice;

  constructor(seed: number, maxPaths: number) {
    this.dice = new Dice(seed);
    this.net.delay = () => 1 + this.dice.below(40);
    this.hosts = Array.from({ length: COUNT }, (_, i) => {
      const ip = `10.0.0.${i + 1}`;
      return this.net.add(`h${i + 1}`, ip, { asNumber: 64512, routerId: mustIp(ip) as Ip4, maxPaths });
    });
  }

  /** Random announcements, withdrawals, cuts and mends among the links, with pauses; then only time. */
  live(links: readonly (readonly [Host, Host])[], changes: number): void {
    for (let i = 0; i < changes; i++) {
      const host = this.dice.pick(this.hosts);
      const [a, b] = this.dice.pick(links);
      const key = `${a.name} ${b.name}`;
      switch (this.dice.below(6)) {
        case 0:
        case 1:
          this.net.sever(a, b);
          this.broken.set(key, [a, b]);
          break;
        case 2: {
          const [first] = this.broken;
          if (first === undefined) break;
          this.net.mend(...first[1]);
          this.broken.delete(first[0]);
          break;
        }
        default:
          this.#toggle(host, this.dice.pick(SHARED));
      }
      this.net.run(this.dice.below(300));
    }
    // Longer than any pause after errors and any restart time.
    this.net.run(200_000);
  }

  connected(a: Host, b: Host): boolean {
    return !this.broken.has(`${a.name} ${b.name}`) && !this.broken.has(`${b.name} ${a.name}`);
  }

  #toggle(host: Host, prefix: string): void {
    const set = this.origins.get(prefix) as Set<Host>;
    const { speaker } = host;
    const outputs = set.has(host)
      ? speaker.withdraw(mustPrefix(prefix))
      : speaker.originate(mustPrefix(prefix));
    if (!set.delete(host)) set.add(host);
    this.net.perform(host, outputs);
  }
}

const internal = { remoteAs: 'internal', holdTime: 0, connectRetryTime: 5 } as const;
const number = (host: Host) => Number(host.name.slice(1));
const sorted = (via: string | undefined) => via?.split(' ').sort().join(' ');

/** What a world came to: cut links, prefixes looked at, and where a host differs from the specification. */
export interface Outcome {
  readonly broken: number;
  readonly compared: number;
  readonly differences: readonly string[];
}

/** Compares what each host uses with what it should: a text per host and prefix, undefined for no route. */
class Comparison {
  compared = 0;
  readonly differences: string[] = [];

  note(host: Host, prefix: string, expected: string | undefined): void {
    const actual = sorted(host.fib.get(prefix));
    this.compared++;
    if (actual !== expected) this.differences.push(`${host.name} ${prefix}: ${actual}, not ${expected}`);
  }
}

/** A full mesh: every host knows exactly the ways of the neighbours that it can reach. */
export function runMesh(seed: number): Outcome {
  const world = new Hundred(seed, 128);
  const { hosts, net } = world;
  const links = hosts.flatMap((a, i) => hosts.slice(i + 1).map(b => [a, b] as const));
  for (const [a, b] of links) net.link(a, b, internal, { ...internal, passive: true });
  hosts.forEach((host, i) => {
    net.perform(host, host.speaker.originate(mustPrefix(`10.64.${i}.0/24`)));
  });
  world.live(links, 120);
  const comparison = new Comparison();
  for (const host of hosts) {
    const reached = (from: Host) => from !== host && world.connected(host, from);
    for (const [prefix, origins] of world.origins) {
      const ways = [...origins].filter(reached).map(from => formatIp(from.ip));
      const via = ways.length === 0 ? undefined : ways.sort().join(' ');
      comparison.note(host, prefix, origins.has(host) ? 'own' : via);
    }
    hosts.forEach((from, i) => {
      const via = from === host ? 'own' : reached(from) ? formatIp(from.ip) : undefined;
      comparison.note(host, `10.64.${i}.0/24`, via);
    });
  }
  return { broken: world.broken.size, ...comparison };
}

/**
 * Two route reflectors. A reflector uses its own route, else the best of its clients' and of what the other one tells:
 * its own route, or the best of its clients'. A client uses its own route, else the better of what it is told.
 */
export function runReflectors(seed: number): Outcome {
  const world = new Hundred(seed, 1);
  const { hosts, net } = world;
  const [one, two, ...clients] = hosts as [Host, Host, ...Host[]];
  const client = { ...internal, routeReflectorClient: true };
  net.link(one, two, internal, { ...internal, passive: true });
  const links = clients.flatMap(c => [one, two].map(reflector => [reflector, c] as const));
  for (const [reflector, c] of links) net.link(reflector, c, { ...client, passive: true }, internal);
  world.live(links, 200);
  const comparison = new Comparison();
  const lowest = (list: readonly Host[]) => [...list].sort((x, y) => number(x) - number(y)).slice(0, 1);
  for (const [prefix, origins] of world.origins) {
    const offered = (reflector: Host) =>
      origins.has(reflector)
        ? [reflector]
        : lowest(clients.filter(c => origins.has(c) && world.connected(reflector, c)));
    const used = (reflector: Host) =>
      origins.has(reflector) ? [reflector] : lowest([...offered(one), ...offered(two)]);
    for (const host of hosts) {
      const told =
        host === one || host === two
          ? used(host)
          : lowest([one, two].filter(r => world.connected(r, host)).flatMap(used));
      const [best] = told;
      comparison.note(host, prefix, origins.has(host) ? 'own' : best && formatIp(best.ip));
    }
  }
  return { broken: world.broken.size, ...comparison };
}
