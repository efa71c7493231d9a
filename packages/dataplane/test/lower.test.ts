import { mustPrefix, portSet } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Action,
  type Chain,
  evaluate,
  IPTABLES_LIMITS,
  type Limits,
  lookupOf,
  lower,
  type Match,
  NFT_LIMITS,
  type Ruleset,
  renderTable,
} from '../src/index.ts';
import { rulesetIn } from './rules.ts';
import { packetIn } from './world.ts';

const ruleset = rulesetIn('FORWARD');

/** Three interfaces and a fan-out of two make a tree. */
const TINY: Limits = { ...IPTABLES_LIMITS, dispatchFanout: 2 };

describe('lower', () => {
  it('changes neither verdict nor mark nor log of any packet, for any rules', () => {
    const matched = new Map<number, number>();
    const sample = ruleset.chain(r =>
      fc.tuple(fc.constant(r), fc.array(packetIn('FORWARD', r.family), { minLength: 30, maxLength: 30 })),
    );
    fc.assert(
      fc.property(sample, ([original, packets]) => {
        const ways = [TINY, IPTABLES_LIMITS, NFT_LIMITS].map(limits => lower(original, limits));
        for (const packet of packets) {
          const expected = evaluate(original, lookupOf(original.sets), packet, 'FORWARD');
          matched.set(expected.trace.length, (matched.get(expected.trace.length) ?? 0) + 1);
          for (const way of ways) {
            const { verdict, mark, logged } = evaluate(way, lookupOf(way.sets), packet, 'FORWARD');
            expect({ verdict, mark, logged }).toEqual({
              verdict: expected.verdict,
              mark: expected.mark,
              logged: expected.logged,
            });
          }
        }
      }),
      { numRuns: 1000 },
    );
    for (const depth of [0, 1, 2, 3, 4])
      expect(matched.get(depth) ?? 0, `traces of ${depth} rules`).toBeGreaterThan(300);
  });

  it('leaves only what iptables can render', () => {
    fc.assert(
      fc.property(ruleset, original => {
        for (const limits of [TINY, IPTABLES_LIMITS]) void renderTable(lower(original, limits), 'filter');
      }),
      { numRuns: 500 },
    );
  });

  const single = (
    matches: readonly Match[],
    action: Action = { kind: 'accept' },
    limits = IPTABLES_LIMITS,
  ) => {
    const chain: Chain = { name: 'msl-FORWARD', rules: [{ matches, action }] };
    const table = {
      hooks: new Map([['FORWARD', chain.name]] as const),
      chains: new Map([[chain.name, chain]]),
    };
    return renderTable(
      lower({ family: 4, sets: new Map(), tables: new Map([['filter', table]]) }, limits),
      'filter',
    );
  };
  const texts = (...args: Parameters<typeof single>) =>
    Object.fromEntries(
      [...single(...args).chains].map(([name, chain]) => [
        name,
        chain.rules.map(r => r.text.replace(/ ?-m comment --comment "[^"]*"/, '').trim()),
      ]),
    );

  it('splits ports into matches of fifteen, of which a range takes two', () => {
    const ranges = portSet(Array.from({ length: 9 }, (_, i) => ({ first: 10 * i, last: 10 * i + 1 })));
    expect(
      texts([
        { kind: 'protocol', protocol: 6 },
        { kind: 'destination-ports', ports: ranges },
      ]),
    ).toEqual({
      'msl-FORWARD': [
        '-p 6 -m multiport --dports 0:1,10:11,20:21,30:31,40:41,50:51,60:61 -j ACCEPT',
        '-p 6 -m multiport --dports 70:71,80:81 -j ACCEPT',
      ],
    });
  });
  it('asks numbered ports or port sets with one rule each', () => {
    const web: Match = {
      kind: 'any',
      of: [
        [{ kind: 'destination-ports', ports: portSet([{ first: 80, last: 80 }]) }],
        [{ kind: 'set', set: 'web', key: 'dst,dst' }],
      ],
    };
    expect(texts([{ kind: 'protocol', protocol: 6 }, web])['msl-FORWARD']).toEqual([
      '-p 6 -m multiport --dports 80 -j ACCEPT',
      expect.stringMatching(/^-p 6 -m set --match-set msl4-[\w-]{24} dst,dst -j ACCEPT$/),
    ]);
  });
  it('turns a list of prefixes into a set, drops what others cover, and keeps a single one', () => {
    const nets = (...list: string[]): Match => ({ kind: 'source', nets: list.map(mustPrefix) });
    expect(texts([nets('10.1.0.0/16', '10.0.0.0/8')])['msl-FORWARD']).toEqual(['-s 10.0.0.0/8 -j ACCEPT']);
    expect(texts([nets('10.0.0.0/8', '11.0.0.0/16')])['msl-FORWARD']).toEqual([
      expect.stringMatching(/^-m set --match-set \S+ src -j ACCEPT$/),
    ]);
    expect(texts([nets('0.0.0.0/0', '11.0.0.0/16')])['msl-FORWARD']).toEqual(['-j ACCEPT']);
    expect(texts([nets('fd00::/8')])['msl-FORWARD']).toEqual([]);
  });
  it('logs once when several alternatives match', () => {
    const twice: Match = { kind: 'any', of: [[], [{ kind: 'protocol', protocol: 6 }]] };
    const either: Match = {
      kind: 'any',
      of: [[{ kind: 'source', nets: [mustPrefix('10.0.0.0/8')] }], [{ kind: 'protocol', protocol: 6 }]],
    };
    expect(texts([twice], { kind: 'log', prefix: 'p ' })['msl-FORWARD']).toEqual([
      '-j LOG --log-prefix "p "',
    ]);
    const table = texts([either], { kind: 'log', prefix: 'p ' });
    expect(
      Object.values(table)
        .flat()
        .filter(text => text.includes('-j LOG')),
    ).toHaveLength(1);
  });
  it('dispatches through a tree of at most the fan-out per level', () => {
    const chains = new Map(
      Array.from({ length: 40 }, (_, i) => [
        `msl${(i * 7919).toString(16).padStart(4, '0')}`,
        'msl-FORWARD-end',
      ]),
    );
    const end: Chain = { name: 'msl-FORWARD-end', rules: [] };
    const top: Chain = {
      name: 'msl-FORWARD',
      rules: [
        { matches: [], action: { kind: 'dispatch', by: 'in', name: 'm', chains } },
        { matches: [], action: { kind: 'drop' } },
      ],
    };
    const table = {
      hooks: new Map([['FORWARD', top.name]] as const),
      chains: new Map([
        [top.name, top],
        [end.name, end],
      ]),
    };
    const rendered = renderTable(
      lower({ family: 4, sets: new Map(), tables: new Map([['filter', table]]) }, IPTABLES_LIMITS),
      'filter',
    );
    for (const chain of rendered.chains.values()) expect(chain.rules.length).toBeLessThanOrEqual(17);
    const exact = [...rendered.chains.values()]
      .flatMap(c => c.rules)
      .filter(r => / -g msl-FORWARD-end$/.test(r.text));
    expect(exact).toHaveLength(40);
  });
  it('keeps unchanged chains the same objects from call to call', () => {
    const chain: Chain = {
      name: 'msl-FORWARD',
      rules: [{ matches: [{ kind: 'protocol', protocol: 6 }], action: { kind: 'drop' } }],
    };
    const set = (sets: Ruleset['sets']): Ruleset => ({
      family: 4,
      sets,
      tables: new Map([
        ['filter', { hooks: new Map([['FORWARD', chain.name]]), chains: new Map([[chain.name, chain]]) }],
      ]),
    });
    const of = (r: Ruleset) => lower(r, IPTABLES_LIMITS).tables.get('filter')?.chains.get(chain.name);
    expect(of(set(new Map()))).toBe(of(set(new Map([['other', { kind: 'net', members: new Set() }]]))));
  });
});
