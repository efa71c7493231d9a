import { close, read, write } from 'node:fs';
import { fail, ok, type Result } from '@muslin/net';
import { type SystemFault, systemFault } from '../system-calls.ts';
import { type NetlinkMessage, NLM, NLMSG, readMessages } from './message-reader.ts';
import { NetlinkWriter } from './message-writer.ts';
import { errnoOf, type NetlinkFault, netlinkFault } from './netlink-fault.ts';
import { type NetlinkRequest, openNetlinkFd } from './netlink-socket.ts';

const DATAGRAM = 256 << 10;
const REQUEST = 4 << 10;
const ENOBUFS = -105;

type FileCall = (
  fd: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
  position: null,
  done: (error: NodeJS.ErrnoException | null, count: number) => void,
) => void;

/**
 * A netlink socket for what the kernel takes milliseconds for: a thread of libuv's pool waits (each holds one),
 * the event loop goes on. One request after the other. It stays in the network namespace in which it was opened.
 */
export class WaitingSocket {
  readonly #fd: number;
  readonly #writer = new NetlinkWriter(REQUEST);
  readonly #datagram = new Uint8Array(DATAGRAM);
  #sequence = 1;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Opens a socket in the current network namespace. */
  static open(protocol: number): Result<WaitingSocket, SystemFault> {
    const fd = openNetlinkFd(protocol);
    return fd.ok ? ok(new WaitingSocket(fd.value)) : fd;
  }

  /** Sends one request; resolves when the kernel acknowledged it. */
  async ask(request: NetlinkRequest): Promise<Result<void, NetlinkFault>> {
    const done = await this.#inTurn({ ...request, flags: request.flags | NLM.ack }, () => {});
    return done.ok ? ok(undefined) : done;
  }

  /** Sends a dump request and decodes each answer as it comes; `decode` skips by returning undefined. */
  async dump<T>(
    request: NetlinkRequest,
    decode: (message: NetlinkMessage) => T | undefined,
  ): Promise<Result<T[], NetlinkFault>> {
    const found: T[] = [];
    const done = await this.#inTurn({ ...request, flags: request.flags | NLM.dump }, message => {
      const value = decode(message);
      if (value !== undefined) found.push(value);
    });
    return done.ok ? ok(found) : done;
  }

  /** Closes the socket after what was asked. */
  close(): void {
    this.#turn = this.#turn.then(() => close(this.#fd, () => {}));
  }

  #inTurn(
    request: NetlinkRequest,
    visit: (message: NetlinkMessage) => void,
  ): Promise<Result<void, NetlinkFault>> {
    const turn = this.#turn.then(() => this.#exchange(request, visit));
    this.#turn = turn;
    return turn;
  }

  async #exchange(
    request: NetlinkRequest,
    visit: (message: NetlinkMessage) => void,
  ): Promise<Result<void, NetlinkFault>> {
    const sequence = this.#sequence++ >>> 0;
    this.#writer.truncate();
    this.#writer.begin(request.type, request.flags | NLM.request, sequence);
    request.write(this.#writer);
    this.#writer.end();
    const sent = await this.#waitFor(write, this.#writer.view());
    if (sent < 0) return this.#broken(sent, request);
    for (;;) {
      const length = await this.#waitFor(read, this.#datagram);
      if (length === ENOBUFS) continue;
      if (length <= 0) return this.#broken(length, request);
      for (const message of readMessages(this.#datagram.subarray(0, length))) {
        if (message.sequence !== sequence) continue;
        if (message.type !== NLMSG.error && message.type !== NLMSG.done) visit(message);
        else if (errnoOf(message) === 0) return ok(undefined);
        else return fail(netlinkFault(message, request.call()));
      }
    }
  }

  /** How many bytes, or a negated errno. */
  #waitFor(call: FileCall, bytes: Uint8Array): Promise<number> {
    return new Promise(resolve =>
      call(this.#fd, bytes, 0, bytes.length, null, (error, count) =>
        resolve(error === null ? count : (error.errno ?? -1)),
      ),
    );
  }

  #broken(result: number, request: NetlinkRequest): Result<never, NetlinkFault> {
    const { code, errno, message } = systemFault('netlink', result);
    return fail({ code, errno, call: request.call(), message: `${request.call()}: ${message}` });
  }
}
