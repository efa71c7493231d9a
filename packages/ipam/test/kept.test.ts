import { formatIp, formatPrefix, mustIp, mustPrefix, type Result } from '@muslin/net';
import { describe, expect, it } from 'vitest';
import {
  type AllocationRequest,
  addressesOf,
  allocate,
  DEFAULT_IPAM_CONFIG,
  type GivenOut,
  type IpamFault,
  KEPT_ANNOTATION,
  type Machine,
  releaseBlock,
  releaseByHandle,
  type SettleRequest,
  settleKept,
} from '../src/index.ts';
import { NOW, pool, podRequest, World } from './world.ts';

const pools = [pool('10.0.0.0/26', 28)];

function must<T>(world: World, work: Machine<T>): T {
  const done = run(world, work);
  if (!done.ok) throw new Error(done.fault.message);
  return done.value;
}

function run<T>(world: World, work: Machine<T>): Result<T, IpamFault> {
  let step = work.begin();
  while (step.effect.type !== 'done') step = work.step(step.state, world.perform(step.effect));
  return step.effect.outcome;
}

const add = (node: string, name: string, more: Partial<AllocationRequest> = {}) =>
  allocate(podRequest(node, name, pools, more));
const life = (ip: string, name: string): GivenOut => ({
  ...{ ip: mustIp(ip), handleId: `k8s-pod-network.${name}`, at: NOW },
  owner: { type: 'pod', namespace: 'web', name, uid: `uid-${name}` },
});

/** A node with one pod in one block of sixteen, and how to settle that block. */
function nodeWithPod() {
  const world = new World();
  const [first] = must(world, add('a', 'p1')).addresses;
  if (first === undefined) throw new Error('no address');
  const settle = (more: Partial<SettleRequest> = {}) =>
    settleKept({
      ...{ block: first.block, node: 'a', given: [], pinned: [], keep: 3, reservations: [] },
      ...{ cooldownMs: 0, now: NOW, ...more },
    });
  const annotation = () => world.of('IPAMBlock')[0]?.metadata.annotations?.[KEPT_ANNOTATION];
  const at = (ordinal: number) =>
    formatIp({ ...first.block.ip, bits: (first.block.ip as { bits: number }).bits + ordinal } as never);
  return { world, block: first.block, settle, annotation, at };
}

describe('keeping addresses', () => {
  it('names the free ones that are free for longest, and nothing is allocated', () => {
    const { world, settle, annotation, at } = nodeWithPod();
    const { kept } = must(world, settle());
    expect(kept.map(formatIp)).toEqual([at(1), at(2), at(3)]);
    expect(annotation()).toBe('1,2,3');
    expect(world.blocks().flatMap(addressesOf)).toHaveLength(1);
    expect(world.of('IPAMHandle')).toHaveLength(1);
  });
  it('takes at most a quarter of what is free', () => {
    const { world, settle } = nodeWithPod();
    expect(must(world, settle({ keep: 64 })).kept).toHaveLength(3);
  });
  it('takes more where pods wait, as far as there are any, and pinned ones beside', () => {
    const { world, settle, at } = nodeWithPod();
    expect(must(world, settle({ wait: 8 })).kept).toHaveLength(8);
    const pinned = [mustIp(at(1)), mustIp(at(2))];
    expect(must(world, settle({ wait: 4, pinned })).kept).toHaveLength(6);
    expect(must(world, settle({ wait: 64 })).kept).toHaveLength(15);
    expect(must(world, settle()).kept).toHaveLength(3);
  });
  it('passes over reservations', () => {
    const { world, settle, at } = nodeWithPod();
    const reservations = [mustPrefix(`${at(1)}/32`)];
    expect(must(world, settle({ reservations })).kept.map(formatIp)).toEqual([at(2), at(3), at(4)]);
  });
  it('nothing is kept in an empty block, and nothing remains of the annotation', () => {
    const { world, settle, annotation } = nodeWithPod();
    must(world, settle());
    must(world, releaseByHandle('k8s-pod-network.p1', { now: NOW, cooldownMs: 0 }));
    expect(must(world, settle()).kept).toEqual([]);
    expect(annotation()).toBeUndefined();
  });
  it('nothing is kept in a block that went to another node meanwhile', () => {
    const { world, settle, annotation } = nodeWithPod();
    const [object] = world.of('IPAMBlock');
    if (object === undefined) throw new Error('no block');
    world.put({ ...object, spec: { ...(object.spec as object), affinity: 'host:b' } });
    expect(must(world, settle()).kept).toEqual([]);
    expect(annotation()).toBeUndefined();
  });
  it('a second settling without news writes nothing', () => {
    const { world, settle } = nodeWithPod();
    must(world, settle());
    const before = world.key();
    must(world, settle());
    expect(world.key()).toBe(before);
  });
});

describe('what was given out', () => {
  it('is written down with its handle, and others are kept in the same write', () => {
    const { world, settle, annotation, at } = nodeWithPod();
    must(world, settle());
    const { lost } = must(
      world,
      settle({ given: [life(at(2), 'p2')], pinned: [mustIp(at(1)), mustIp(at(3))] }),
    );
    expect(lost).toEqual([]);
    expect(annotation()).toBe('1,3,4');
    const held = world
      .blocks()
      .flatMap(addressesOf)
      .map(({ ip, attribute }) => [formatIp(ip), attribute.handleId]);
    expect(held).toContainEqual([at(2), 'k8s-pod-network.p2']);
    expect(world.blocks().flatMap(addressesOf)[1]?.attribute.secondary).toMatchObject({
      pod: 'p2',
      node: 'a',
    });
    must(world, releaseByHandle('k8s-pod-network.p2', { now: NOW, cooldownMs: 0 }));
    expect(world.blocks().flatMap(addressesOf)).toHaveLength(1);
  });
  it('may be told twice', () => {
    const { world, settle, at } = nodeWithPod();
    must(world, settle());
    must(world, settle({ given: [life(at(1), 'p2')] }));
    const before = world.key();
    expect(must(world, settle({ given: [life(at(1), 'p2')] })).lost).toEqual([]);
    expect(world.key()).toBe(before);
  });
  it('in two blocks is counted for both in one write of the handle, which the second block then leaves alone', () => {
    const { world, block, settle, at } = nodeWithPod();
    must(world, settle());
    const other = mustPrefix('10.0.0.32/28');
    const countsOf = (name: string) => {
      const handle = world
        .of('IPAMHandle')
        .find(({ metadata }) => metadata.name === `k8s-pod-network.${name}`);
      return (handle?.spec as { readonly block: object } | undefined)?.block;
    };
    const also = new Map([['k8s-pod-network.p2', [other]]]);
    const first = must(world, settle({ given: [life(at(1), 'p2'), life(at(2), 'p3')], also }));
    expect([...first.counted]).toEqual(['k8s-pod-network.p2', 'k8s-pod-network.p3']);
    expect(countsOf('p2')).toEqual({ [formatPrefix(block)]: 1, [formatPrefix(other)]: 1 });
    expect(countsOf('p3')).toEqual({ [formatPrefix(block)]: 1 });
    // A repeat that has more to say says it; what is there stays.
    const more = new Map([['k8s-pod-network.p4', [other]]]);
    must(world, settle({ given: [life(at(3), 'p4')] }));
    must(world, releaseByHandle('k8s-pod-network.p2', { now: NOW, cooldownMs: 0 }));
    expect(countsOf('p2')).toBeUndefined();
    expect(must(world, settle({ given: [life(at(3), 'p4')], also: more })).counted.size).toBe(0);
    const counted = new Set(['k8s-pod-network.p5']);
    const handles = world.of('IPAMHandle').length;
    expect(must(world, settle({ given: [life(at(4), 'p5')], counted })).lost).toEqual([]);
    expect(world.of('IPAMHandle')).toHaveLength(handles);
  });
  it('and counted ahead of its block, but lost there, is not counted any more', () => {
    const { world, settle, at } = nodeWithPod();
    must(world, settle());
    const away = { block: mustPrefix('10.0.0.32/28'), given: [life('10.0.0.33', 'p2')] };
    const also = new Map([['k8s-pod-network.p2', [away.block]]]);
    const { counted } = must(world, settle({ given: [life(at(1), 'p2')], also }));
    expect(must(world, settle({ ...away, counted })).lost).toHaveLength(1);
    const [handle] = world.of('IPAMHandle').filter(({ metadata }) => metadata.name.endsWith('p2'));
    expect(Object.keys((handle?.spec as { readonly block: object } | undefined)?.block ?? {})).toHaveLength(
      1,
    );
  });
  it('is lost, and says so, when somebody who knows nothing of this gave it to another', () => {
    const { world, settle, at } = nodeWithPod();
    must(world, settle());
    const object = world.of('IPAMBlock')[0];
    if (object === undefined) throw new Error('no block');
    // A foreign client drops the annotation and takes the address.
    world.put({ ...object, metadata: { ...object.metadata, annotations: {} } });
    must(world, add('b', 'thief', { ips: [mustIp(at(1))] }));
    const { lost } = must(world, settle({ given: [life(at(1), 'p2')] }));
    expect(lost.map(({ ip }) => formatIp(ip))).toEqual([at(1)]);
    expect(world.of('IPAMHandle').map(handle => handle.metadata.name)).not.toContain('k8s-pod-network.p2');
  });
});

describe('others', () => {
  it('get no kept address, neither by chance nor by name', () => {
    const { world, block, settle, at } = nodeWithPod();
    must(world, settle());
    const asked = run(world, add('b', 'q', { ips: [mustIp(at(2))] }));
    expect(asked).toMatchObject({ ok: false, fault: { code: 'taken' } });
    expect(asked.ok ? '' : asked.fault.message).toContain('is kept in hand by the node that owns 10.0.0.');
    const tight = { config: { ...DEFAULT_IPAM_CONFIG, autoAllocateBlocks: false } };
    const got = Array.from({ length: 13 }, (_, i) => run(world, add('b', `b${i}`, tight)));
    expect(got.filter(each => each.ok)).toHaveLength(12);
    const [refused] = got.filter(each => !each.ok);
    const reasons = refused?.ok === false ? refused.fault.tried.map(({ why }) => why) : [];
    expect(reasons.join()).toContain('the last 3 free addresses of');
    expect(block.length).toBe(28);
  });
  it('do not get the block while something is kept in it', () => {
    const { world, block, settle } = nodeWithPod();
    must(world, settle());
    must(world, releaseByHandle('k8s-pod-network.p1', { now: NOW, cooldownMs: 0 }));
    const take = () =>
      releaseBlock(block, { type: 'host', name: 'a' }, { now: NOW, cooldownMs: 0, requireEmpty: true });
    expect(run(world, take())).toMatchObject({ ok: false, fault: { code: 'in-use' } });
    must(world, settle({ keep: 0 }));
    expect(must(world, take())).toBe('deleted');
  });
  it('an annotation that makes no sense keeps everything', () => {
    const { world, settle } = nodeWithPod();
    const object = world.of('IPAMBlock')[0];
    if (object === undefined) throw new Error('no block');
    world.put({ ...object, metadata: { ...object.metadata, annotations: { [KEPT_ANNOTATION]: '1;2' } } });
    const tight = { config: { ...DEFAULT_IPAM_CONFIG, autoAllocateBlocks: false } };
    expect(run(world, add('b', 'q', tight)).ok).toBe(false);
    expect(must(world, settle()).kept).toHaveLength(3);
  });
});
