import { parseSelector } from '@muslin/api';
import { formatPrefix, mustPrefix, prefixCovers } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  affinityFromSpec,
  affinityName,
  affinityToSpec,
  blockName,
  choosePools,
  freeBlockCandidates,
  handleFromSpec,
  handleName,
  handleToSpec,
  ipamConfigFromSpec,
  podHandleId,
  poolRequest,
  tunnelHandleId,
} from '../src/index.ts';
import { pool } from './world.ts';

function selector(text: string) {
  const parsed = parseSelector(text);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

describe('choosePools', () => {
  const node = { labels: new Map([['rack', 'r1']]) };
  const namespace = { labels: new Map([['team', 'blue']]) };
  const pools = [
    pool('10.2.0.0/16', 26, { name: 'b' }),
    pool('10.1.0.0/16', 26, { name: 'a', nodeSelector: selector('rack == "r1"') }),
    pool('10.3.0.0/16', 26, { name: 'c', disabled: true }),
    pool('10.4.0.0/16', 26, { name: 'd', assignmentMode: 'Manual' }),
    pool('10.5.0.0/16', 26, { name: 'e', nodeSelector: selector('rack == "r2"') }),
    pool('10.6.0.0/16', 26, { name: 'f', namespaceSelector: selector('team == "red"') }),
    pool('10.7.0.0/16', 26, { name: 'g', allowedUses: new Set(['LoadBalancer'] as const) }),
    pool('fd00::/64', 122, { name: 'h' }),
  ];
  const why = (choice: ReturnType<typeof choosePools>) =>
    Object.fromEntries(choice.excluded.map(e => [e.pool, e.why]));
  it('takes those that fit, by name, and says why not the others', () => {
    const choice = choosePools({ family: 4, use: 'Workload' }, pools, node, namespace);
    expect(choice.pools.map(p => p.name)).toEqual(['a', 'b']);
    expect(why(choice)).toEqual({
      c: 'disabled',
      d: 'manual',
      e: 'node-selector',
      f: 'namespace-selector',
      g: 'other-use',
      h: 'other-family',
    });
  });
  it('takes the pools asked for by name or CIDR, in that order, past selectors and Manual, but not disabled ones', () => {
    const choice = choosePools(
      { family: 4, use: 'Workload', pools: ['e', '10.4.0.0/16', 'c', 'nowhere'] },
      pools,
      node,
      undefined,
    );
    expect(choice.pools.map(p => p.name)).toEqual(['e', 'd']);
    expect(why(choice)).toMatchObject({ c: 'disabled', nowhere: 'unknown', a: 'not-requested' });
  });
  it('that are asked for must allow the use all the same', () => {
    const choice = choosePools({ family: 4, use: 'Workload', pools: ['g'] }, pools, node, undefined);
    expect([choice.pools, why(choice)['g']]).toEqual([[], 'other-use']);
  });
  it('takes what is asked for one family for that family alone', () => {
    const names = { 4: ['b'] };
    const of = (family: 4 | 6) =>
      choosePools(poolRequest(family, 'Workload', names), pools, node, namespace).pools.map(p => p.name);
    expect([of(4), of(6)]).toEqual([['b'], ['h']]);
  });
  it('needs a namespace for a pool with a namespaceSelector', () => {
    const choice = choosePools(
      { family: 4, use: 'Workload' },
      [pool('10.6.0.0/16', 26, { namespaceSelector: selector('all()') })],
      node,
      undefined,
    );
    expect(choice.pools).toEqual([]);
  });
});

describe('freeBlockCandidates', () => {
  const texts = (blocks: Iterable<Parameters<typeof formatPrefix>[0]>) => [...blocks].map(formatPrefix);
  it('begins at a place that the node decides and wraps around, once', () => {
    const small = pool('10.0.0.0/24', 26);
    const all = ['10.0.0.0/26', '10.0.0.64/26', '10.0.0.128/26', '10.0.0.192/26'];
    const starts = new Set<string>();
    for (let i = 0; i < 40; i++) {
      const got = texts(freeBlockCandidates(small, [], `node-${i}`));
      expect([...got].sort()).toEqual([...all].sort());
      const at = all.indexOf(got[0] as string);
      expect(got).toEqual([...all.slice(at), ...all.slice(0, at)]);
      starts.add(got[0] as string);
    }
    expect(starts.size).toBe(4);
    expect(texts(freeBlockCandidates(small, [], 'x'))).toEqual(texts(freeBlockCandidates(small, [], 'x')));
  });
  it('passes over existing blocks of whatever size, and fully reserved ones', () => {
    const small = pool('10.0.0.0/24', 26);
    const existing = [mustPrefix('10.0.0.0/26'), mustPrefix('10.0.0.70/32')];
    expect(texts(freeBlockCandidates(small, existing, 'x')).sort()).toEqual([
      '10.0.0.128/26',
      '10.0.0.192/26',
    ]);
    expect(texts(freeBlockCandidates(small, [mustPrefix('10.0.0.0/23')], 'x'))).toEqual([]);
    expect(texts(freeBlockCandidates(small, existing, 'x', [mustPrefix('10.0.0.128/25')]))).toEqual([]);
    expect(texts(freeBlockCandidates(pool('10.0.0.0/28', 26), [], 'x'))).toEqual([]);
  });
  it('stays within the pool and exact in the largest IPv6 pool', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: 8, max: 122 }),
        fc.integer({ min: 116, max: 128 }),
        (seed, length, blockSize) => {
          const big = { cidr: mustPrefix(`fd00::/${length}`), blockSize };
          const [first, second] = [...freeBlockCandidates(big, [], seed).take(2)];
          for (const block of [first, second])
            if (block !== undefined) expect(prefixCovers(big.cidr, block)).toBe(true);
          expect(first === undefined).toBe(blockSize < length);
        },
      ),
    );
  });
});

describe('names', () => {
  it('are Calico’s', () => {
    expect(blockName(mustPrefix('10.244.0.0/26'))).toBe('10-244-0-0-26');
    expect(blockName(mustPrefix('fd00:10::40/122'))).toBe('fd00-10--40-122');
    expect(affinityName('node-1', mustPrefix('10.244.0.0/26'))).toBe('node-1-10-244-0-0-26');
    expect(handleName(podHandleId('k8s-pod-network', '0a1B'))).toBe('k8s-pod-network.0a1b');
    expect(tunnelHandleId('vxlanTunnelAddress', 'n1')).toBe('vxlan-tunnel-addr-n1');
  });
  it('fit into an object name and stay different', () => {
    const long = 'x'.repeat(300);
    const names = ['a_b', 'a/b', 'a b', '-a-', '', long, `${long}y`].map(handleName);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) {
      expect(name.length).toBeLessThanOrEqual(253);
      expect(name).toMatch(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/);
    }
  });
});

describe('affinities, handles and the configuration', () => {
  it('read back what was written', () => {
    const affinity = {
      cidr: mustPrefix('10.0.0.0/26'),
      owner: { type: 'host', name: 'n' },
      state: 'pending',
      deleted: false,
    } as const;
    expect(affinityFromSpec(affinityToSpec(affinity))).toEqual({ ok: true, value: affinity });
    const handle = { handleId: 'h', blocks: new Map([['10.0.0.0/26', 2]]), deleted: false };
    expect(handleFromSpec(handleToSpec(handle))).toEqual({ ok: true, value: handle });
  });
  it('read what older clients wrote', () => {
    expect(affinityFromSpec({ cidr: '10.0.0.0/26', node: 'n', state: '', deleted: 'true' })).toMatchObject({
      value: { state: 'confirmed', deleted: true, owner: { type: 'host' } },
    });
    expect(affinityFromSpec({ cidr: '10.0.0.0/26', node: 'n', state: 'odd' })).toMatchObject({
      fault: { field: 'spec.state' },
    });
    expect(affinityFromSpec({ cidr: '10.0.0.0/26' })).toMatchObject({ fault: { field: 'spec.node' } });
    expect(handleFromSpec({ block: {} })).toMatchObject({ fault: { field: 'spec.handleID' } });
    expect(handleFromSpec({ handleID: 'h', block: { x: 'y' } })).toMatchObject({
      fault: { field: 'spec.block' },
    });
    expect(handleFromSpec(null)).toMatchObject({ fault: { field: 'spec' } });
  });
  it('take 20 blocks for a cap of zero, and defaults for nonsense', () => {
    expect(
      ipamConfigFromSpec({
        maxBlocksPerHost: 0,
        ipCooldownSeconds: 30,
        strictAffinity: true,
        autoAllocateBlocks: false,
      }),
    ).toEqual({ maxBlocksPerHost: 20, cooldownMs: 30_000, strictAffinity: true, autoAllocateBlocks: false });
    expect(ipamConfigFromSpec('x')).toEqual({
      maxBlocksPerHost: 20,
      cooldownMs: 0,
      strictAffinity: false,
      autoAllocateBlocks: true,
    });
  });
});
