import { afterAll, beforeAll, expect, it } from 'vitest';
import { NodeProof } from './node-proof.ts';
import { Proof } from './proof.ts';
import { story } from './story.ts';

/** A fixed seed, so that a failure here is the same for everybody; `npm run proof` rolls new ones. */
const SEED = 20_261_121;
const BACK_ENDS = ['iptables-nft', 'iptables-legacy', 'nftables'] as const;

const ROUNDS = 5;
let proof: Proof;
beforeAll(async () => {
  proof = await Proof.up({ id: 'tpquick', nodes: 2, backEnd: 'iptables-nft', seed: SEED, flows: 60 });
});
afterAll(() => proof?.down());

it.each(BACK_ENDS)(
  'in a cluster on %s, specification, graph, compiled and lowered rules, and the kernel agree on random policies that replace each other',
  async backEnd => {
    await proof.use(backEnd);
    let [allowed, denied] = [0, 0];
    for (let i = 0; i < ROUNDS; i++) {
      const round = await proof.next();
      expect(round.disagreements, story(round)).toEqual([]);
      allowed += round.allowed;
      denied += round.denied;
    }
    // One answer alone would prove nothing.
    expect(Math.min(allowed, denied)).toBeGreaterThan(ROUNDS * 8);
  },
);

it('on a node they agree in both families, with host endpoints and about single and forged packets, while its rules move from back end to back end', async () => {
  const node = NodeProof.up({ id: 'tpn', seed: SEED, flows: 60 });
  try {
    let [allowed, denied, hosts, passed, forged] = [0, 0, 0, 0, 0];
    for (let i = 0; i < 9; i++) {
      const round = await node.next(BACK_ENDS[i % 3] as (typeof BACK_ENDS)[number]);
      expect(round.disagreements, story(round)).toEqual([]);
      allowed += round.allowed;
      denied += round.denied;
      hosts += round.hosts.length;
      passed += round.shots.passed;
      forged += round.shots.forged;
    }
    expect(Math.min(allowed, denied)).toBeGreaterThan(100);
    expect(hosts).toBeGreaterThan(2);
    // Packets that say to be somebody else's reach nobody; others do.
    expect(Math.min(passed, forged)).toBeGreaterThan(100);
  } finally {
    await node.down();
  }
});
