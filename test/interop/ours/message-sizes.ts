import type { ConnectionId } from '@muslin/bgp';

const HEADER = 19;

/** The largest BGP message each way, read off the byte streams. */
export class MessageSizes {
  largestIn = 0;
  largestOut = 0;
  /** The connection that was last heard. */
  lastHeard: ConnectionId | undefined;
  readonly #rest = new Map<string, Uint8Array>();

  received(connection: ConnectionId, bytes: Uint8Array): void {
    this.lastHeard = connection;
    this.largestIn = Math.max(this.largestIn, this.#largest(`in ${connection}`, bytes));
  }

  sent(connection: ConnectionId, bytes: Uint8Array): void {
    this.largestOut = Math.max(this.largestOut, this.#largest(`out ${connection}`, bytes));
  }

  #largest(stream: string, bytes: Uint8Array): number {
    const all = Buffer.concat([this.#rest.get(stream) ?? new Uint8Array(), bytes]);
    let largest = 0;
    let at = 0;
    while (all.length - at >= HEADER) {
      const length = Math.max(HEADER, all.readUInt16BE(at + 16));
      largest = Math.max(largest, length);
      if (at + length > all.length) break;
      at += length;
    }
    this.#rest.set(stream, all.subarray(at));
    return largest;
  }
}
