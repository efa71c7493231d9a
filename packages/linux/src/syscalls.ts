/**
 * The only file of Muslin with a foreign function interface: libc through `node:ffi` (Node ≥ 26.9).
 * Only plain synchronous calls; no callbacks, which could abort the process (an exception inside one does).
 */
import type * as FfiModule from 'node:ffi';
import {
  type ControlMessage,
  type PollEntry,
  type ReceivedMessage,
  SHORT_SEND,
  type SystemCalls,
} from './system-calls.ts';

const SIGNATURES = {
  socket: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
  bind: { arguments: ['int32', 'buffer', 'int32'], return: 'int32' },
  connect: { arguments: ['int32', 'buffer', 'int32'], return: 'int32' },
  listen: { arguments: ['int32', 'int32'], return: 'int32' },
  send: { arguments: ['int32', 'buffer', 'int32', 'int32'], return: 'int32' },
  sendto: { arguments: ['int32', 'buffer', 'int32', 'int32', 'buffer', 'int32'], return: 'int32' },
  recv: { arguments: ['int32', 'buffer', 'int32', 'int32'], return: 'int32' },
  sendmsg: { arguments: ['int32', 'pointer', 'int32'], return: 'int32' },
  recvmsg: { arguments: ['int32', 'buffer', 'int32'], return: 'int32' },
  setsockopt: { arguments: ['int32', 'int32', 'int32', 'buffer', 'int32'], return: 'int32' },
  getsockopt: { arguments: ['int32', 'int32', 'int32', 'buffer', 'buffer'], return: 'int32' },
  getsockname: { arguments: ['int32', 'buffer', 'buffer'], return: 'int32' },
  poll: { arguments: ['buffer', 'uint64', 'int32'], return: 'int32' },
  setns: { arguments: ['int32', 'int32'], return: 'int32' },
  unshare: { arguments: ['int32'], return: 'int32' },
  fcntl: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
  eventfd: { arguments: ['uint32', 'int32'], return: 'int32' },
  mount: { arguments: ['buffer', 'buffer', 'buffer', 'uint64', 'uint64'], return: 'int32' },
  umount2: { arguments: ['buffer', 'int32'], return: 'int32' },
  close: { arguments: ['int32'], return: 'int32' },
  __errno_location: { arguments: [], return: 'pointer' },
} as const;

const F_DUPFD_CLOEXEC = 1030;
/** Descriptors below are the standard streams. */
const LOWEST_FD = 3;
/** EFD_CLOEXEC | EFD_NONBLOCK */
const EVENTFD_FLAGS = 0o2000000 | 0o4000;
const ADDRESS_ROOM = 128;
const CONTROL_ROOM = 512;

let loaded: SystemCalls | undefined;

/**
 * The system calls of this machine; the same object every time. Throws where Node has no `node:ffi`
 * (older than 26.9, or started under the permission model without `--allow-ffi`) or the system is not Linux.
 */
export function systemCalls(): SystemCalls {
  loaded ??= load();
  return loaded;
}

function load(): SystemCalls {
  const ffi = process.getBuiltinModule('node:ffi') as typeof FfiModule | undefined;
  if (ffi === undefined)
    throw new Error(`Muslin needs node:ffi, which Node ${process.version} lacks: use Node 26.9 or newer`);
  const library = ffi.dlopen(null, SIGNATURES);
  const c = library.functions;
  const signed = (result: number): number =>
    result >= 0 ? result : -ffi.getInt32(c.__errno_location() as bigint);
  const lengthCell = (length: number) => new Uint8Array(new Uint32Array([length]).buffer);
  const readCell = (cell: Uint8Array) => new DataView(cell.buffer).getUint32(0, true);
  const short = shortMessage(value => ffi.getRawPointer(value));
  const path = (text: string) => new TextEncoder().encode(`${text}\0`);

  return {
    socket: (domain, type, protocol) => signed(c.socket(domain, type, protocol)),
    bind: (fd, address) => signed(c.bind(fd, address, address.length)),
    connect: (fd, address) => signed(c.connect(fd, address, address.length)),
    listen: (fd, backlog) => signed(c.listen(fd, backlog)),
    send: (fd, bytes, flags) => signed(c.send(fd, bytes, bytes.length, flags)),
    sendShort(fd, bytes, flags) {
      short.fill(bytes);
      return signed(c.sendmsg(fd, short.header, flags));
    },
    sendTo: (fd, bytes, flags, address) =>
      signed(c.sendto(fd, bytes, bytes.length, flags, address, address.length)),
    recv: (fd, into, flags) => signed(c.recv(fd, into, into.length, flags)),
    receiveMessage(fd, into, flags) {
      const sender = new Uint8Array(ADDRESS_ROOM);
      const control = new Uint8Array(CONTROL_ROOM);
      const vector = new BigUint64Array([ffi.getRawPointer(into), BigInt(into.length)]);
      const header = new BigUint64Array([
        ffi.getRawPointer(sender),
        BigInt(sender.length),
        ffi.getRawPointer(vector),
        1n,
        ffi.getRawPointer(control),
        BigInt(control.length),
        0n,
      ]);
      const bytes = new Uint8Array(header.buffer);
      const length = signed(c.recvmsg(fd, bytes, flags));
      if (length < 0) return length;
      const view = new DataView(header.buffer);
      const received: ReceivedMessage = {
        length,
        sender: sender.subarray(0, Math.min(view.getUint32(8, true), ADDRESS_ROOM)),
        control: controlMessages(control.subarray(0, Number(view.getBigUint64(40, true)))),
      };
      return received;
    },
    setSocketOption(fd, level, name, value) {
      const bytes = typeof value === 'number' ? new Uint8Array(new Int32Array([value]).buffer) : value;
      return signed(c.setsockopt(fd, level, name, bytes, bytes.length));
    },
    getSocketOption(fd, level, name, size) {
      const value = typeof size === 'number' ? new Uint8Array(size) : size;
      const cell = lengthCell(value.length);
      const result = signed(c.getsockopt(fd, level, name, value, cell));
      return result < 0 ? result : value.subarray(0, readCell(cell));
    },
    getSocketName(fd) {
      const address = new Uint8Array(ADDRESS_ROOM);
      const cell = lengthCell(ADDRESS_ROOM);
      const result = signed(c.getsockname(fd, address, cell));
      return result < 0 ? result : address.subarray(0, readCell(cell));
    },
    poll(entries, timeoutMs) {
      const table = pollTable(entries);
      const result = signed(c.poll(table, BigInt(entries.length), timeoutMs));
      if (result < 0) return result;
      const view = new DataView(table.buffer);
      return entries.map((_, i) => view.getInt16(i * 8 + 6, true));
    },
    setns: (fd, kind) => signed(c.setns(fd, kind)),
    unshare: flags => signed(c.unshare(flags)),
    duplicate: fd => signed(c.fcntl(fd, F_DUPFD_CLOEXEC, LOWEST_FD)),
    eventfd: () => signed(c.eventfd(0, EVENTFD_FLAGS)),
    mount: (source, target, type, flags) =>
      signed(c.mount(path(source), path(target), path(type), BigInt(flags), 0n)),
    unmount: (target, flags) => signed(c.umount2(path(target), flags)),
    close: fd => signed(c.close(fd)),
  };
}

/**
 * A struct msghdr of one part at a place that never changes. Node hands calls with at most three numbers to V8 as they
 * are, which puts them into its machine code; any other goes through a general way that is slow when it is not in a cache.
 */
function shortMessage(pointerOf: (buffer: ArrayBuffer) => bigint): {
  readonly header: bigint;
  readonly fill: (bytes: Uint8Array) => void;
} {
  const [vectorAt, dataAt] = [64, 128];
  const room = new ArrayBuffer(dataAt + SHORT_SEND);
  const start = pointerOf(room);
  // msg_name, msg_namelen, msg_iov, msg_iovlen, msg_control, msg_controllen, msg_flags.
  new BigUint64Array(room, 0, 7).set([0n, 0n, start + BigInt(vectorAt), 1n, 0n, 0n, 0n]);
  new BigUint64Array(room, vectorAt, 2).set([start + BigInt(dataAt), 0n]);
  // iov_len, whose upper half stays 0.
  const length = new Uint32Array(room, vectorAt + 8, 1);
  const data = new Uint8Array(room, dataAt);
  return {
    header: start,
    fill(bytes) {
      if (bytes.length > SHORT_SEND) throw new Error('a short send takes no more than SHORT_SEND octets');
      length[0] = bytes.length;
      for (let i = 0; i < bytes.length; i++) data[i] = bytes[i] as number;
    },
  };
}

/** struct pollfd[]: fd i32, events i16, revents i16. Never empty, since FFI refuses empty buffers' pointers. */
function pollTable(entries: readonly PollEntry[]): Uint8Array<ArrayBuffer> {
  const table = new Uint8Array(Math.max(8, entries.length * 8));
  const view = new DataView(table.buffer);
  entries.forEach((entry, i) => {
    view.setInt32(i * 8, entry.fd, true);
    view.setInt16(i * 8 + 4, entry.events, true);
  });
  return table;
}

/** struct cmsghdr on 64 bit: length u64 (with header), level i32, type i32, data, padded to 8. */
function controlMessages(bytes: Uint8Array): ControlMessage[] {
  const found: ControlMessage[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 16 <= bytes.length; ) {
    const length = Number(view.getBigUint64(at, true));
    if (length < 16 || at + length > bytes.length) break;
    found.push({
      level: view.getInt32(at + 8, true),
      type: view.getInt32(at + 12, true),
      data: bytes.slice(at + 16, at + length),
    });
    at += (length + 7) & ~7;
  }
  return found;
}

/**
 * The program of the event worker (see `netlink/event-poller.ts`), as text so that it also runs from a bundle or
 * a single executable. One thread blocks in poll(2) on every watched socket and posts what arrives. It wakes
 * twice a second so that it can be ended from outside at any time.
 */
export const EVENT_WORKER_SOURCE = `
const SIGNATURES = ${JSON.stringify(SIGNATURES)};
const { parentPort, receiveMessageOnPort, workerData } = require('node:worker_threads');
const ffi = require('node:ffi'), fs = require('node:fs');
const counter = new Uint8Array(8);
const { poll, recv, __errno_location } = SIGNATURES;
const c = ffi.dlopen(null, { poll, recv, __errno_location }).functions;
const EAGAIN = 11, EINTR = 4, ENOBUFS = 105, DATAGRAMS = 256, TICK_MS = 500;
const buffer = new Uint8Array(1 << 18);
const fds = [];
const broken = [];
function drain(fd) {
  const datagrams = [];
  let fault = 0;
  while (datagrams.length < DATAGRAMS) {
    const length = c.recv(fd, buffer, buffer.length, 0);
    if (length >= 0) { datagrams.push(buffer.slice(0, length)); continue; }
    const errno = ffi.getInt32(c.__errno_location());
    if (errno === EINTR) continue;
    if (errno !== EAGAIN) fault = errno;
    if (errno !== EAGAIN && errno !== ENOBUFS) broken.push(fd);
    break;
  }
  if (datagrams.length > 0 || fault !== 0) parentPort.postMessage({ fd, datagrams, fault }, datagrams.map(datagram => datagram.buffer));
}
for (;;) {
  for (let command; (command = receiveMessageOnPort(parentPort)) !== undefined; ) {
    const { watch, forget, stop } = command.message;
    if (watch !== undefined) fds.push(watch);
    if (forget !== undefined) { if (fds.includes(forget)) fds.splice(fds.indexOf(forget), 1); parentPort.postMessage({ forgotten: forget }); }
    if (stop) process.exit(0);
  }
  const table = new Uint8Array((fds.length + 1) * 8), view = new DataView(table.buffer);
  [workerData.wake, ...fds].forEach((fd, i) => { view.setInt32(i * 8, fd, true); view.setInt16(i * 8 + 4, 1, true); });
  if (c.poll(table, BigInt(fds.length + 1), TICK_MS) <= 0) continue;
  if (view.getInt16(6, true) !== 0) fs.readSync(workerData.wake, counter);
  fds.forEach((fd, i) => { if (view.getInt16(i * 8 + 14, true) !== 0) drain(fd); });
  while (broken.length > 0) fds.splice(fds.indexOf(broken.pop()), 1);
}
`;
