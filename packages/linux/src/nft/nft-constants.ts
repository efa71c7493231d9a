/** uapi/linux/netfilter/nfnetlink.h and nf_tables.h. */

/** NFNL_SUBSYS_NFTABLES, in the high byte of message types and in the frames of a transaction. */
export const SUBSYSTEM = 10;
/** Bytes of struct nfgenmsg. */
export const NFGEN = 4;

export const BATCH = { begin: 0x10, end: 0x11 } as const;

/** NFT_MSG_* */
export const MSG = {
  newTable: 0,
  getTable: 1,
  delTable: 2,
  newChain: 3,
  getChain: 4,
  delChain: 5,
  newRule: 6,
  getRule: 7,
  delRule: 8,
  newSet: 9,
  getSet: 10,
  delSet: 11,
  newElements: 12,
  getElements: 13,
  delElements: 14,
  newGeneration: 15,
  getGeneration: 16,
} as const;

/** NFTA_*: in every message 1 is the table's name. */
export const TABLE = { name: 1, flags: 2 } as const;
export const CHAIN = { table: 1, name: 3, hook: 4, policy: 5, type: 7 } as const;
export const HOOK = { number: 1, priority: 2 } as const;
export const RULE = { table: 1, chain: 2, expressions: 4, userdata: 7 } as const;
export const SET = {
  table: 1,
  name: 2,
  flags: 3,
  keyType: 4,
  keyLength: 5,
  dataType: 6,
  dataLength: 7,
  description: 9,
  id: 10,
  userdata: 13,
  expression: 17,
} as const;
export const ELEMENTS = { table: 1, set: 2, list: 3, setId: 4 } as const;
export const ELEMENT = { key: 1, data: 2, flags: 3, userdata: 6, expression: 7, expressions: 11 } as const;
export const DATA = { value: 1, verdict: 2 } as const;
export const VERDICT = { code: 1, chain: 2 } as const;
export const LIST_ELEMENT = 1;
export const GENERATION = { id: 1 } as const;

/** NFTA_COUNTER_* */
export const COUNTER = { bytes: 1, packets: 2 } as const;

/** NFT_SET_* */
export const SET_FLAG = { anonymous: 1, constant: 2, interval: 4, map: 8 } as const;
/** NFT_SET_ELEM_INTERVAL_END */
export const INTERVAL_END = 1;

/** NF_INET_*: numbers of the hooks of `ip` and `ip6`. */
export const HOOKS = ['prerouting', 'input', 'forward', 'output', 'postrouting'] as const;

/** NF_DROP, NF_ACCEPT, NFT_JUMP, NFT_GOTO, NFT_RETURN, as unsigned 32 bits. */
export const VERDICT_CODE = {
  drop: 0,
  accept: 1,
  jump: 0xfffffffd,
  goto: 0xfffffffc,
  return: 0xfffffffb,
} as const;

const encoder = new TextEncoder();

/** Text with its final NUL. */
export function cString(value: string): Uint8Array {
  return encoder.encode(`${value}\0`);
}
