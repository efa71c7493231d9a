import type { SetId } from '@muslin/api';
import { fail, ok, type PortSet, parsePrefix, type Prefix, type Result } from '@muslin/net';
import type { Action } from '../ir/action.ts';
import type { Match } from '../ir/match.ts';
import type { SetKey } from '../ir/matches/set.ts';
import type { ConntrackState } from '../ir/packet.ts';
import type { Chain, HookName, Rule, TableName, TableRules } from '../ir/ruleset.ts';
import type { NftChain, NftMap, NftTable } from '../nft/table.ts';
import { dnatTo, masqueradeTo, snatTo } from './read-iptables.ts';
import { numberOf, type ReadFault, Words } from './words.ts';

/** What names in rules stand for. */
interface Names {
  readonly setOf: (name: string) => SetId | undefined;
  readonly maps: ReadonlyMap<string, NftMap>;
}

/** nft(8), "CHAINS": priorities that we use, as iptables' tables. */
const TABLES: Readonly<Record<string, TableName>> = {
  '-300': 'raw',
  '-150': 'mangle',
  '-101': 'nat',
  '0': 'filter',
  '100': 'nat',
};

const known = new WeakMap<NftChain, { readonly maps: string; readonly chain: Chain }>();

/** Reads a rendered table back as rules of iptables' tables: what the kernel will be told, not what was meant to be. */
export function readNftTable(
  table: NftTable,
  setOf: Names['setOf'],
): Result<ReadonlyMap<TableName, TableRules>, ReadFault> {
  const names = { setOf, maps: table.maps };
  const chains = new Map<string, Chain>();
  const hooks = new Map<TableName, Map<HookName, string>>();
  for (const rendered of table.chains.values()) {
    const read = readChain(rendered, names);
    if (!read.ok) return read;
    chains.set(rendered.name, read.value);
    if (rendered.base === undefined) continue;
    const [, hook = '', priority = ''] = rendered.base.split(' ');
    const name = TABLES[priority];
    if (name === undefined)
      return fail({
        code: 'unreadable',
        chain: rendered.name,
        rule: rendered.base,
        message: 'another priority',
      });
    const own = hooks.get(name) ?? new Map<HookName, string>();
    hooks.set(name, own.set(hook.toUpperCase() as HookName, rendered.name));
  }
  return ok(new Map([...hooks].map(([name, own]) => [name, { hooks: own, chains }])));
}

function readChain(rendered: NftChain, names: Names): Result<Chain, ReadFault> {
  const before = known.get(rendered);
  // Elements of a map change without its rule.
  const maps = mapsIn(rendered, names);
  if (before?.maps === maps) return ok(before.chain);
  const rules: Rule[] = [];
  for (const { text } of rendered.rules) {
    const rule = readRule(text, names);
    if (typeof rule === 'string')
      return fail({ code: 'unreadable', chain: rendered.name, rule: text, message: rule });
    rules.push(rule);
  }
  const chain = { name: rendered.name, rules };
  known.set(rendered, { maps, chain });
  return ok(chain);
}

const mapNames = new WeakMap<NftChain, readonly string[]>();

function mapsIn(rendered: NftChain, { maps }: Names): string {
  let used = mapNames.get(rendered);
  if (used === undefined) {
    used = rendered.rules.flatMap(({ text }) => / vmap @(\S+)/.exec(text)?.[1] ?? []);
    mapNames.set(rendered, used);
  }
  return used.length === 0 ? '' : JSON.stringify(used.map(name => [...(maps.get(name)?.elements ?? [])]));
}

function readRule(text: string, names: Names): Rule | string {
  const words = new Words(text);
  const matches: Match[] = [];
  let action: Action | undefined;
  while (!words.done) {
    if (words.take('comment')) {
      words.next();
      continue;
    }
    if (words.take('counter')) continue;
    if (action !== undefined) return `${words.peek()} comes after its verdict`;
    const dispatch = dispatchOf(words, names);
    if (dispatch !== undefined) {
      action = dispatch;
      continue;
    }
    const match = matchOf(words, names);
    if (match !== undefined) {
      matches.push(match);
      continue;
    }
    action = actionOf(words);
    if (action === undefined) return `${words.peek()} is not understood`;
  }
  return action === undefined ? 'it has no verdict' : { matches, action };
}

function dispatchOf(words: Words, { maps }: Names): Action | undefined {
  const by = words.peek() === 'iifname' ? 'in' : 'out';
  if (!words.take('iifname', 'vmap') && !words.take('oifname', 'vmap')) return undefined;
  const name = words.next().slice(1);
  return { kind: 'dispatch', by, name, chains: maps.get(name)?.elements ?? new Map() };
}

const SIDES = { saddr: 'src', daddr: 'dst' } as const;
const ADDRESSES = { saddr: 'source', daddr: 'destination' } as const;

function matchOf(words: Words, { setOf }: Names): Match | undefined {
  const not = () => (words.take('!=') ? { not: true as const } : {});
  for (const [word, kind] of [
    ['iifname', 'in-interface'],
    ['oifname', 'out-interface'],
  ] as const)
    if (words.take(word)) {
      const turned = not();
      const name = words.next();
      return name.endsWith('*')
        ? { kind, name: name.slice(0, -1), wildcard: true, ...turned }
        : { kind, name, ...turned };
    }
  for (const head of ['ip', 'ip6'] as const)
    for (const field of ['saddr', 'daddr'] as const) {
      if (!words.take(head, field)) continue;
      const port = portKey(words);
      const turned = not();
      if (words.peek().startsWith('@')) {
        const set = setOf(words.next().slice(1));
        const key = `${SIDES[field]}${port === undefined ? '' : `,${port}`}` as SetKey;
        return set === undefined ? undefined : { kind: 'set', set, key, ...turned };
      }
      const nets = listed(words).map(word => parsePrefix(word));
      const good = nets.flatMap((net): Prefix[] => (net.ok ? [net.value] : []));
      return good.length === nets.length ? { kind: ADDRESSES[field], nets: good, ...turned } : undefined;
    }
  for (const [field, kind] of [
    ['sport', 'source-ports'],
    ['dport', 'destination-ports'],
  ] as const)
    if (words.take('th', field)) {
      const turned = not();
      const ports = portsOf(listed(words));
      return ports && { kind, ports, ...turned };
    }
  for (const side of ['saddr', 'daddr'] as const)
    if (words.take('fib', side, 'type')) {
      const turned = not();
      return words.take('local') ? { kind: 'local-address', side: SIDES[side], ...turned } : undefined;
    }
  if (words.take('fib', 'saddr', '.', 'iif', 'oif'))
    return words.take('missing')
      ? { kind: 'reverse-path', not: true }
      : words.take('exists')
        ? { kind: 'reverse-path' }
        : undefined;
  return icmpOf(words) ?? metaOf(words);
}

/** ` . meta l4proto . th dport`, the rest of a look-up of address and port. */
function portKey(words: Words): 'src' | 'dst' | undefined {
  if (!words.take('.', 'meta', 'l4proto', '.', 'th')) return undefined;
  return words.take('sport') ? 'src' : words.take('dport') ? 'dst' : undefined;
}

function icmpOf(words: Words): Match | undefined {
  for (const head of ['icmp', 'icmpv6'] as const) {
    if (!words.take(head, 'type')) continue;
    const both = words.take('.', head, 'code');
    const not = words.take('!=') ? { not: true as const } : {};
    if (!both) {
      const type = numberOf(words.next());
      return type === undefined ? undefined : { kind: 'icmp', type, ...not };
    }
    words.take('{');
    const type = numberOf(words.next());
    words.take('.');
    const code = numberOf(words.next());
    return words.take('}') && type !== undefined && code !== undefined
      ? { kind: 'icmp', type, code, ...not }
      : undefined;
  }
  return undefined;
}

function metaOf(words: Words): Match | undefined {
  if (words.take('meta', 'l4proto')) {
    const not = words.take('!=') ? { not: true as const } : {};
    const protocol = numberOf(words.next());
    return protocol === undefined ? undefined : { kind: 'protocol', protocol, ...not };
  }
  if (words.take('ct', 'state')) {
    const not = words.take('!=') ? { not: true as const } : {};
    const states = listed(words).flatMap(word => word.split(','));
    return { kind: 'conntrack', states: states.map(state => state.toUpperCase() as ConntrackState), ...not };
  }
  if (words.take('ct', 'status', '&', 'dnat'))
    return words.take('!=', '0')
      ? { kind: 'translated' }
      : words.take('==', '0')
        ? { kind: 'translated', not: true }
        : undefined;
  if (words.take('meta', 'mark', '&')) {
    const mask = numberOf(words.next());
    const not = words.take('!=') ? { not: true as const } : words.take('==') ? {} : undefined;
    const value = numberOf(words.next());
    return mask === undefined || value === undefined || not === undefined
      ? undefined
      : { kind: 'mark', value, mask, ...not };
  }
  return undefined;
}

function actionOf(words: Words): Action | undefined {
  if (words.take('meta', 'mark', 'set', 'meta', 'mark', '&')) {
    const keep = numberOf(words.next());
    const value = words.take('|') ? numberOf(words.next()) : undefined;
    return keep === undefined || value === undefined ? undefined : { kind: 'mark', value, mask: ~keep >>> 0 };
  }
  if (words.take('masquerade')) {
    const ports = words.take('to') ? words.next().replace(/^:/, '') : undefined;
    return masqueradeTo(ports, words.take('fully-random'));
  }
  if (words.take('reject', 'with')) {
    const family = words.next() === 'icmpv6' ? 6 : 4;
    return words.take('port-unreachable') ? { kind: 'reject', family } : undefined;
  }
  if (words.take('dnat', 'to')) return dnatTo(words.next());
  if (words.take('snat', 'to')) return snatTo(words.next(), words.take('fully-random'));
  if (words.take('log', 'prefix')) return { kind: 'log', prefix: words.next() };
  if (words.take('limit', 'rate')) {
    const perSecond = numberOf(words.next().replace(/\/second$/, ''));
    if (!words.take('burst')) return undefined;
    words.next();
    const log = words.take('packets') ? actionOf(words) : undefined;
    return log?.kind === 'nflog' && perSecond !== undefined ? { ...log, perSecond } : undefined;
  }
  if (words.take('log', 'group')) {
    const group = numberOf(words.next());
    return group !== undefined && words.take('prefix')
      ? { kind: 'nflog', group, prefix: words.next() }
      : undefined;
  }
  for (const kind of ['accept', 'drop', 'return', 'notrack'] as const) if (words.take(kind)) return { kind };
  for (const kind of ['jump', 'goto'] as const) if (words.take(kind)) return { kind, chain: words.next() };
  return undefined;
}

/** One value, or those between braces. */
function listed(words: Words): readonly string[] {
  if (!words.take('{')) return [words.next()];
  const values: string[] = [];
  while (!words.done && !words.take('}')) if (!words.take(',')) values.push(words.next());
  return values;
}

function portsOf(texts: readonly string[]): PortSet | undefined {
  const ranges = texts.map(text => {
    const [first, last] = text.split('-').map(numberOf);
    return first === undefined ? undefined : { first, last: last ?? first };
  });
  return ranges.every(range => range !== undefined) ? ranges : undefined;
}
