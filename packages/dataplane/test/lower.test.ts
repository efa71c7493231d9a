import type { MemberSet } from '@muslin/api';
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
  type Rule,
  type Ruleset,
  renderTable,
} from '../src/index.ts';
import { family, icmp, INTERFACES, net, packetIn, ports, protocol } from './world.ts';

const not = fc.boolean().map(yes => (yes ? ({ not: true } as const) : {}));
const leaf: fc.Arbitrary<Match> = fc
  .tuple(
    fc.oneof(
      fc.record({
        kind: fc.constantFrom('in-interface', 'out-interface'),
        name: fc.constantFrom('msl', 'msl0', 'eth0', ...INTERFACES),
        wildcard: fc.constant(true),
      }),
      fc.record({
        kind: fc.constantFrom('in-interface', 'out-interface'),
        name: fc.constantFrom('eth0', ...INTERFACES),
      }),
      fc.record({ kind: fc.constantFrom('source', 'destination'), nets: fc.array(net, { maxLength: 4 }) }),
      fc.record({ kind: fc.constantFrom('source', 'destination'), nets: fc.array(net, { maxLength: 4 }) }),
      fc.record({ kind: fc.constant('set'), set: fc.constant('s'), key: fc.constantFrom('src', 'dst') }),
      fc.record({
        kind: fc.constant('set'),
        set: fc.constant('p'),
        key: fc.constantFrom('src,src', 'dst,dst', 'src,dst', 'dst,src'),
      }),
      fc.record({ kind: fc.constant('protocol'), protocol }),
      fc.record({ kind: fc.constantFrom('source-ports', 'destination-ports'), ports }),
      fc.record({ kind: fc.constantFrom('source-ports', 'destination-ports'), ports }),
      icmp.map(i => ({ kind: 'icmp', ...i })),
      fc.record({
        kind: fc.constant('conntrack'),
        states: fc.subarray(['NEW', 'ESTABLISHED', 'INVALID'] as const),
      }),
      fc.record({ kind: fc.constant('mark'), value: fc.constantFrom(0, 1), mask: fc.constant(1) }),
      fc.record({
        kind: fc.constant('address-type'),
        side: fc.constantFrom('src', 'dst'),
        type: fc.constantFrom('LOCAL', 'UNICAST'),
      }),
    ),
    not,
  )
  .map(([match, n]) => ({ ...match, ...n }) as Match);
const match: fc.Arbitrary<Match> = fc.oneof(
  { weight: 4, arbitrary: leaf },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.array(fc.array(leaf, { maxLength: 2 }), { maxLength: 3 }), not)
      .map(([of, n]): Match => ({ kind: 'any', of, ...n })),
  },
);

const others = ['msl-x1', 'msl-x2'];
const actionTo = (chains: readonly string[]): fc.Arbitrary<Action> =>
  fc.oneof(
    fc.constantFrom<Action>(
      { kind: 'accept' },
      { kind: 'drop' },
      { kind: 'return' },
      { kind: 'log', prefix: 'x ' },
    ),
    fc.record({ kind: fc.constant('mark' as const), value: fc.constantFrom(0, 1), mask: fc.constant(1) }),
    ...chains.map(chain => fc.constantFrom<Action>({ kind: 'jump', chain }, { kind: 'goto', chain })),
    ...chains.map(chain =>
      fc.record({
        kind: fc.constant('dispatch' as const),
        by: fc.constantFrom('in' as const, 'out' as const),
        name: fc.constant('m'),
        chains: fc
          .subarray([...INTERFACES, 'msl', 'msl0', 'mslffffffffff', 'eth0'])
          .map(list => new Map(list.map(i => [i, chain]))),
      }),
    ),
  );
const rules = (chains: readonly string[]): fc.Arbitrary<readonly Rule[]> =>
  fc.array(fc.record({ matches: fc.array(match, { maxLength: 3 }), action: actionTo(chains) }), {
    maxLength: 5,
  });

/** Three chains; the later ones are reached from the earlier. */
const ruleset: fc.Arbitrary<Ruleset> = fc
  .tuple(family, rules(others), rules(others.slice(1)), rules([]), fc.array(net, { maxLength: 3 }))
  .map(([f, a, b, c, nets]) => {
    const chains = ['msl-FORWARD', ...others].map((name, i): [string, Chain] => [
      name,
      { name, rules: [a, b, c][i] ?? [] },
    ]);
    const sets = new Map<string, MemberSet>([
      [
        's',
        {
          kind: 'net',
          members: new Set(nets.map(n => `${n.ip.family === 4 ? '10.0.0.0/30' : 'fd00::/126'}`)),
        },
      ],
      [
        'p',
        {
          kind: 'ip-port',
          members: new Set(['10.0.0.1,tcp:80', '10.0.0.2,udp:53', 'fd00::1,tcp:80', 'fd00::2,sctp:443']),
        },
      ],
    ]);
    return {
      family: f,
      sets,
      tables: new Map([
        ['filter', { hooks: new Map([['FORWARD', 'msl-FORWARD']]), chains: new Map(chains) }],
      ]),
    };
  });

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
      { numRuns: 1500 },
    );
    for (const depth of [0, 1, 2, 3, 4])
      expect(matched.get(depth) ?? 0, `traces of ${depth} rules`).toBeGreaterThan(500);
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
