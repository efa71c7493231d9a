import type { Family, Ip, Prefix, Result } from '@muslin/net';
import { ip4, ip6 } from '@muslin/net';
import { type NetlinkMessage, NLM, readU8, readU32 } from '../netlink/message-reader.ts';
import type { NetlinkFault } from '../netlink/netlink-fault.ts';
import type { NetlinkRequest, NetlinkSocket } from '../netlink/netlink-socket.ts';
import { ip, readFields, text, u8, u32, writeFields } from '../netlink/attribute.ts';
import { FAMILY } from '../netlink/address-family.ts';
import { RTM } from './message-types.ts';

const HEADER = 12;
const TO_TABLE = 1;
const INVERT = 2;

/** Rule attributes (FRA_*). */
const RULE_ATTRIBUTES = {
  destination: ip(1),
  source: ip(2),
  inputLink: text(3),
  priority: u32(6),
  mark: u32(10),
  table: u32(15),
  mask: u32(16),
  outputLink: text(17),
  protocol: u8(21),
} as const;

/** A routing policy rule that looks up a table (`ip rule`). Absent matches match anything. */
export interface RoutingRule {
  readonly family: Family;
  /** Lower is asked first. */
  readonly priority: number;
  readonly table: number;
  readonly from?: Prefix;
  readonly to?: Prefix;
  /** The packet's mark, under `mask` (absent: all bits). */
  readonly mark?: number;
  readonly mask?: number;
  readonly inputLink?: string;
  readonly outputLink?: string;
  /** Match when the rest does not. */
  readonly not?: boolean;
  /** Who made it: RTPROT_* number. */
  readonly protocol?: number;
}

function ruleRequest(type: number, flags: number, verb: string, rule: RoutingRule): NetlinkRequest {
  const { family, from, to, table, not, ...plain } = rule;
  return {
    type,
    flags,
    call: () => `${verb} IPv${family} rule ${rule.priority}`,
    write: w => {
      w.u8(FAMILY[family])
        .u8(to?.length ?? 0)
        .u8(from?.length ?? 0)
        .u8(0);
      w.u8(table > 255 ? 0 : table)
        .u16(0)
        .u8(TO_TABLE)
        .u32(not ? INVERT : 0);
      writeFields(w, RULE_ATTRIBUTES, {
        ...plain,
        ...(table > 255 ? { table } : {}),
        ...(from === undefined || from.length === 0 ? {} : { source: from.ip }),
        ...(to === undefined || to.length === 0 ? {} : { destination: to.ip }),
      });
    },
  };
}

/** The request that adds a rule. */
export function addRuleRequest(rule: RoutingRule): NetlinkRequest {
  return ruleRequest(RTM.newRule, NLM.create | NLM.excl, 'add', rule);
}

/** Adds a rule; EEXIST when the same one is there. */
export function addRule(socket: NetlinkSocket, rule: RoutingRule): Result<void, NetlinkFault> {
  return socket.ask(addRuleRequest(rule));
}

/** Deletes a rule; ENOENT when there is none. */
export function deleteRule(socket: NetlinkSocket, rule: RoutingRule): Result<void, NetlinkFault> {
  return socket.ask(ruleRequest(RTM.delRule, 0, 'delete', rule));
}

/** The rules of one family that look up a table, in order of priority. */
export function listRules(socket: NetlinkSocket, family: Family): Result<RoutingRule[], NetlinkFault> {
  return socket.dump(
    {
      type: RTM.getRule,
      flags: 0,
      call: () => `list IPv${family} rules`,
      write: w => w.u32(FAMILY[family]).u32(0).u32(0),
    },
    decodeRule,
  );
}

/** Decodes RTM_NEWRULE and RTM_DELRULE; undefined for other messages and actions. */
export function decodeRule(message: NetlinkMessage): RoutingRule | undefined {
  if (message.type !== RTM.newRule && message.type !== RTM.delRule) return undefined;
  const { payload } = message;
  const family = readU8(payload) === FAMILY[4] ? 4 : readU8(payload) === FAMILY[6] ? 6 : undefined;
  if (family === undefined || readU8(payload, 7) !== TO_TABLE) return undefined;
  const fields = readFields(RULE_ATTRIBUTES, payload, HEADER);
  const { source, destination, priority = 0, table = readU8(payload, 4), ...plain } = fields;
  const any: Ip = family === 4 ? ip4(0) : ip6(0, 0, 0, 0);
  const [toLength, fromLength] = [readU8(payload, 1), readU8(payload, 2)];
  return {
    ...plain,
    family,
    priority,
    table,
    ...(fromLength === 0 ? {} : { from: { ip: source ?? any, length: fromLength } }),
    ...(toLength === 0 ? {} : { to: { ip: destination ?? any, length: toLength } }),
    ...((readU32(payload, 8) & INVERT) === 0 ? {} : { not: true }),
  };
}
