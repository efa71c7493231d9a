import { claimNext, DEFAULT_IPAM_CONFIG, type Effect, type Input } from '@muslin/ipam';
import { mustPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { pool, World } from '../../ipam/test/world.ts';
import { BlocksAhead } from '../src/ipam/blocks-ahead.ts';
import { KeptHand } from '../src/ipam/kept-hand.ts';

const NODE = { name: 'n1', labels: new Map<string, string>() };

/** A node with pools of /26 in blocks of sixteen, an empty store and an empty hand. */
function setUp(more: { readonly keep?: number; readonly member?: boolean; readonly cidr?: string } = {}) {
  const { keep = 16, member = true, cidr = '10.0.0.0/26' } = more;
  const world = new World();
  const hand = new KeptHand('n1');
  const clock = { now: 0, away: false };
  const asked: Effect[] = [];
  const perform = (effect: Effect): Input => {
    asked.push(effect);
    return clock.away ? { type: 'failed', message: 'away' } : world.perform(effect);
  };
  const ahead = new BlocksAhead({
    store: effect => Promise.resolve(perform(effect)),
    member: () => (member ? NODE : undefined),
    pools: () => [pool(cidr, 28)],
    config: () => DEFAULT_IPAM_CONFIG,
    reservations: () => [],
    keep,
    free: within => hand.free(within),
    known: () => new Set(hand.blocks.keys()),
    onClaimed: object => hand.saw(object, false),
    now: () => clock.now,
  });
  const blocks = () => world.blocks().length;
  return { ahead, world, blocks, clock, asked };
}

describe('blocks that are claimed ahead', () => {
  test('a node that starts has one before the first pod comes, and no more than one', async () => {
    const { ahead, blocks } = setUp();
    ahead.poke();
    expect(ahead.isDue).toBe(true);
    expect(await ahead.look(0)).toBeUndefined();
    expect(blocks()).toBe(1);
    expect(ahead.isDue).toBe(false);
    ahead.poke();
    await ahead.look(0);
    expect(blocks()).toBe(1);
  });
  test('are as many as the pods on their way need', async () => {
    const { ahead, blocks } = setUp();
    await ahead.look(20);
    expect(blocks()).toBe(2);
    await ahead.look(28);
    expect(blocks()).toBe(2);
    await ahead.look(29);
    expect(blocks(), 'a quarter of a block is left for the next').toBe(3);
  });
  test.each([
    ['where nothing is to be kept in hand', { keep: 0 }],
    ['while the cluster does not have the node', { member: false }],
  ])('are none %s', async (_, more) => {
    const { ahead, asked } = setUp(more);
    ahead.poke();
    await ahead.look(5);
    expect(asked).toEqual([]);
  });
  test('a pool that is full is left alone for half a minute', async () => {
    const { ahead, blocks, clock, asked } = setUp({ cidr: '10.0.0.0/28' });
    expect(await ahead.look(30)).toBeUndefined();
    expect(blocks()).toBe(1);
    const count = asked.length;
    await ahead.look(30);
    expect(asked).toHaveLength(count);
    clock.now += 30_000;
    await ahead.look(30);
    expect(asked.length).toBeGreaterThan(count);
  });
  test('an API server that is away is told of, and asked again at once when it is there', async () => {
    const { ahead, blocks, clock } = setUp();
    clock.away = true;
    expect(await ahead.look(1)).toMatchObject({ code: 'store' });
    expect(ahead.isDue).toBe(true);
    clock.away = false;
    expect(await ahead.look(1)).toBeUndefined();
    expect(blocks()).toBe(1);
  });
});

test('the hand counts what nobody has or is promised, of the pools that are meant', async () => {
  const { world } = setUp();
  const claim = claimNext({
    ...{ family: 4, node: NODE, pools: [pool('10.0.0.0/26', 28)], reservations: [], known: new Set() },
    ...{ config: DEFAULT_IPAM_CONFIG, now: 0 },
  });
  let step = claim.begin();
  while (step.effect.type !== 'done') step = claim.step(step.state, world.perform(step.effect));
  const object = world.of('IPAMBlock')[0];
  if (object === undefined) throw new Error('no block');
  const kept = { ...object.metadata, annotations: { 'muslin.dev/kept': '0,1,2' } };
  const hand = new KeptHand('n1');
  hand.saw({ ...object, metadata: kept } as never, false);
  const within = [mustPrefix('10.0.0.0/26')];
  const ask = {
    families: [4 as const],
    use: 'Workload' as const,
    ...{ reservations: [], namespace: undefined, node: NODE, pools: [pool('10.0.0.0/26', 28)] },
  };
  expect(hand.free(within)).toBe(16);
  expect(hand.hasRoom(ask)).toBe(true);
  hand.take(ask);
  hand.reserve(ask);
  expect(hand.free(within)).toBe(14);
  expect(hand.free([mustPrefix('10.9.0.0/16')])).toBe(0);
  expect(hand.hasRoom({ ...ask, pools: [pool('10.9.0.0/16', 28)] })).toBe(false);
});
