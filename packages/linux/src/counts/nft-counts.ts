import { nftRuleHash } from '@muslin/dataplane';
import { type Family, ok, type Result, widthOf } from '@muslin/net';
import { FAMILY } from '../netlink/address-family.ts';
import { eachAttribute, readAttributes, readBe32, readBe64, readText } from '../netlink/message-reader.ts';
import type { NetlinkFault } from '../netlink/netlink-fault.ts';
import type { NetlinkWriter } from '../netlink/message-writer.ts';
import type { NetlinkSocket } from '../netlink/netlink-socket.ts';
import {
  COUNTER,
  cString,
  DATA,
  ELEMENT,
  ELEMENTS,
  INTERVAL_END,
  MSG,
  NFGEN,
  RULE,
  SUBSYSTEM,
  TABLE,
} from '../nft/nft-constants.ts';
import { netMembers, hostMember, portMember } from '../nft/nft-element-codec.ts';
import { commentOf } from '../nft/nft-reading.ts';
import { nftRequest } from '../nft/nft-requests.ts';
import type { MemberCount, RuleCount } from './rule-count.ts';

const NOTHING = new Uint8Array();
/** NFTA_EXPR_NAME and _DATA; NFTA_MATCH_NAME and _INFO */
const EXPRESSION = { name: 1, data: 2 } as const;
const MATCH = { name: 1, info: 3 } as const;

/**
 * Counters of the rules of ours in a table, of one chain or of all: of our own table, or of one that iptables-nft keeps
 * in nf_tables. Costs what the chain holds, whatever else the table does.
 */
export function nftRuleCounts(
  socket: NetlinkSocket,
  family: Family,
  table: string,
  chain?: string,
): Result<readonly RuleCount[], NetlinkFault> {
  const request = {
    type: (SUBSYSTEM << 8) | MSG.getRule,
    flags: 0,
    call: () => `read counters of table ${table}`,
    write: (w: NetlinkWriter) => {
      w.u32(FAMILY[family]).attributeBytes(RULE.table, cString(table));
      if (chain !== undefined) w.attributeBytes(RULE.chain, cString(chain));
    },
  };
  return socket.dump(request, ({ payload }) => {
    const fields = readAttributes(payload, NFGEN);
    // Kernels that know no filter tell of everybody's.
    if (readText(fields.get(TABLE.name) ?? NOTHING) !== table) return undefined;
    return ruleCount(fields);
  });
}

function ruleCount(fields: ReadonlyMap<number, Uint8Array>): RuleCount | undefined {
  let comment = commentOf(fields.get(RULE.userdata) ?? NOTHING);
  let counted: Omit<RuleCount, 'chain' | 'hash'> | undefined;
  eachAttribute(fields.get(RULE.expressions) ?? NOTHING, 0, (_, bytes) => {
    const expression = readAttributes(bytes);
    const name = readText(expression.get(EXPRESSION.name) ?? NOTHING);
    if (name === 'counter') counted = countIn(expression.get(EXPRESSION.data) ?? NOTHING);
    else if (name === 'match') {
      const match = readAttributes(expression.get(EXPRESSION.data) ?? NOTHING);
      if (readText(match.get(MATCH.name) ?? NOTHING) === 'comment')
        comment = readText(match.get(MATCH.info) ?? NOTHING);
    }
  });
  const hash = nftRuleHash(comment);
  if (counted === undefined || hash === '?') return undefined;
  return { chain: readText(fields.get(RULE.chain) ?? NOTHING), hash, ...counted };
}

function countIn(data: Uint8Array): { readonly packets: number; readonly bytes: number } {
  const fields = readAttributes(data);
  const count = (type: number) => readBe64(fields.get(type) ?? NOTHING);
  return { packets: count(COUNTER.packets), bytes: count(COUNTER.bytes) };
}

/** Counters of a set's members, as far as they have counted anything. A set that is not there has none. */
export function nftMemberCounts(
  socket: NetlinkSocket,
  family: Family,
  set: string,
): Result<readonly MemberCount[], NetlinkFault> {
  const request = nftRequest(family, MSG.getElements, 0, `read counters of set ${set}`, w =>
    w.attributeBytes(ELEMENTS.set, cString(set)),
  );
  const dumped = socket.dump(request, ({ payload }) => {
    const found: Element[] = [];
    const list = readAttributes(payload, NFGEN).get(ELEMENTS.list) ?? NOTHING;
    eachAttribute(list, 0, (_, bytes) => {
      const fields = readAttributes(bytes);
      const key = readAttributes(fields.get(ELEMENT.key) ?? NOTHING)
        .get(DATA.value)
        ?.slice();
      const expression = fields.get(ELEMENT.expression) ?? firstOf(fields.get(ELEMENT.expressions));
      const data = expression && readAttributes(expression).get(EXPRESSION.data);
      const end = (readBe32(fields.get(ELEMENT.flags) ?? NOTHING) & INTERVAL_END) !== 0;
      if (key !== undefined) found.push({ key, end, ...countIn(data ?? NOTHING) });
    });
    return found;
  });
  if (!dumped.ok) return dumped.fault.code === 'ENOENT' ? ok([]) : dumped;
  const elements = dumped.value.flat();
  const intervals = elements.some(({ end }) => end);
  const edges = intervals ? elements.toSorted((a, b) => Buffer.compare(a.key, b.key)) : [];
  return ok(
    elements
      .filter(({ packets }) => packets > 0)
      .map(({ key, packets, bytes }) => ({ member: memberOf(key, edges, family), packets, bytes })),
  );
}

/** One element: a member, or where the one before it no longer holds. */
interface Element extends Pick<MemberCount, 'packets' | 'bytes'> {
  readonly key: Uint8Array;
  readonly end: boolean;
}

function firstOf(list: Uint8Array | undefined): Uint8Array | undefined {
  let first: Uint8Array | undefined;
  eachAttribute(list ?? NOTHING, 0, (_, bytes) => {
    first ??= bytes;
  });
  return first;
}

function memberOf(key: Uint8Array, edges: readonly Element[], family: Family): string {
  if (key.length !== widthOf(family) / 8) return portMember(key);
  if (edges.length === 0) return hostMember(key);
  // A prefix is where it begins and where the next edge is.
  const next = edges.find(edge => Buffer.compare(edge.key, key) > 0);
  const [member = '?'] = netMembers(
    [{ key }, ...(next === undefined ? [] : [{ key: next.key, end: true as const }])],
    family,
  );
  return member;
}
