import { errorText, ERROR_CODES } from './error-code.ts';
import { utf8Bytes, utf8Text } from './utf8.ts';

/** NOTIFICATION (RFC 4271 §4.5). */
export interface NotificationMessage {
  readonly kind: 'notification';
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
}

const NO_DATA = new Uint8Array(0);

/** Makes a NOTIFICATION. */
export function notification(code: number, subcode = 0, data: Uint8Array = NO_DATA): NotificationMessage {
  return { kind: 'notification', code, subcode, data };
}

/** Reads a NOTIFICATION body of at least two octets (the framer made sure). */
export function decodeNotification(body: Uint8Array): NotificationMessage {
  return notification(body[0] ?? 0, body[1] ?? 0, body.slice(2));
}

/** Writes a NOTIFICATION body. */
export function encodeNotification(message: NotificationMessage): Uint8Array {
  const body = new Uint8Array(2 + message.data.length);
  body[0] = message.code;
  body[1] = message.subcode;
  body.set(message.data, 2);
  return body;
}

/** A Cease with a text for the operator on the other side, at most 255 octets (RFC 9003 §2). */
export function cease(subcode: number, text?: string): NotificationMessage {
  if (text === undefined || text === '') return notification(ERROR_CODES.cease.code, subcode);
  const bytes = utf8Bytes(text, 255);
  return notification(ERROR_CODES.cease.code, subcode, Uint8Array.of(bytes.length, ...bytes));
}

/** The shutdown text of a Cease 6/2 or 6/4, when there is a well-formed one (RFC 9003 §2). */
export function shutdownText(message: NotificationMessage): string | undefined {
  if (message.code !== ERROR_CODES.cease.code || (message.subcode !== 2 && message.subcode !== 4))
    return undefined;
  const length = message.data[0] ?? 0;
  if (length === 0 || message.data.length < 1 + length) return undefined;
  return utf8Text(message.data.subarray(1, 1 + length));
}

/** A NOTIFICATION in words. */
export function notificationText(message: NotificationMessage): string {
  // RFC 8538 §3.1: a hard reset carries the error that it stands for.
  if (message.code === ERROR_CODES.cease.code && message.subcode === 9 && message.data.length >= 2) {
    return `${errorText(message.code, message.subcode)}: ${notificationText(decodeNotification(message.data.subarray(0, 260)))}`;
  }
  const text = shutdownText(message);
  return errorText(message.code, message.subcode) + (text === undefined ? '' : ` “${text}”`);
}
