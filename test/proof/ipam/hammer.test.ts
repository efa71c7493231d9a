import { expect, test } from 'vitest';
import { doublesOf, hammer } from './hammer.ts';

test('processes that meet in each other’s blocks, and are killed, leave no address to two and none lost', async () => {
  const { conflicts, ...found } = await hammer({ processes: 4, addresses: 120, kills: 2, seed: 1 });
  expect(found).toMatchObject({ doubles: [], leaks: [] });
  expect(found.kills).toBe(2);
  expect(found.allocated).toBeGreaterThanOrEqual(120);
  expect(conflicts).toBeGreaterThan(0);
});

test('an address with two users at once is seen in the journals', () => {
  const entry = (at: number, what: string, handle: string, ip = '') => ({ at: BigInt(at), what, handle, ip });
  const one = [entry(1, 'got', 'h1', '10.0.0.1'), entry(3, 'drop', 'h1')];
  expect(doublesOf([...one, entry(2, 'got', 'h2', '10.0.0.1')])).toEqual(['10.0.0.1: h1 and h2']);
  expect(doublesOf([...one, entry(4, 'got', 'h2', '10.0.0.1')])).toEqual([]);
});
