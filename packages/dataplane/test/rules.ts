import type { MemberSet } from '@muslin/api';
import fc from 'fast-check';
import type { Action, Chain, HookName, Match, Rule, Ruleset } from '../src/index.ts';
import { family, INTERFACES, icmp, net, ports, protocol } from './world.ts';

const not = fc.boolean().map(yes => (yes ? ({ not: true } as const) : {}));
/** Two bits of the mark: what is written to one leaves the other. */
const bits = fc.constantFrom(
  ...[1, 2, 3].flatMap(mask => [0, 1, 2, 3].map(value => ({ value: value & mask, mask }))),
);
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
      bits.map(bits => ({ kind: 'mark', ...bits })),
      fc.record({ kind: fc.constant('local-address'), side: fc.constantFrom('src', 'dst') }),
      fc.record({ kind: fc.constant('translated') }),
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
    bits.map((bits): Action => ({ kind: 'mark', ...bits })),
    ...chains.map(chain => fc.constantFrom<Action>({ kind: 'jump', chain }, { kind: 'goto', chain })),
    ...chains.map(chain =>
      fc
        .tuple(
          fc.constantFrom('in' as const, 'out' as const),
          fc.subarray([...INTERFACES, 'msl', 'msl0', 'mslffffffffff', 'eth0']),
        )
        .map(([by, list]): Action => {
          const name = ['m', chain, ...list].join('-');
          return { kind: 'dispatch', by, name, chains: new Map(list.map(i => [i, chain])) };
        }),
    ),
  );
const rules = (chains: readonly string[]): fc.Arbitrary<readonly Rule[]> =>
  fc.array(fc.record({ matches: fc.array(match, { maxLength: 3 }), action: actionTo(chains) }), {
    maxLength: 5,
  });

/** Any rules: three chains in the filter table, of which the later ones are reached from the earlier. */
export const rulesetIn = (hook: HookName): fc.Arbitrary<Ruleset> =>
  fc
    .tuple(family, rules(others), rules(others.slice(1)), rules([]), fc.array(net, { maxLength: 3 }))
    .map(([f, a, b, c, nets]) => {
      const chains = [`msl-${hook}`, ...others].map((name, i): [string, Chain] => [
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
        tables: new Map([['filter', { hooks: new Map([[hook, `msl-${hook}`]]), chains: new Map(chains) }]]),
      };
    });
