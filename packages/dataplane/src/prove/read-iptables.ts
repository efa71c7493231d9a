import type { SetId } from '@muslin/api';
import { fail, ok, type PortRange, type PortSet, parseIp, parsePrefix, type Result } from '@muslin/net';
import type { RenderedChain, RenderedTable } from '../iptables/render.ts';
import type { Action } from '../ir/action.ts';
import type { Match } from '../ir/match.ts';
import type { SetKey } from '../ir/matches/set.ts';
import type { ConntrackState } from '../ir/packet.ts';
import type { Chain, Rule, TableRules } from '../ir/ruleset.ts';
import { numberOf, type ReadFault, Words } from './words.ts';

type Not = { readonly not?: true };
type Reader = (words: Words, not: Not, setOf: (name: string) => SetId | undefined) => Match | undefined;

const ports =
  (kind: 'source-ports' | 'destination-ports'): Reader =>
  (words, not) => {
    const list = portsOf(words.next());
    return list && { kind, ports: list, ...not };
  };
const side =
  (kind: 'source' | 'destination'): Reader =>
  (words, not) => {
    const net = parsePrefix(words.next());
    return net.ok ? { kind, nets: [net.value], ...not } : undefined;
  };
const link =
  (kind: 'in-interface' | 'out-interface'): Reader =>
  (words, not) => {
    const name = words.next();
    return name.endsWith('+')
      ? { kind, name: name.slice(0, -1), wildcard: true, ...not }
      : { kind, name, ...not };
  };
const icmp: Reader = (words, not) => {
  const [type, code] = words.next().split('/').map(numberOf);
  return type === undefined ? undefined : { kind: 'icmp', type, ...(code !== undefined && { code }), ...not };
};
const local =
  (which: 'src' | 'dst'): Reader =>
  (words, not) =>
    words.take('LOCAL') ? { kind: 'local-address', side: which, ...not } : undefined;

/** Options of iptables(8) and iptables-extensions(8) that our rules use. */
const OPTIONS: Readonly<Record<string, Reader>> = {
  '-i': link('in-interface'),
  '-o': link('out-interface'),
  '-s': side('source'),
  '-d': side('destination'),
  '-p': (words, not) => {
    const protocol = numberOf(words.next());
    return protocol === undefined ? undefined : { kind: 'protocol', protocol, ...not };
  },
  '--sports': ports('source-ports'),
  '--dports': ports('destination-ports'),
  '--icmp-type': icmp,
  '--icmpv6-type': icmp,
  '--ctstate': (words, not) =>
    words.take('DNAT')
      ? { kind: 'translated', ...not }
      : { kind: 'conntrack', states: words.next().split(',') as ConntrackState[], ...not },
  '--mark': (words, not) => {
    const [value, mask] = words.next().split('/').map(numberOf);
    return value === undefined || mask === undefined ? undefined : { kind: 'mark', value, mask, ...not };
  },
  '--src-type': local('src'),
  '--dst-type': local('dst'),
  '--match-set': (words, not, setOf) => {
    const set = setOf(words.next());
    return set === undefined ? undefined : { kind: 'set', set, key: words.next() as SetKey, ...not };
  },
};

const known = new WeakMap<RenderedChain, Chain>();

/** Reads a rendered table back as rules: what iptables-restore will be told, not what was meant to be. */
export function readTable(
  { chains, hooks }: RenderedTable,
  setOf: (name: string) => SetId | undefined,
): Result<TableRules, ReadFault> {
  const read = new Map<string, Chain>();
  for (const chain of chains.values()) {
    let value = known.get(chain);
    if (value === undefined) {
      const rules: Rule[] = [];
      for (const { text } of chain.rules) {
        const rule = readRule(text, setOf);
        if (typeof rule === 'string')
          return fail({ code: 'unreadable', chain: chain.name, rule: text, message: rule });
        rules.push(rule);
      }
      value = { name: chain.name, rules };
      known.set(chain, value);
    }
    read.set(chain.name, value);
  }
  const jumps = new Map<Parameters<TableRules['hooks']['get']>[0], string>();
  for (const [hook, { text }] of hooks) {
    const rule = readRule(text, setOf);
    if (typeof rule === 'string' || rule.action.kind !== 'jump' || rule.matches.length > 0)
      return fail({ code: 'unreadable', chain: hook, rule: text, message: 'not a jump of ours' });
    jumps.set(hook, rule.action.chain);
  }
  return ok({ hooks: jumps, chains: read });
}

/** One rule; a text says what of it is not understood. */
function readRule(text: string, setOf: (name: string) => SetId | undefined): Rule | string {
  const words = new Words(text);
  const matches: Match[] = [];
  let perSecond: number | undefined;
  while (!words.done) {
    if (words.peek() === '-j' || words.peek() === '-g') {
      const action = actionOf(words);
      if (action === undefined || !words.done) return 'its target is not understood';
      return {
        matches,
        action: action.kind === 'nflog' && perSecond !== undefined ? { ...action, perSecond } : action,
      };
    }
    if (words.take('-m')) {
      const module = words.next();
      if (module === 'limit') {
        words.take('--limit');
        perSecond = numberOf(words.next().replace(/\/second$/, ''));
        if (words.take('--limit-burst')) words.next();
      } else if (module === 'comment') {
        words.take('--comment');
        words.next();
      } else if (module === 'rpfilter') {
        matches.push(words.take('--invert') ? { kind: 'reverse-path', not: true } : { kind: 'reverse-path' });
      }
      continue;
    }
    const not = words.take('!') ? { not: true as const } : {};
    const option = words.next();
    const match = OPTIONS[option]?.(words, not, setOf);
    if (match === undefined) return `${option} is not understood`;
    matches.push(match);
  }
  return 'it has no target';
}

function actionOf(words: Words): Action | undefined {
  const how = words.next();
  const target = words.next();
  if (how === '-g') return { kind: 'goto', chain: target };
  switch (target) {
    case 'ACCEPT':
      return { kind: 'accept' };
    case 'DROP':
      return { kind: 'drop' };
    case 'REJECT': {
      if (!words.take('--reject-with')) return undefined;
      return { kind: 'reject', family: words.next().startsWith('icmp6') ? 6 : 4 };
    }
    case 'RETURN':
      return { kind: 'return' };
    case 'MARK': {
      if (!words.take('--set-xmark')) return undefined;
      const [value, mask] = words.next().split('/').map(numberOf);
      return value === undefined || mask === undefined ? undefined : { kind: 'mark', value, mask };
    }
    case 'MASQUERADE':
      return masqueradeTo(words.take('--to-ports') ? words.next() : undefined, words.take('--random-fully'));
    case 'DNAT':
      return words.take('--to-destination') ? dnatTo(words.next()) : undefined;
    case 'SNAT':
      return words.take('--to-source') ? snatTo(words.next(), words.take('--random-fully')) : undefined;
    case 'CT':
      return words.take('--notrack') ? { kind: 'notrack' } : undefined;
    case 'LOG':
      return words.take('--log-prefix') ? { kind: 'log', prefix: words.next() } : undefined;
    case 'NFLOG': {
      if (!words.take('--nflog-group')) return undefined;
      const group = numberOf(words.next());
      if (group === undefined || !words.take('--nflog-prefix')) return undefined;
      return { kind: 'nflog', group, prefix: words.next() };
    }
    default:
      return target.startsWith('msl-') ? { kind: 'jump', chain: target } : undefined;
  }
}

/** Nowhere in particular, or to `80` or `80-90`; always to a port at random. */
export function masqueradeTo(ports: string | undefined, random: boolean): Action | undefined {
  if (!random) return undefined;
  if (ports === undefined) return { kind: 'masquerade' };
  const range = natPortsOf(ports);
  return range === undefined ? undefined : { kind: 'masquerade', ports: range };
}

/** To `10.0.0.1` or `fd00::1`, `10.0.0.1:80-90` or `[fd00::1]:80-90`; always to a port at random. */
export function snatTo(text: string, random: boolean): Action | undefined {
  if (!random) return undefined;
  const alone = parseIp(text);
  if (alone.ok) return { kind: 'snat', ip: alone.value };
  const [, ip = '', ports = ''] = /^\[?([0-9a-f.:]+?)\]?:([\d-]+)$/.exec(text) ?? [];
  const parsed = parseIp(ip);
  const range = natPortsOf(ports);
  return parsed.ok && range !== undefined ? { kind: 'snat', ip: parsed.value, ports: range } : undefined;
}

/** `80` or `80-90`. */
function natPortsOf(text: string): PortRange | undefined {
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  return first === undefined ? undefined : { first: Number(first), last: Number(last) };
}

/** `10.0.0.1:80` or `[fd00::1]:80`, or an address alone. */
export function dnatTo(text: string): Action | undefined {
  const alone = parseIp(text);
  if (alone.ok) return { kind: 'dnat', ip: alone.value, port: undefined };
  const [, ip = '', port = ''] = /^\[?([0-9a-f.:]+?)\]?:(\d+)$/.exec(text) ?? [];
  const parsed = parseIp(ip);
  return parsed.ok ? { kind: 'dnat', ip: parsed.value, port: Number(port) } : undefined;
}

/** `80,443,8000:8100`. */
function portsOf(text: string): PortSet | undefined {
  const ranges = text.split(',').map(range => {
    const [first, last] = range.split(':').map(numberOf);
    return first === undefined ? undefined : { first, last: last ?? first };
  });
  return ranges.every(range => range !== undefined) ? ranges : undefined;
}
