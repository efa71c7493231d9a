import type { MemberSet, SetId } from '@muslin/api';
import { portSet, prefix } from '@muslin/net';
import type {
  Action,
  Chain,
  Match,
  NftTable,
  RenderedTable,
  Rule,
  Ruleset,
  TableName,
} from '../src/index.ts';

/** Where damage is done: one of iptables' tables, and in it chains with such names. */
export interface Where {
  readonly table: TableName;
  readonly chains?: RegExp;
}

export const FILTER: Where = { table: 'filter' };

type Damage<T> = (of: T, where: Where) => Iterable<T>;

/** A bug that somebody could write: each gives every ruleset that it could lead to, one place damaged in each. */
export type Mutation =
  | { readonly name: string; readonly rules: Damage<Ruleset> }
  | { readonly name: string; readonly iptables: Damage<RenderedTable> }
  | { readonly name: string; readonly nft: Damage<NftTable> };

const isHere = ({ chains }: Where, name: string) => chains === undefined || chains.test(name);

/** Every ruleset in which one chain of a table is another. */
function* chains(
  ruleset: Ruleset,
  where: Where,
  change: (chain: Chain) => Iterable<readonly Rule[]>,
): Generator<Ruleset> {
  const table = ruleset.tables.get(where.table);
  if (table === undefined) return;
  for (const chain of table.chains.values())
    if (isHere(where, chain.name))
      for (const rules of change(chain)) {
        const damaged = new Map(table.chains).set(chain.name, { name: chain.name, rules });
        yield {
          ...ruleset,
          tables: new Map(ruleset.tables).set(where.table, { ...table, chains: damaged }),
        };
      }
}

const perRule = (name: string, change: (rule: Rule, ruleset: Ruleset) => Iterable<Rule>): Mutation => ({
  name,
  *rules(ruleset, where) {
    yield* chains(ruleset, where, function* (chain) {
      for (const [i, rule] of chain.rules.entries())
        for (const other of change(rule, ruleset)) yield chain.rules.with(i, other);
    });
  },
});

const perMatch = (name: string, change: (match: Match, ruleset: Ruleset) => Iterable<Match>): Mutation =>
  perRule(name, function* (rule, ruleset) {
    for (const [i, match] of rule.matches.entries())
      for (const other of change(match, ruleset)) yield { ...rule, matches: rule.matches.with(i, other) };
  });

const perAction = (name: string, change: (action: Action, ruleset: Ruleset) => Iterable<Action>): Mutation =>
  perRule(name, function* (rule, ruleset) {
    for (const action of change(rule.action, ruleset)) yield { ...rule, action };
  });

/** Every ruleset that lacks a rule of this sort. */
const without = (name: string, lost: (rule: Rule) => boolean): Mutation => ({
  name,
  *rules(ruleset, where) {
    yield* chains(ruleset, where, function* (chain) {
      for (const [i, rule] of chain.rules.entries()) if (lost(rule)) yield chain.rules.toSpliced(i, 1);
    });
  },
});

const isPorts = (match: Match) => match.kind === 'source-ports' || match.kind === 'destination-ports';
const isNets = (match: Match) => match.kind === 'source' || match.kind === 'destination';
const turn = (text: string) => text.replace(/src|dst/g, side => (side === 'src' ? 'dst' : 'src'));

function* shifted(match: Match, low: number, high: number): Generator<Match> {
  if (!isPorts(match) || !('ports' in match)) return;
  for (const [i, { first, last }] of match.ports.entries()) {
    const ports = portSet(match.ports.with(i, { first: first + low, last: last + high }));
    yield { ...match, ports };
  }
}

/** One derived set is said to follow from something else; its members stay. */
const perDerived = (
  name: string,
  change: (
    part: NonNullable<ReturnType<NonNullable<Ruleset['derived']>['get']>>['parts'][number],
  ) => object | undefined,
): Mutation => ({
  name,
  *rules(ruleset) {
    for (const [id, one] of ruleset.derived ?? [])
      for (const [i, part] of one.parts.entries()) {
        const other = change(part);
        const parts =
          other === undefined ? one.parts.toSpliced(i, 1) : one.parts.with(i, { ...part, ...other });
        const derived = new Map(ruleset.derived).set(id, { ...one, parts });
        yield { ...ruleset, derived };
      }
  },
});

/** One derived set holds something else. */
const perMembers = (
  name: string,
  change: (members: ReadonlySet<string>) => ReadonlySet<string>,
): Mutation => ({
  name,
  *rules(ruleset) {
    for (const id of ruleset.derived?.keys() ?? []) {
      const set = ruleset.sets.get(id) as MemberSet;
      if (set.members.size === 0) continue;
      yield { ...ruleset, sets: new Map(ruleset.sets).set(id, { ...set, members: change(set.members) }) };
    }
  },
});

const endings = (text: string, by: (port: number) => number) =>
  text.replace(/\d+$/, port => String(by(Number(port))));

/** A text of iptables in which one rule reads otherwise. */
const iptables = (name: string, change: (text: string) => string): Mutation => ({
  name,
  *iptables(table, where) {
    for (const chain of [...table.chains.values()].filter(({ name }) => isHere(where, name)))
      for (const [i, rule] of chain.rules.entries()) {
        const text = change(rule.text);
        if (text === rule.text) continue;
        const rules = chain.rules.with(i, { ...rule, text });
        yield { ...table, chains: new Map(table.chains).set(chain.name, { ...chain, rules }) };
      }
  },
});

const nft = (name: string, change: (text: string) => string): Mutation => ({
  name,
  *nft(table, where) {
    for (const chain of [...table.chains.values()].filter(({ name }) => isHere(where, name)))
      for (const [i, rule] of chain.rules.entries()) {
        const text = change(rule.text);
        if (text === rule.text) continue;
        const rules = chain.rules.with(i, { ...rule, text });
        yield { ...table, chains: new Map(table.chains).set(chain.name, { ...chain, rules }) };
      }
  },
});

const matching = (rule: Rule, kind: Match['kind']) => rule.matches.some(match => match.kind === kind);
const sets = (ruleset: Ruleset, kind: string): readonly SetId[] => [
  ...new Set(
    [...(ruleset.tables.get('filter')?.chains.values() ?? [])].flatMap(chain =>
      chain.rules.flatMap(({ matches }) =>
        matches.flatMap(match =>
          match.kind === 'set' && match.key.includes(',') === kind.includes(',') ? [match.set] : [],
        ),
      ),
    ),
  ),
];

/** Bugs of compiling, lowering, look-ups and rendering. */
export const MUTATIONS: readonly Mutation[] = [
  without('a rule is lost', () => true),
  {
    name: 'the last rule of a chain is lost',
    *rules(ruleset, where) {
      yield* chains(ruleset, where, chain => (chain.rules.length > 0 ? [chain.rules.slice(0, -1)] : []));
    },
  },
  {
    name: 'two rules change places',
    *rules(ruleset, where) {
      yield* chains(ruleset, where, function* ({ rules }) {
        for (let i = 1; i < rules.length; i++)
          yield rules.with(i - 1, rules[i] as Rule).with(i, rules[i - 1] as Rule);
      });
    },
  },
  {
    name: 'the rules of a chain are reversed',
    *rules(ruleset, where) {
      yield* chains(ruleset, where, ({ rules }) => [rules.toReversed()]);
    },
  },
  without(
    'established connections are forgotten',
    rule => matching(rule, 'conntrack') && rule.action.kind === 'accept',
  ),
  without(
    'invalid packets are not dropped',
    rule => matching(rule, 'conntrack') && rule.action.kind === 'drop',
  ),
  without(
    'the end of a tier does not deny',
    rule => rule.matches.length === 0 && rule.action.kind === 'drop',
  ),
  without('a pod may use any address', rule => matching(rule, 'source') && rule.action.kind === 'drop'),
  without('marks are not cleared', rule => rule.action.kind === 'mark' && rule.action.value === 0),
  without('a mark is never asked for', rule => matching(rule, 'mark')),
  without('ICMPv6 of the link is forgotten', rule => matching(rule, 'icmp')),
  perAction('accept drops', action => (action.kind === 'accept' ? [{ kind: 'drop' }] : [])),
  perAction('drop accepts', action => (action.kind === 'drop' ? [{ kind: 'accept' }] : [])),
  perAction('drop returns', action => (action.kind === 'drop' ? [{ kind: 'return' }] : [])),
  perAction('return drops', action => (action.kind === 'return' ? [{ kind: 'drop' }] : [])),
  perAction('a jump does not come back', action =>
    action.kind === 'jump' ? [{ ...action, kind: 'goto' }] : [],
  ),
  perAction('a goto comes back', action => (action.kind === 'goto' ? [{ ...action, kind: 'jump' }] : [])),
  perAction('the wrong mark bit is set', action =>
    action.kind === 'mark' && action.value !== 0
      ? [{ ...action, value: action.value * 2, mask: (action.mask * 2) >>> 0 }]
      : [],
  ),
  perAction('a mark clears what it should set', action =>
    action.kind === 'mark' && action.value !== 0 ? [{ ...action, value: 0 }] : [],
  ),
  perMatch('the wrong mark bit is asked for', match =>
    match.kind === 'mark' ? [{ ...match, value: (match.value * 2) >>> 0, mask: (match.mask * 2) >>> 0 }] : [],
  ),
  perRule('a condition is lost', rule =>
    rule.matches.map((_, i) => ({ ...rule, matches: rule.matches.toSpliced(i, 1) })),
  ),
  perMatch('a condition is turned round', match => {
    if (!match.not) return [{ ...match, not: true }];
    const { not: _, ...positive } = match;
    return [positive as Match];
  }),
  perMatch('a port range begins one late', match => shifted(match, 1, 0)),
  perMatch('a port range ends one late', match => shifted(match, 0, 1)),
  perMatch('a list of ports lost one part', match =>
    isPorts(match) && 'ports' in match
      ? match.ports.map((_, i) => ({ ...match, ports: match.ports.toSpliced(i, 1) }))
      : [],
  ),
  perMatch('ports of the other end', match =>
    match.kind === 'source-ports'
      ? [{ ...match, kind: 'destination-ports' }]
      : match.kind === 'destination-ports'
        ? [{ ...match, kind: 'source-ports' }]
        : [],
  ),
  perMatch('addresses of the other end', match =>
    match.kind === 'source'
      ? [{ ...match, kind: 'destination' }]
      : match.kind === 'destination'
        ? [{ ...match, kind: 'source' }]
        : [],
  ),
  perMatch('a prefix is one bit too wide', match =>
    isNets(match) && 'nets' in match
      ? match.nets.flatMap((net, i) =>
          net.length === 0 ? [] : [{ ...match, nets: match.nets.with(i, prefix(net.ip, net.length - 1)) }],
        )
      : [],
  ),
  perMatch('a list of prefixes lost one', match =>
    isNets(match) && 'nets' in match
      ? match.nets.map((_, i) => ({ ...match, nets: match.nets.toSpliced(i, 1) }))
      : [],
  ),
  perMatch('a set is looked up from the other end', match =>
    match.kind === 'set' ? [{ ...match, key: turn(match.key) as typeof match.key }] : [],
  ),
  perMatch('two sets are mixed up', (match, ruleset) =>
    match.kind === 'set'
      ? sets(ruleset, match.key)
          .filter(set => set !== match.set)
          .slice(0, 3)
          .map(set => ({ ...match, set }))
      : [],
  ),
  perMatch('another protocol', match =>
    match.kind === 'protocol' ? [{ ...match, protocol: match.protocol === 6 ? 17 : 6 }] : [],
  ),
  perMatch('the next ICMP type', match =>
    match.kind === 'icmp' ? [{ ...match, type: match.type + 1 }] : [],
  ),
  perMatch('an ICMP code is forgotten', match =>
    match.kind === 'icmp' && match.code !== undefined
      ? [{ kind: 'icmp', type: match.type, ...(match.not && { not: true }) }]
      : [],
  ),
  perMatch('a state is missing', match =>
    match.kind === 'conntrack'
      ? match.states.map(state => ({ ...match, states: match.states.filter(other => other !== state) }))
      : [],
  ),
  perMatch('new connections count as established', match =>
    match.kind === 'conntrack' ? [{ ...match, states: [...match.states, 'NEW'] }] : [],
  ),
  perMatch('in and out are mixed up', match =>
    match.kind === 'in-interface'
      ? [{ ...match, kind: 'out-interface' }]
      : match.kind === 'out-interface'
        ? [{ ...match, kind: 'in-interface' }]
        : [],
  ),
  perMatch('a wildcard is forgotten', match => {
    if ((match.kind !== 'in-interface' && match.kind !== 'out-interface') || !match.wildcard) return [];
    const { wildcard: _, ...exact } = match;
    return [exact];
  }),
  perMatch('a name became a wildcard', match =>
    (match.kind === 'in-interface' || match.kind === 'out-interface') && !match.wildcard
      ? [{ ...match, name: match.name.slice(0, -2), wildcard: true }]
      : [],
  ),
  perAction('an interface leads to the chain of another', action => {
    if (action.kind !== 'dispatch') return [];
    const [a, b] = [...action.chains];
    if (a === undefined || b === undefined) return [];
    return [{ ...action, chains: new Map(action.chains).set(a[0], b[1]).set(b[0], a[1]) }];
  }),
  perAction('an interface leads nowhere', action =>
    action.kind === 'dispatch'
      ? [...action.chains.keys()].map(name => {
          const fewer = new Map(action.chains);
          fewer.delete(name);
          return { ...action, chains: fewer };
        })
      : [],
  ),
  {
    name: 'a hook calls the chain of another',
    *rules(ruleset, where) {
      const table = ruleset.tables.get(where.table);
      if (table === undefined || where.chains !== undefined) return;
      for (const hook of table.hooks.keys())
        for (const [other, chain] of table.hooks)
          if (other !== hook) {
            const hooks = new Map(table.hooks).set(hook, chain);
            yield { ...ruleset, tables: new Map(ruleset.tables).set(where.table, { ...table, hooks }) };
          }
    },
  },
  perDerived('a derived set forgets a source', () => undefined),
  perDerived('a derived set has the next port', part => ({
    endings: new Set([...part.endings].map(ending => endings(ending, port => port + 1))),
  })),
  perDerived('a derived set has the other protocol', part => ({
    endings: new Set(
      [...part.endings].map(ending => ending.replace(/tcp|udp/, name => (name === 'tcp' ? 'udp' : 'tcp'))),
    ),
  })),
  perDerived('a derived set takes prefixes for addresses', part => ({
    take: part.take === 'wide' ? 'hosts' : 'wide',
  })),
  perMembers('a derived set lacks a member', members => new Set([...members].slice(1))),
  perMembers('a derived set holds somebody else', members => new Set([...members, '203.0.113.77,tcp:80'])),
  iptables('iptables: a negation is lost', text => text.replace('! ', '')),
  iptables('iptables: in and out are mixed up', text =>
    text.replace(/-([io]) msl/, (_, way) => `-${way === 'i' ? 'o' : 'i'} msl`),
  ),
  iptables('iptables: source for destination ports', text => text.replace('--dports', '--sports')),
  iptables('iptables: a list of ports is cut', text => text.replace(/(ports [\d:,]+),[\d:]+/, '$1')),
  iptables('iptables: goto becomes jump', text => text.replace('-g ', '-j ')),
  iptables('iptables: a mark mask is cut', text => text.replace(/0x([1-9a-f])0+\/0x\w+/, '0x0/0x0')),
  iptables('iptables: a state is lost', text => text.replace('RELATED,', '')),
  iptables('iptables: source for destination address', text =>
    text.replace(/ -s | -d /, way => (way === ' -s ' ? ' -d ' : ' -s ')),
  ),
  iptables('iptables: a prefix lost its length', text => text.replace(/(-[sd] \S+)\/\d+/, '$1/0')),
  iptables('iptables: a range becomes its ends', text => text.replace(/(\d+):(\d+)/, '$1,$2')),
  perAction('translation leads to the next port', action =>
    action.kind === 'dnat' ? [{ ...action, port: (action.port ?? 0) + 1 }] : [],
  ),
  without('packets that should not be tracked are', rule => rule.action.kind === 'notrack'),
  without('nobody masquerades', rule => rule.action.kind === 'masquerade'),
  perAction('senders get ports of their own choice', action =>
    'ports' in action && action.ports !== undefined ? [{ ...action, ports: undefined }] : [],
  ),
  perAction('senders get the next address', action =>
    action.kind === 'snat' ? [{ kind: 'masquerade', ports: action.ports }] : [],
  ),
  perMatch('whether an address is local does not matter', match =>
    match.kind === 'local-address' ? [{ ...match, side: match.side === 'src' ? 'dst' : 'src' }] : [],
  ),
  nft('nft: a negation is lost', text => text.replace('!= ', '')),
  nft('nft: source for destination address', text =>
    text.replace(/saddr|daddr/, way => (way === 'saddr' ? 'daddr' : 'saddr')),
  ),
  nft('nft: source for destination port', text => text.replace('th dport', 'th sport')),
  nft('nft: a list of ports is cut', text => text.replace(/(port \{ [^}]*), [\d-]+ \}/, '$1 }')),
  nft('nft: a list of prefixes is cut', text => text.replace(/(addr \{ [^}]*), [^,]+ \}/, '$1 }')),
  nft('nft: goto becomes jump', text => text.replace('goto ', 'jump ')),
  nft('nft: a mark keeps the wrong bits', text =>
    text.replace(/mark set meta mark & 0x\w+/, 'mark set meta mark & 0xffffffff'),
  ),
  nft('nft: in and out are mixed up', text =>
    text.replace(/iifname|oifname/, way => (way === 'iifname' ? 'oifname' : 'iifname')),
  ),
  nft('nft: a look-up became a comparison with one member', text =>
    text.replace(/(addr|port) \{ ([^,}]+),[^}]*\}/, '$1 $2'),
  ),
  nft('nft: the other protocol', text =>
    text.replace(/l4proto (6|17)\b/, (_, number) => `l4proto ${number === '6' ? 17 : 6}`),
  ),
  nft('nft: a state is lost', text => text.replace('related,', '')),
  nft('nft: jump becomes goto', text => text.replace('jump ', 'goto ')),
  nft('nft: a name became a wildcard', text => text.replace(/ifname (\S*)"(\w+)\w\w"/, 'ifname $1"$2*"')),
  nft('nft: a prefix lost its length', text => text.replace(/(addr (?:!= )?[\da-f.:]+)\/\d+/, '$1/0')),
  {
    name: 'nft: a verdict map lacks an interface',
    *nft(table, { chains }) {
      if (chains !== undefined) return;
      for (const map of table.maps.values())
        for (const name of map.elements.keys()) {
          const elements = new Map(map.elements);
          elements.delete(name);
          yield { ...table, maps: new Map(table.maps).set(map.name, { ...map, elements }) };
        }
    },
  },
  {
    name: 'nft: a chain hangs at the hook of another',
    *nft(table, { chains }) {
      if (chains !== undefined) return;
      for (const chain of table.chains.values())
        if (chain.base?.endsWith(' 0')) {
          const base = `filter ${chain.base.includes('input') ? 'forward' : 'input'} 0`;
          yield { ...table, chains: new Map(table.chains).set(chain.name, { ...chain, base }) };
        }
    },
  },
  {
    name: 'nft: a verdict map leads to the wrong chain',
    *nft(table, { chains }) {
      if (chains !== undefined) return;
      for (const map of table.maps.values()) {
        const [a, b] = [...map.elements];
        if (a === undefined || b === undefined) continue;
        const elements = new Map(map.elements).set(a[0], b[1]).set(b[0], a[1]);
        yield { ...table, maps: new Map(table.maps).set(map.name, { ...map, elements }) };
      }
    },
  },
];
