import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Proof } from './proof.ts';
import { story } from './story.ts';

/** A fixed seed, so that a failure here is the same for everybody; `npm run proof` rolls new ones. */
const SEED = 20_261_121;
const ROUNDS = 12;

describe.each(['nft', 'legacy'] as const)('on iptables-%s', iptables => {
  let proof: Proof;

  beforeAll(async () => {
    proof = await Proof.up({ id: `tpq${iptables.slice(0, 3)}`, nodes: 2, iptables, seed: SEED, flows: 60 });
  });
  afterAll(() => proof?.down());

  it('specification, graph, compiled and lowered rules, and the kernel agree on random policies that replace each other', async () => {
    let [allowed, denied] = [0, 0];
    for (let i = 0; i < ROUNDS; i++) {
      const round = await proof.next();
      expect(round.disagreements, story(round)).toEqual([]);
      allowed += round.allowed;
      denied += round.denied;
    }
    // One answer alone would prove nothing.
    expect(Math.min(allowed, denied)).toBeGreaterThan(ROUNDS * 8);
  });
});
