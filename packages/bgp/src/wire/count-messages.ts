import { HEADER_LENGTH } from './framer.ts';
import { type Message, MESSAGES } from './message.ts';

const KIND_OF_TYPE = Object.entries(MESSAGES).reduce<Message['kind'][]>((kinds, [kind, { type }]) => {
  kinds[type] = kind as Message['kind'];
  return kinds;
}, []);

/** Adds a run of whole messages of ours to counts by kind, by their headers alone. */
export function countMessages(bytes: Uint8Array, counts: Record<Message['kind'], number>): void {
  for (let at = 0; at + HEADER_LENGTH <= bytes.length; ) {
    counts[KIND_OF_TYPE[bytes[at + 18] as number] as Message['kind']]++;
    at += ((bytes[at + 16] as number) << 8) | (bytes[at + 17] as number);
  }
}
