import { type Family, fail, type Ip, ok, type Result, sameIp } from '@muslin/net';
import { FAMILY } from '../netlink/address-family.ts';
import { readFields, writeFields } from '../netlink/attribute.ts';
import type { NetlinkMessage } from '../netlink/message-reader.ts';
import type { NetlinkFault } from '../netlink/netlink-fault.ts';
import type { NetlinkRequest, NetlinkSocket } from '../netlink/netlink-socket.ts';
import type { WaitingSocket } from '../netlink/waiting-socket.ts';
import type { Namespace } from '../netns/namespace.ts';
import { netlinkIn, waitingNetlinkIn } from '../netns/namespace-sockets.ts';
import type { SystemFault } from '../system-calls.ts';
import { FLOW_ATTRIBUTES, type FlowTuple } from './flow-attributes.ts';

/** NFNL_SUBSYS_CTNETLINK in the high byte of the message type. */
const SUBSYSTEM = 1 << 8;
const IPCTNL = { new: 0, get: 1, delete: 2 } as const;
const NFGEN = 4;
/** IPS_* */
const STATUS = { seenReply: 0x2, assured: 0x4, sourceNat: 0x10, destinationNat: 0x20 } as const;

/** A connection that the kernel tracks. `reply` mirrors `original`, except where addresses are translated. */
export interface Flow {
  readonly original: FlowTuple;
  readonly reply: FlowTuple;
  readonly seenReply: boolean;
  readonly assured: boolean;
  readonly sourceNat: boolean;
  readonly destinationNat: boolean;
  /** Seconds until the entry is forgotten. */
  readonly timeout?: number;
  readonly mark?: number;
  readonly zone?: number;
  /** Packets and bytes in the direction of `original`; only with net.netfilter.nf_conntrack_acct. */
  readonly sent?: Counters;
  readonly received?: Counters;
}

export interface Counters {
  readonly packets: number;
  readonly bytes: number;
}

/** Which flows; absent parts match all. */
export interface FlowFilter {
  readonly family?: Family;
  /** The address is one of the four in the two tuples. */
  readonly address?: Ip;
  readonly protocol?: number;
}

/** The connection tracking table of one network namespace. */
export class ConntrackDriver implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #waiting: WaitingSocket;

  private constructor(socket: NetlinkSocket, waiting: WaitingSocket) {
    this.#socket = socket;
    this.#waiting = waiting;
  }

  /** Opens the driver in a namespace (absent: the calling thread's). */
  static open(namespace?: Namespace): Result<ConntrackDriver, SystemFault> {
    const socket = netlinkIn(namespace, 'netfilter');
    if (!socket.ok) return socket;
    const waiting = waitingNetlinkIn(namespace, 'netfilter');
    if (!waiting.ok) {
      socket.value.close();
      return waiting;
    }
    return ok(new ConntrackDriver(socket.value, waiting.value));
  }

  /** The tracked flows that match: one dump of the table (about 2 million flows per second), filtered here. */
  read(filter: FlowFilter = {}): Result<Flow[], NetlinkFault> {
    return this.#socket.dump(listRequest(filter), decoderOf(filter));
  }

  /**
   * The same while the event loop goes on. The kernel walks its whole table, which all namespaces share, even for a few
   * flows: 10 ms where it has room for 262,144.
   */
  readAside(filter: FlowFilter = {}): Promise<Result<Flow[], NetlinkFault>> {
    return this.#waiting.dump(listRequest(filter), decoderOf(filter));
  }

  /**
   * Forgets flows, so that their next packet is judged anew. A flow that ended by itself is no fault. The value
   * is how many were forgotten.
   */
  remove(flows: readonly Flow[]): Result<number, NetlinkFault> {
    const faults = this.#socket.askAll(flows.map(removeRequest));
    const refused = faults.find(fault => fault !== undefined && fault.code !== 'ENOENT');
    return refused === undefined ? ok(faults.filter(fault => fault === undefined).length) : fail(refused);
  }

  /** Forgets every flow that matches. */
  removeWhere(filter: FlowFilter): Result<number, NetlinkFault> {
    const flows = this.read(filter);
    return flows.ok ? this.remove(flows.value) : flows;
  }

  close(): void {
    this.#socket.close();
    this.#waiting.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function listRequest(filter: FlowFilter): NetlinkRequest {
  const family = filter.family ?? filter.address?.family;
  return {
    type: SUBSYSTEM | IPCTNL.get,
    flags: 0,
    call: () => 'list flows',
    write: w => w.u32(family === undefined ? FAMILY.unspecified : FAMILY[family]),
  };
}

const decoderOf = (filter: FlowFilter) => (message: NetlinkMessage) => {
  const flow = decodeFlow(message);
  return flow !== undefined && matches(flow, filter) ? flow : undefined;
};

/** Decodes one entry of a dump; undefined for other messages. */
export function decodeFlow(message: NetlinkMessage): Flow | undefined {
  if (message.type !== (SUBSYSTEM | IPCTNL.new)) return undefined;
  const fields = readFields(FLOW_ATTRIBUTES, message.payload, NFGEN);
  const { original, reply, status = 0, timeout, mark, zone, sent, received } = fields;
  if (original === undefined || reply === undefined) return undefined;
  const counters = ({ packets = 0, bytes = 0 }: Partial<Counters>): Counters => ({ packets, bytes });
  return {
    original,
    reply,
    seenReply: (status & STATUS.seenReply) !== 0,
    assured: (status & STATUS.assured) !== 0,
    sourceNat: (status & STATUS.sourceNat) !== 0,
    destinationNat: (status & STATUS.destinationNat) !== 0,
    ...(timeout === undefined ? {} : { timeout }),
    ...(mark === undefined ? {} : { mark }),
    ...(zone === undefined ? {} : { zone }),
    ...(sent === undefined ? {} : { sent: counters(sent) }),
    ...(received === undefined ? {} : { received: counters(received) }),
  };
}

/** Whether a flow is one that the filter means. */
function matches(flow: Flow, filter: FlowFilter): boolean {
  const { family, address, protocol } = filter;
  const { original, reply } = flow;
  if (family !== undefined && original.source.family !== family) return false;
  if (protocol !== undefined && original.protocol !== protocol) return false;
  if (address === undefined) return true;
  return [original.source, original.destination, reply.source, reply.destination].some(ip =>
    sameIp(ip, address),
  );
}

function removeRequest({ original, zone }: Flow): NetlinkRequest {
  return {
    type: SUBSYSTEM | IPCTNL.delete,
    flags: 0,
    call: () => 'remove flow',
    write: w => {
      w.u32(FAMILY[original.source.family]);
      writeFields(w, FLOW_ATTRIBUTES, { original, ...(zone === undefined ? {} : { zone }) });
    },
  };
}
