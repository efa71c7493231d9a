import { expect, test } from 'vitest';
import { rehearse } from '../src/rehearsal.ts';

const SCENE = { families: [4, 6], isBusy: () => false, isOver: () => false } as const;

test.each(['nftables', 'iptables-nft', 'iptables-legacy'] as const)(
  'every made-up pod that comes or goes brings a round of rules with it (%s)',
  async backEnd => {
    expect(await rehearse({ ...SCENE, backEnd, rounds: 14 })).toBe(14);
  },
);

test('whoever waits for the agent goes first', async () => {
  let asked = 0;
  const played = await rehearse({ ...SCENE, backEnd: 'nftables', rounds: 1, isBusy: () => asked++ < 2 });
  expect(played).toBe(2);
  expect(asked).toBe(3);
});

test('it ends when it is told to', async () => {
  expect(await rehearse({ ...SCENE, backEnd: 'nftables', isOver: () => true })).toBe(0);
  let asked = 0;
  const isOver = () => ++asked > 4;
  expect(await rehearse({ ...SCENE, backEnd: 'nftables', isOver })).toBeLessThan(5);
});
