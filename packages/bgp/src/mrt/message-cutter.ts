import { HEADER_LENGTH } from '../wire/framer.ts';

/**
 * Cuts a byte stream that is only listened to into whole messages. Where it is lost, as when it begins in the middle of
 * a message, it goes on at the next marker; whether the messages are any good is not its business.
 */
export class MessageCutter {
  #bytes: Uint8Array = new Uint8Array(0);

  /** Takes bytes and gives the messages that are whole now, each a copy of its own. */
  push(chunk: Uint8Array): readonly Uint8Array[] {
    const bytes = new Uint8Array(this.#bytes.length + chunk.length);
    bytes.set(this.#bytes);
    bytes.set(chunk, this.#bytes.length);
    const messages: Uint8Array[] = [];
    let at = 0;
    while (bytes.length - at >= HEADER_LENGTH) {
      const length = lengthAt(bytes, at);
      if (length === undefined) {
        at++;
        continue;
      }
      if (at + length > bytes.length) break;
      messages.push(bytes.slice(at, at + length));
      at += length;
    }
    this.#bytes = bytes.slice(at);
    return messages;
  }
}

/** Length of the message that begins here; undefined when none does. */
function lengthAt(bytes: Uint8Array, at: number): number | undefined {
  for (let i = 0; i < 16; i++) if (bytes[at + i] !== 0xff) return undefined;
  const length = ((bytes[at + 16] as number) << 8) | (bytes[at + 17] as number);
  const type = bytes[at + 18] as number;
  return length >= HEADER_LENGTH && type >= 1 && type <= 5 ? length : undefined;
}
