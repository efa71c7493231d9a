import { formatIp, type Ip4, mustIp, mustPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';
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

describe('a hundred speakers on links that delay and break', () => {
  test('in a full mesh know exactly the ways of the neighbours that they can reach', () => {
    const world = new Hundred(1, 128);
    const { hosts, net } = world;
    const links = hosts.flatMap((a, i) => hosts.slice(i + 1).map(b => [a, b] as const));
    for (const [a, b] of links) net.link(a, b, internal, { ...internal, passive: true });
    hosts.forEach((host, i) => {
      net.perform(host, host.speaker.originate(mustPrefix(`10.64.${i}.0/24`)));
    });
    world.live(links, 120);
    expect(world.broken.size).toBeGreaterThan(5);
    for (const host of hosts) {
      const reached = (from: Host) => from !== host && world.connected(host, from);
      for (const [prefix, origins] of world.origins) {
        const ways = [...origins].filter(reached).map(from => formatIp(from.ip));
        const expected = origins.has(host) ? 'own' : ways.length === 0 ? undefined : ways.sort().join(' ');
        expect(sorted(host.fib.get(prefix))).toBe(expected);
      }
      const blocks = hosts.filter(from => from === host || reached(from)).length;
      expect([...host.fib.keys()].filter(p => p.startsWith('10.64.'))).toHaveLength(blocks);
    }
  });

  test('behind two route reflectors agree on the best way of all that the reflectors see', () => {
    const world = new Hundred(2, 1);
    const { hosts, net } = world;
    const [one, two, ...clients] = hosts as [Host, Host, ...Host[]];
    const client = { ...internal, routeReflectorClient: true };
    net.link(one, two, internal, { ...internal, passive: true });
    const links = clients.flatMap(c => [one, two].map(reflector => [reflector, c] as const));
    for (const [reflector, c] of links) net.link(reflector, c, { ...client, passive: true }, internal);
    world.live(links, 200);
    expect(world.broken.size).toBeGreaterThan(5);
    const visible = (host: Host) =>
      host === one || host === two || [one, two].some(r => world.connected(r, host));
    for (const host of hosts) {
      for (const [prefix, origins] of world.origins) {
        const seen = visible(host) ? [...origins].filter(visible).sort((a, b) => number(a) - number(b)) : [];
        const best = seen[0] === undefined ? undefined : formatIp(seen[0].ip);
        expect(`${host.name} ${prefix} ${sorted(host.fib.get(prefix))}`).toBe(
          `${host.name} ${prefix} ${origins.has(host) ? 'own' : best}`,
        );
      }
    }
  });
});
