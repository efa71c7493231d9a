import { mustIp, mustPrefix } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Action,
  type Chain,
  isEmptyNftPlan,
  type Match,
  type NftListing,
  nftScript,
  type NftTable,
  nftTable,
  parseNftList,
  planNft,
  type Rule,
} from '../src/index.ts';

const table = (rules: readonly Rule[], family: 4 | 6 = 4): NftTable => {
  const chain: Chain = { name: 'msl-FORWARD', rules };
  const filter = {
    hooks: new Map([['FORWARD', chain.name]] as const),
    chains: new Map([[chain.name, chain]]),
  };
  const sets = new Map([
    [
      'a',
      { kind: 'net' as const, members: new Set(['10.0.0.0/8', '10.1.0.0/16', '0.0.0.0/0', 'fd00::1/128']) },
    ],
    ['p', { kind: 'ip-port' as const, members: new Set(['10.0.0.1,tcp:80', 'fd00::1,sctp:80']) }],
  ]);
  return nftTable({ family, sets: new Map(), tables: new Map([['filter', filter]]) }, sets);
};
const textOf = (rule: Rule, family: 4 | 6 = 4) =>
  table([rule], family)
    .chains.get('msl-FORWARD')
    ?.rules[0]?.text.replace(/ comment "[^"]*"/, '');

/** What the kernel lists after a script made exactly this table. */
const listingOf = (t: NftTable): NftListing => ({ chains: t.chains, sets: t.sets, maps: t.maps });

describe('rules as nft reads them', () => {
  // Each is accepted by nft 1.0.6 in nft.kernel.test.ts; the right sides are nft(8) expressions.
  it.each<[Match, string, (4 | 6)?]>([
    [{ kind: 'in-interface', name: 'msl', wildcard: true }, 'iifname "msl*"'],
    [{ kind: 'out-interface', name: 'eth0', not: true }, 'oifname != "eth0"'],
    [
      { kind: 'source', nets: [mustPrefix('10.0.0.0/8'), mustPrefix('192.0.2.1/32')] },
      'ip saddr { 10.0.0.0/8, 192.0.2.1/32 }',
    ],
    [{ kind: 'destination', nets: [mustPrefix('fd00::/8')], not: true }, 'ip6 daddr != fd00::/8', 6],
    [
      { kind: 'set', set: 'p', key: 'src,dst', not: true },
      'ip saddr . meta l4proto . th dport != @msl4-FI3pxaekTRnlbNmuGlVL9nhH',
    ],
    [{ kind: 'protocol', protocol: 132, not: true }, 'meta l4proto != 132'],
    [
      {
        kind: 'destination-ports',
        ports: [
          { first: 80, last: 80 },
          { first: 90, last: 99 },
        ],
      },
      'th dport { 80, 90-99 }',
    ],
    [{ kind: 'icmp', type: 3, code: 4 }, 'icmp type . icmp code { 3 . 4 }'],
    [{ kind: 'icmp', type: 128, not: true }, 'icmpv6 type != 128', 6],
    [{ kind: 'conntrack', states: ['RELATED', 'ESTABLISHED'] }, 'ct state related,established'],
    [
      { kind: 'mark', value: 0x80000000, mask: 0xc0000000, not: true },
      'meta mark & 0xc0000000 != 0x80000000',
    ],
    [{ kind: 'local-address', side: 'dst' }, 'fib daddr type local'],
    [{ kind: 'reverse-path', not: true }, 'fib saddr . iif oif missing'],
  ])('%j is %s', (match, expected, family = 4) => {
    expect(textOf({ matches: [match], action: { kind: 'accept' } }, family)).toBe(`${expected} accept`);
  });
  it.each<[Action, string]>([
    [{ kind: 'goto', chain: 'msl-x' }, 'goto msl-x'],
    [
      { kind: 'mark', value: 0x10000000, mask: 0x30000000 },
      'meta mark set meta mark & 0xcfffffff | 0x10000000',
    ],
    [{ kind: 'masquerade' }, 'masquerade fully-random'],
    [{ kind: 'reject', family: 4 }, 'reject with icmp port-unreachable'],
    [{ kind: 'reject', family: 6 }, 'reject with icmpv6 port-unreachable'],
    [{ kind: 'dnat', ip: mustIp('10.0.0.1'), port: 80 }, 'dnat to 10.0.0.1:80'],
    [{ kind: 'dnat', ip: mustIp('fd00::1'), port: 80 }, 'dnat to [fd00::1]:80'],
    [{ kind: 'dnat', ip: mustIp('fd00::1'), port: undefined }, 'dnat to fd00::1'],
    [{ kind: 'masquerade', ports: { first: 80, last: 90 } }, 'masquerade to :80-90 fully-random'],
    [{ kind: 'snat', ip: mustIp('10.0.0.1') }, 'snat to 10.0.0.1 fully-random'],
    [
      { kind: 'snat', ip: mustIp('fd00::1'), ports: { first: 80, last: 80 } },
      'snat to [fd00::1]:80 fully-random',
    ],
    [{ kind: 'log', prefix: 'a "b" ' }, 'log prefix "a _b_ "'],
    [{ kind: 'dispatch', by: 'in', name: 'msl-from-pods', chains: new Map() }, 'iifname vmap @msl-from-pods'],
  ])('%j is %s', (action, expected) => {
    expect(textOf({ matches: [], action })).toBe(expected);
  });
  it('keep comments within 128 bytes and inside their quotes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), comment => {
        const text = table([{ matches: [], action: { kind: 'drop' }, comment }]).chains.get('msl-FORWARD')
          ?.rules[0]?.text;
        expect(text).toMatch(/^drop comment "msl:[\w-]{16}[^"\\\n]{0,100}"$/);
      }),
    );
  });
});

describe('nftTable', () => {
  it('takes the sets that rules use, without prefixes that others cover: intervals must not overlap', () => {
    const used: Rule = {
      matches: [
        { kind: 'set', set: 'a', key: 'src' },
        { kind: 'set', set: 'p', key: 'dst,dst' },
      ],
      action: { kind: 'accept' },
    };
    const members = (family: 4 | 6) => [...table([used], family).sets.values()].map(set => [...set.members]);
    expect(members(4)).toEqual([['0.0.0.0/1', '128.0.0.0/1'], ['10.0.0.1 . 6 . 80']]);
    expect(members(6)).toEqual([['fd00::1/128'], ['fd00::1 . 132 . 80']]);
  });
});

describe('planNft', () => {
  const dispatch = (...names: readonly string[]): Rule => ({
    matches: [],
    action: {
      kind: 'dispatch',
      by: 'in',
      name: 'msl-from-pods',
      chains: new Map(names.map(name => [name, 'msl-FORWARD-x'])),
    },
  });
  it('makes the table in one transaction, and is empty once done', () => {
    const want = table([
      dispatch('msl1'),
      { matches: [{ kind: 'set', set: 'p', key: 'dst,dst' }], action: { kind: 'drop' } },
    ]);
    const script = nftScript(planNft(want, undefined)).replace(/ comment "[^"]*"/g, '');
    expect(script).toBe(`add table ip muslin
add set ip muslin msl4-FI3pxaekTRnlbNmuGlVL9nhH { type ipv4_addr . inet_proto . inet_service; }
add map ip muslin msl-from-pods { type ifname : verdict; }
add chain ip muslin msl-FORWARD { type filter hook forward priority 0; policy accept; }
flush chain ip muslin msl-FORWARD
add element ip muslin msl4-FI3pxaekTRnlbNmuGlVL9nhH { 10.0.0.1 . 6 . 80 }
add element ip muslin msl-from-pods { "msl1" : goto msl-FORWARD-x }
add rule ip muslin msl-FORWARD iifname vmap @msl-from-pods
add rule ip muslin msl-FORWARD ip daddr . meta l4proto . th dport @msl4-FI3pxaekTRnlbNmuGlVL9nhH drop
`);
    expect(isEmptyNftPlan(planNft(want, listingOf(want)))).toBe(true);
    expect(nftScript(planNft(want, listingOf(want)))).toBe('');
  });
  it('changes a verdict map by its elements alone', () => {
    const plan = planNft(table([dispatch('msl2')]), listingOf(table([dispatch('msl1')])));
    expect(nftScript(plan)).toBe(`add table ip muslin
delete element ip muslin msl-from-pods { "msl1" : goto msl-FORWARD-x }
add element ip muslin msl-from-pods { "msl2" : goto msl-FORWARD-x }
`);
  });
  it('removes what is stale: its elements and rules first, then maps, chains and sets', () => {
    const old = table([
      dispatch('msl1'),
      { matches: [{ kind: 'set', set: 'p', key: 'dst,dst' }], action: { kind: 'drop' } },
    ]);
    const want: NftTable = { family: 4, chains: new Map(), sets: new Map(), maps: new Map() };
    expect(nftScript(planNft(want, listingOf(old)))).toBe(`add table ip muslin
flush chain ip muslin msl-FORWARD
delete map ip muslin msl-from-pods
delete chain ip muslin msl-FORWARD
delete set ip muslin msl4-FI3pxaekTRnlbNmuGlVL9nhH
`);
  });
});

describe('parseNftList', () => {
  it('reads nft 1.0.6', () => {
    // $ nft -j list table ip muslin
    const listing =
      parseNftList(`{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"table": {"family": "ip", "name": "muslin", "handle": 1}},
{"set": {"family": "ip", "name": "n", "table": "muslin", "type": "ipv4_addr", "handle": 1, "flags": ["interval"], "elem": [{"prefix": {"addr": "0.0.0.0", "len": 1}}, "200.0.0.1"]}},
{"set": {"family": "ip", "name": "p", "table": "muslin", "type": ["ipv4_addr", "inet_proto", "inet_service"], "handle": 2, "elem": [{"concat": ["10.0.0.1", "tcp", 80]}]}},
{"map": {"family": "ip", "name": "m", "table": "muslin", "type": "ifname", "handle": 3, "map": "verdict", "elem": [["msl1", {"goto": {"target": "x"}}]]}},
{"chain": {"family": "ip", "table": "muslin", "name": "b", "handle": 4, "type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}},
{"chain": {"family": "ip", "table": "muslin", "name": "x", "handle": 7}},
{"rule": {"family": "ip", "table": "muslin", "chain": "b", "handle": 12, "comment": "msl:aaaaaaaaaaaaaaaa knp/a/p", "expr": [{"drop": null}]}},
{"rule": {"family": "ip", "table": "muslin", "chain": "x", "handle": 13, "expr": [{"drop": null}]}}]}`);
    expect(listing).toEqual({
      chains: new Map([
        ['b', { base: 'filter forward 0', hash: '1:aaaaaaaaaaaaaaaa' }],
        ['x', { base: undefined, hash: '?' }],
      ]),
      sets: new Map([
        ['n', { name: 'n', kind: 'net', members: new Set(['0.0.0.0/1', '200.0.0.1/32']) }],
        ['p', { name: 'p', kind: 'ip-port', members: new Set(['10.0.0.1 . 6 . 80']) }],
      ]),
      maps: new Map([['m', { name: 'm', elements: new Map([['msl1', 'x']]) }]]),
    });
  });
  it('is total', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.jsonValue().map(v =>
            JSON.stringify({
              nftables: [
                v,
                { set: v },
                { rule: v },
                { map: { name: 'm', elem: [v] } },
                { set: { elem: [v] } },
              ],
            }),
          ),
        ),
        text => void parseNftList(text),
      ),
    );
    expect(parseNftList('')).toBeUndefined();
    expect(parseNftList('{}')).toBeUndefined();
  });
});
