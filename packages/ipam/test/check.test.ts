import { formatIp, formatPrefix, mustIp, mustPrefix } from '@muslin/net';
import { describe, expect, it } from 'vitest';
import {
  type Allocation,
  allocate,
  blockToSpec,
  check,
  emptyBlock,
  floatingHandleId,
  type Machine,
  type PodFacts,
  proveLeak,
  releasable,
  releaseLeak,
  tunnelHandleId,
  type Witnesses,
} from '../src/index.ts';
import { NOW, pool, podRequest, World } from './world.ts';

const pools = [pool('10.0.0.0/24', 26), pool('fd00::/120', 122)];
const MINUTE = 60_000;

function finish<T>(world: World, work: Machine<T>): T {
  let step = work.begin();
  while (step.effect.type !== 'done') step = work.step(step.state, world.perform(step.effect));
  if (!step.effect.outcome.ok) throw new Error(step.effect.outcome.fault.message);
  return step.effect.outcome.value;
}

function add(world: World, name: string, node = 'a'): Allocation {
  return finish(world, allocate(podRequest(node, name, pools)));
}

function pod(name: string, ips: readonly string[], uid = `uid-${name}`): [string, PodFacts] {
  return [`web/${name}`, { namespace: 'web', name, uid, node: 'a', ips: ips.map(mustIp) }];
}

const texts = (got: Allocation) => got.addresses.map(x => formatIp(x.ip));

function witnesses(more: Partial<Witnesses> = {}): Witnesses {
  return {
    pods: new Map(),
    nodes: new Set(['a']),
    onHost: new Map([['a', new Set()]]),
    now: NOW + 20 * MINUTE,
    graceMs: 15 * MINUTE,
    ...more,
  };
}

const look = (world: World, w: Witnesses) => check(world.objects.values(), pools, w);

describe('leaks', () => {
  it('are none while the pod has its addresses, or has none reported yet', () => {
    const world = new World();
    const ips = texts(add(world, 'p'));
    expect(look(world, witnesses({ pods: new Map([pod('p', ips)]) }))).toMatchObject({
      leaks: [],
      problems: [],
      inUse: 2,
    });
    expect(look(world, witnesses({ pods: new Map([pod('p', [])]) })).leaks).toEqual([]);
  });
  it('are none within the grace time', () => {
    const world = new World();
    add(world, 'p');
    expect(look(world, witnesses({ now: NOW + 14 * MINUTE })).leaks).toEqual([]);
    expect(look(world, witnesses({ now: NOW + 15 * MINUTE })).leaks.length).toBe(2);
  });
  it('need two witnesses: the API and the kernel', () => {
    const world = new World();
    add(world, 'p');
    const [leak] = look(world, witnesses()).leaks;
    expect(leak?.evidence.map(e => `${e.source} ${e.says}`)).toEqual(['pods pod-gone', 'kernel not-on-host']);
    const [unheard] = look(world, witnesses({ onHost: new Map() })).leaks;
    expect(unheard?.evidence.length).toBe(1);
    expect(unheard && proveLeak(unheard)).toBeUndefined();
  });
  it('are vetoed by a kernel that has the address, whatever the API says', () => {
    const world = new World();
    const [v4 = ''] = texts(add(world, 'p'));
    const report = look(world, witnesses({ onHost: new Map([['a', new Set([v4])]]) }));
    expect(report.leaks.find(l => formatIp(l.ip) === v4)?.veto).toBe(`the kernel of a has ${v4}`);
    expect(releasable(report)).toEqual({ ok: true, value: [] });
  });
  it('know a pod of the same name by its uid, and a pod that moved to another address', () => {
    const world = new World();
    const ips = texts(add(world, 'p'));
    const replaced = look(world, witnesses({ pods: new Map([pod('p', ips, 'other')]) }));
    expect(replaced.leaks.map(l => l.evidence[0]?.says)).toEqual(['pod-replaced', 'pod-replaced']);
    const moved = look(world, witnesses({ pods: new Map([pod('p', ['10.0.0.200', 'fd00::99'])]) }));
    expect(moved.leaks.map(l => l.evidence[0]?.says)).toEqual(['pod-elsewhere', 'pod-elsewhere']);
  });
  it('are floating addresses only when their pod is gone: its status never names them', () => {
    const world = new World();
    const request = podRequest('a', 'p', pools);
    const ip = mustIp('10.0.0.9');
    const owner = { type: 'pod', namespace: 'web', name: 'p', uid: 'uid-p', floating: true } as const;
    const handleId = floatingHandleId('uid-p', ip);
    finish(world, allocate({ ...request, handleId, owner, families: [], ips: [ip] }));
    const lives = new Map([pod('p', ['10.0.0.1'])]);
    expect(look(world, witnesses({ pods: lives })).leaks).toEqual([]);
    const others = new Map([pod('p', ['10.0.0.1'], 'uid-2')]);
    for (const pods of [new Map(), others]) {
      const [leak] = look(world, witnesses({ pods })).leaks;
      expect(leak && proveLeak(leak)).toMatchObject({ ip, handleId });
    }
  });
  it('are proven by two sources, never by two words of one, and never without a handle', () => {
    const world = new World();
    add(world, 'p');
    const [leak] = look(world, witnesses()).leaks;
    if (leak === undefined) throw new Error('no leak');
    const [pods] = leak.evidence;
    if (pods === undefined) throw new Error('no evidence');
    expect(proveLeak({ ...leak, evidence: [pods, { ...pods, says: 'pod-elsewhere' }] })).toBeUndefined();
    expect(proveLeak({ ...leak, handleId: undefined })).toBeUndefined();
    expect(proveLeak({ ...leak, veto: 'the kernel has it' })).toBeUndefined();
    expect(proveLeak(leak)?.evidence).toHaveLength(2);
  });
  it('prove nothing by the word of a node that may have more than it says', () => {
    const world = new World();
    add(world, 'p');
    const { leaks } = look(world, witnesses({ partly: new Set(['a']) }));
    expect(leaks.map(leak => [leak.evidence.length, proveLeak(leak)])).toEqual([
      [1, undefined],
      [1, undefined],
    ]);
  });
  it('are not what other programs hold by hand on a node that is gone', () => {
    const world = new World();
    add(world, 'p');
    for (const block of world.blocks()) {
      const attributes = block.attributes.map(attribute => ({
        ...attribute,
        secondary: { node: 'a', type: 'byHand' },
      }));
      const [object] = world
        .of('IPAMBlock')
        .filter(each => JSON.stringify(each.spec).includes(formatPrefix(block.cidr)));
      if (object !== undefined) world.put({ ...object, spec: blockToSpec({ ...block, attributes }) });
    }
    expect(look(world, witnesses({ nodes: new Set() })).leaks).toEqual([]);
  });
  it('are freed in the life that was proven, and no later one', () => {
    const world = new World();
    const [address] = add(world, 'p').addresses;
    const proof = look(world, witnesses()).leaks.map(leak => proveLeak(leak))[0];
    if (proof === undefined || address === undefined) throw new Error('no proof');
    const done = { now: NOW, cooldownMs: 0 };
    const old = releaseLeak({ ...proof, sequence: 77 }, done);
    expect(() => finish(world, old)).toThrow('was released and assigned again');
    expect(finish(world, releaseLeak(proof, done)).released).toHaveLength(1);
  });
  it('of a node that is gone need no kernel', () => {
    const world = new World();
    add(world, 'p', 'b');
    const [leak] = look(world, witnesses()).leaks;
    expect(leak?.evidence.map(e => e.says)).toEqual(['pod-gone', 'node-gone', 'node-silent']);
    expect(leak && proveLeak(leak)).toBeDefined();
  });
  it('of tunnels are decided by their node', () => {
    const world = new World();
    const request = podRequest('b', 't', [pool('10.0.0.0/24', 26)], {
      handleId: tunnelHandleId('vxlanTunnelAddress', 'b'),
      owner: { type: 'tunnel', tunnel: 'vxlanTunnelAddress' },
      use: 'Tunnel',
    });
    finish(world, allocate(request));
    expect(
      look(world, witnesses({ nodes: new Set(['b']), onHost: new Map([['b', new Set()]]) })).leaks,
    ).toEqual([]);
    const report = look(world, witnesses());
    expect(report.leaks[0]?.evidence.map(e => `${e.source} ${e.says}`)).toEqual([
      'nodes node-gone',
      'kernel node-silent',
    ]);
    expect(releasable(report)).toMatchObject({ ok: true, value: [{ handleId: 'vxlan-tunnel-addr-b' }] });
  });
  it('of unknown holders are not claimed', () => {
    const world = new World();
    const block = emptyBlock(mustPrefix('10.0.0.0/26'), { type: 'host', name: 'a' }, NOW);
    const spec = {
      ...blockToSpec(block),
      allocations: [0, ...new Array(63).fill(null)],
      unallocated: Array.from({ length: 63 }, (_, i) => i + 1),
      attributes: [{ handle_id: 'windows-reserved-ipam-handle', secondary: {} }],
    };
    world.put({ kind: 'IPAMBlock', metadata: { name: '10-0-0-0-26' }, spec });
    expect(look(world, witnesses()).leaks).toEqual([]);
  });
});

describe('releasable', () => {
  it('frees a proven leak, and never a later life of the address', () => {
    const world = new World();
    add(world, 'p');
    const found = releasable(look(world, witnesses()));
    if (!found.ok) throw new Error(found.fault.message);
    expect(found.value.length).toBe(2);
    for (const proof of found.value) finish(world, releaseLeak(proof, { now: NOW, cooldownMs: 0 }));
    expect(world.of('IPAMHandle')).toEqual([]);
    expect(look(world, witnesses()).inUse).toBe(0);
    add(world, 'p');
    for (const proof of found.value)
      expect(() => finish(world, releaseLeak(proof, { now: NOW, cooldownMs: 0 }))).toThrow();
  });
  it('frees all addresses of a handle or none', () => {
    const world = new World();
    const [v4 = ''] = texts(add(world, 'p'));
    const half = look(world, witnesses({ pods: new Map([pod('p', [v4])]) }));
    expect(half.leaks.length).toBe(1);
    expect(releasable(half)).toEqual({ ok: true, value: [] });
  });
  it('frees nothing when so much seems leaked that a witness must be wrong', () => {
    const world = new World();
    for (let i = 0; i < 12; i++) add(world, `p${i}`);
    const report = look(world, witnesses());
    expect(report.leaks.length).toBe(24);
    expect(releasable(report)).toMatchObject({
      ok: false,
      fault: { code: 'mass-release', leaks: 24, inUse: 24 },
    });
    expect(releasable(report, { floor: 100, share: 0 })).toMatchObject({ ok: true });
  });
});

describe('problems', () => {
  const codes = (world: World, w = witnesses()) => look(world, w).problems.map(p => p.code);
  const block = (cidr: string, node = 'a') =>
    ({
      kind: 'IPAMBlock',
      metadata: { name: cidr.replace(/[.:/]/g, '-') },
      spec: blockToSpec(emptyBlock(mustPrefix(cidr), { type: 'host', name: node }, NOW)),
    }) as const;
  const affinity = (cidr: string, state: string) =>
    ({
      kind: 'BlockAffinity',
      metadata: { name: `a-${cidr.replace(/[.:/]/g, '-')}` },
      spec: { cidr, node: 'a', state, deleted: false },
    }) as const;

  it('are what a death leaves: a dangling handle, an affinity and a block alone', () => {
    const world = new World();
    world.put({
      kind: 'IPAMHandle',
      metadata: { name: 'h' },
      spec: { handleID: 'h', block: { '10.0.0.0/26': 1 } },
    });
    world.put(block('10.0.0.0/26'));
    world.put(affinity('10.0.0.64/26', 'confirmed'));
    world.put(affinity('10.0.0.128/26', 'pending'));
    expect(look(world, witnesses()).problems).toMatchObject([
      { code: 'affinity-without-block', owner: 'host:a' },
      { code: 'unfinished-affinity', state: 'pending' },
      { code: 'block-without-affinity', owner: 'host:a' },
      { code: 'dangling-handle', handleId: 'h', counted: 1, found: 0 },
    ]);
  });
  it('are addresses whose handle is gone', () => {
    const world = new World();
    const ips = texts(add(world, 'p'));
    world.objects.delete('IPAMHandle/k8s-pod-network.p');
    const w = witnesses({ pods: new Map([pod('p', ips)]) });
    expect(codes(world, w)).toEqual(['orphan', 'orphan']);
  });
  it('are blocks that overlap, lie outside all pools, come twice or make no sense', () => {
    const world = new World();
    for (const cidr of ['10.0.0.0/26', '10.0.0.4/31', '10.0.0.8/31', '192.0.2.0/26']) {
      world.put(block(cidr));
      world.put(affinity(cidr, 'confirmed'));
    }
    world.put({ ...block('10.0.0.0/26'), metadata: { name: 'copy' } });
    world.put({ kind: 'IPAMBlock', metadata: { name: 'odd' }, spec: {} });
    expect(codes(world).sort()).toEqual([
      'block-outside-pools',
      'overlapping-blocks',
      'overlapping-blocks',
      'unreadable',
      'unreadable',
    ]);
  });
  it('are pods that share an address, use a free one, or one of another', () => {
    const world = new World();
    const [p = ''] = texts(add(world, 'p'));
    const [q = ''] = texts(add(world, 'q'));
    const pods = new Map([
      pod('p', [p]),
      pod('q', [p]),
      pod('r', ['10.0.0.250']),
      pod('s', [q]),
      pod('t', ['192.0.2.7']),
    ]);
    expect(look(world, witnesses({ pods })).problems).toMatchObject([
      { code: 'other-holder', pod: 'web/q', heldBy: 'k8s-pod-network.p' },
      { code: 'not-assigned', pod: 'web/r' },
      { code: 'other-holder', pod: 'web/s', heldBy: 'k8s-pod-network.q' },
      { code: 'double-owner', pods: ['web/p', 'web/q'] },
    ]);
  });
  it('tell an address that is free in its block from one whose block somebody deleted', () => {
    const world = new World();
    const [p = ''] = texts(add(world, 'p'));
    const free = p.endsWith('.5') ? p.replace(/\d+$/, '6') : p.replace(/\d+$/, n => String(Number(n) + 1));
    const of = () =>
      look(world, witnesses({ pods: new Map([pod('q', [free])]) })).problems.flatMap(problem =>
        problem.code === 'not-assigned' ? [problem.blockGone] : [],
      );
    expect(of()).toEqual([false]);
    for (const key of [...world.objects.keys()]) if (key.startsWith('IPAMBlock/')) world.objects.delete(key);
    expect(of()).toEqual([true]);
  });
  it('are none of a pod that is being deleted: its status names addresses that it has given back', () => {
    const world = new World();
    const [p = ''] = texts(add(world, 'p'));
    const old = [pod('old', ['10.0.0.250']), pod('older', [p])].map(([name, facts]): [string, PodFacts] => [
      name,
      { ...facts, leaving: true },
    ]);
    expect(look(world, witnesses({ pods: new Map([pod('p', [p]), ...old]) })).problems).toEqual([]);
  });
});

describe('what an older client is deleting', () => {
  it('is no problem: it is as good as gone', () => {
    const world = new World();
    const block = {
      ...emptyBlock(mustPrefix('10.9.0.0/26'), { type: 'host', name: 'a' }, NOW),
      deleted: true,
    };
    world.put({ kind: 'IPAMBlock', metadata: { name: '10-9-0-0-26' }, spec: blockToSpec(block) });
    const affinity = { cidr: '10.9.1.0/26', node: 'a', type: 'host', state: 'confirmed', deleted: 'true' };
    world.put({ kind: 'BlockAffinity', metadata: { name: 'a-10-9-1-0-26' }, spec: affinity });
    const handle = { handleID: 'h', block: { '10.0.0.0/26': 1 }, deleted: true };
    world.put({ kind: 'IPAMHandle', metadata: { name: 'h' }, spec: handle });
    expect(look(world, witnesses()).problems).toEqual([]);
  });
  it('but a handle of nothing at all is one', () => {
    const world = new World();
    world.put({ kind: 'IPAMHandle', metadata: { name: 'h' }, spec: { handleID: 'h', block: {} } });
    expect(look(world, witnesses()).problems).toMatchObject([{ code: 'dangling-handle', handleId: 'h' }]);
  });
});
