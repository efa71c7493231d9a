import { ByteTail, ByteWriter, fail, ok, type Result } from '@muslin/net';
import type { Output } from '../speaker/output.ts';
import { digestOf } from './digest.ts';
import type { JournalEntry, SpeakerCall } from './journal-entry.ts';
import { decodeValue, encodeValue } from './value-bytes.ts';

/** `MJ` and the version of the format. */
const MARK = 0x4d4a0001;
const HEADER = 16;
const LONGEST = 1 << 28;

/** Why bytes are no journal. */
export interface JournalFault {
  readonly message: string;
}

/** Writes a call and the check sum of what came of it: mark, length, number of outputs, digest, the call. */
export function encodeEntry(call: SpeakerCall, outputs: readonly Output[]): Uint8Array {
  const value = encodeValue(call);
  return new ByteWriter(HEADER + value.length)
    .u32(MARK)
    .u32(value.length)
    .u32(outputs.length)
    .u32(digestOf(encodeValue(outputs)))
    .bytes(value)
    .finish();
}

/** Cuts a stream of bytes into entries. `push` bytes, then call `next` until it gives undefined. Total. */
export class JournalReader {
  readonly #tail = new ByteTail();

  push(bytes: Uint8Array): void {
    this.#tail.push(bytes);
  }

  /** Octets that are not yet a whole entry: at the end of a file, what a crash cut off. */
  get left(): number {
    return this.#tail.left;
  }

  /** The next entry; a fault ends the reading, undefined wants more bytes. */
  next(): Result<JournalEntry, JournalFault> | undefined {
    if (this.left < HEADER) return undefined;
    const reader = this.#tail.peek();
    const [mark, length, outputs, digest] = [reader.u32(), reader.u32(), reader.u32(), reader.u32()];
    if (mark !== MARK || length > LONGEST) return this.#end('these are no bytes of a journal');
    if (this.left < HEADER + length) return undefined;
    this.#tail.take(HEADER);
    const call = decodeValue(this.#tail.take(length));
    if (!isCall(call)) return this.#end('an entry of the journal can not be read');
    return ok({ call, outputs, digest });
  }

  #end(message: string): Result<never, JournalFault> {
    this.#tail.clear();
    return fail({ message });
  }
}

const CALLS: ReadonlySet<unknown> = new Set<SpeakerCall['call']>([
  ...(['begin', 'setPeer', 'removePeer', 'shutDown', 'handle'] as const),
  ...(['originate', 'withdraw', 'requestRefresh'] as const),
]);

function isCall(value: unknown): value is SpeakerCall {
  return typeof value === 'object' && value !== null && CALLS.has((value as { call?: unknown }).call);
}
