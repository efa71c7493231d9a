import { formatIp, formatPrefix, mustIp, mustPrefix, type Result } from '@muslin/net';
import { describe, expect, it } from 'vitest';
import {
  type Allocation,
  type AllocationRequest,
  addressesOf,
  allocate,
  blockToSpec,
  claimBlock,
  DEFAULT_IPAM_CONFIG,
  drive,
  type Effect,
  emptyBlock,
  type Input,
  type IpamFault,
  type Machine,
  releaseBlock,
  releaseByHandle,
  releaseIp,
} from '../src/index.ts';
import { NOW, pool, podRequest, World } from './world.ts';

const time = { now: NOW, cooldownMs: 0 };
const two = [pool('10.0.0.0/30', 31)];
const both = [pool('10.0.0.0/30', 31), pool('fd00::/126', 127)];
const a = { type: 'host', name: 'a' } as const;

function run<T>(world: World, work: Machine<T>, seen: Effect[] = []): Result<T, IpamFault> {
  let step = work.begin();
  while (step.effect.type !== 'done') {
    seen.push(step.effect);
    step = work.step(step.state, world.perform(step.effect));
  }
  return step.effect.outcome;
}

function add(
  world: World,
  node: string,
  name: string,
  more: Partial<AllocationRequest> = {},
  pools = two,
): Result<Allocation, IpamFault> {
  return run(world, allocate(podRequest(node, name, pools, more)));
}

function must<T>(result: Result<T, IpamFault>): T {
  if (!result.ok) throw new Error(`${result.fault.message}: ${JSON.stringify(result.fault.tried)}`);
  return result.value;
}

const brief = (got: Allocation) => got.addresses.map(x => `${formatIp(x.ip)} ${x.how}`);
const used = (world: World) =>
  world
    .blocks()
    .flatMap(addressesOf)
    .map(x => formatIp(x.ip))
    .sort();
const config = (more: object) => ({ config: { ...DEFAULT_IPAM_CONFIG, ...more } });

describe('allocate', () => {
  it('claims a block in two phases, and writes the handle before the address', () => {
    const world = new World();
    const seen: Effect[] = [];
    const got = must(run(world, allocate(podRequest('a', 'p', two)), seen));
    expect(got.addresses).toMatchObject([{ how: 'new-block', pool: two[0]?.name }]);
    const writes = seen.flatMap(e =>
      e.type === 'create' || e.type === 'update'
        ? [`${e.type} ${e.object.kind} ${(e.object.spec as { state?: string }).state ?? ''}`.trim()]
        : [],
    );
    expect(writes).toEqual([
      'create BlockAffinity pending',
      'create IPAMBlock',
      'update BlockAffinity confirmed',
      'create IPAMHandle',
      'update IPAMBlock',
    ]);
  });
  it('says in handle and block whose the address is: node, pod and uid', () => {
    const world = new World();
    must(add(world, 'a', 'p'));
    expect(world.of('IPAMHandle')[0]).toMatchObject({
      metadata: {
        name: 'k8s-pod-network.p',
        annotations: { 'muslin.dev/node': 'a', 'muslin.dev/uid': 'uid-p', 'muslin.dev/owner': 'pod/web/p' },
      },
      spec: { handleID: 'k8s-pod-network.p', deleted: false },
    });
    expect(world.blocks()[0]?.attributes).toEqual([
      {
        handleId: 'k8s-pod-network.p',
        secondary: {
          node: 'a',
          namespace: 'web',
          pod: 'p',
          timestamp: '2026-11-21T03:00:00Z',
          'muslin.dev/uid': 'uid-p',
        },
      },
    ]);
    expect(world.of('BlockAffinity')[0]).toMatchObject({
      metadata: {
        labels: { 'projectcalico.org/affinity-type': 'host', 'projectcalico.org/ip-version': '4' },
      },
    });
  });
  it('takes five requests when the node has a block with room', () => {
    const world = new World();
    must(add(world, 'a', 'p'));
    const seen: Effect[] = [];
    expect(must(run(world, allocate(podRequest('a', 'q', two)), seen)).addresses[0]?.how).toBe('own-block');
    expect(seen.map(e => e.type)).toEqual(['read', 'list', 'read', 'read', 'create', 'update']);
  });
  it('gives a repeat the same addresses and writes nothing', () => {
    const world = new World();
    const first = must(add(world, 'a', 'p', {}, both));
    const before = world.key();
    const again = must(add(world, 'a', 'p', {}, both));
    expect(again.addresses.map(x => x.ip)).toEqual(first.addresses.map(x => x.ip));
    expect(again.addresses.map(x => x.how)).toEqual(['repeated', 'repeated']);
    expect(again.addresses.map(x => x.sequence)).toEqual(first.addresses.map(x => x.sequence));
    expect(world.key()).toBe(before);
  });
  it('completes a dual-stack try that died between the families', () => {
    const world = new World();
    const half = must(add(world, 'a', 'p', { families: [4] }, both));
    const whole = must(add(world, 'a', 'p', {}, both));
    expect(brief(whole)[0]).toBe(`${formatIp(half.addresses[0]?.ip ?? mustIp('::'))} repeated`);
    expect(whole.addresses.length).toBe(2);
  });
  it('gives both families or none, and takes the first back with its handle', () => {
    const world = new World();
    const got = add(world, 'a', 'p', { families: [4, 6] });
    expect(got).toMatchObject({ ok: false, fault: { code: 'no-pool' } });
    expect(used(world)).toEqual([]);
    expect(world.of('IPAMHandle')).toEqual([]);
  });
  it('takes over a block that another node has had empty for over a minute, and not a younger one', () => {
    const later = { now: NOW + 61_000 };
    const world = new World();
    const one = [pool('10.0.0.0/31', 31)];
    must(run(world, claimBlock(mustPrefix('10.0.0.0/31'), a, { now: NOW, strictAffinity: false })));
    const young = must(add(world, 'b', 'q', {}, one));
    expect(young.addresses[0]?.how).toBe('borrowed');
    must(run(world, releaseByHandle('k8s-pod-network.q', time)));
    const got = must(add(world, 'b', 'p', later, one));
    expect(got.addresses[0]?.how).toBe('taken-over');
    expect(got.tried).toContainEqual({
      at: '10.0.0.0/31',
      why: 'taken over from host:a, where it was empty',
    });
    expect(world.blocks().map(b => b.owner?.name)).toEqual(['b']);
    expect(world.of('BlockAffinity').map(o => o.metadata.name)).toEqual(['b-10-0-0-0-31']);
  });
  it('borrows when there is no block left, unless strictAffinity forbids it', () => {
    const world = new World();
    for (const [n, p] of [
      ['a', 'p1'],
      ['b', 'p2'],
    ] as const)
      must(add(world, n, p));
    expect(add(world, 'c', 'x', config({ strictAffinity: true }))).toMatchObject({
      ok: false,
      fault: { code: 'exhausted' },
    });
    const got = must(add(world, 'c', 'x'));
    expect(got.addresses[0]?.how).toBe('borrowed');
    must(add(world, 'c', 'y'));
    const full = add(world, 'c', 'z');
    expect(full).toMatchObject({ ok: false, fault: { code: 'exhausted' } });
    expect(!full.ok && full.fault.tried).toContainEqual({ at: two[0]?.name, why: 'has no free block left' });
    expect(used(world).length).toBe(4);
  });
  it('borrows nothing from a virtual owner or a strict block', () => {
    const world = new World();
    const virtual = emptyBlock(mustPrefix('10.0.0.0/31'), { type: 'virtual', name: 'load-balancer' }, NOW);
    const strict = emptyBlock(mustPrefix('10.0.0.2/31'), a, NOW, true);
    for (const [name, block] of [
      ['10-0-0-0-31', virtual],
      ['10-0-0-2-31', strict],
    ] as const)
      world.put({ kind: 'IPAMBlock', metadata: { name }, spec: blockToSpec(block) });
    expect(add(world, 'b', 'p')).toMatchObject({ ok: false, fault: { code: 'exhausted' } });
  });
  it('stops at the cap on blocks and does not borrow', () => {
    const world = new World();
    for (const p of ['p1', 'p2']) must(add(world, 'a', p));
    must(add(world, 'b', 'q'));
    expect(add(world, 'a', 'p3', config({ maxBlocksPerHost: 1 }))).toMatchObject({
      ok: false,
      fault: { code: 'block-limit', limit: 1, message: expect.stringContaining('maxBlocksPerHost') },
    });
    must(run(world, releaseByHandle('k8s-pod-network.p1', time)));
    expect(must(add(world, 'a', 'p3', config({ maxBlocksPerHost: 1 }))).addresses[0]?.how).toBe('own-block');
  });
  it('claims no block by itself when autoAllocateBlocks is false', () => {
    const world = new World();
    const off = config({ autoAllocateBlocks: false, strictAffinity: true });
    expect(add(world, 'a', 'p', off)).toMatchObject({ fault: { code: 'exhausted' } });
    expect(world.of('IPAMBlock')).toEqual([]);
    must(run(world, claimBlock(mustPrefix('10.0.0.2/31'), a, { now: NOW, strictAffinity: true })));
    expect(brief(must(add(world, 'a', 'p', off)))).toEqual(['10.0.0.2 own-block']);
  });
  it('makes the block again when an affinity outlived it, and finishes claims that were begun', () => {
    const world = new World();
    must(run(world, claimBlock(mustPrefix('10.0.0.0/31'), a, { now: NOW, strictAffinity: false })));
    world.objects.delete('IPAMBlock/10-0-0-0-31');
    expect(brief(must(add(world, 'a', 'p')))).toEqual(['10.0.0.0 own-block']);
    for (const state of ['pending', 'pendingDeletion']) {
      const other = new World();
      const spec = { cidr: '10.0.0.2/31', node: 'a', type: 'host', state, deleted: false };
      other.put({ kind: 'BlockAffinity', metadata: { name: 'a-10-0-0-2-31' }, spec });
      expect(brief(must(add(other, 'a', 'p')))).toEqual(['10.0.0.2 own-block']);
      expect(other.of('BlockAffinity').map(o => (o.spec as { state: string }).state)).toEqual(['confirmed']);
    }
  });
  it('leaves a block alone that makes no sense', () => {
    const world = new World();
    must(run(world, claimBlock(mustPrefix('10.0.0.0/31'), a, { now: NOW, strictAffinity: false })));
    const broken = {
      kind: 'IPAMBlock',
      metadata: { name: '10-0-0-0-31' },
      spec: { cidr: '10.0.0.0/31', allocations: [] },
    } as const;
    world.put(broken);
    const got = must(add(world, 'a', 'p'));
    expect(brief(got)).toEqual(['10.0.0.2 new-block']);
    expect(got.tried[0]?.why).toContain('cannot be read');
    expect(world.objects.get('IPAMBlock/10-0-0-0-31')?.spec).toEqual(broken.spec);
  });
  it('finishes a deletion in two steps that an older client began', () => {
    const world = new World();
    const dying = { ...emptyBlock(mustPrefix('10.0.0.0/31'), a, NOW), deleted: true };
    world.put({ kind: 'IPAMBlock', metadata: { name: '10-0-0-0-31' }, spec: blockToSpec(dying) });
    world.put({
      kind: 'BlockAffinity',
      metadata: { name: 'a-10-0-0-0-31' },
      spec: { cidr: '10.0.0.0/31', node: 'a', state: 'confirmed', deleted: false },
    });
    world.put({
      kind: 'IPAMHandle',
      metadata: { name: 'k8s-pod-network.p' },
      spec: { handleID: 'k8s-pod-network.p', block: {}, deleted: true },
    });
    expect(brief(must(add(world, 'a', 'p')))).toEqual(['10.0.0.0 own-block']);
  });
});

describe('an address asked for', () => {
  const ips = [mustIp('10.0.0.3')];
  it('is given in a new block, reserved or not, past the selectors', () => {
    const world = new World();
    const got = must(add(world, 'a', 'p', { ips, reservations: [mustPrefix('10.0.0.0/24')] }));
    expect(brief(got)).toEqual(['10.0.0.3 requested']);
    expect(world.blocks().map(b => [formatPrefix(b.cidr), b.owner?.name])).toEqual([['10.0.0.2/31', 'a']]);
  });
  it('is given from another node’s block, unless strictAffinity forbids it', () => {
    const world = new World();
    must(run(world, claimBlock(mustPrefix('10.0.0.2/31'), a, { now: NOW, strictAffinity: false })));
    expect(add(world, 'b', 'p', { ips, ...config({ strictAffinity: true }) })).toMatchObject({
      fault: { code: 'strict-affinity', message: expect.stringContaining('host:a') },
    });
    expect(brief(must(add(world, 'b', 'p', { ips })))).toEqual(['10.0.0.3 requested']);
  });
  it('is refused when it is in use, outside all pools, or in a disabled pool', () => {
    const world = new World();
    must(add(world, 'a', 'p', { ips }));
    expect(add(world, 'a', 'q', { ips })).toMatchObject({
      fault: { code: 'taken', heldBy: { handleId: 'k8s-pod-network.p' } },
    });
    expect(world.of('IPAMHandle').length).toBe(1);
    expect(add(world, 'a', 'q', { ips: [mustIp('192.0.2.1')] })).toMatchObject({
      fault: { code: 'not-in-a-pool' },
    });
    expect(add(world, 'a', 'q', { ips }, [pool('10.0.0.0/30', 31, { disabled: true })])).toMatchObject({
      fault: { code: 'not-in-a-pool' },
    });
  });
  it('comes with an automatic one of the other family', () => {
    const got = must(add(new World(), 'a', 'p', { ips }, both));
    expect(got.addresses.map(x => x.how)).toEqual(['requested', 'new-block']);
  });
});

describe('release', () => {
  it('by handle frees both families, removes the handle, keeps the blocks, and may be repeated', () => {
    const world = new World();
    must(add(world, 'a', 'p', {}, both));
    must(add(world, 'a', 'q', {}, both));
    const got = must(run(world, releaseByHandle('k8s-pod-network.p', time)));
    expect(got.released.length).toBe(2);
    expect(used(world).length).toBe(2);
    expect(world.of('IPAMHandle').map(o => o.metadata.name)).toEqual(['k8s-pod-network.q']);
    expect(world.of('IPAMBlock').length).toBe(2);
    expect(must(run(world, releaseByHandle('k8s-pod-network.p', time))).released).toEqual([]);
  });
  it('by handle takes what the handle got meanwhile, too', () => {
    const world = new World();
    must(add(world, 'a', 'p'));
    const work = releaseByHandle('k8s-pod-network.p', time);
    let step = work.begin();
    let raced = false;
    while (step.effect.type !== 'done') {
      const { effect } = step;
      if (effect.type === 'delete' && !raced) {
        raced = true;
        must(run(world, allocate(podRequest('b', 'p', [pool('10.1.0.0/30', 31)]))));
      }
      step = work.step(step.state, world.perform(effect));
    }
    expect(raced && used(world)).toEqual([]);
    expect(world.of('IPAMHandle')).toEqual([]);
  });
  it('of one address lowers the handle, and refuses another life of it', () => {
    const world = new World();
    const got = must(add(world, 'a', 'p', {}, both));
    const [first, second] = got.addresses;
    if (first === undefined || second === undefined) throw new Error('two addresses');
    expect(run(world, releaseIp(first.block, first.ip, { sequence: 99 }, time))).toMatchObject({
      fault: { code: 'stale', why: 'other-life' },
    });
    must(run(world, releaseIp(first.block, first.ip, { handleId: 'k8s-pod-network.p' }, time)));
    expect(world.of('IPAMHandle')[0]?.spec).toMatchObject({ block: { [formatPrefix(second.block)]: 1 } });
    expect(run(world, releaseIp(first.block, first.ip, {}, time))).toMatchObject({
      fault: { code: 'stale', why: 'not-in-use' },
    });
    must(run(world, releaseIp(second.block, second.ip, {}, time)));
    expect(world.of('IPAMHandle')).toEqual([]);
    expect(run(world, releaseIp(mustPrefix('10.9.0.0/31'), mustIp('10.9.0.0'), {}, time))).toMatchObject({
      fault: { code: 'stale' },
    });
  });
  it('of a block deletes it when it is empty, and keeps or orphans one in use', () => {
    const world = new World();
    const [address] = must(add(world, 'a', 'p')).addresses;
    const cidr = address?.block ?? mustPrefix('10.0.0.0/31');
    const states = () => world.of('BlockAffinity').map(o => (o.spec as { state: string }).state);
    expect(run(world, releaseBlock(cidr, a, { ...time, requireEmpty: true }))).toMatchObject({
      fault: { code: 'in-use' },
    });
    expect(states()).toEqual(['confirmed']);
    const orphan = world.clone();
    expect(must(run(orphan, releaseBlock(cidr, a, { ...time, requireEmpty: false })))).toBe('orphaned');
    expect(orphan.blocks()[0]?.owner).toBeUndefined();
    expect(used(orphan).length).toBe(1);
    must(run(world, releaseByHandle('k8s-pod-network.p', { now: NOW, cooldownMs: 60_000 })));
    const cooling = { now: NOW + 1_000, cooldownMs: 60_000, requireEmpty: true };
    expect(run(world, releaseBlock(cidr, a, cooling))).toMatchObject({ fault: { code: 'in-use' } });
    expect(must(run(world, releaseBlock(cidr, a, { ...cooling, now: NOW + 60_000 })))).toBe('deleted');
    expect(world.objects.size).toBe(0);
    expect(must(run(world, releaseBlock(cidr, a, { ...time, requireEmpty: true })))).toBe('deleted');
  });
  it('of a block that is another’s only removes the affinity', () => {
    const world = new World();
    must(run(world, claimBlock(mustPrefix('10.0.0.0/31'), a, { now: NOW, strictAffinity: false })));
    expect(
      run(
        world,
        claimBlock(
          mustPrefix('10.0.0.0/31'),
          { type: 'host', name: 'b' },
          { now: NOW, strictAffinity: false },
        ),
      ),
    ).toMatchObject({ fault: { code: 'claimed', by: 'host:a' } });
    expect(world.of('BlockAffinity').length).toBe(1);
    world.put({
      kind: 'BlockAffinity',
      metadata: { name: 'b-10-0-0-0-31' },
      spec: { cidr: '10.0.0.0/31', node: 'b', state: 'pending', deleted: false },
    });
    expect(
      must(
        run(
          world,
          releaseBlock(
            mustPrefix('10.0.0.0/31'),
            { type: 'host', name: 'b' },
            { ...time, requireEmpty: true },
          ),
        ),
      ),
    ).toBe('not-owned');
    expect(world.of('BlockAffinity').map(o => o.metadata.name)).toEqual(['a-10-0-0-0-31']);
  });
});

describe('a machine', () => {
  it('ends with a store fault when an effect fails, wherever that is, and a repeat succeeds', async () => {
    const request = podRequest('a', 'p', both);
    for (let failAt = 0; ; failAt++) {
      const world = new World();
      let n = 0;
      const perform = async (effect: Effect): Promise<Input> =>
        n++ === failAt ? { type: 'failed', message: 'connection reset' } : world.perform(effect);
      const got = await drive(allocate(request), perform);
      if (got.ok) {
        expect(failAt).toBeGreaterThan(15);
        return;
      }
      expect(got.fault).toMatchObject({
        code: 'store',
        message: expect.stringContaining('connection reset'),
      });
      expect(must(run(world, allocate(request))).addresses.length).toBe(2);
      expect(used(world).length).toBe(2);
      must(run(world, releaseByHandle(request.handleId, time)));
      expect(used(world)).toEqual([]);
    }
  });
  it('comes to the same step from the same state again, though it went another way meanwhile', () => {
    const world = new World();
    const work = allocate(podRequest('a', 'p', two));
    const first = work.begin();
    const input = world.perform(first.effect as Effect);
    const second = work.step(first.state, input);
    const aside = work.step(second.state, { type: 'failed', message: 'x' });
    expect(aside.effect.type).toBe('done');
    const again = work.step(first.state, input);
    expect(again.effect).toEqual(second.effect);
    const third = work.step(second.state, world.perform(second.effect as Effect));
    const fourth = work.step(again.state, world.perform(again.effect as Effect));
    expect(third.effect).toEqual(fourth.effect);
    expect(third.state).toEqual(fourth.state);
  });
  it('gives up when others win every race, and leaves no handle behind', () => {
    const world = new World();
    must(add(world, 'a', 'q'));
    const work = allocate(podRequest('a', 'p', two));
    let step = work.begin();
    let tries = 0;
    while (step.effect.type !== 'done') {
      const { effect } = step;
      if (effect.type === 'update' && effect.object.kind === 'IPAMBlock') {
        tries++;
        step = work.step(step.state, { type: 'conflict' });
      } else step = work.step(step.state, world.perform(effect));
    }
    expect(step.effect.outcome.ok).toBe(false);
    expect(tries).toBeGreaterThanOrEqual(100);
    expect(world.of('IPAMHandle').map(o => o.metadata.name)).toEqual(['k8s-pod-network.q']);
  });
});

it('an address that no pool gives is refused with what excludes each pool', () => {
  const pools = [
    pool('10.1.0.0/24', 26, { name: 'off', disabled: true }),
    pool('10.2.0.0/24', 26, { name: 'other' }),
  ];
  const step = allocate(podRequest('a', 'p', pools, { ips: [mustIp('10.1.0.7')] }));
  const world = new World();
  let at = step.begin();
  while (at.effect.type !== 'done') at = step.step(at.state, world.perform(at.effect));
  const { outcome } = at.effect;
  expect(outcome.ok ? [] : outcome.fault.tried).toEqual([
    { at: 'off', why: 'IPPool off is disabled' },
    { at: 'other', why: 'IPPool other does not hold 10.1.0.7' },
  ]);
});
