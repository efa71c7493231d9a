import fc from 'fast-check';
import { mustIp, mustPrefix } from '@muslin/net';
import { describe, expect, it } from 'vitest';
import {
  addressStates,
  allocate,
  assignFromBlock,
  blockToSpec,
  drive,
  emptyBlock,
  forecast,
  inventoryOf,
  mostAtOnce,
  usageOf,
} from '../src/index.ts';
import { NOW, pool, podRequest, World } from './world.ts';

const small = pool('10.0.0.0/28', 30);
const DAY = 86_400_000;

function blockWith(...holders: readonly (readonly [string, string])[]) {
  let block = emptyBlock(mustPrefix('10.0.0.0/30'), { type: 'host', name: 'a' }, NOW);
  for (const [ip, node] of holders) {
    const request = { handleId: ip, secondary: { node }, ip: mustIp(ip), cooldownMs: 0 };
    const got = assignFromBlock(block, request, [], NOW);
    if (!got.ok) throw new Error(got.fault.message);
    block = got.value.block;
  }
  return block;
}

const stored = (block: ReturnType<typeof blockWith>) => ({
  kind: 'IPAMBlock' as const,
  metadata: { name: '10-0-0-0-30' },
  spec: blockToSpec(block),
});

describe('usage', () => {
  it('tells own, borrowed and reserved addresses of a block apart', () => {
    const block = blockWith(['10.0.0.0', 'a'], ['10.0.0.1', 'b']);
    expect(addressStates(block, [mustPrefix('10.0.0.3/32')])).toEqual([
      'in-use',
      'borrowed',
      'free',
      'reserved',
    ]);
  });

  it('counts a reservation once, however often it is named, and not where an address is in use', () => {
    const reservations = ['10.0.0.0/31', '10.0.0.0/32', '10.0.0.8/29', '10.0.0.8/29'].map(mustPrefix);
    const { pools } = usageOf(inventoryOf([stored(blockWith(['10.0.0.0', 'a']))]), [small], reservations);
    expect(pools[0]).toMatchObject({ total: 16, inUse: 1, reserved: 9, free: 6, borrowed: 0 });
  });

  it('takes a pool that a wider reservation covers for reserved as a whole', () => {
    const { pools } = usageOf(inventoryOf([]), [small], [mustPrefix('10.0.0.0/8')]);
    expect(pools[0]).toMatchObject({ total: 16, reserved: 16, free: 0 });
  });

  it('sets blocks of no pool apart', () => {
    const { pools, strays } = usageOf(inventoryOf([stored(blockWith())]), [pool('10.9.0.0/24', 26)], []);
    expect(pools[0]?.blocks).toEqual([]);
    expect(strays.map(({ block }) => block.cidr)).toEqual([mustPrefix('10.0.0.0/30')]);
  });

  it('adds up for whatever was assigned', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 20 }), async nodes => {
        const world = new World();
        for (const [i, node] of nodes.entries())
          await drive(allocate(podRequest(node, `p${i}`, [small])), async effect => world.perform(effect));
        const inventory = inventoryOf(world.objects.values());
        const [got] = usageOf(inventory, [small], [mustPrefix('10.0.0.4/30')]).pools;
        if (got === undefined) throw new Error('no pool');
        expect(got.inUse + got.cooling + got.reserved + got.free).toBe(got.total);
        for (const block of got.blocks)
          expect(block.inUse + block.cooling + block.reserved + block.free).toBe(block.total);
      }),
      { numRuns: 50 },
    );
  });
});

describe('a forecast', () => {
  it('takes the pace of the last seven days', () => {
    const born = [NOW - 30 * DAY, ...Array.from({ length: 14 }, (_, i) => NOW - (i + 1) * 3_600_000)];
    expect(forecast(born, 100, NOW)).toEqual({ days: 7, gained: 14, daysLeft: 50 });
  });

  it('leaves out what was assigned by a clock that is ahead', () => {
    const born = [NOW - 2 * DAY, NOW - DAY, NOW + DAY];
    expect(forecast(born, 100, NOW)).toEqual({ days: 2, gained: 2, daysLeft: 100 });
  });

  it('knows no end where nothing was gained', () => {
    expect(forecast([NOW - 30 * DAY], 100, NOW)).toEqual({ days: 7, gained: 0, daysLeft: undefined });
  });

  it('says nothing without times, or within the first hour', () => {
    expect(forecast([], 10, NOW)).toBeUndefined();
    expect(forecast([Number.NaN, Number.NaN, NOW - DAY], 10, NOW)).toBeUndefined();
    expect(forecast([NOW - 60_000], 10, NOW)).toBeUndefined();
  });
});

describe('the breaker', () => {
  it('allows a fifth, or sixteen', () => {
    expect([0, 50, 100, 1000].map(inUse => mostAtOnce(inUse))).toEqual([16, 16, 20, 200]);
  });
});
