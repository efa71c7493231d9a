import {
  concatenated,
  NFT_TABLE,
  NFT_TYPE,
  type NftChain,
  type NftElements,
  type NftList,
  type NftPlan,
  type NftRule,
  type NftSet,
} from '@muslin/dataplane';
import { type Family, widthOf } from '@muslin/net';
import { FAMILY } from '../netlink/address-family.ts';
import { NLM } from '../netlink/message-reader.ts';
import { NLA, type NetlinkWriter } from '../netlink/message-writer.ts';
import type { NetlinkRequest } from '../netlink/netlink-socket.ts';
import {
  BATCH,
  CHAIN,
  cString,
  ELEMENT,
  ELEMENTS,
  HOOK,
  HOOKS,
  INTERVAL_END,
  LIST_ELEMENT,
  DATA,
  MSG,
  RULE,
  SET,
  SET_FLAG,
  SUBSYSTEM,
  TABLE,
  VERDICT_CODE,
} from './nft-constants.ts';
import { elementsOf, type KernelElement } from './nft-element-codec.ts';
import {
  ANONYMOUS,
  type ListId,
  writeElementCounter,
  writeExpression,
  writeVerdict,
} from './nft-expression-codec.ts';

/** Elements of one message: a nest holds 64 kB, and one element takes up to 88 bytes. */
const ELEMENTS_PER_MESSAGE = 512;
const NF_ACCEPT = 1;
const TABLE_NAME = cString(NFT_TABLE);

const frame = (type: number): NetlinkRequest => ({
  type,
  flags: 0,
  call: () => 'change nftables',
  write: w => void w.u16(0).be16(SUBSYSTEM),
});

/** The frames of a transaction. */
export const FRAMES = [frame(BATCH.begin), frame(BATCH.end)] as const;

/** One request about our table of a family. */
export function nftRequest(
  family: Family,
  message: number,
  flags: number,
  call: string,
  write: (w: NetlinkWriter) => void = () => {},
): NetlinkRequest {
  return {
    type: (SUBSYSTEM << 8) | message,
    flags,
    call: () => call,
    write: w => {
      w.u32(FAMILY[family]).attributeBytes(TABLE.name, TABLE_NAME);
      write(w);
    },
  };
}

/** The plan as requests of one transaction; undefined when a rule has no code and must go by the nft command. */
export function planRequests(plan: NftPlan): readonly NetlinkRequest[] | undefined {
  const { family } = plan;
  const requests: NetlinkRequest[] = [];
  const ask = (message: number, flags: number, call: string, write?: (w: NetlinkWriter) => void) =>
    requests.push(nftRequest(family, message, flags, call, write));
  let ids = 0;
  const addTable = () =>
    ask(MSG.newTable, NLM.create, 'add table', w => w.attribute(TABLE.flags, () => w.be32(0)));
  const named = (type: number, name: string) => (w: NetlinkWriter) => w.attributeBytes(type, cString(name));

  addTable();
  if (plan.drop || plan.rebuild) ask(MSG.delTable, 0, 'delete table');
  if (plan.drop) return requests;
  if (plan.rebuild) addTable();
  for (const set of plan.createSets)
    ask(MSG.newSet, NLM.create, `add set ${set.name}`, w => writeSet(w, set, family, ++ids));
  for (const map of plan.createMaps)
    ask(MSG.newSet, NLM.create, `add map ${map}`, w => writeMap(w, map, ++ids));
  for (const chain of plan.createChains)
    ask(MSG.newChain, NLM.create, `add chain ${chain.name}`, w => writeChain(w, chain));
  for (const { name } of plan.rewrite) ask(MSG.delRule, 0, `flush chain ${name}`, named(RULE.chain, name));
  for (const name of plan.removeChains) ask(MSG.delRule, 0, `flush chain ${name}`, named(RULE.chain, name));
  for (const set of plan.recreateSets) {
    ask(MSG.delSet, 0, `delete set ${set.name}`, named(SET.name, set.name));
    ask(MSG.newSet, NLM.create, `add set ${set.name}`, w => writeSet(w, set, family, ++ids));
  }
  for (const change of plan.elements)
    requests.push(...elementRequests(family, 'delete', change, change.remove));
  for (const change of plan.elements) requests.push(...elementRequests(family, 'add', change, change.add));
  for (const chain of plan.rewrite)
    for (const rule of chain.rules) {
      const { code } = rule;
      if (code === undefined) return undefined;
      const lists = new Map<NftList, number>();
      for (const expression of code)
        if (expression.kind === 'lookup' && typeof expression.set !== 'string') {
          const list = expression.set;
          const id = ++ids;
          lists.set(list, id);
          ask(MSG.newSet, NLM.create, `add list of chain ${chain.name}`, w => writeList(w, list, id));
          for (let i = 0; i < list.elements.length; i += ELEMENTS_PER_MESSAGE) {
            const part = list.elements.slice(i, i + ELEMENTS_PER_MESSAGE);
            ask(MSG.newElements, NLM.create, `fill list of chain ${chain.name}`, w =>
              writeElements(w, ANONYMOUS, part, id),
            );
          }
        }
      ask(MSG.newRule, NLM.create | NLM.append, `add rule to ${chain.name}: ${rule.text}`, w =>
        writeRule(w, chain.name, rule, code, list => lists.get(list) ?? 0),
      );
    }
  for (const name of [...plan.removeMaps]) ask(MSG.delSet, 0, `delete map ${name}`, named(SET.name, name));
  for (const name of plan.removeChains) ask(MSG.delChain, 0, `delete chain ${name}`, named(CHAIN.name, name));
  for (const name of plan.removeSets) ask(MSG.delSet, 0, `delete set ${name}`, named(SET.name, name));
  return requests;
}

function elementRequests(
  family: Family,
  verb: 'add' | 'delete',
  { name, kind }: NftElements,
  members: readonly string[],
): readonly NetlinkRequest[] {
  const [message, flags] = verb === 'add' ? [MSG.newElements, NLM.create] : [MSG.delElements, 0];
  const requests: NetlinkRequest[] = [];
  for (let i = 0; i < members.length; i += ELEMENTS_PER_MESSAGE) {
    const elements = members.slice(i, i + ELEMENTS_PER_MESSAGE).flatMap(text => elementsOf(text, kind));
    requests.push(
      nftRequest(family, message, flags, `${verb} elements of ${name}`, w =>
        writeElements(w, name, elements),
      ),
    );
  }
  return requests;
}

const be32 = (w: NetlinkWriter, type: number, value: number) => w.attribute(type, () => w.be32(value));

/** Notes of nft for its own listing: NFTNL_UDATA_SET_KEYBYTEORDER and the like, each with a u32. */
function writeNotes(w: NetlinkWriter, notes: readonly (readonly [type: number, value: number])[]): void {
  w.attribute(SET.userdata, () => {
    for (const [type, value] of notes) w.u8(type).u8(4).u32(value);
  });
}
const BYTE_ORDER = { any: 0, host: 1, network: 2 } as const;

function writeSet(w: NetlinkWriter, { name, kind, counted }: NftSet, family: Family, id: number): void {
  const [type, length] = [family === 4 ? NFT_TYPE.ipv4_addr : NFT_TYPE.ipv6_addr, widthOf(family) / 8];
  const ports = kind === 'ip-port';
  w.attributeBytes(SET.name, cString(name));
  be32(w, SET.flags, kind === 'net' ? SET_FLAG.interval : 0);
  be32(w, SET.keyType, ports ? concatenated(type, NFT_TYPE.inet_proto, NFT_TYPE.inet_service) : type);
  be32(w, SET.keyLength, ports ? length + 8 : length);
  be32(w, SET.id, id);
  if (counted === true) writeElementCounter(w);
  writeNotes(w, [[0, ports ? BYTE_ORDER.any : BYTE_ORDER.network]]);
}

function writeMap(w: NetlinkWriter, name: string, id: number): void {
  w.attributeBytes(SET.name, cString(name));
  be32(w, SET.flags, SET_FLAG.map);
  be32(w, SET.keyType, NFT_TYPE.ifname);
  be32(w, SET.keyLength, 16);
  // NFT_DATA_VERDICT
  be32(w, SET.dataType, 0xffffff00);
  be32(w, SET.dataLength, 0);
  be32(w, SET.id, id);
  writeNotes(w, [
    [0, BYTE_ORDER.host],
    [1, BYTE_ORDER.any],
  ]);
}

function writeList(w: NetlinkWriter, list: NftList, id: number): void {
  const { type, length, intervals, elements } = list;
  w.attributeBytes(SET.name, cString(ANONYMOUS));
  be32(w, SET.flags, SET_FLAG.anonymous | SET_FLAG.constant | (intervals ? SET_FLAG.interval : 0));
  be32(w, SET.keyType, type);
  be32(w, SET.keyLength, length);
  be32(w, SET.id, id);
  w.attribute(SET.description | NLA.nested, () => be32(w, 1, elements.length));
  writeNotes(w, [[0, type > 63 ? BYTE_ORDER.any : BYTE_ORDER.network]]);
}

function writeChain(w: NetlinkWriter, { name, base }: NftChain): void {
  w.attributeBytes(CHAIN.name, cString(name));
  if (base === undefined) return;
  const [type = '', hook = '', priority = ''] = base.split(' ');
  w.attributeBytes(CHAIN.type, cString(type));
  be32(w, CHAIN.policy, NF_ACCEPT);
  w.attribute(CHAIN.hook | NLA.nested, () => {
    be32(w, HOOK.number, HOOKS.indexOf(hook as (typeof HOOKS)[number]));
    be32(w, HOOK.priority, Number(priority) >>> 0);
  });
}

function writeElements(
  w: NetlinkWriter,
  set: string,
  elements: readonly KernelElement[],
  setId?: number,
): void {
  w.attributeBytes(ELEMENTS.set, cString(set));
  if (setId !== undefined) be32(w, ELEMENTS.setId, setId);
  w.attribute(ELEMENTS.list | NLA.nested, () => {
    elements.forEach(({ key, end, open, chain }, i) => {
      // Nearly all are nothing but a key of whole words, and thousands may change at once: lengths without closures.
      if (!end && !open && chain === undefined && key.length % 4 === 0) {
        w.u16(key.length + 12).u16((i + LIST_ELEMENT) | NLA.nested);
        w.u16(key.length + 8).u16(ELEMENT.key | NLA.nested);
        w.attributeBytes(DATA.value, key);
        return;
      }
      w.attribute((i + LIST_ELEMENT) | NLA.nested, () => {
        if (end) be32(w, ELEMENT.flags, INTERVAL_END);
        w.attribute(ELEMENT.key | NLA.nested, () => w.attributeBytes(DATA.value, key));
        if (chain !== undefined) writeVerdict(w, ELEMENT.data, VERDICT_CODE.goto, chain);
        // NFTNL_UDATA_SET_ELEM_FLAGS, SET_ELEM_F_INTERVAL_OPEN
        if (open) w.attribute(ELEMENT.userdata, () => w.u8(1).u8(4).u32(1));
      });
    });
  });
}

function writeRule(
  w: NetlinkWriter,
  chain: string,
  { comment }: NftRule,
  code: NonNullable<NftRule['code']>,
  idOf: ListId,
): void {
  w.attributeBytes(RULE.chain, cString(chain));
  w.attribute(RULE.expressions | NLA.nested, () => {
    for (const expression of code) writeExpression(w, expression, idOf);
  });
  const text = cString(comment);
  // NFTNL_UDATA_RULE_COMMENT
  w.attribute(RULE.userdata, () => w.u8(0).u8(text.length).bytes(text));
}
