import { fail, ok, type Result } from '@muslin/net';
import { AF, openSocket, SO, SOCK, SOL } from '../sockets.ts';
import { type SystemFault, systemFault } from '../system-calls.ts';
import { systemCalls } from '../syscalls.ts';
import { type NetlinkMessage, NLM, NLMSG, readMessages } from './message-reader.ts';
import { NetlinkWriter } from './message-writer.ts';
import {
  type ErrorNames,
  errnoOf,
  makeNetlinkFault,
  type NetlinkFault,
  netlinkFault,
} from './netlink-fault.ts';

/** Netlink protocols (uapi/linux/netlink.h). */
export const NETLINK = { route: 0, netfilter: 12, generic: 16 } as const;

const SOCKET_OPTION = { addMembership: 1, capAck: 10, extAck: 11, strictCheck: 12 } as const;
const RECEIVE_BUFFER = 8 << 20;
const SEND_BUFFER = 1 << 20;
const DATAGRAM = 256 << 10;
const BATCH_MESSAGES = 100;
const BATCH_BYTES = 64 << 10;
const YIELD_AFTER = 500;
const DUMP_ATTEMPTS = 8;
/** Answers are queued before `send` returns; this only bounds the harm of a kernel that breaks that. */
const ANSWER_SECONDS = 10;
const ENOBUFS = 105;
const EAGAIN = 11;
const ETIMEDOUT = 110;
const EINTR = 4;

/** One request: what to write after the message header, and what to call it in a fault. */
export interface NetlinkRequest {
  readonly type: number;
  /** Flags besides REQUEST and ACK. */
  readonly flags: number;
  /** Names the request in faults, such as `add route 10.0.0.0/24`; only evaluated when it fails. */
  readonly call: (answer?: NetlinkMessage) => string;
  readonly write: (writer: NetlinkWriter) => void;
}

export interface NetlinkOptions {
  /** Names of errors that this family adds to the errno space. */
  readonly errors?: ErrorNames;
  /** Let the kernel check and apply dump filters (NETLINK_GET_STRICT_CHK). */
  readonly strict?: boolean;
}

/** Multicast groups are joined by number (setsockopt NETLINK_ADD_MEMBERSHIP). */
export function openNetlinkFd(
  protocol: number,
  options: {
    readonly strict?: boolean;
    readonly groups?: readonly number[];
    readonly nonBlocking?: boolean;
  } = {},
): Result<number, SystemFault> {
  const calls = systemCalls();
  const address = new Uint8Array(12);
  address[0] = AF.netlink;
  const timeout = new Uint8Array(new BigInt64Array([BigInt(ANSWER_SECONDS), 0n]).buffer);
  const option = (name: number, value: number) => (fd: number) =>
    calls.setSocketOption(fd, SOL.netlink, name, value);
  const opened = openSocket(AF.netlink, SOCK.raw | (options.nonBlocking ? SOCK.nonBlocking : 0), protocol, [
    ['bind', fd => calls.bind(fd, address)],
    ['setsockopt NETLINK_CAP_ACK', option(SOCKET_OPTION.capAck, 1)],
    ['setsockopt NETLINK_EXT_ACK', option(SOCKET_OPTION.extAck, 1)],
    ['setsockopt SO_RCVTIMEO', fd => calls.setSocketOption(fd, SOL.socket, SO.receiveTimeout, timeout)],
    ...(options.groups ?? []).map(
      group => ['join multicast group', option(SOCKET_OPTION.addMembership, group)] as const,
    ),
  ]);
  if (!opened.ok) return opened;
  // Each may be refused without harm: big buffers want CAP_NET_ADMIN in the first user namespace, and a kernel
  // before 4.20 ignores dump filters, which every reader therefore applies again.
  calls.setSocketOption(opened.value, SOL.socket, SO.receiveBufferForce, RECEIVE_BUFFER);
  calls.setSocketOption(opened.value, SOL.socket, SO.sendBufferForce, SEND_BUFFER);
  if (options.strict) option(SOCKET_OPTION.strictCheck, 1)(opened.value);
  return opened;
}

/**
 * A netlink socket for requests, kept open: closing one costs an RCU grace period. Every call is synchronous,
 * since the kernel handles a request inside `send`; nothing waits, and batches keep each call under a millisecond.
 * The socket stays in the network namespace in which it was opened.
 */
export class NetlinkSocket implements Disposable {
  readonly #fd: number;
  readonly #errors: ErrorNames | undefined;
  #writer = new NetlinkWriter(BATCH_BYTES * 2);
  readonly #datagram = new Uint8Array(DATAGRAM);
  #sequence = 1;
  #lastStart = 0;
  #sendBuffer = SEND_BUFFER;
  #open = true;

  private constructor(fd: number, errors: ErrorNames | undefined) {
    this.#fd = fd;
    this.#errors = errors;
  }

  /** Opens a socket in the current network namespace. */
  static open(protocol: number, options: NetlinkOptions = {}): Result<NetlinkSocket, SystemFault> {
    const fd = openNetlinkFd(protocol, options);
    return fd.ok ? ok(new NetlinkSocket(fd.value, options.errors)) : fd;
  }

  /** Sends one request and waits for its acknowledgement; a fault is the kernel's. */
  ask(request: NetlinkRequest): Result<void, NetlinkFault> {
    const fault = this.askAll([request])[0];
    return fault === undefined ? ok(undefined) : fail(fault);
  }

  /**
   * Sends requests in batches, in order, each on its own: one that fails does not stop the others.
   * Answers in the same order: undefined for a success.
   */
  askAll(requests: readonly NetlinkRequest[]): (NetlinkFault | undefined)[] {
    const faults: (NetlinkFault | undefined)[] = new Array(requests.length).fill(undefined);
    for (let next = 0; next < requests.length; ) {
      const first = next;
      const base = this.#sequence;
      this.#writer.truncate();
      while (next < requests.length && next - first < BATCH_MESSAGES && this.#writer.length < BATCH_BYTES)
        this.#write(requests[next++] as NetlinkRequest, NLM.request);
      // Only the last asks for an acknowledgement: failures are answered anyway, and answers come in order.
      const count = next - first;
      this.#writeAckFlag(requests[next - 1] as NetlinkRequest);
      const broken = this.#exchange(base, count, (index, message) => {
        const request = requests[first + index] as NetlinkRequest;
        faults[first + index] = netlinkFault(message, request.call(message), this.#errors);
      });
      if (broken !== undefined) {
        for (let i = first; i < requests.length; i++)
          faults[i] ??= this.#broken(broken, requests[i] as NetlinkRequest);
        return faults;
      }
    }
    return faults;
  }

  /**
   * Sends requests between two frames as one datagram, which nfnetlink takes as one transaction: all or nothing. The
   * fault is the first that the kernel told of; `request` says whose it was, and is undefined when the transaction as a
   * whole was refused.
   */
  transact(
    [begin, end]: readonly [NetlinkRequest, NetlinkRequest],
    requests: readonly NetlinkRequest[],
  ): { readonly fault: NetlinkFault; readonly request?: NetlinkRequest } | undefined {
    const last = requests.at(-1);
    if (last === undefined) return undefined;
    const base = this.#sequence;
    this.#writer.truncate();
    this.#write(begin, NLM.request);
    for (const request of requests) this.#write(request, NLM.request);
    // What asks for an acknowledgement is answered when everything was tried.
    this.#writeAckFlag(last);
    this.#write(end, NLM.request);
    this.#makeRoom(this.#writer.length);
    const sent = this.#send();
    if (this.#writer.length > BATCH_BYTES * 4) this.#writer = new NetlinkWriter(BATCH_BYTES * 2);
    if (sent < 0) return { fault: this.#broken(sent, begin) };
    let first: { readonly fault: NetlinkFault; readonly request?: NetlinkRequest } | undefined;
    for (;;) {
      const length = this.#receive();
      if (length < 0) return first ?? { fault: this.#broken(length, begin) };
      for (const message of readMessages(this.#datagram.subarray(0, length))) {
        const index = (message.sequence - base) >>> 0;
        if (index > requests.length || message.type !== NLMSG.error) continue;
        const request = requests[index - 1];
        if (errnoOf(message) !== 0)
          first ??= {
            fault: netlinkFault(message, (request ?? begin).call(message), this.#errors),
            ...(request === undefined ? {} : { request }),
          };
        // A transaction that is refused as a whole is answered once, in the name of its beginning.
        if (index === 0 || index === requests.length) return first;
      }
    }
  }

  /** Like `askAll`, but lets other work of the event loop in after every 500 requests (about a millisecond). */
  async askMany(requests: readonly NetlinkRequest[]): Promise<(NetlinkFault | undefined)[]> {
    const faults: (NetlinkFault | undefined)[] = [];
    for (let i = 0; i < requests.length; i += YIELD_AFTER) {
      if (i > 0) await new Promise(resolve => setImmediate(resolve));
      for (const fault of this.askAll(requests.slice(i, i + YIELD_AFTER))) faults.push(fault);
    }
    return faults;
  }

  /**
   * Sends a dump request and decodes each answer at once (its payload is only valid inside `decode`, which
   * skips by returning undefined). Starts again when the kernel says that the table changed meanwhile
   * (NLM_F_DUMP_INTR); when that happens eight times in a row the fault is `EINTR`: try later.
   */
  dump<T>(
    request: NetlinkRequest,
    decode: (message: NetlinkMessage) => T | undefined,
  ): Result<T[], NetlinkFault> {
    for (let attempt = 1; ; attempt++) {
      const found: T[] = [];
      const end = this.#collect({ ...request, flags: request.flags | NLM.dump }, message => {
        const value = decode(message);
        if (value !== undefined) found.push(value);
      });
      if (end.fault !== undefined) return fail(end.fault);
      if (!end.interrupted) return ok(found);
      if (attempt >= DUMP_ATTEMPTS)
        return fail(
          makeNetlinkFault(EINTR, request.call(), undefined, 'the table kept changing during the dump'),
        );
    }
  }

  /** Sends one request that is answered by one or more messages and then acknowledged. */
  query<T>(
    request: NetlinkRequest,
    decode: (message: NetlinkMessage) => T | undefined,
  ): Result<T[], NetlinkFault> {
    const found: T[] = [];
    const end = this.#collect({ ...request, flags: request.flags | NLM.ack }, message => {
      const value = decode(message);
      if (value !== undefined) found.push(value);
    });
    return end.fault === undefined ? ok(found) : fail(end.fault);
  }

  /** Closes the socket; calling again does nothing. */
  close(): void {
    if (this.#open) systemCalls().close(this.#fd);
    this.#open = false;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #write(request: NetlinkRequest, flags: number): void {
    this.#lastStart = this.#writer.length;
    this.#writer.begin(request.type, request.flags | flags, this.#sequence);
    this.#sequence = (this.#sequence + 1) >>> 0;
    request.write(this.#writer);
    this.#writer.end();
  }

  #writeAckFlag(request: NetlinkRequest): void {
    const flags = request.flags | NLM.request | NLM.ack;
    const view = this.#writer.view();
    view[this.#lastStart + 6] = flags & 0xff;
    view[this.#lastStart + 7] = flags >>> 8;
  }

  /** Lets datagrams of this size leave; the kernel takes half of the buffer for its own books. */
  #makeRoom(bytes: number): void {
    if (bytes < this.#sendBuffer) return;
    systemCalls().setSocketOption(this.#fd, SOL.socket, SO.sendBufferForce, bytes * 2);
    this.#sendBuffer = bytes * 2;
  }

  #send(): number {
    if (!this.#open) throw new Error('netlink socket used after close');
    return systemCalls().send(this.#fd, this.#writer.view(), 0);
  }

  /** The length of the next datagram, or a negated errno. A socket with a time limit may be interrupted. */
  #receive(): number {
    for (;;) {
      const length = systemCalls().recv(this.#fd, this.#datagram, 0);
      if (length === -EAGAIN) return -ETIMEDOUT;
      if (length !== -EINTR) return length;
    }
  }

  /** Sends the written batch and reads answers until the last request's. Returns a negated errno if it broke. */
  #exchange(
    base: number,
    count: number,
    failed: (index: number, message: NetlinkMessage) => void,
  ): number | undefined {
    const sent = this.#send();
    if (sent < 0) return sent;
    for (;;) {
      const length = this.#receive();
      if (length < 0) return length;
      for (const message of readMessages(this.#datagram.subarray(0, length))) {
        const index = (message.sequence - base) >>> 0;
        if (index >= count || message.type !== NLMSG.error) continue;
        if (errnoOf(message) !== 0) failed(index, message);
        if (index === count - 1) return undefined;
      }
    }
  }

  #collect(
    request: NetlinkRequest,
    visit: (message: NetlinkMessage) => void,
  ): { readonly fault?: NetlinkFault; readonly interrupted: boolean } {
    const sequence = this.#sequence;
    this.#writer.truncate();
    this.#write(request, NLM.request);
    const sent = this.#send();
    if (sent < 0) return { fault: this.#broken(sent, request), interrupted: false };
    let interrupted = false;
    for (;;) {
      const length = this.#receive();
      if (length === -ENOBUFS) {
        interrupted = true;
        continue;
      }
      if (length < 0) return { fault: this.#broken(length, request), interrupted };
      for (const message of readMessages(this.#datagram.subarray(0, length))) {
        if (message.sequence !== sequence) continue;
        if ((message.flags & NLM.dumpInterrupted) !== 0) interrupted = true;
        if (message.type === NLMSG.error || message.type === NLMSG.done) {
          if (errnoOf(message) === 0) return { interrupted };
          return { fault: netlinkFault(message, request.call(), this.#errors), interrupted };
        }
        visit(message);
      }
    }
  }

  #broken(result: number, request: NetlinkRequest): NetlinkFault {
    const { code, errno, message } = systemFault('netlink', result);
    return { code, errno, call: request.call(), message: `${request.call()}: ${message}` };
  }
}
