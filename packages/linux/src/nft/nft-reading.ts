import {
  chainHash,
  NFT_TABLE,
  type NftListing,
  type NftMap,
  type NftSet,
  nftRuleHash,
} from '@muslin/dataplane';

import { type Family, ok, type Result } from '@muslin/net';
import {
  eachAttribute,
  type NetlinkMessage,
  readAttributes,
  readBe32,
  readText,
  readU8,
} from '../netlink/message-reader.ts';
import type { NetlinkFault } from '../netlink/netlink-fault.ts';
import type { NetlinkSocket } from '../netlink/netlink-socket.ts';

import {
  CHAIN,
  cString,
  DATA,
  ELEMENT,
  ELEMENTS,
  GENERATION,
  HOOK,
  HOOKS,
  INTERVAL_END,
  MSG,
  NFGEN,
  RULE,
  SET,
  SET_FLAG,
  TABLE,
  VERDICT,
  VERDICT_CODE,
} from './nft-constants.ts';
import { hostMember, type KernelElement, keyName, netMembers, portMember } from './nft-element-codec.ts';
import { nftRequest } from './nft-requests.ts';

const NOTHING = new Uint8Array();

/** Counts the transactions of the namespace, whoever's they are: the same number means that nothing changed. */
export function readGeneration(socket: NetlinkSocket): Result<number, NetlinkFault> {
  const request = nftRequest(4, MSG.getGeneration, 0, 'ask for the generation of nftables');
  const bare = { ...request, write: (w: Parameters<typeof request.write>[0]) => void w.u32(0) };
  const found = socket.query(bare, message => {
    const id = readAttributes(message.payload, NFGEN).get(GENERATION.id);
    return id === undefined ? undefined : readBe32(id);
  });
  return found.ok ? ok(found.value[0] ?? 0) : found;
}

/** Our table as the kernel has it; undefined when there is none. */
export function readListing(
  socket: NetlinkSocket,
  family: Family,
): Result<NftListing | undefined, NetlinkFault> {
  const table = socket.query(nftRequest(family, MSG.getTable, 0, 'find our table'), () => true);
  if (!table.ok) return table.fault.code === 'ENOENT' ? ok(undefined) : table;
  const dump = <T>(message: number, call: string, decode: (fields: ReadonlyMap<number, Uint8Array>) => T) =>
    socket.dump(nftRequest(family, message, 0, call), answer => {
      const fields = readAttributes(answer.payload, NFGEN);
      // Kernels that know no filter tell of everybody's.
      return readText(fields.get(TABLE.name) ?? NOTHING) === NFT_TABLE ? decode(fields) : undefined;
    });
  const chains = dump(MSG.getChain, 'list chains', fields => ({
    name: readText(fields.get(CHAIN.name) ?? NOTHING),
    base: baseOf(fields),
  }));
  if (!chains.ok) return chains;
  const rules = dump(MSG.getRule, 'list rules', fields => ({
    chain: readText(fields.get(RULE.chain) ?? NOTHING),
    hash: nftRuleHash(commentOf(fields.get(RULE.userdata) ?? NOTHING)),
  }));
  if (!rules.ok) return rules;
  const sets = dump(MSG.getSet, 'list sets', fields => ({
    name: readText(fields.get(SET.name) ?? NOTHING),
    flags: readBe32(fields.get(SET.flags) ?? NOTHING),
    keyLength: readBe32(fields.get(SET.keyLength) ?? NOTHING),
  }));
  if (!sets.ok) return sets;
  const hashes = new Map(chains.value.map(({ name }) => [name, [] as string[]]));
  for (const { chain, hash } of rules.value) hashes.get(chain)?.push(hash);
  const found = { sets: new Map<string, NftSet>(), maps: new Map<string, NftMap>() };
  for (const { name, flags, keyLength } of sets.value) {
    if ((flags & SET_FLAG.anonymous) !== 0) continue;
    const elements = readElements(socket, family, name);
    if (!elements.ok) return elements;
    if ((flags & SET_FLAG.map) !== 0) {
      const entries = elements.value.map(({ key, chain = '?' }) => [keyName(key), chain] as const);
      found.maps.set(name, { name, elements: new Map(entries) });
    } else if ((flags & SET_FLAG.interval) !== 0)
      found.sets.set(name, { name, kind: 'net', members: new Set(netMembers(elements.value, family)) });
    else if (keyLength === 12 || keyLength === 24)
      found.sets.set(name, {
        ...{ name, kind: 'ip-port', members: new Set(elements.value.map(({ key }) => portMember(key))) },
      });
    else
      found.sets.set(name, {
        ...{ name, kind: 'host', members: new Set(elements.value.map(({ key }) => hostMember(key))) },
      });
  }
  return ok({
    chains: new Map(
      chains.value.map(({ name, base }) => [name, { base, hash: chainHash(hashes.get(name) ?? []) }]),
    ),
    ...found,
  });
}

/** `filter forward 0` of a chain that the kernel calls itself. */
function baseOf(fields: ReadonlyMap<number, Uint8Array>): string | undefined {
  const hook = fields.get(CHAIN.hook);
  if (hook === undefined) return undefined;
  const { number, priority } = HOOK;
  const at = readAttributes(hook);
  const name = HOOKS[readBe32(at.get(number) ?? NOTHING)] ?? '?';
  return `${readText(fields.get(CHAIN.type) ?? NOTHING)} ${name} ${readBe32(at.get(priority) ?? NOTHING) | 0}`;
}

/** NFTNL_UDATA_RULE_COMMENT: type and length of one byte each. */
export function commentOf(userdata: Uint8Array): string {
  for (let at = 0; at + 2 <= userdata.length; at += 2 + readU8(userdata, at + 1))
    if (readU8(userdata, at) === 0)
      return readText(userdata.subarray(at + 2, at + 2 + readU8(userdata, at + 1)));
  return '';
}

function readElements(
  socket: NetlinkSocket,
  family: Family,
  set: string,
): Result<readonly KernelElement[], NetlinkFault> {
  const request = nftRequest(family, MSG.getElements, 0, `list elements of ${set}`, w =>
    w.attributeBytes(ELEMENTS.set, cString(set)),
  );
  const dumped = socket.dump(request, elementsIn);
  return dumped.ok ? ok(dumped.value.flat()) : dumped;
}

function elementsIn(message: NetlinkMessage): readonly KernelElement[] {
  const found: KernelElement[] = [];
  const list = readAttributes(message.payload, NFGEN).get(ELEMENTS.list) ?? NOTHING;
  eachAttribute(list, 0, (_, bytes) => {
    const fields = readAttributes(bytes);
    const key = readAttributes(fields.get(ELEMENT.key) ?? NOTHING).get(DATA.value);
    if (key === undefined) return;
    const flags = fields.get(ELEMENT.flags);
    const verdict = readAttributes(fields.get(ELEMENT.data) ?? NOTHING).get(DATA.verdict);
    const chain = verdict && gotoOf(verdict);
    found.push({
      key: key.slice(),
      ...(flags !== undefined && (readBe32(flags) & INTERVAL_END) !== 0 ? { end: true } : {}),
      ...(chain === undefined ? {} : { chain }),
    });
  });
  return found;
}

function gotoOf(verdict: Uint8Array): string | undefined {
  const fields = readAttributes(verdict);
  const isGoto = readBe32(fields.get(VERDICT.code) ?? NOTHING) === VERDICT_CODE.goto;
  return isGoto ? readText(fields.get(VERDICT.chain) ?? NOTHING) : undefined;
}
