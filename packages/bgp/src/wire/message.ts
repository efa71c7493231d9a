import { ByteWriter, ok, type Result } from '@muslin/net';
import { writeAttribute, writeAttributes } from './attributes.ts';
import type { ResetFault } from './fault.ts';
import { type Frame, frameMessage } from './framer.ts';
import { writeMpReachHead } from './mp-reach.ts';
import { decodeNotification, encodeNotification, type NotificationMessage } from './notification.ts';
import { decodeOpen, encodeOpen, type OpenMessage } from './open.ts';
import type { WireOptions } from './options.ts';
import { familyRow } from './route-family.ts';
import { decodeRouteRefresh, encodeRouteRefresh, type RouteRefreshMessage } from './route-refresh.ts';
import { decodeUpdate, type UpdateMessage } from './update.ts';

/** KEEPALIVE (RFC 4271 §4.4). */
export interface KeepaliveMessage {
  readonly kind: 'keepalive';
}

/** Any BGP message. */
export type Message =
  | OpenMessage
  | UpdateMessage
  | NotificationMessage
  | KeepaliveMessage
  | RouteRefreshMessage;

/** The one KEEPALIVE. */
export const KEEPALIVE: KeepaliveMessage = { kind: 'keepalive' };

interface MessageRow {
  readonly type: number;
  readonly decode: (body: Uint8Array, options: WireOptions) => Result<Message, ResetFault>;
  readonly encode: (message: never, options: WireOptions) => Uint8Array;
}

/** One row per message type. */
export const MESSAGES: Readonly<Record<Message['kind'], MessageRow>> = {
  open: { type: 1, decode: decodeOpen, encode: encodeOpen },
  update: { type: 2, decode: decodeUpdate, encode: encodeUpdate },
  notification: { type: 3, decode: body => ok(decodeNotification(body)), encode: encodeNotification },
  keepalive: { type: 4, decode: () => ok(KEEPALIVE), encode: () => new Uint8Array(0) },
  'route-refresh': { type: 5, decode: decodeRouteRefresh, encode: encodeRouteRefresh },
};

const rowOfType = new Map(Object.values(MESSAGES).map(row => [row.type, row]));

/** Reads a frame; the framer lets only known types through. Total: any body gives a message or a fault. */
export function decodeMessage(frame: Frame, options: WireOptions): Result<Message, ResetFault> {
  const row = rowOfType.get(frame.type);
  if (row === undefined) throw new Error(`the framer let message type ${frame.type} through`);
  return row.decode(frame.body, options);
}

/** Writes a whole message with its header. */
export function encodeMessage(message: Message, options: WireOptions): Uint8Array {
  const row = MESSAGES[message.kind];
  return frameMessage(row.type, row.encode(message as never, options));
}

/** Writes an UPDATE body. The caller makes sure that it fits; the RIB packs by itself (`rib/update-packer.ts`). */
function encodeUpdate(update: UpdateMessage, options: WireOptions): Uint8Array {
  const attributes = new ByteWriter();
  const part = new ByteWriter();
  if (update.mpReach?.nextHop !== undefined) {
    writeMpReachHead(part, update.mpReach.nlri.family, update.mpReach.nextHop);
    part.bytes(update.mpReach.nlri.bytes);
    // RFC 7606 §5.1: first, so that a receiver finds the routes even when a later attribute is malformed.
    writeAttribute(attributes, 0x80, 14, part.view());
  }
  if (update.mpUnreach !== undefined) {
    const { afi, safi } = familyRow(update.mpUnreach.family);
    part.reset();
    part.u16(afi).u8(safi).bytes(update.mpUnreach.bytes);
    writeAttribute(attributes, 0x80, 15, part.view());
  }
  writeAttributes(attributes, update.attributes, options);
  const body = new ByteWriter();
  body.u16(update.withdrawn.bytes.length).bytes(update.withdrawn.bytes);
  body.u16(attributes.length).bytes(attributes.view());
  return body.bytes(update.announced.bytes).finish();
}
