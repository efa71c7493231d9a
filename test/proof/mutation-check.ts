import fc from 'fast-check';
import {
  HOST_CHAINS,
  HOST_WORLD,
  hostPacketsOf,
  OTHER_TABLES,
  packetsOf,
  tryMutation,
  WORLD,
} from '../../packages/dataplane/test/damage.ts';
import { HOST_LINKS } from '../../packages/dataplane/test/host-world.ts';
import { MUTATIONS } from '../../packages/dataplane/test/mutations.ts';
import { configOf, EAGER, nodeState } from '../../packages/dataplane/test/world.ts';

/**
 * Puts every bug of the table into every place of the rules of random states. True when the proof caught each somewhere,
 * and no packet showed a difference where it saw none.
 */
export function checkMutations(states: number, seed: number, tell: (line: string) => void): boolean {
  const worlds = [WORLD, ...fc.sample(nodeState, { numRuns: states, seed })];
  const packets = { 4: packetsOf(4), 6: packetsOf(6) } as const;
  let good = true;
  for (const mutation of MUTATIONS) {
    let [places, caught] = [0, 0];
    for (const [i, world] of worlds.entries())
      for (const family of [4, 6] as const) {
        const config = configOf(family, 'Accept', i % 2 === 0 ? EAGER : undefined);
        const found = tryMutation(mutation, world, config, packets[family], 4);
        if (found.missed !== undefined) {
          good = false;
          tell(`${mutation.name}: state ${i} of seed ${seed}: not seen: ${JSON.stringify(found.missed)}`);
        }
        places += found.places;
        caught += found.caught;
      }
    for (const family of [4, 6] as const) {
      const config = { ...configOf(family), links: HOST_LINKS };
      const asked = hostPacketsOf(family);
      for (const where of [HOST_CHAINS, ...OTHER_TABLES.map(table => ({ table }))]) {
        const found = tryMutation(mutation, HOST_WORLD, config, asked, 40, where);
        if (found.missed !== undefined) {
          good = false;
          tell(`${mutation.name}: ${where.table} of a host: not seen: ${JSON.stringify(found.missed)}`);
        }
        places += found.places;
        caught += found.caught;
      }
    }
    if (caught === 0) good = false;
    tell(`${mutation.name}: ${caught} of ${places} caught, the others mean the same`);
  }
  return good;
}
