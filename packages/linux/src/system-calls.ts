import { getSystemErrorMap } from 'node:util';

/** A system call that the kernel refused. */
export interface SystemFault {
  /** The errno name, such as `EEXIST`; `E<number>` when the number has no name. */
  readonly code: string;
  readonly errno: number;
  /** The call, such as `socket`. */
  readonly call: string;
  readonly message: string;
}

/** One entry of `poll(2)`. */
export interface PollEntry {
  readonly fd: number;
  /** Wanted events: `POLL.in`, `POLL.out`. */
  readonly events: number;
}

/** What `recvmsg(2)` gave. */
export interface ReceivedMessage {
  /** Bytes written into the data buffer. */
  readonly length: number;
  /** The sender's socket address, as the kernel wrote it. */
  readonly sender: Uint8Array;
  readonly control: readonly ControlMessage[];
}

/** One ancillary message (cmsg(3)). */
export interface ControlMessage {
  readonly level: number;
  readonly type: number;
  readonly data: Uint8Array;
}

/**
 * Every system call of Muslin that Node has no own function for. A call returns its non-negative result or,
 * below zero, the negated errno, so that hot paths make no objects; `systemFault` turns that into a value.
 */
export interface SystemCalls {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array): number;
  connect(fd: number, address: Uint8Array): number;
  listen(fd: number, backlog: number): number;
  send(fd: number, bytes: Uint8Array, flags: number): number;
  /**
   * `send(2)` in a third of the time, for octets that somebody waits for: at most `SHORT_SEND` of them, in the calling
   * thread, after they were copied.
   */
  sendShort(fd: number, bytes: Uint8Array, flags: number): number;
  sendTo(fd: number, bytes: Uint8Array, flags: number, address: Uint8Array): number;
  recv(fd: number, into: Uint8Array, flags: number): number;
  /** `recvmsg(2)` with room for ancillary data; a number is a negated errno. */
  receiveMessage(fd: number, into: Uint8Array, flags: number): ReceivedMessage | number;
  setSocketOption(fd: number, level: number, name: number, value: Uint8Array | number): number;
  /** The option's value (as long as the kernel says, at most `size` bytes), or a negated errno. */
  getSocketOption(fd: number, level: number, name: number, size: number | Uint8Array): Uint8Array | number;
  /** The local address of a socket (sockaddr bytes), or a negated errno. */
  getSocketName(fd: number): Uint8Array | number;
  /** The ready events of each entry, in order, or a negated errno. A time-out gives all zeros. */
  poll(entries: readonly PollEntry[], timeoutMs: number): readonly number[] | number;
  /** Moves the calling thread into the namespace of the file descriptor. */
  setns(fd: number, kind: number): number;
  unshare(flags: number): number;
  /** Another descriptor of the same open file, closed on exec. */
  duplicate(fd: number): number;
  eventfd(): number;
  mount(source: string, target: string, type: string, flags: number): number;
  unmount(target: string, flags: number): number;
  close(fd: number): number;
}

/** Most octets that `sendShort` takes. */
export const SHORT_SEND = 4096;

/** `poll(2)` event bits. */
export const POLL = { in: 0x1, out: 0x4, error: 0x8, hangUp: 0x10 } as const;

/** Namespace kinds for `setns(2)` and `unshare(2)`. */
export const CLONE = { newNet: 0x4000_0000, newNs: 0x0002_0000 } as const;

/** Linux gives one number two names; netlink means this one. */
const EOPNOTSUPP = 95;

/** The errno name of a positive errno, such as `EEXIST`. */
export function errnoName(errno: number): string {
  if (errno === EOPNOTSUPP) return 'EOPNOTSUPP';
  return getSystemErrorMap().get(-errno)?.[0] ?? `E${errno}`;
}

/** The fault of a call that returned `result` < 0. */
export function systemFault(call: string, result: number, about = ''): SystemFault {
  const code = errnoName(-result);
  const words = getSystemErrorMap().get(result)?.[1] ?? 'unknown error';
  const subject = about === '' ? '' : ` ${about}`;
  return { code, errno: -result, call, message: `${call}${subject}: ${words} (${code})` };
}
