import { fail, ok, type Result } from '@muslin/net';
import { FLOW_ATTRIBUTES, type FlowTuple } from '../conntrack/flow-attributes.ts';
import { be32, custom, nest, readFields, text } from '../netlink/attribute.ts';
import { eventPoller } from '../netlink/event-poller.ts';
import { type NetlinkMessage, NLM, NLMSG, readMessages, readU8 } from '../netlink/message-reader.ts';
import { NetlinkWriter } from '../netlink/message-writer.ts';
import { type ErrorNames, errnoOf, type NetlinkFault, netlinkFault } from '../netlink/netlink-fault.ts';
import { NETLINK, openNetlinkFd } from '../netlink/netlink-socket.ts';
import { inNamespace, type Namespace } from '../netns/namespace.ts';
import type { Watch } from '../rtnetlink/watch.ts';
import { POLL, type SystemFault, systemFault } from '../system-calls.ts';
import { systemCalls } from '../syscalls.ts';

/** NFNL_SUBSYS_ULOG in the high byte of the message type. */
const SUBSYSTEM = 4 << 8;
const NFULNL = { packet: 0, config: 1 } as const;
/** NFULA_CFG_* and their values. */
const CONFIG = { command: 1, mode: 2, flushAfter: 4, flags: 6, bind: 1, copyPacket: 2 } as const;
/** NFULNL_CFG_F_CONNTRACK: what connection tracking knows of the packet comes along (Linux 4.4). */
const WITH_CONNTRACK = 4;
/** The kernel collects packets into one datagram for this long; in hundredths of a second. */
const FLUSH_AFTER = 10;
const NFGEN = 4;
const ANSWER_MS = 2000;
const ETIMEDOUT = -110;
/** EPERM has two meanings here, and the kernel does not say which. */
const REFUSALS: ErrorNames = new Map([
  [1, ['EPERM', 'another program reads this group, or CAP_NET_ADMIN is missing']],
]);

const bytes = (type: number) =>
  custom<Uint8Array>(
    type,
    (w, value) => w.bytes(value),
    value => value.slice(),
  );

/** Attributes of a logged packet (NFULA_*). */
const PACKET_ATTRIBUTES = {
  header: bytes(1),
  mark: be32(2),
  inputLink: be32(4),
  outputLink: be32(5),
  payload: bytes(9),
  prefix: text(10),
  flow: nest(18, { original: FLOW_ATTRIBUTES.original }),
} as const;

/** A packet that an NFLOG rule matched. */
export interface LoggedPacket {
  /** `--nflog-prefix` of the rule. */
  readonly prefix: string;
  /** Netfilter hook: 0 prerouting, 1 input, 2 forward, 3 output, 4 postrouting. */
  readonly hook: number;
  /** ifindexes. */
  readonly inputLink?: number;
  readonly outputLink?: number;
  readonly mark?: number;
  /** How the connection began, before any translation; where the kernel tells it. */
  readonly original?: FlowTuple;
  /** From the IP header on, cut off at `copyBytes`. */
  readonly payload: Uint8Array;
}

export interface PacketLogOptions {
  /** `--nflog-group` of the rules, 0–65535. One listener for each in a namespace. */
  readonly group: number;
  /** How much of each packet to copy; default 128, enough for the headers. */
  readonly copyBytes?: number;
  readonly onPackets: (packets: readonly LoggedPacket[]) => void;
  /** Packets were dropped because they came faster than they were read. */
  readonly onLoss: () => void;
  readonly namespace?: Namespace;
}

/** Listens to the packets of one NFLOG group; EPERM when another program does. It does not keep the process alive. */
export function watchPacketLog(options: PacketLogOptions): Result<Watch, NetlinkFault | SystemFault> {
  const { group, copyBytes = 128, onPackets, onLoss, namespace } = options;
  const opened = inNamespace(namespace, () => openNetlinkFd(NETLINK.netfilter, { nonBlocking: true }));
  if (!opened.ok) return opened;
  const bound = bind(opened.value, group, copyBytes);
  if (!bound.ok) {
    systemCalls().close(opened.value);
    return bound;
  }
  const { stop } = eventPoller().watch(opened.value, {
    onDatagrams: datagrams => {
      const packets = datagrams.flatMap(datagram =>
        [...readMessages(datagram)].map(decodePacket).filter(packet => packet !== undefined),
      );
      if (packets.length > 0) onPackets(packets);
    },
    onLoss,
  });
  return ok({ stop, [Symbol.dispose]: stop });
}

/** Decodes one logged packet; undefined for other messages. */
export function decodePacket(message: NetlinkMessage): LoggedPacket | undefined {
  if (message.type !== (SUBSYSTEM | NFULNL.packet)) return undefined;
  const fields = readFields(PACKET_ATTRIBUTES, message.payload, NFGEN);
  const { header = new Uint8Array(), payload = new Uint8Array(), prefix = '', flow, ...rest } = fields;
  // struct nfulnl_msg_packet_hdr: protocol be16, hook u8.
  const original = flow?.original;
  return {
    ...rest,
    prefix,
    hook: readU8(header, 2),
    payload,
    ...(original !== undefined && { original }),
  };
}

/** Asks for the group's packets on this very socket, since the kernel sends them to whoever asked. */
function bind(fd: number, group: number, copyBytes: number): Result<void, NetlinkFault | SystemFault> {
  const writer = new NetlinkWriter();
  writer.begin(SUBSYSTEM | NFULNL.config, NLM.request | NLM.ack, 1);
  // struct nfgenmsg: family, version, then the group where other families have a resource id.
  writer.u16(0).be16(group);
  writer.attribute(CONFIG.command, w => w.u8(CONFIG.bind)).end();
  writer
    .begin(SUBSYSTEM | NFULNL.config, NLM.request | NLM.ack, 2)
    .u16(0)
    .be16(group);
  writer.attribute(CONFIG.mode, w => w.be32(copyBytes).u8(CONFIG.copyPacket).u8(0));
  writer.attribute(CONFIG.flushAfter, w => w.be32(FLUSH_AFTER)).end();
  // Asked for by itself: a kernel without it refuses this alone.
  writer
    .begin(SUBSYSTEM | NFULNL.config, NLM.request, 3)
    .u16(0)
    .be16(group);
  writer.attribute(CONFIG.flags, w => w.be16(WITH_CONNTRACK)).end();
  const calls = systemCalls();
  const sent = calls.send(fd, writer.view(), 0);
  if (sent < 0) return fail(systemFault('send', sent));
  const datagram = new Uint8Array(1 << 16);
  for (let left = 2; left > 0; ) {
    const ready = calls.poll([{ fd, events: POLL.in }], ANSWER_MS);
    if (typeof ready === 'number') return fail(systemFault('poll', ready));
    const length = ready[0] === 0 ? ETIMEDOUT : calls.recv(fd, datagram, 0);
    if (length < 0) return fail(systemFault('recv', length));
    for (const message of readMessages(datagram.subarray(0, length))) {
      if (message.type !== NLMSG.error) continue;
      left--;
      if (errnoOf(message) !== 0)
        return fail(netlinkFault(message, `listen to NFLOG group ${group}`, REFUSALS));
    }
  }
  return ok(undefined);
}
