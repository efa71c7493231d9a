import type { MemberSet, SetId } from '@muslin/api';
import { type Family, formatPrefix, mustPrefix } from '@muslin/net';
import { digest } from '../digest.ts';
import { nftAction } from '../ir/action.ts';
import { nftMatch } from '../ir/match.ts';
import { word } from '../ir/match-row.ts';
import type { Chain, HookName, Rule, Ruleset, TableName } from '../ir/ruleset.ts';
import { MEMBER_PROTOCOL } from '../ir/set-lookup.ts';
import { desiredSets, type IpsetType } from '../ipset/set.ts';
import {
  COMMENT_PREFIX,
  chainHash,
  type RenderedRule,
  RULE_HASH_LENGTH,
  safeComment,
} from '../iptables/render.ts';
import { follow } from '../members/follow.ts';
import { isHost } from '../members/member-text.ts';
import { outermost } from '../outermost.ts';
import { nftCode } from './code.ts';
import type { NftExpression } from './expression.ts';

/** The one table of ours, in the families `ip` and `ip6`. */
export const NFT_TABLE = 'muslin';

/** A chain as text. `base` is `<type> <hook> <priority>` for those that the kernel calls itself. */
export interface NftChain {
  readonly name: string;
  readonly base: string | undefined;
  readonly hash: string;
  readonly rules: readonly NftRule[];
}

/** A rule as text for the nft command and, where `nftCode` knows how, as the kernel's expressions. */
export interface NftRule extends RenderedRule {
  readonly comment: string;
  readonly code: readonly NftExpression[] | undefined;
}

/**
 * A set. Members in nft's words, disjoint: `10.0.0.0/8` or `10.0.0.1 . 6 . 80`. One of single addresses is a hash, which
 * takes a member more or less in no time; intervals the kernel sorts anew for each (12 ms for 100,000 on Linux 6.18).
 */
export interface NftSet {
  readonly name: string;
  readonly kind: 'net' | 'host' | 'ip-port';
  readonly members: ReadonlySet<string>;
  /** Each member counts its packets; not known of one that was listed. */
  readonly counted?: true;
}

/** A verdict map: interface name → chain to go to. */
export interface NftMap {
  readonly name: string;
  readonly elements: ReadonlyMap<string, string>;
}

/** Everything of one family as it should be. */
export interface NftTable {
  readonly family: Family;
  readonly chains: ReadonlyMap<string, NftChain>;
  readonly sets: ReadonlyMap<string, NftSet>;
  readonly maps: ReadonlyMap<string, NftMap>;
}

/** nft(8), "CHAINS": where each table of iptables stands among the priorities of a hook. */
const PRIORITY: Readonly<Record<TableName, number>> = { raw: -300, mangle: -150, filter: 0, nat: 100 };

/** Just before `dstnat`, where kube-proxy's rules stand: of two translations the first counts, and that is ours, as in iptables. */
const EARLY_NAT = -101;

function baseOf(table: TableName, hook: HookName): string {
  const type = table === 'nat' ? 'nat' : table === 'mangle' && hook === 'OUTPUT' ? 'route' : 'filter';
  const early = table === 'nat' && (hook === 'PREROUTING' || hook === 'OUTPUT');
  return `${type} ${hook.toLowerCase()} ${early ? EARLY_NAT : PRIORITY[table]}`;
}

/** Renders a ruleset that was lowered with `NFT_LIMITS`; `sets` are the `NodeState`'s. */
export function nftTable(lowered: Ruleset, sets: ReadonlyMap<SetId, MemberSet>): NftTable {
  const { family } = lowered;
  const chains = new Map<string, NftChain>();
  const maps = new Map<string, NftMap>();
  for (const [tableName, table] of lowered.tables) {
    const bases = new Map([...table.hooks].map(([hook, chain]) => [chain, baseOf(tableName, hook)]));
    for (const chain of table.chains.values()) {
      chains.set(chain.name, renderNftChain(chain, bases.get(chain.name), family));
      for (const { action } of chain.rules) {
        if (action.kind !== 'dispatch') continue;
        const other = maps.get(action.name);
        if (other !== undefined && !sameMap(other.elements, action.chains))
          throw new Error(`two dispatches are called ${action.name}`);
        maps.set(action.name, { name: action.name, elements: action.chains });
      }
    }
  }
  const own = new Map<string, NftSet>();
  for (const set of desiredSets(sets, lowered).values()) {
    const made = { name: set.name, ...nftMembers(set.type, set.members) };
    own.set(set.name, set.counters === true ? { ...made, counted: true } : made);
  }
  return { family, chains, sets: own, maps };
}

function sameMap(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a === b || (a.size === b.size && [...a].every(([key, value]) => b.get(key) === value));
}

const rendered: Readonly<Record<Family, WeakMap<Chain, NftChain>>> = { 4: new WeakMap(), 6: new WeakMap() };

function renderNftChain(chain: Chain, base: string | undefined, family: Family): NftChain {
  const known = rendered[family].get(chain);
  if (known !== undefined && known.base === base) return known;
  const rules: NftRule[] = [];
  for (const rule of chain.rules)
    rules.push(renderNftRule(chain.name, rule, family, rules.at(-1)?.hash ?? ''));
  const made = { name: word(chain.name), base, hash: chainHash(rules.map(rule => rule.hash)), rules };
  rendered[family].set(chain, made);
  return made;
}

/** NFTNL_UDATA_COMMENT_MAXLEN is 128. */
const COMMENT_MAX = 120;

function renderNftRule(chain: string, rule: Rule, family: Family, previous: string): NftRule {
  const matches = rule.matches.map(match => nftMatch(match, family));
  const action = nftAction(rule.action);
  const counter = rule.counts === undefined ? [] : ['counter'];
  const comment = safeComment(rule.comment ?? '');
  const hash = digest(
    JSON.stringify(['nft', chain, previous, family, matches, ...counter, action, comment]),
    RULE_HASH_LENGTH,
  );
  const note = `${COMMENT_PREFIX}${hash}${comment === '' ? '' : ` ${comment}`}`.slice(0, COMMENT_MAX).trim();
  const text = [...matches, ...counter, action, `comment "${note}"`].join(' ');
  return { hash, text, comment: note, code: nftCode(rule, family), counts: rule.counts };
}

const PROTOCOL_NUMBER = new Map([...MEMBER_PROTOCOL].map(([number, name]) => [name, number]));
const portMembers = follow(member => [portMember(member)]);
const wide = follow(member => (isHost(member) ? [] : [member]));
const disjoint = new WeakMap<ReadonlySet<string>, ReadonlySet<string>>();

/** Members in nft's words. Its intervals must not overlap, so covered prefixes are left out; single addresses can't. */
function nftMembers(type: IpsetType, members: ReadonlySet<string>): Pick<NftSet, 'kind' | 'members'> {
  if (type === 'hash:ip,port') return { kind: 'ip-port', members: portMembers(members) };
  if (wide(members).size === 0) return { kind: 'host', members };
  let own = disjoint.get(members);
  if (own === undefined) {
    own = new Set(outermost([...members].map(mustPrefix)).map(formatPrefix));
    disjoint.set(members, own);
  }
  return { kind: 'net', members: own };
}

function portMember(member: string): string {
  const [ip = '', rest = ''] = member.split(',');
  const [protocol = '', port = ''] = rest.split(':');
  return `${ip} . ${PROTOCOL_NUMBER.get(protocol) ?? protocol} . ${port}`;
}
