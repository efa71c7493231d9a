import type { Pool } from '@muslin/api';
import { mustPrefix, samePrefix } from '@muslin/net';
import { describe, expect, it } from 'vitest';
import { freeBlockCandidates } from '../src/index.ts';
import { type Actor, Explorer, type Job } from './explorer.ts';
import { pool, podRequest, World } from './world.ts';

// Two blocks of two addresses each.
const tiny = [pool('10.0.0.0/30', 31)];
const add = (node: string, name: string, pools = tiny): Job => ({
  do: 'add',
  request: podRequest(node, name, pools),
});
const del = (pod: string): Job => ({ do: 'del', pod, handleId: `k8s-pod-network.${pod}` });
const node = (name: string, jobs: Job[], more: Partial<Actor> = {}): Actor => ({
  name,
  jobs,
  afterCrash: 'del',
  mayCrash: true,
  ...more,
});
const collector = (...jobs: Job[]): Actor => ({ name: 'gc', jobs, afterCrash: 'retry', mayCrash: false });

/** A node that would begin at the same block as node `a`: the worst neighbour. */
const rival = 'bcdefgh'.split('').find(name => {
  const [own, theirs] = ['a', name].map(seed => freeBlockCandidates(tiny[0] as Pool, [], seed).next().value);
  return own !== undefined && theirs !== undefined && samePrefix(own, theirs);
}) as string;

/** Mulberry32: small, and the same everywhere. */
function randomFrom(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('every interleaving of a small world', () => {
  for (const afterCrash of ['del', 'forget', 'retry'] as const)
    it(`two nodes claim and assign, one dies anywhere, and then: ${afterCrash}`, () => {
      const found = new Explorer(tiny).explore(
        new World(),
        [node('a', [add('a', 'p1')], { afterCrash }), node(rival, [add(rival, 'p2')], { afterCrash })],
        1,
      );
      expect(found.refusals).toBe(0);
      expect(found.states).toBeGreaterThan(900);
      expect(found.leaky > 0).toBe(afterCrash === 'forget');
    });
  it('two nodes want the only block: one has it, the other borrows from it, and one dies anywhere', () => {
    const one = [pool('10.0.0.0/31', 31)];
    const found = new Explorer(one).explore(
      new World(),
      [node('a', [add('a', 'p1', one)]), node('b', [add('b', 'p2', one)], { afterCrash: 'retry' })],
      1,
    );
    expect(found.refusals).toBe(0);
    expect(found.ends).toBeGreaterThan(10);
  });
  it('two nodes want the only address: exactly one gets it', () => {
    const one = [pool('10.0.0.0/32', 32)];
    const found = new Explorer(one).explore(
      new World(),
      [node('a', [add('a', 'p1', one)]), node('b', [add('b', 'p2', one)])],
      0,
    );
    expect(found.refusals).toBeGreaterThan(0);
  });
  it('a dual-stack pod comes and goes beside another, and its node dies anywhere', () => {
    const both = [pool('10.0.0.0/31', 31), pool('fd00::/127', 127)];
    const found = new Explorer(both).explore(
      new World(),
      [node('a', [add('a', 'p1', both), del('p1')], { afterCrash: 'forget' })],
      2,
    );
    expect(found.leaky).toBeGreaterThan(0);
  });
  it('the collector acts late on what it saw, while an address gets a new owner', () => {
    const one = [pool('10.0.0.0/32', 32)];
    const found = new Explorer(one).explore(
      new World(),
      [
        node('a', [add('a', 'p1', one), del('p1'), add('a', 'p2', one)], { afterCrash: 'forget' }),
        collector({ do: 'collect' }),
      ],
      1,
    );
    expect(found.ends).toBeGreaterThan(0);
  });
  it('the collector gives up an empty block while its node assigns from it', () => {
    const one = [pool('10.0.0.0/31', 31)];
    const found = new Explorer(one).explore(
      new World(),
      [
        node('a', [add('a', 'p1', one), del('p1'), add('a', 'p2', one)], { mayCrash: false }),
        collector({ do: 'give-up', node: 'a', cidr: mustPrefix('10.0.0.0/31') }),
      ],
      0,
    );
    expect(found.refusals).toBe(0);
    expect(found.states).toBeGreaterThan(500);
  });
});

describe('addresses that a node keeps in hand', () => {
  // One block of eight: two of them may be kept.
  const one = [pool('10.0.0.0/29', 29)];
  const block = mustPrefix('10.0.0.0/29');
  const take = (name: string): Job => ({ do: 'take', request: podRequest('a', name, one) });
  const settle = (keep = 2): Job => ({ do: 'settle', node: 'a', cidr: block, keep });
  const owner = (more: Partial<Actor> = {}): Actor =>
    node('a', [add('a', 'p1', one), settle(), take('p2'), take('p3'), settle()], {
      afterCrash: 'retry',
      ...more,
    });
  it('are given out without asking while another borrows, and one of them dies anywhere', () => {
    const found = new Explorer(one).explore(new World(), [owner(), node('b', [add('b', 'q1', one)])], 1);
    expect(found.taken).toBeGreaterThan(0);
    expect(found.states).toBeGreaterThan(1000);
  });
  it('hold the block while a collector wants to take it away', () => {
    const jobs = [add('a', 'p1', one), settle(), take('p2'), del('p1'), settle(), del('p2'), settle(0)];
    const gc = collector({ do: 'give-up', node: 'a', cidr: block }, { do: 'collect' });
    const found = new Explorer(one).explore(new World(), [owner({ jobs }), gc], 1);
    expect(found.taken).toBeGreaterThan(0);
    expect(found.leaky).toBe(0);
  });
  it('are given out while a settling is under way, and a neighbour borrows what is free', () => {
    // Sixteen addresses: two are kept, then only one is wanted; what is in hand stays kept all the same.
    const wide = [pool('10.0.0.0/28', 28)];
    const whole = mustPrefix('10.0.0.0/28');
    const hold = (keep: number): Job => ({ do: 'settle', node: 'a', cidr: whole, keep });
    const grab = (name: string): Job => ({ do: 'take', request: podRequest('a', name, wide) });
    const jobs = [add('a', 'p1', wide), hold(2), hold(1), grab('p2'), grab('p3'), hold(1)];
    const greedy = node('b', [add('b', 'q1', wide), add('b', 'q2', wide)]);
    const found = new Explorer(wide).explore(new World(), [owner({ jobs }), greedy], 1);
    expect(found.inFlight).toBeGreaterThan(100);
    expect(found.states).toBeGreaterThan(1000);
  });
  it('are no prey of a neighbour who wants every address there is', () => {
    const greedy = Array.from({ length: 7 }, (_, i) => add('b', `q${i}`, one));
    for (let seed = 0; seed < 200; seed++)
      new Explorer(one).walk(new World(), [owner(), node('b', greedy)], 2, randomFrom(seed));
  });
});

describe('the collector and the word of a node that lives', () => {
  const one = [pool('10.0.0.0/31', 31)];
  /** p1 loses its Pod and runs on; its DEL comes some time later. */
  const jobs = [
    { do: 'tell', node: 'a' },
    add('a', 'p1', one),
    { do: 'vanish', pod: 'p1' },
    { do: 'tell', node: 'a' },
    del('p1'),
    { do: 'tell', node: 'a' },
  ] satisfies Job[];
  const lost = [add('a', 'p1', one), { do: 'tell', node: 'a' }, { do: 'tell', node: 'a' }] satisfies Job[];
  const gc = (reports: 'after' | 'any') => collector({ do: 'look' }, { do: 'sweep', reports });
  const walk = (reports: 'after' | 'any', work: readonly Job[] = jobs) =>
    new Explorer(one).explore(new World(), [node('a', [...work], { afterCrash: 'forget' }), gc(reports)], 1);
  it('never frees a running pod when it waits for a report that is newer than the loss', () => {
    expect(walk('after').states).toBeGreaterThan(500);
  });
  it('frees what a death has left', () => {
    expect(walk('after', lost).swept).toBeGreaterThan(0);
  });
  it('would free a running pod on any report, however old: so the model sees it', () => {
    expect(() => walk('any')).toThrow('and the store says free');
  });
});

describe('answers from a cache that lags', () => {
  it('never give an address to two, whichever answer is old', () => {
    const one = [pool('10.0.0.0/31', 31)];
    const jobs = (n: string) => [add(n, `${n}1`, one), del(`${n}1`), add(n, `${n}2`, one)];
    const found = new Explorer(one).explore(new World(), [node('a', jobs('a')), node('b', jobs('b'))], 0, 1);
    expect(found.states).toBeGreaterThan(5000);
  });
  it('nor do they harm what a node keeps', () => {
    const one = [pool('10.0.0.0/29', 29)];
    const block = mustPrefix('10.0.0.0/29');
    const hold: Job = { do: 'settle', node: 'a', cidr: block, keep: 2 };
    const grab: Job = { do: 'take', request: podRequest('a', 'p2', one) };
    const a = node('a', [add('a', 'p1', one), hold, grab, hold]);
    const found = new Explorer(one).explore(new World(), [a, node('b', [add('b', 'q1', one)])], 0, 1);
    expect(found.taken).toBeGreaterThan(0);
  });
});

describe('three nodes and two blocks', () => {
  const three = ['a', 'b', 'c'].map(n => node(n, [add(n, `${n}1`)]));
  it('every interleaving of three claims, when nobody dies', () => {
    const found = new Explorer(tiny).explore(new World(), three, 0);
    expect(found.refusals).toBe(0);
    expect(found.states).toBeGreaterThan(40_000);
  });
});

describe('random walks of a larger world', () => {
  it('three nodes, a collector, two blocks and two deaths never break an invariant', () => {
    for (let seed = 0; seed < 300; seed++) {
      const pods = (n: string) => [add(n, `${n}1`), add(n, `${n}2`), del(`${n}1`), add(n, `${n}3`)];
      const kinds = ['del', 'forget', 'retry'] as const;
      const afterCrash = kinds[seed % 3] as (typeof kinds)[number];
      const actors = ['a', 'b', 'c'].map(n => node(n, pods(n), { afterCrash }));
      const gc = collector(
        { do: 'collect' },
        { do: 'give-up', node: 'a', cidr: mustPrefix('10.0.0.0/31') },
        { do: 'give-up', node: 'b', cidr: mustPrefix('10.0.0.2/31') },
        { do: 'collect' },
      );
      try {
        new Explorer(tiny).walk(new World(), [...actors, gc], 2, randomFrom(seed));
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
  });
});
