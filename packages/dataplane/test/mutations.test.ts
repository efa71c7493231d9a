import { describe, expect, it } from 'vitest';
import { compile, evaluate, lookupOf, meaning, Prover, type Rule, type TableRules } from '../src/index.ts';
import {
  HOST_CHAINS,
  HOST_WORLD,
  hookOf,
  hostPacketsOf,
  packetsOf,
  OTHER_TABLES,
  tryMutation,
  WORLD,
} from './damage.ts';
import { HOST_LINKS } from './host-world.ts';
import { MUTATIONS } from './mutations.ts';
import { ADDRESSES, configOf, EAGER } from './world.ts';

const configs = ([4, 6] as const).flatMap(f =>
  [undefined, EAGER].map(lookups => configOf(f, 'Accept', lookups)),
);
const packets = { 4: packetsOf(4), 6: packetsOf(6) } as const;

const HOSTED = { ...configOf(4), links: HOST_LINKS };
const hosted = compile(HOST_WORLD, HOSTED);
const hostPackets = hostPacketsOf(4).filter((_, i) => i % 5 === 0);

/** Nodes that take tunnels' packets from each other alone, and masquerade at one interface. */
const tunnelled = ([4, 6] as const).map(f => ({
  ...configOf(f),
  vxlanPeers: ADDRESSES[f].slice(3, 4),
  ipipPeers: ADDRESSES[f].slice(5, 6),
  natOutgoingInterface: { name: 'eth', wildcard: true },
  natExcludes: ADDRESSES[f].slice(5, 6),
}));
const tunnelPackets = { 4: hostPacketsOf(4), 6: hostPacketsOf(6) } as const;

describe('bugs that somebody could write into compiling, lowering, look-ups and rendering', () => {
  it('are tried on a world that is right, in which packets meet many fates', () => {
    for (const config of configs) {
      const rules = compile(WORLD, config);
      expect(new Prover(config.family).prove(WORLD, config, rules).outcome).toBe('equal');
      const fates = packets[config.family].map(packet => {
        const hook = packet.out === undefined ? 'INPUT' : 'FORWARD';
        const { verdict } = evaluate(rules, lookupOf(rules.sets, WORLD.sets), packet, hook);
        expect(verdict).toBe(meaning(WORLD, config, packet, hook));
        return verdict;
      });
      expect(fates.filter(fate => fate === 'accept').length).toBeGreaterThan(200);
      expect(fates.filter(fate => fate === 'drop').length).toBeGreaterThan(200);
    }
    expect(MUTATIONS.length).toBeGreaterThan(60);
  });

  it('are tried on a node with host endpoints that is right, in which packets meet many fates', () => {
    expect(new Prover(4).prove(HOST_WORLD, HOSTED, hosted).outcome).toBe('equal');
    const sets = lookupOf(hosted.sets, HOST_WORLD.sets);
    const fates = hostPackets.map(packet => evaluate(hosted, sets, packet, hookOf(packet)).verdict);
    for (const fate of ['accept', 'drop'])
      expect(fates.filter(one => one === fate).length).toBeGreaterThan(20);
  });

  it('reach every chain of a host endpoint: none is left that no proof looks into', () => {
    const filter = hosted.tables.get('filter') as TableRules;
    const prover = new Prover(4);
    const found = new Map<string, readonly string[]>();
    for (const name of filter.chains.keys()) {
      if (!name.startsWith('msl-h')) continue;
      const odd: Rule = { matches: [{ kind: 'protocol', protocol: 99 }], action: { kind: 'drop' } };
      for (const action of ['drop', 'accept'] as const) {
        const rules = [{ ...odd, action: { kind: action } }, ...(filter.chains.get(name)?.rules ?? [])];
        const chains = new Map(filter.chains).set(name, { name, rules });
        const tables = new Map(hosted.tables).set('filter', { ...filter, chains });
        const { outcome } = prover.prove(HOST_WORLD, HOSTED, { ...hosted, tables });
        found.set(name, [...(found.get(name) ?? []), outcome]);
      }
    }
    expect(found.size).toBeGreaterThan(6);
    for (const [name, [dropped, accepted]] of found) {
      // What begins with established connections lets some of that protocol by; what only policies reach may not.
      if (/^msl-h[lf]/.test(name)) expect(dropped, name).toBe('different');
      else expect([dropped, accepted], name).toContain('different');
    }
  });

  it.each(MUTATIONS.map(mutation => [mutation.name, mutation] as const))('%s: caught', (_, mutation) => {
    let [places, caught] = [0, 0];
    const count = (found: { readonly places: number; readonly caught: number }) => {
      places += found.places;
      caught += found.caught;
    };
    for (const config of configs) {
      const found = tryMutation(mutation, WORLD, config, packets[config.family]);
      expect(found.missed).toBeUndefined();
      count(found);
    }
    const atHosts = tryMutation(mutation, HOST_WORLD, HOSTED, hostPackets, 1, HOST_CHAINS);
    expect(atHosts.missed).toBeUndefined();
    if (!SAME_AT_HOSTS.has(mutation.name)) expect(atHosts.caught > 0).toBe(atHosts.places > 0);
    count(atHosts);
    for (const table of OTHER_TABLES) {
      const beside = tryMutation(mutation, HOST_WORLD, HOSTED, hostPackets, 3, { table });
      expect(beside.missed, table).toBeUndefined();
      if (!SAME_BESIDE.has(mutation.name)) expect(beside.caught > 0, table).toBe(beside.places > 0);
      count(beside);
      for (const config of tunnelled) {
        const without = tryMutation(mutation, WORLD, config, tunnelPackets[config.family], 1, { table });
        expect(without.missed, table).toBeUndefined();
        count(without);
      }
    }
    expect(places).toBeGreaterThan(0);
    expect(caught).toBeGreaterThan(0);
  });
});

/** Pods have no host endpoint of their own there: it changes nothing which of them goes by first. */
const SAME_BESIDE: ReadonlySet<string> = new Set([
  'a wildcard is forgotten',
  'iptables: in and out are mixed up',
]);

/** In every place at this host endpoint they mean the same: past its tiers it drops, and its gotos stand at the end. */
const SAME_AT_HOSTS: ReadonlySet<string> = new Set([
  'the end of a tier does not deny',
  'a goto comes back',
  'iptables: goto becomes jump',
  'nft: goto becomes jump',
]);
