import type { NftExpression } from '@muslin/dataplane';
import { FAMILY } from '../netlink/address-family.ts';
import { NLA, type NetlinkWriter } from '../netlink/message-writer.ts';
import { COUNTER, cString, DATA, LIST_ELEMENT, SET, VERDICT, VERDICT_CODE } from './nft-constants.ts';

/** NFTA_META_*, NFT_META_* */
const META = { destination: 1, key: 2, source: 3 } as const;
const META_KEY = { mark: 3, iifname: 6, oifname: 7, l4proto: 16 } as const;
/** NFTA_PAYLOAD_*, NFT_PAYLOAD_*_HEADER */
const PAYLOAD = { destination: 1, base: 2, offset: 3, length: 4 } as const;
const BASE = { network: 1, transport: 2 } as const;
/** NFTA_CMP_*, NFT_CMP_EQ and NEQ; NFTA_RANGE_* */
const COMPARE = { source: 1, op: 2, data: 3 } as const;
const RANGE = { source: 1, op: 2, from: 3, to: 4 } as const;
/** NFTA_BITWISE_* */
const BITWISE = { source: 1, destination: 2, length: 3, mask: 4, xor: 5 } as const;
/** NFTA_LOOKUP_*, NFT_LOOKUP_F_INV */
const LOOKUP = { set: 1, source: 2, destination: 3, setId: 4, flags: 5 } as const;
/** NFTA_FIB_*, NFT_FIB_RESULT_*, NFTA_FIB_F_* */
const FIB = { destination: 1, result: 2, flags: 3 } as const;
const FIB_ASK = {
  'source-type': { result: 3, flags: 1 },
  'destination-type': { result: 3, flags: 2 },
  // saddr, iif, present
  'reverse-path': { result: 1, flags: 1 | 8 | 32 },
} as const;
/** NFTA_CT_*: the state has key 0. */
const CT = { destination: 1, key: 2 } as const;
const IMMEDIATE = { destination: 1, data: 2 } as const;
/** NFTA_NAT_*, NFT_NAT_SNAT, NFT_NAT_DNAT, NF_NAT_RANGE_*; address and ports in NFT_REG_1 to _3 */
const NAT = {
  ...{ type: 1, family: 2, address: 3, port: 5, lastPort: 6, flags: 7, source: 0, destination: 1 },
  ...{ addressAt: 1, portAt: 2, lastPortAt: 3, mapsAddress: 1, mapsPort: 2 },
} as const;
/** NFTA_MASQ_*; ports in NFT_REG_1 and _2 */
const MASQUERADE = { flags: 1, port: 2, lastPort: 3, portAt: 1, lastPortAt: 2 } as const;
/** NFTA_LOG_* */
const LOG = { group: 1, prefix: 2, snapLength: 3, threshold: 4 } as const;
/** NFTA_REJECT_*, NFT_REJECT_ICMP_UNREACH. */
const REJECT = { type: 1, code: 2, icmpUnreachable: 0 } as const;
/** NF_NAT_RANGE_PROTO_RANDOM_FULLY */
const RANDOM_FULLY = 0x10;

/** The id by which a rule finds a list that travels in the same transaction. */
export type ListId = (list: Extract<NftExpression, { kind: 'lookup' }>['set'] & object) => number;

/** NFT_REG_1 to 4 hold 16 bytes, NFT_REG32_00 (8) and on the words within; words at their start have the short name. */
function register(word: number): number {
  return word % 4 === 0 ? 1 + word / 4 : 8 + word;
}

const be32 = (w: NetlinkWriter, type: number, value: number) => w.attribute(type, () => w.be32(value));
const value = (w: NetlinkWriter, type: number, bytes: Uint8Array) =>
  w.attribute(type | NLA.nested, () => w.attributeBytes(DATA.value, bytes));

/** Writes `{ goto x }` and the like as the value of a register or element. */
export function writeVerdict(w: NetlinkWriter, type: number, code: number, chain?: string): void {
  w.attribute(type | NLA.nested, () => {
    w.attribute(DATA.verdict | NLA.nested, () => {
      be32(w, VERDICT.code, code);
      if (chain !== undefined) w.attributeBytes(VERDICT.chain, cString(chain));
    });
  });
}

/** NFTA_COUNTER_*, each 64 bits. */
function writeZeroCounter(w: NetlinkWriter): () => void {
  return () => {
    for (const type of [COUNTER.bytes, COUNTER.packets]) w.attribute(type, () => w.be32(0).be32(0));
  };
}

/** Writes the counter that every new element of a set gets a copy of. */
export function writeElementCounter(w: NetlinkWriter): void {
  w.attribute(SET.expression | NLA.nested, () => {
    w.attributeBytes(1, cString('counter'));
    w.attribute(2 | NLA.nested, writeZeroCounter(w));
  });
}

/** Writes one expression of a rule. */
export function writeExpression(w: NetlinkWriter, expression: NftExpression, idOf: ListId): void {
  const named = (name: string, data?: () => void) =>
    w.attribute(LIST_ELEMENT | NLA.nested, () => {
      w.attributeBytes(1, cString(name));
      if (data !== undefined) w.attribute(2 | NLA.nested, data);
    });
  const load = (at: number, bytes: Uint8Array) =>
    named('immediate', () => {
      be32(w, IMMEDIATE.destination, at);
      value(w, IMMEDIATE.data, bytes);
    });
  switch (expression.kind) {
    case 'payload':
      named('payload', () => {
        be32(w, PAYLOAD.destination, register(expression.word));
        be32(w, PAYLOAD.base, BASE[expression.base]);
        be32(w, PAYLOAD.offset, expression.offset);
        be32(w, PAYLOAD.length, expression.length);
      });
      return;
    case 'meta':
      named('meta', () => {
        be32(w, META.key, META_KEY[expression.key]);
        be32(w, META.destination, register(expression.word));
      });
      return;
    case 'set-mark':
      named('meta', () => {
        be32(w, META.key, META_KEY.mark);
        be32(w, META.source, register(0));
      });
      return;
    case 'counter':
      named('counter', writeZeroCounter(w));
      return;
    case 'ct-state':
      named('ct', () => {
        be32(w, CT.key, 0);
        be32(w, CT.destination, register(0));
      });
      return;
    case 'fib':
      named('fib', () => {
        be32(w, FIB.flags, FIB_ASK[expression.ask].flags);
        be32(w, FIB.result, FIB_ASK[expression.ask].result);
        be32(w, FIB.destination, register(0));
      });
      return;
    case 'bitwise':
      named('bitwise', () => {
        be32(w, BITWISE.source, register(0));
        be32(w, BITWISE.destination, register(0));
        be32(w, BITWISE.length, expression.mask.length);
        value(w, BITWISE.mask, expression.mask);
        value(w, BITWISE.xor, expression.xor);
      });
      return;
    case 'compare':
      named('cmp', () => {
        be32(w, COMPARE.source, register(0));
        be32(w, COMPARE.op, expression.equal ? 0 : 1);
        value(w, COMPARE.data, expression.value);
      });
      return;
    case 'range':
      named('range', () => {
        be32(w, RANGE.source, register(0));
        be32(w, RANGE.op, expression.within ? 0 : 1);
        value(w, RANGE.from, expression.first);
        value(w, RANGE.to, expression.last);
      });
      return;
    case 'lookup':
      named('lookup', () => {
        const { set, within } = expression;
        be32(w, LOOKUP.source, register(0));
        w.attributeBytes(LOOKUP.set, cString(typeof set === 'string' ? set : ANONYMOUS));
        if (typeof set !== 'string') be32(w, LOOKUP.setId, idOf(set));
        if (!within) be32(w, LOOKUP.flags, 1);
      });
      return;
    case 'dispatch':
      named('lookup', () => {
        be32(w, LOOKUP.source, register(0));
        // NFT_REG_VERDICT
        be32(w, LOOKUP.destination, 0);
        w.attributeBytes(LOOKUP.set, cString(expression.map));
      });
      return;
    case 'verdict':
      named('immediate', () => {
        be32(w, IMMEDIATE.destination, 0);
        const chain = 'chain' in expression ? expression.chain : undefined;
        writeVerdict(w, IMMEDIATE.data, VERDICT_CODE[expression.verdict], chain);
      });
      return;
    case 'masquerade': {
      const { first, last } = expression.ports ?? {};
      if (first !== undefined) load(MASQUERADE.portAt, first);
      if (last !== undefined) load(MASQUERADE.lastPortAt, last);
      named('masq', () => {
        be32(w, MASQUERADE.flags, RANDOM_FULLY | (first === undefined ? 0 : NAT.mapsPort));
        if (first !== undefined) be32(w, MASQUERADE.port, MASQUERADE.portAt);
        if (last !== undefined) be32(w, MASQUERADE.lastPort, MASQUERADE.lastPortAt);
      });
      return;
    }
    case 'snat':
    case 'dnat': {
      const { kind, address } = expression;
      const [first, last] =
        expression.kind === 'dnat'
          ? [expression.port, undefined]
          : [expression.ports?.first, expression.ports?.last];
      load(NAT.addressAt, address);
      if (first !== undefined) load(NAT.portAt, first);
      if (last !== undefined) load(NAT.lastPortAt, last);
      named('nat', () => {
        be32(w, NAT.type, kind === 'snat' ? NAT.source : NAT.destination);
        be32(w, NAT.family, FAMILY[address.length === 4 ? 4 : 6]);
        be32(w, NAT.address, NAT.addressAt);
        if (first !== undefined) be32(w, NAT.port, NAT.portAt);
        if (last !== undefined) be32(w, NAT.lastPort, NAT.lastPortAt);
        const random = kind === 'snat' ? RANDOM_FULLY : 0;
        be32(w, NAT.flags, NAT.mapsAddress | random | (first === undefined ? 0 : NAT.mapsPort));
      });
      return;
    }
    case 'notrack':
      named('notrack');
      return;
    case 'reject':
      named('reject', () => {
        be32(w, REJECT.type, REJECT.icmpUnreachable);
        w.attribute(REJECT.code, () => w.u8(expression.code));
      });
      return;
    case 'log':
      named('log', () => {
        w.attributeBytes(LOG.prefix, cString(expression.prefix));
        if (expression.group === undefined) return;
        w.attribute(LOG.group, () => w.be16(expression.group ?? 0));
      });
      return;
    default:
      expression satisfies never;
  }
}

/** The kernel puts a number in the place of %d. */
export const ANONYMOUS = '__set%d';
