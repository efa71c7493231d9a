import { formatPrefix, type Result } from '@muslin/net';
import { describe, expect, it } from 'vitest';
import {
  allocate,
  blockFromSpec,
  claimNext,
  DEFAULT_IPAM_CONFIG,
  type IpamConfig,
  type IpamFault,
  type Machine,
  type StoredObject,
} from '../src/index.ts';
import { NOW, pool, podRequest, World } from './world.ts';

const pools = [pool('10.0.0.0/30', 31)];
/** Names of the blocks that there may be. */
const ALL = ['10-0-0-0-31', '10-0-0-2-31'];
const node = { name: 'a', labels: new Map<string, string>() };
const next = (more: Partial<IpamConfig> = {}, of = pools, name = 'a', known: readonly string[] = ALL) =>
  claimNext({
    ...{ family: 4, node: { ...node, name }, pools: of, known: new Set(known), reservations: [], now: NOW },
    config: { ...DEFAULT_IPAM_CONFIG, ...more },
  });

function run<T>(
  world: World,
  work: Machine<T>,
  dieAfter = Number.POSITIVE_INFINITY,
): Result<T, IpamFault> | undefined {
  let step = work.begin();
  for (let i = 0; step.effect.type !== 'done'; i++) {
    if (i === dieAfter) return undefined;
    step = work.step(step.state, world.perform(step.effect));
  }
  return step.effect.outcome;
}

function cidrOf(got: Result<StoredObject, IpamFault> | undefined): string {
  const block = got?.ok ? blockFromSpec(got.value.spec) : undefined;
  if (!block?.ok) throw new Error(JSON.stringify(got));
  return formatPrefix(block.value.cidr);
}

describe('a block that is claimed before any pod needs it', () => {
  it('is empty, and the one that the next pod would have brought about', () => {
    const [world, other] = [new World(), new World()];
    const got = run(other, allocate(podRequest('a', 'p', pools)));
    const cidr = cidrOf(run(world, next()));
    expect(got).toMatchObject({ ok: true, value: { addresses: [{ how: 'new-block' }] } });
    expect(other.blocks().map(block => formatPrefix(block.cidr))).toEqual([cidr]);
    expect(world.blocks()[0]?.unallocated).toEqual([0, 1]);
    expect(run(world, allocate(podRequest('a', 'p', pools)))).toMatchObject({
      value: { addresses: [{ how: 'own-block' }] },
    });
  });
  it('is another one each time, until nobody has one left: nothing is taken over or borrowed', () => {
    const world = new World();
    const first = cidrOf(run(world, next()));
    expect(cidrOf(run(world, next({}, pools, 'b')))).not.toBe(first);
    const none = run(world, next());
    expect(none).toMatchObject({ ok: false, fault: { code: 'exhausted' } });
    expect(world.of('IPAMBlock')).toHaveLength(2);
  });
  it('that was begun and never finished is finished, also at the cap on blocks', () => {
    for (let death = 0; death < 7; death++) {
      const world = new World();
      run(world, next(), death);
      const got = cidrOf(run(world, next({ maxBlocksPerHost: 1 })));
      expect(
        world.blocks().map(block => formatPrefix(block.cidr)),
        `death after ${death}`,
      ).toEqual([got]);
      expect(world.of('BlockAffinity').map(({ spec }) => (spec as { state: string }).state)).toEqual([
        'confirmed',
      ]);
    }
  });
  it('is one that the node has and has not heard of: no second one is claimed', () => {
    const world = new World();
    const first = cidrOf(run(world, next()));
    expect(cidrOf(run(world, next({}, pools, 'a', [])))).toBe(first);
    expect(world.of('IPAMBlock')).toHaveLength(1);
  });
  it.each([
    ['block-limit', { maxBlocksPerHost: 1 }, pools],
    ['exhausted', { autoAllocateBlocks: false }, pools],
    ['no-pool', {}, []],
  ] as const)('is refused for the reason %s, and nothing is written', (code, config, of) => {
    const world = new World();
    run(world, next());
    const before = world.key();
    expect(run(world, next(config, [...of]))).toMatchObject({ ok: false, fault: { code } });
    expect(world.key()).toBe(before);
  });
});
