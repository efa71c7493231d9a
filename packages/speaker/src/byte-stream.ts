import type { SessionLog } from '@muslin/bgp';

const PIECE = 1 << 16;
/** What a listener may leave unread before it loses the stream. */
const LONGEST_QUEUE = 64 << 20;

/** Joins small records, so that a table of a million routes is not a million writes. */
export function* inPieces(records: Iterable<Uint8Array>): Generator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let octets = 0;
  for (const record of records) {
    waiting.push(record);
    octets += record.length;
    if (octets < PIECE) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    octets = 0;
  }
  if (octets > 0) yield Buffer.concat(waiting);
}

/** The records of a log from now on. A listener that reads too slowly loses the stream rather than fill our memory. */
export async function* follow(log: Pick<SessionLog, 'follow'>): AsyncGenerator<Uint8Array> {
  let queue: Uint8Array[] = [];
  let octets = 0;
  let wake: (() => void) | undefined;
  const stop = log.follow(record => {
    octets += record.length;
    queue.push(record);
    wake?.();
  });
  try {
    while (octets <= LONGEST_QUEUE) {
      if (queue.length === 0)
        await new Promise<void>(resolve => {
          wake = resolve;
        });
      const piece = Buffer.concat(queue);
      queue = [];
      octets = 0;
      yield piece;
    }
  } finally {
    stop();
  }
}
