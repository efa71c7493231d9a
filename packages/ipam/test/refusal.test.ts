import { formatIp, formatPrefix, mustIp, mustPrefix, type Result } from '@muslin/net';
import { describe, expect, it } from 'vitest';
import {
  type Allocation,
  type AllocationRequest,
  allocate,
  blockFromSpec,
  blockToSpec,
  type BlockOwner,
  claimBlock,
  DEFAULT_IPAM_CONFIG,
  type Effect,
  emptyBlock,
  type Input,
  type IpamFault,
  type Machine,
  releaseBlock,
  releaseByHandle,
} from '../src/index.ts';
import { NOW, pool, podRequest, World } from './world.ts';

const HOUR = 3_600_000;
const node = (name: string): BlockOwner => ({ type: 'host', name });
const config = (more: object) => ({ config: { ...DEFAULT_IPAM_CONFIG, ...more } });

/** `before` sees each effect first, and may change the world behind the machine's back. */
function run<T>(world: World, work: Machine<T>, before: (effect: Effect) => void = () => {}) {
  let step = work.begin();
  while (step.effect.type !== 'done') {
    before(step.effect);
    step = work.step(step.state, world.perform(step.effect) as Input);
  }
  return step.effect.outcome;
}
const brief = (got: Result<Allocation, IpamFault>) =>
  got.ok ? got.value.addresses.map(({ ip, how }) => `${formatIp(ip)} ${how}`) : got.fault.code;
const why = (got: Result<Allocation, IpamFault>) =>
  Object.fromEntries((got.ok ? got.value.tried : got.fault.tried).map(reason => [reason.at, reason.why]));
function ask(
  world: World,
  on: string,
  pools: Parameters<typeof podRequest>[2],
  more: Partial<AllocationRequest> = {},
) {
  return run(world, allocate(podRequest(on, `${on}-${world.objects.size}`, pools, more)));
}

describe('a pod that no pool takes', () => {
  const pools = [
    pool('10.1.0.0/24', 26, { name: 'off', disabled: true }),
    pool('10.2.0.0/24', 26, { name: 'services', allowedUses: new Set(['LoadBalancer'] as const) }),
    pool('10.3.0.0/24', 26, { name: 'by-name', assignmentMode: 'Manual' }),
  ];
  it('hears of each pool what excludes it, twice: as a fault and in words', () => {
    const refused = ask(new World(), 'a', pools);
    expect(!refused.ok && refused.fault.code === 'no-pool' && refused.fault.excluded.map(e => e.why)).toEqual(
      ['manual', 'disabled', 'other-use'],
    );
    expect(why(refused)).toEqual({
      off: 'IPPool off is disabled',
      services: 'IPPool services does not allow the use Workload',
      'by-name': 'IPPool by-name is only used when it is asked for by name',
    });
  });
  it('gets no address of a pool for Services by asking for that address', () => {
    const refused = ask(new World(), 'a', pools, { ips: [mustIp('10.2.0.9')] });
    expect([brief(refused), why(refused)['services']]).toEqual([
      'not-in-a-pool',
      'IPPool services does not allow the use Workload',
    ]);
  });
});

describe('pools named for one family', () => {
  const pools = [
    pool('10.1.0.0/24', 26, { name: 'one' }),
    pool('10.2.0.0/24', 26, { name: 'two' }),
    pool('fd00::/64', 122, { name: 'six' }),
  ];
  it('leave the other family its choice: a dual-stack pod with ipv4pools alone gets both', () => {
    const got = ask(new World(), 'a', pools, { poolNames: { 4: ['two'] } });
    expect(got.ok && got.value.addresses.map(({ pool: from }) => from)).toEqual(['two', 'six']);
  });
  it('bind that family, even when there is no such pool', () => {
    const refused = ask(new World(), 'a', pools, { poolNames: { 4: ['nowhere'] } });
    expect([brief(refused), why(refused)['nowhere']]).toEqual(['no-pool', 'there is no IPPool nowhere']);
  });
});

describe('the cap on blocks', () => {
  const both = [pool('10.0.0.0/29', 31), pool('fd00::/125', 127)];
  const one = config({ maxBlocksPerHost: 1 });
  it('is one of each family: a full IPv6 block is none of IPv4', () => {
    const world = new World();
    expect(brief(ask(world, 'a', both, one))).toHaveLength(2);
    expect(brief(ask(world, 'a', both, one))).toHaveLength(2);
    expect(brief(ask(world, 'a', both, one))).toBe('block-limit');
  });
  it('is none for addresses of Services', () => {
    const world = new World();
    const blockOwner: BlockOwner = { type: 'virtual', name: 'load-balancer' };
    for (let i = 0; i < 6; i++)
      expect(brief(ask(world, 'a', both.slice(0, 1), { ...one, blockOwner }))).toHaveLength(1);
  });
});

describe('an address asked for that has no block', () => {
  it('is refused while nodes may claim none by themselves', () => {
    const world = new World();
    const off = { ...config({ autoAllocateBlocks: false, strictAffinity: true }), ips: [mustIp('10.0.0.3')] };
    expect(brief(ask(world, 'a', [pool('10.0.0.0/30', 31)], off))).toBe('exhausted');
    expect(world.objects.size).toBe(0);
  });
});

describe('a block that somebody else leaves empty', () => {
  const pools = [pool('10.0.0.0/31', 31)];
  const cidr = mustPrefix('10.0.0.0/31');
  /** A world whose only block is empty and this owner's. */
  function leftBy(owner: BlockOwner, claimed: number | undefined): World {
    const world = new World();
    const block = { ...emptyBlock(cidr, owner, claimed ?? 0) };
    world.put({
      kind: 'IPAMBlock',
      metadata: { name: '10-0-0-0-31' },
      spec: blockToSpec(claimed === undefined ? { ...block, claimedAt: undefined } : block),
    });
    return world;
  }
  const how = (world: World, more: Partial<AllocationRequest> = {}) => brief(ask(world, 'b', pools, more));

  it('is taken over a minute after it was claimed, and borrowed from before', () => {
    expect(how(leftBy(node('a'), NOW - 60_000))).toEqual(['10.0.0.0 borrowed']);
    expect(how(leftBy(node('a'), NOW - 61_000))).toEqual(['10.0.0.0 taken-over']);
  });
  it('is not taken over when nothing says since when it is theirs', () => {
    expect(how(leftBy(node('a'), undefined))).toEqual(['10.0.0.0 borrowed']);
  });
  it('is not taken over where nodes may claim none by themselves', () => {
    expect(how(leftBy(node('a'), NOW - HOUR), config({ autoAllocateBlocks: false }))).toEqual([
      '10.0.0.0 borrowed',
    ]);
  });
  it('stays with the Services that own it', () => {
    const world = leftBy({ type: 'virtual', name: 'load-balancer' }, NOW - HOUR);
    expect(how(world)).toBe('exhausted');
    expect(world.blocks().map(({ owner }) => owner?.type)).toEqual(['virtual']);
  });
  it('is announced as going before it goes, so that no reader takes it for claimed', () => {
    const world = new World();
    run(world, claimBlock(cidr, { type: 'host', name: 'a' }, { now: NOW, strictAffinity: false }));
    const states: string[] = [];
    run(
      world,
      releaseBlock(cidr, { type: 'host', name: 'a' }, { ...{ now: NOW, cooldownMs: 0 }, requireEmpty: true }),
      effect => {
        if (effect.type === 'delete' && effect.kind === 'IPAMBlock')
          states.push(...world.of('BlockAffinity').map(({ spec }) => (spec as { state: string }).state));
      },
    );
    expect(states).toEqual(['pendingDeletion']);
  });
});

describe('a node that was too slow', () => {
  it('looks again: what was listed as free is somebody’s by now, and can be borrowed from', () => {
    const world = new World();
    const pools = [pool('10.0.0.0/31', 31)];
    let rival = true;
    const got = run(world, allocate(podRequest('b', 'p', pools)), effect => {
      if (!rival || effect.type !== 'create' || effect.object.kind !== 'IPAMBlock') return;
      rival = false;
      ask(world, 'a', pools);
    });
    expect(brief(got)).toEqual(['10.0.0.1 borrowed']);
  });
});

describe('borrowing', () => {
  it('takes from the block with most free addresses', () => {
    const world = new World();
    const pools = [pool('10.0.0.0/29', 30)];
    for (const name of ['a1', 'a2', 'a3']) run(world, allocate(podRequest('a', name, pools)));
    run(world, allocate(podRequest('b', 'b1', pools)));
    const [empty] = world.blocks().filter(({ owner }) => owner?.name === 'b');
    const got = ask(world, 'c', pools);
    expect(got.ok && got.value.addresses.map(({ block, how }) => [formatPrefix(block), how])).toEqual([
      [empty && formatPrefix(empty.cidr), 'borrowed'],
    ]);
  });
  it('is refused by strictAffinity, which says so', () => {
    const world = new World();
    const pools = [pool('10.0.0.0/31', 31)];
    ask(world, 'a', pools);
    const refused = ask(world, 'b', pools, config({ strictAffinity: true }));
    expect([brief(refused), why(refused)['IPAMConfiguration']]).toEqual([
      'exhausted',
      'strictAffinity is true: nothing is borrowed from other nodes',
    ]);
    const strict = new World();
    ask(strict, 'a', pools, config({ strictAffinity: true }));
    expect(strict.blocks().map(({ strictAffinity }) => strictAffinity)).toEqual([true]);
  });
});

describe('what an older client marked as deleted', () => {
  const spec = { cidr: '10.0.0.0/31', node: 'a', type: 'host', state: 'confirmed', deleted: 'true' };
  it('is taken away and written anew: an affinity, and a handle', () => {
    const world = new World();
    world.put({ kind: 'BlockAffinity', metadata: { name: 'a-10-0-0-0-31' }, spec });
    const handleID = 'k8s-pod-network.p';
    const block = { '10.0.0.0/31': 7 };
    world.put({ kind: 'IPAMHandle', metadata: { name: handleID }, spec: { handleID, block, deleted: true } });
    run(world, allocate(podRequest('a', 'p', [pool('10.0.0.0/31', 31)])));
    expect(world.of('BlockAffinity').map(o => o.spec)).toEqual([{ ...spec, deleted: false }]);
    expect(world.of('IPAMHandle').map(o => o.spec)).toEqual([
      { handleID, block: { '10.0.0.0/31': 1 }, deleted: false },
    ]);
  });
});

describe('a dual-stack pod that asks again', () => {
  it('keeps what an earlier try has given it when the other family is refused', () => {
    const world = new World();
    const four = pool('10.0.0.0/31', 31);
    run(world, allocate(podRequest('a', 'p', [four])));
    const full = pool('fd00::/127', 127, { disabled: true });
    expect(brief(run(world, allocate(podRequest('a', 'p', [four, full]))))).toBe('no-pool');
    expect(world.of('IPAMHandle').map(o => o.spec)).toMatchObject([{ block: { '10.0.0.0/31': 1 } }]);
  });
});

describe('blocks of every legal size', () => {
  const sizes = [
    ...Array.from({ length: 13 }, (_, i) => ['10.0.0.0/16', 20 + i] as const),
    ...Array.from({ length: 13 }, (_, i) => ['fd00::/112', 116 + i] as const),
  ];
  it.each(sizes)('%s cut into /%i gives, is full, and is given back', (cidr, size) => {
    const world = new World();
    const pools = [pool(cidr, size)];
    const most = 2 ** ((cidr.includes(':') ? 128 : 32) - size);
    run(world, allocate(podRequest('a', 'first', pools)));
    const [only] = world.of('IPAMBlock');
    const read = blockFromSpec(only?.spec);
    expect(read.ok && [read.value.allocations.length, read.value.cidr.length]).toEqual([most, size]);
    expect(brief(ask(world, 'a', pools))).toEqual([
      expect.stringContaining(most > 1 ? 'own-block' : 'new-block'),
    ]);
    const done = run(world, releaseByHandle('k8s-pod-network.first', { now: NOW, cooldownMs: 0 }));
    expect(done.ok && done.value.released).toHaveLength(1);
  });
  it('and no larger one is believed: it is left alone', () => {
    const spec = blockToSpec(emptyBlock(mustPrefix('10.0.0.0/19'), node('a'), NOW));
    expect(blockFromSpec(spec)).toMatchObject({ ok: false, fault: { field: 'spec.cidr' } });
  });
});
