import { describe, expect, it } from 'vitest';
import { compile, evaluate, lookupOf, meaning, Prover } from '../src/index.ts';
import { packetsOf, tryMutation, WORLD } from './damage.ts';
import { MUTATIONS } from './mutations.ts';
import { configOf, EAGER } from './world.ts';

const configs = ([4, 6] as const).flatMap(f =>
  [undefined, EAGER].map(lookups => configOf(f, 'Accept', lookups)),
);
const packets = { 4: packetsOf(4), 6: packetsOf(6) } as const;

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

  it.each(MUTATIONS.map(mutation => [mutation.name, mutation] as const))('%s: caught', (_, mutation) => {
    let [places, caught] = [0, 0];
    for (const config of configs) {
      const found = tryMutation(mutation, WORLD, config, packets[config.family]);
      expect(found.missed).toBeUndefined();
      places += found.places;
      caught += found.caught;
    }
    expect(places).toBeGreaterThan(0);
    expect(caught).toBeGreaterThan(0);
  });
});
