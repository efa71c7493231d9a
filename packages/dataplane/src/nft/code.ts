import {
  type Family,
  formatPrefix,
  ipToBytes,
  mustPrefix,
  type PortRange,
  type Prefix,
  widthOf,
} from '@muslin/net';
import type { Action } from '../ir/action.ts';
import type { Match } from '../ir/match.ts';
import type { ConntrackState } from '../ir/packet.ts';
import type { Rule } from '../ir/ruleset.ts';
import { outermost } from '../outermost.ts';
import { setName } from '../set-name.ts';
import {
  concatenated,
  hostWord,
  nameBytes,
  NFT_TYPE,
  type NftExpression,
  type NftList,
  portBytes,
} from './expression.ts';
import { listOf, stretchesOf, stretchOf } from './list.ts';

type Code = readonly NftExpression[];

/**
 * A lowered rule as the expressions that `nft` would make of its text (recorded: code.test.ts); undefined when it holds
 * something that has no row here, which then goes by the nft command.
 */
export function nftCode(rule: Rule, family: Family): Code | undefined {
  const code: NftExpression[] = [];
  for (const match of rule.matches) {
    const row = MATCHES[match.kind] as ((match: Match, family: Family) => Code | undefined) | undefined;
    const made = row?.(match, family);
    if (made === undefined) return undefined;
    code.push(...made);
  }
  const row = ACTIONS[rule.action.kind] as ((action: Action) => Code | undefined) | undefined;
  const action = row?.(rule.action);
  if (rule.counts !== undefined) code.push({ kind: 'counter' });
  return action === undefined ? undefined : [...code, ...action];
}

const load = {
  network: (offset: number, length: number): NftExpression => ({
    ...{ kind: 'payload', base: 'network', offset, length, word: 0 },
  }),
  transport: (offset: number, length: number, word = 0): NftExpression => ({
    ...{ kind: 'payload', base: 'transport', offset, length, word },
  }),
  meta: (key: 'iifname' | 'oifname' | 'l4proto' | 'mark', word = 0): NftExpression => ({
    kind: 'meta',
    key,
    word,
  }),
};
const compare = (equal: boolean, value: Uint8Array): NftExpression => ({ kind: 'compare', equal, value });
const lookup = (set: string | NftList, within: boolean): NftExpression => ({ kind: 'lookup', set, within });
const masked = (mask: Uint8Array): NftExpression => ({
  ...{ kind: 'bitwise', mask, xor: new Uint8Array(mask.length) },
});

/** RFC 791 §3.1, RFC 8200 §3. */
const ADDRESS = {
  4: { src: 12, dst: 16, length: 4 },
  6: { src: 8, dst: 24, length: 16 },
} as const;

function address(
  family: Family,
  side: 'src' | 'dst',
  length: number = ADDRESS[family].length,
): NftExpression {
  return load.network(ADDRESS[family][side], length);
}

/** One prefix: as many whole bytes as it has, or a mask; several: a list. */
function addresses(
  nets: readonly Prefix[],
  family: Family,
  side: 'src' | 'dst',
  within: boolean,
): Code | undefined {
  const [only, ...more] = nets;
  if (only === undefined) return undefined;
  const type = family === 4 ? NFT_TYPE.ipv4_addr : NFT_TYPE.ipv6_addr;
  if (more.length > 0) {
    // In a list intervals must not overlap.
    const own = outermost(nets.map(net => mustPrefix(formatPrefix(net))));
    return [address(family, side), lookup(stretchesOf(type, own.map(stretchOf)), within)];
  }
  if (only.length === 0) return within ? [] : undefined;
  const bytes = ipToBytes(only.ip);
  const whole = only.length / 8;
  if (Number.isInteger(whole)) return [address(family, side, whole), compare(within, bytes.slice(0, whole))];
  const mask = new Uint8Array(widthOf(family) / 8);
  for (let bit = 0; bit < only.length; bit++)
    mask[bit >> 3] = (mask[bit >> 3] as number) | (0x80 >> (bit & 7));
  return [address(family, side), masked(mask), compare(within, bytes)];
}

/** linux/netfilter/nf_conntrack_common.h, NF_CT_STATE_BIT. */
const STATE: Readonly<Record<ConntrackState, number>> = {
  INVALID: 1,
  ESTABLISHED: 2,
  RELATED: 4,
  NEW: 8,
  UNTRACKED: 64,
};
const ZERO = hostWord(0);

type MatchCode<K extends Match['kind']> = (
  match: Extract<Match, { kind: K }>,
  family: Family,
) => Code | undefined;

const interfaceCode: MatchCode<'in-interface' | 'out-interface'> = m => [
  load.meta(m.kind === 'in-interface' ? 'iifname' : 'oifname'),
  compare(!m.not, nameBytes(m.name, m.wildcard ? m.name.length : undefined)),
];

const addressCode: MatchCode<'source' | 'destination'> = (m, family) =>
  addresses(m.nets, family, m.kind === 'source' ? 'src' : 'dst', !m.not);

const portsCode: MatchCode<'source-ports' | 'destination-ports'> = m => {
  const port = load.transport(m.kind === 'source-ports' ? 0 : 2, 2);
  const [only, ...more] = m.ports;
  if (only === undefined) return undefined;
  if (more.length > 0) {
    const single = m.ports.every(({ first, last }) => first === last);
    const list = single
      ? listOf(
          NFT_TYPE.inet_service,
          m.ports.map(({ first }) => portBytes(first)),
        )
      : stretchesOf(
          NFT_TYPE.inet_service,
          m.ports.map(r => [portBytes(r.first), portBytes(r.last)] as const),
        );
    return [port, lookup(list, !m.not)];
  }
  const [first, last] = [portBytes(only.first), portBytes(only.last)];
  return [
    port,
    only.first === only.last ? compare(!m.not, first) : { kind: 'range', within: !m.not, first, last },
  ];
};

const MATCHES: { readonly [K in Match['kind']]?: MatchCode<K> } = {
  'in-interface': interfaceCode as MatchCode<'in-interface'>,
  'out-interface': interfaceCode as MatchCode<'out-interface'>,
  source: addressCode as MatchCode<'source'>,
  destination: addressCode as MatchCode<'destination'>,
  'source-ports': portsCode as MatchCode<'source-ports'>,
  'destination-ports': portsCode as MatchCode<'destination-ports'>,
  protocol: m => [load.meta('l4proto'), compare(!m.not, Uint8Array.of(m.protocol))],
  icmp: (m, family) => {
    if (m.code === undefined) return [load.transport(0, 1), compare(!m.not, Uint8Array.of(m.type))];
    const type =
      family === 4
        ? concatenated(NFT_TYPE.icmp_type, NFT_TYPE.icmp_code)
        : concatenated(NFT_TYPE.icmpv6_type, NFT_TYPE.icmpv6_code);
    const key = Uint8Array.of(m.type, 0, 0, 0, m.code, 0, 0, 0);
    return [load.transport(0, 1), load.transport(1, 1, 1), lookup(listOf(type, [key]), !m.not)];
  },
  conntrack: m => {
    const [only, ...more] = m.states;
    if (only === undefined) return undefined;
    const bits = m.states.reduce((sum, state) => sum | STATE[state], 0);
    if (!m.not) return [{ kind: 'ct-state' }, masked(hostWord(bits)), compare(false, ZERO)];
    return more.length > 0 ? undefined : [{ kind: 'ct-state' }, compare(false, hostWord(bits))];
  },
  mark: m => [load.meta('mark'), masked(hostWord(m.mask)), compare(!m.not, hostWord(m.value))],
  'local-address': m => [
    { kind: 'fib', ask: m.side === 'src' ? 'source-type' : 'destination-type' },
    // RTN_LOCAL
    compare(!m.not, hostWord(2)),
  ],
  'reverse-path': m => [{ kind: 'fib', ask: 'reverse-path' }, compare(true, hostWord(m.not ? 0 : 1))],
  set: (m, family) => {
    const [addressSide, portSide] = m.key.split(',') as ['src' | 'dst', ('src' | 'dst')?];
    const words = ADDRESS[family].length / 4;
    const port: Code =
      portSide === undefined
        ? []
        : [load.meta('l4proto', words), load.transport(portSide === 'src' ? 0 : 2, 2, words + 1)];
    return [address(family, addressSide), ...port, lookup(setName(m.set, family), !m.not)];
  },
};

const ACTIONS: {
  readonly [K in Action['kind']]?: (action: Extract<Action, { kind: K }>) => Code | undefined;
} = {
  accept: () => [{ kind: 'verdict', verdict: 'accept' }],
  drop: () => [{ kind: 'verdict', verdict: 'drop' }],
  // Port unreachable: RFC 792, RFC 4443 §3.1.
  reject: a => [{ kind: 'reject', code: a.family === 4 ? 3 : 4 }],
  return: () => [{ kind: 'verdict', verdict: 'return' }],
  jump: a => [{ kind: 'verdict', verdict: 'jump', chain: a.chain }],
  goto: a => [{ kind: 'verdict', verdict: 'goto', chain: a.chain }],
  dispatch: a => [load.meta(a.by === 'in' ? 'iifname' : 'oifname'), { kind: 'dispatch', map: a.name }],
  mark: a => [
    load.meta('mark'),
    { kind: 'bitwise', mask: hostWord(~a.mask), xor: hostWord(a.value) },
    { kind: 'set-mark' },
  ],
  masquerade: a => [{ kind: 'masquerade', ports: natPorts(a.ports) }],
  snat: a => [{ kind: 'snat', address: ipToBytes(a.ip), ports: natPorts(a.ports) }],
  dnat: a => [
    {
      kind: 'dnat',
      address: ipToBytes(a.ip),
      port: a.port === undefined ? undefined : portBytes(a.port),
    },
  ],
  notrack: () => [{ kind: 'notrack' }],
  log: a => [{ kind: 'log', prefix: logPrefix(a.prefix) }],
  nflog: a => [{ kind: 'log', prefix: logPrefix(a.prefix), group: a.group }],
};

const natPorts = (ports: PortRange | undefined) =>
  ports === undefined
    ? undefined
    : {
        first: portBytes(ports.first),
        last: ports.last === ports.first ? undefined : portBytes(ports.last),
      };

/** As the text of the rule has it. */
const logPrefix = (text: string) => text.replace(/[^A-Za-z0-9 ._/:=-]/g, '_').slice(0, 63);
