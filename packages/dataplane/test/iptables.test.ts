import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Action,
  afterTablePlan,
  type Chain,
  compile,
  emptyTable,
  IPTABLES_LIMITS,
  isEmptyTablePlan,
  lower,
  type Match,
  parseSave,
  planTable,
  type RenderedTable,
  type Rule,
  renderTable,
  renderTables,
  restoreInput,
  type TableName,
} from '../src/index.ts';
import { configOf, nodeState } from './world.ts';
import { mustIp, mustPrefix } from '@muslin/net';

const table = (rules: readonly Rule[], family: 4 | 6 = 4): RenderedTable => {
  const chain: Chain = { name: 'msl-FORWARD', rules };
  const filter = {
    hooks: new Map([['FORWARD', chain.name]] as const),
    chains: new Map([[chain.name, chain]]),
  };
  return renderTable({ family, sets: new Map(), tables: new Map([['filter', filter]]) }, 'filter');
};
const textOf = (rule: Rule, family: 4 | 6 = 4) =>
  table([rule], family)
    .chains.get('msl-FORWARD')
    ?.rules[0]?.text.replace(/-m comment --comment "[^"]*" /, '');
const accept: Action = { kind: 'accept' };

describe('rules as iptables reads them', () => {
  // Each right side is what `iptables-save` (1.8.9) prints for it, or reads the same: see render.kernel.test.ts.
  it.each<[Match, string, (4 | 6)?]>([
    [{ kind: 'in-interface', name: 'msl', wildcard: true }, '-i msl+'],
    [{ kind: 'out-interface', name: 'eth0', not: true }, '! -o eth0'],
    [{ kind: 'source', nets: [mustPrefix('10.0.0.0/8')] }, '-s 10.0.0.0/8'],
    [{ kind: 'destination', nets: [mustPrefix('fd00::/8')], not: true }, '! -d fd00::/8', 6],
    [
      { kind: 'set', set: 'a', key: 'dst,dst', not: true },
      '-m set ! --match-set msl4-ypeBEsobvcr6wjGzmiPcTaeG dst,dst',
    ],
    [{ kind: 'set', set: 'a', key: 'src' }, '-m set --match-set msl6-ypeBEsobvcr6wjGzmiPcTaeG src', 6],
    [{ kind: 'protocol', protocol: 132 }, '-p 132'],
    [
      {
        kind: 'destination-ports',
        ports: [
          { first: 80, last: 80 },
          { first: 90, last: 99 },
        ],
      },
      '-m multiport --dports 80,90:99',
    ],
    [{ kind: 'source-ports', ports: [{ first: 1, last: 2 }], not: true }, '-m multiport ! --sports 1:2'],
    [{ kind: 'icmp', type: 3, code: 4 }, '-m icmp --icmp-type 3/4'],
    [{ kind: 'icmp', type: 128, not: true }, '-m icmp6 ! --icmpv6-type 128', 6],
    [{ kind: 'conntrack', states: ['RELATED', 'ESTABLISHED'] }, '-m conntrack --ctstate RELATED,ESTABLISHED'],
    [
      { kind: 'mark', value: 0x80000000, mask: 0xc0000000, not: true },
      '-m mark ! --mark 0x80000000/0xc0000000',
    ],
    [{ kind: 'local-address', side: 'dst' }, '-m addrtype --dst-type LOCAL'],
    [{ kind: 'reverse-path', not: true }, '-m rpfilter --invert'],
  ])('%j is %s', (match, expected, family = 4) => {
    expect(textOf({ matches: [match], action: accept }, family)).toBe(`${expected} -j ACCEPT`);
  });
  it.each<[Action, string]>([
    [{ kind: 'drop' }, '-j DROP'],
    [{ kind: 'return' }, '-j RETURN'],
    [{ kind: 'jump', chain: 'msl-x' }, '-j msl-x'],
    [{ kind: 'goto', chain: 'msl-x' }, '-g msl-x'],
    [{ kind: 'mark', value: 0x10000000, mask: 0x30000000 }, '-j MARK --set-xmark 0x10000000/0x30000000'],
    [{ kind: 'masquerade' }, '-j MASQUERADE --random-fully'],
    [{ kind: 'dnat', ip: mustIp('10.0.0.1'), port: 80 }, '-j DNAT --to-destination 10.0.0.1:80'],
    [{ kind: 'dnat', ip: mustIp('fd00::1'), port: 80 }, '-j DNAT --to-destination [fd00::1]:80'],
    [{ kind: 'dnat', ip: mustIp('10.0.0.1'), port: undefined }, '-j DNAT --to-destination 10.0.0.1'],
    [{ kind: 'masquerade', ports: { first: 80, last: 90 } }, '-j MASQUERADE --to-ports 80-90 --random-fully'],
    [{ kind: 'snat', ip: mustIp('fd00::1') }, '-j SNAT --to-source fd00::1 --random-fully'],
    [
      { kind: 'snat', ip: mustIp('fd00::1'), ports: { first: 80, last: 80 } },
      '-j SNAT --to-source [fd00::1]:80 --random-fully',
    ],
    [{ kind: 'notrack' }, '-j CT --notrack'],
    [{ kind: 'reject', family: 4 }, '-j REJECT --reject-with icmp-port-unreachable'],
    [{ kind: 'reject', family: 6 }, '-j REJECT --reject-with icmp6-port-unreachable'],
    [{ kind: 'log', prefix: 'a "b" ' }, '-j LOG --log-prefix "a _b_ "'],
    [{ kind: 'nflog', group: 7, prefix: 'D|x' }, '-j NFLOG --nflog-group 7 --nflog-prefix "D_x"'],
  ])('%j is %s', (action, expected) => {
    expect(textOf({ matches: [], action })).toBe(expected);
  });
  it('let no text from the API out of its comment, whatever it holds', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary', maxLength: 400 }),
          fc.string({
            unit: fc.constantFrom('"', '\\', '\n', '\r', '\0', '$', '`', ' ', '-', 'A', '\u2028'),
          }),
        ),
        comment => {
          const lines = restoreInput(
            planTable(table([{ matches: [], action: accept, comment }]), emptyTable('filter')),
          ).split('\n');
          expect(lines).toHaveLength(6);
          expect(lines[3]).toMatch(
            /^-A msl-FORWARD -m comment --comment "msl:[\w-]{16}( [\w ./:=,@[\]-]{1,160})?" -j ACCEPT$/,
          );
        },
      ),
      { numRuns: 300 },
    );
  });
  it('refuse names that could end their word: that is a bug of the caller', () => {
    for (const name of ['a b', 'a"', 'a\n-j ACCEPT', '', 'ä'])
      expect(() => textOf({ matches: [{ kind: 'in-interface', name }], action: accept })).toThrow(/unsafe/);
    expect(() => textOf({ matches: [], action: { kind: 'jump', chain: 'x; y' } })).toThrow(/unsafe/);
  });
  it('have a hash that covers the rule, its place and all rules before it', () => {
    const drop: Rule = { matches: [], action: { kind: 'drop' }, comment: 'no' };
    const pass: Rule = { matches: [], action: accept, comment: 'yes' };
    const plain: Rule = { matches: [], action: accept };
    const hashes = (...rules: readonly Rule[]) =>
      table(rules)
        .chains.get('msl-FORWARD')
        ?.rules.map(r => r.hash);
    expect(hashes(drop, pass)?.[1]).not.toBe(hashes(pass)?.[0]);
    expect(hashes(pass, drop)).not.toEqual(hashes(drop, pass)?.toReversed());
    expect(hashes(plain, pass)?.[1]).not.toBe(hashes(drop, pass)?.[1]);
    expect(hashes(drop)).toEqual(hashes(drop));
  });
  it('go without a comment where they say nothing to people, and are then known by their text', () => {
    const from: Match = { kind: 'in-interface', name: 'msl', wildcard: true };
    const known: Match = { kind: 'conntrack', states: ['RELATED', 'ESTABLISHED'] };
    const chain = (...rules: readonly Rule[]) => table(rules).chains.get('msl-FORWARD');
    expect(chain({ matches: [from, known], action: accept })?.rules).toEqual([
      {
        hash: '-i msl+ -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
        text: '-i msl+ -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      },
    ]);
    const commented: readonly Rule[] = [
      { matches: [from], action: accept, comment: 'for people' },
      { matches: [from], action: accept, counts: { kind: 'several', direction: 'ingress' } },
      { matches: [known, from], action: accept },
      { matches: [from, { kind: 'out-interface', name: 'eth0' }], action: accept },
      { matches: [{ kind: 'conntrack', states: ['ESTABLISHED', 'RELATED'] }], action: accept },
      { matches: [{ kind: 'protocol', protocol: 17 }], action: accept },
      { matches: [from], action: { kind: 'mark', value: 1, mask: 1 } },
    ];
    for (const rule of commented) expect(chain(rule)?.rules[0]?.text).toContain('--comment "msl:');
  });
  it('make a chain that no other rules make, in whatever order and number', () => {
    const rule = fc.constantFrom<Rule>(
      { matches: [], action: accept },
      { matches: [], action: { kind: 'drop' } },
      { matches: [], action: accept, comment: 'for people' },
      { matches: [{ kind: 'in-interface', name: 'msl1' }], action: { kind: 'goto', chain: 'msl-x' } },
    );
    const rules = fc.array(rule, { maxLength: 4 });
    const hash = (list: readonly Rule[]) => table(list).chains.get('msl-FORWARD')?.hash;
    fc.assert(
      fc.property(rules, rules, (a, b) => {
        expect(hash(a) === hash(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
      { numRuns: 500 },
    );
  });
});

// $ iptables-save -t filter
const SAVE = `# Generated by iptables-save v1.8.9 on Sat Nov 21 03:30:00 2026
*filter
:INPUT ACCEPT [10:840]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [7:588]
:KUBE-FORWARD - [0:0]
:msl-FORWARD - [0:0]
:msl-old - [3:180]
-A FORWARD -m comment --comment "msl:AAAAAAAAAAAAAAAA" -j msl-FORWARD
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A FORWARD -i eth9 -g msl-old
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A msl-FORWARD -m comment --comment "msl:BBBBBBBBBBBBBBBB knp/a/p spec.ingress[0]" -j ACCEPT
-A msl-FORWARD -j DROP
COMMIT
`;

describe('parseSave', () => {
  const filter = parseSave(SAVE).get('filter');
  it('reads our chains as hashes and texts of their rules, and what is no rule as a hash that we never make', () => {
    expect(filter?.chains).toEqual(
      new Map([
        ['msl-FORWARD', 'BBBBBBBBBBBBBBBB\n-j DROP'],
        ['msl-old', '0:'],
      ]),
    );
    const odd = parseSave('*filter\n:msl-x - [0:0]\n-A msl-x\nCOMMIT\n').get('filter');
    expect(odd?.chains.get('msl-x')).toBe('?');
  });
  it('reads jumps of ours in chains of others, with their position, and counts the rest', () => {
    expect(filter?.foreign.get('FORWARD')).toEqual({
      rules: 3,
      jumps: [
        {
          position: 0,
          hash: 'AAAAAAAAAAAAAAAA',
          text: '-m comment --comment "msl:AAAAAAAAAAAAAAAA" -j msl-FORWARD',
        },
        { position: 2, hash: '-i eth9 -g msl-old', text: '-i eth9 -g msl-old' },
      ],
    });
    expect(filter?.foreign.get('KUBE-FORWARD')).toEqual({ rules: 1, jumps: [] });
  });
  it('is total', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.nat(SAVE.length),
        (junk, at) => void parseSave(SAVE.slice(0, at) + junk + SAVE.slice(at)),
      ),
    );
  });
});

describe('planTable', () => {
  const desired = table([{ matches: [], action: { kind: 'drop' } }]);
  it('creates, jumps first, and says nothing more once done', () => {
    const plan = planTable(desired, emptyTable('filter'));
    expect(restoreInput(plan)).toBe(`*filter
:msl-FORWARD - [0:0]
-I FORWARD 1 -j msl-FORWARD
-A msl-FORWARD -j DROP
COMMIT
`);
    expect(isEmptyTablePlan(planTable(desired, afterTablePlan(plan, emptyTable('filter'))))).toBe(true);
    expect(restoreInput(planTable(desired, afterTablePlan(plan, emptyTable('filter'))))).toBe('');
  });
  it('rewrites what differs, moves the jump to the top, and removes what is stale after its references', () => {
    expect(
      restoreInput(planTable(desired, parseSave(SAVE).get('filter') ?? emptyTable('filter'))),
    ).toBe(`*filter
:msl-FORWARD - [0:0]
:msl-old - [0:0]
-D FORWARD -m comment --comment "msl:AAAAAAAAAAAAAAAA" -j msl-FORWARD
-D FORWARD -i eth9 -g msl-old
-I FORWARD 1 -j msl-FORWARD
-A msl-FORWARD -j DROP
-X msl-old
COMMIT
`);
  });
  it('leads from any state to any other and then is empty, and touches only chains that differ', () => {
    fc.assert(
      fc.property(nodeState, nodeState, fc.constantFrom(4, 6), (a, b, f) => {
        const config = configOf(f);
        const [from, to] = [a, b].map(s => renderTables(lower(compile(s, config), IPTABLES_LIMITS)));
        to?.forEach((wanted, i) => {
          const before = from?.[i] as RenderedTable;
          const there = afterTablePlan(
            planTable(before, emptyTable(wanted.table)),
            emptyTable(wanted.table as TableName),
          );
          const plan = planTable(wanted, there);
          for (const chain of plan.rewrite) expect(before.chains.get(chain.name)?.hash).not.toBe(chain.hash);
          expect(isEmptyTablePlan(planTable(wanted, afterTablePlan(plan, there)))).toBe(true);
        });
      }),
      { numRuns: 60 },
    );
  });
});
