import { readMessages } from '../src/netlink/message-reader.ts';
import { NetlinkWriter } from '../src/netlink/message-writer.ts';
import type { NetlinkRequest } from '../src/netlink/netlink-socket.ts';

/** What two requests must agree in: order of attributes, padding and line numbers mean nothing to the kernel. */
export interface WireShape {
  readonly type: number;
  readonly flags: number;
  readonly header: string;
  readonly attributes: readonly string[];
}

/** The bytes of a request as the socket would send it, with an acknowledgement asked for. */
export function bytesOf(request: NetlinkRequest, flags = 5): Uint8Array {
  const writer = new NetlinkWriter();
  writer.begin(request.type, request.flags | flags, 1);
  request.write(writer);
  return writer.end().finish();
}

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** The shape of one message whose family header has `headerBytes` bytes. */
export function shapeOf(bytes: Uint8Array, headerBytes: number, ignored: readonly number[] = []): WireShape {
  const [message] = [...readMessages(bytes)];
  if (message === undefined) throw new Error('no netlink message');
  return {
    type: message.type,
    flags: message.flags,
    header: toHex(message.payload.subarray(0, headerBytes)),
    attributes: attributesOf(message.payload.subarray(headerBytes), ignored),
  };
}

/** An own little parser, so that a mistake of the room's reader can't hide one of its writer. */
function attributesOf(bytes: Uint8Array, ignored: readonly number[]): string[] {
  const found: string[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = view.getUint16(at, true);
    const type = view.getUint16(at + 2, true);
    if (length < 4 || at + length > bytes.length) throw new Error(`attribute ${type} of ${length} bytes`);
    const value = bytes.subarray(at + 4, at + length);
    const shown = (type & 0x8000) !== 0 ? `[${attributesOf(value, ignored).join(' ')}]` : toHex(value);
    if (!ignored.includes(type)) found.push(`${type.toString(16)}=${shown}`);
    at += (length + 3) & ~3;
  }
  return found.sort();
}
