import { chainHash, COMMENT_PREFIX, NO_HASH, RULE_HASH_LENGTH } from '../iptables/render.ts';
import { canonicalMember } from '../ipset/save.ts';
import { MEMBER_PROTOCOL } from '../ir/set-lookup.ts';
import type { NftMap, NftSet } from './table.ts';

/** Our table as the kernel has it. */
export interface NftListing {
  readonly chains: ReadonlyMap<string, { readonly base: string | undefined; readonly hash: string }>;
  readonly sets: ReadonlyMap<string, NftSet>;
  readonly maps: ReadonlyMap<string, NftMap>;
}

/** A kernel without our table. */
export const NO_NFT_TABLE: NftListing = { chains: new Map(), sets: new Map(), maps: new Map() };

type Json = { readonly [key: string]: unknown };
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/**
 * Reads what `nft -j list table <family> muslin` prints (libnftables-json(5)); undefined when it is no such
 * thing. Rules of ours are known by the hash in their comment.
 */
export function parseNftList(json: string): NftListing | undefined {
  let root: unknown;
  try {
    root = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (!isObject(root) || !Array.isArray(root['nftables'])) return undefined;
  const chains = new Map<string, { base: string | undefined; hashes: string[] }>();
  const sets = new Map<string, NftSet>();
  const maps = new Map<string, NftMap>();
  for (const item of root['nftables'].filter(isObject)) {
    const { chain, rule, set, map } = item;
    if (isObject(chain)) {
      const base =
        chain['hook'] === undefined ? undefined : ['type', 'hook', 'prio'].map(k => text(chain[k])).join(' ');
      chains.set(text(chain['name']), { base, hashes: [] });
    } else if (isObject(rule)) chains.get(text(rule['chain']))?.hashes.push(hashOf(text(rule['comment'])));
    else if (isObject(set)) {
      const intervals = list(set['flags']).includes('interval');
      const kind = Array.isArray(set['type']) ? 'ip-port' : intervals ? 'net' : 'host';
      sets.set(text(set['name']), {
        name: text(set['name']),
        kind,
        members: new Set(list(set['elem']).map(member)),
      });
    } else if (isObject(map)) {
      const elements = new Map(
        list(map['elem']).map(entry => [text(list(entry)[0]), gotoOf(list(entry)[1])]),
      );
      maps.set(text(map['name']), { name: text(map['name']), elements });
    }
  }
  return {
    chains: new Map([...chains].map(([name, { base, hashes }]) => [name, { base, hash: chainHash(hashes) }])),
    sets,
    maps,
  };
}

const HASH = new RegExp(`^${COMMENT_PREFIX}([\\w-]{${RULE_HASH_LENGTH}})(?: |$)`);

/** The hash that a rule's comment begins with, if it is one of ours. */
export function hashOf(comment: string): string {
  return HASH.exec(comment)?.[1] ?? NO_HASH;
}

function gotoOf(verdict: unknown): string {
  const target = isObject(verdict) ? verdict['goto'] : undefined;
  return isObject(target) ? text(target['target']) : '?';
}

/** One element in our spelling. */
function member(element: unknown): string {
  const value = isObject(element) && isObject(element['elem']) ? element['elem']['val'] : element;
  if (!isObject(value)) return canonicalMember(text(value));
  const net = value['prefix'];
  if (isObject(net)) return canonicalMember(`${text(net['addr'])}/${text(net['len'])}`);
  if (value['range'] !== undefined) return list(value['range']).map(text).join('-');
  const [ip, protocol, port] = list(value['concat']).map(text);
  return `${ip} . ${PROTOCOL_NUMBER.get(protocol ?? '') ?? protocol} . ${port}`;
}

const PROTOCOL_NUMBER = new Map([...MEMBER_PROTOCOL].map(([number, name]) => [name, `${number}`]));
