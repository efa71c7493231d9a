import { formatIp, type Ip4, mustIp, mustPrefix } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Host, VirtualNet } from './virtual-net.ts';

const PREFIXES = ['10.1.0.0/24', '10.2.0.0/24', '10.3.0.0/24', '10.4.0.0/24', 'fd00:1::/64'];

function makeHosts(net: VirtualNet, count: number, as: (i: number) => number): Host[] {
  return Array.from({ length: count }, (_, i) => {
    const ip = `10.0.0.${i + 1}`;
    return net.add(`h${i + 1}`, ip, { asNumber: as(i), routerId: mustIp(ip) as Ip4 });
  });
}

const v6 = (host: Host) => mustIp(`fd00::${host.name.slice(1)}`) as never;

/** Who originates what, decided by the test. */
class Origins {
  readonly of = new Map<string, Set<Host>>(PREFIXES.map(p => [p, new Set<Host>()]));
  readonly #net: VirtualNet;

  constructor(net: VirtualNet) {
    this.#net = net;
  }

  toggle(host: Host, prefix: string): void {
    const set = this.of.get(prefix) as Set<Host>;
    const outputs = set.has(host)
      ? host.speaker.withdraw(mustPrefix(prefix))
      : host.speaker.originate(mustPrefix(prefix));
    if (!set.delete(host)) set.add(host);
    this.#net.perform(host, outputs);
  }
}

const address = (host: Host, prefix: string) => formatIp(prefix.includes(':') ? v6(host) : host.ip);

const toggles = fc.array(fc.tuple(fc.nat(9), fc.nat(PREFIXES.length - 1), fc.nat(40)), {
  minLength: 5,
  maxLength: 30,
});

describe('ten speakers on a virtual clock', () => {
  test('in a full mesh know every way to every prefix', () => {
    fc.assert(
      fc.property(toggles, fc.nat(30), (changes, spread) => {
        const net = new VirtualNet();
        net.delay = (from, to) =>
          1 + ((Number(from.name.slice(1)) * 7 + Number(to.name.slice(1)) * 3) % (spread + 1));
        net.chunk = 1 + spread;
        const hosts = makeHosts(net, 10, () => 64512);
        const origins = new Origins(net);
        hosts.forEach((a, i) => {
          for (const b of hosts.slice(i + 1)) {
            net.link(
              a,
              b,
              { remoteAs: 'internal', nextHopSelf: { ipv6: v6(a) } },
              { remoteAs: 'internal', nextHopSelf: { ipv6: v6(b) } },
            );
          }
        });
        for (const [who, what, pause] of changes) {
          origins.toggle(hosts[who] as Host, PREFIXES[what] as string);
          net.run(pause);
        }
        net.run(10_000);
        for (const host of hosts) {
          const expected = PREFIXES.flatMap(prefix => {
            const all = [...(origins.of.get(prefix) as Set<Host>)];
            if (all.length === 0) return [];
            if (all.includes(host)) return [[prefix, 'own']];
            return [
              [
                prefix,
                all
                  .map(h => address(h, prefix))
                  .sort()
                  .join(' '),
              ],
            ];
          });
          const actual = [...host.fib].map(([p, via]) => [p, via.split(' ').sort().join(' ')]);
          expect(actual.sort()).toEqual(expected.sort());
        }
      }),
      { numRuns: 8 },
    );
  });

  test('behind two route reflectors agree on the best way to every prefix', () => {
    fc.assert(
      fc.property(toggles, changes => {
        const net = new VirtualNet();
        const hosts = makeHosts(net, 10, () => 64512);
        const origins = new Origins(net);
        const [rr1, rr2, ...clients] = hosts as [Host, Host, ...Host[]];
        const inside = (h: Host) => ({ remoteAs: 'internal' as const, nextHopSelf: { ipv6: v6(h) } });
        net.link(rr1, rr2, inside(rr1), inside(rr2));
        for (const rr of [rr1, rr2]) {
          for (const client of clients)
            net.link(rr, client, { ...inside(rr), routeReflectorClient: true }, inside(client));
        }
        for (const [who, what, pause] of changes) {
          origins.toggle(clients[who % clients.length] as Host, PREFIXES[what] as string);
          net.run(pause);
        }
        net.run(10_000);
        for (const client of clients) {
          for (const prefix of PREFIXES) {
            const all = [...(origins.of.get(prefix) as Set<Host>)].sort(
              (a, b) => Number(a.name.slice(1)) - Number(b.name.slice(1)),
            );
            const expected = all.includes(client)
              ? 'own'
              : all.length === 0
                ? undefined
                : address(all[0] as Host, prefix);
            expect(client.fib.get(prefix)).toBe(expected);
          }
        }
      }),
      { numRuns: 10 },
    );
  });

  test('behind a route reflector with path identifiers know every way (RFC 7911)', () => {
    fc.assert(
      fc.property(toggles, changes => {
        const net = new VirtualNet();
        const hosts = makeHosts(net, 10, () => 64512);
        const origins = new Origins(net);
        const [rr, ...clients] = hosts as [Host, ...Host[]];
        const inside = (h: Host) => ({
          remoteAs: 'internal' as const,
          nextHopSelf: { ipv6: v6(h) },
          addPath: { receive: true, send: true },
        });
        for (const client of clients)
          net.link(rr, client, { ...inside(rr), routeReflectorClient: true }, inside(client));
        for (const [who, what, pause] of changes) {
          origins.toggle(clients[who % clients.length] as Host, PREFIXES[what] as string);
          net.run(pause);
        }
        net.run(10_000);
        for (const client of clients) {
          for (const prefix of PREFIXES) {
            const all = [...(origins.of.get(prefix) as Set<Host>)];
            const ways = all
              .map(h => address(h, prefix))
              .sort()
              .join(' ');
            const expected = all.includes(client) ? 'own' : ways;
            expect((client.fib.get(prefix) ?? '').split(' ').sort().join(' ')).toBe(expected);
          }
        }
      }),
      { numRuns: 10 },
    );
  });

  test('in ten ASes find shortest paths over any graph, also after nodes died', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(9), fc.nat(9)), { minLength: 12, maxLength: 25 }),
        fc.nat(9),
        (edges, victim) => {
          const net = new VirtualNet();
          const hosts = makeHosts(net, 10, i => 65001 + i);
          const links = new Set(
            edges.filter(([a, b]) => a !== b).map(([a, b]) => `${Math.min(a, b)} ${Math.max(a, b)}`),
          );
          const pairs = [...links].map(text => text.split(' ').map(Number) as [number, number]);
          for (const [a, b] of pairs)
            net.link(
              hosts[a] as Host,
              hosts[b] as Host,
              { gracefulRestartTime: 0 },
              { gracefulRestartTime: 0 },
            );
          hosts.forEach((host, i) => {
            net.perform(host, host.speaker.originate(mustPrefix(`10.${i}.0.0/16`)));
          });
          const check = (dead: number) => {
            for (const [i, host] of hosts.entries()) {
              if (i === dead) continue;
              const distances = hops(i, pairs, dead);
              const lengths = new Map(
                host.speaker
                  .routes('ipv4-unicast')
                  .map(r => [
                    r.prefix.ip.family === 4 ? (r.prefix.ip.bits >>> 16) & 255 : -1,
                    r.attributes.asPath?.flatMap(s => s.asNumbers).length,
                  ]),
              );
              expect([...lengths].sort()).toEqual([...distances].sort());
            }
          };
          net.run(10_000);
          check(-1);
          net.kill(hosts[victim] as Host);
          net.run(10_000);
          check(victim);
        },
      ),
      { numRuns: 15 },
    );
  });
});

/** Distance from one node to all that it can reach. */
function hops(
  from: number,
  pairs: readonly (readonly [number, number])[],
  dead: number,
): Map<number, number> {
  const found = new Map([[from, 0]]);
  for (let frontier = [from]; frontier.length > 0; ) {
    const next: number[] = [];
    for (const node of frontier) {
      for (const [a, b] of pairs) {
        const other = a === node ? b : b === node ? a : -1;
        if (other < 0 || other === dead || found.has(other)) continue;
        found.set(other, (found.get(node) as number) + 1);
        next.push(other);
      }
    }
    frontier = next;
  }
  return found;
}
