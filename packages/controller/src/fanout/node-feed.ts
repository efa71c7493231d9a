/** One message of a feed, as its lines; lines are shared by all feeds that carry them. */
export interface FeedMessage {
  readonly seq: number;
  readonly lines: readonly Uint8Array[];
  readonly bytes: number;
}

/** How much of a feed is kept for agents that were away, or read slowly. */
export interface FeedLimits {
  readonly bytes: number;
  readonly messages: number;
}

export const FEED_LIMITS: FeedLimits = { bytes: 512 << 10, messages: 500 };

/** What one node is told, in order: the last messages, and where the next one stands. */
export class NodeFeed {
  readonly #limits: FeedLimits;
  #messages: FeedMessage[] = [];
  #bytes = 0;
  #seq = 0;

  /** `seq`: where it begins; a feed that follows a forgotten one begins past it, so that no number means two things. */
  constructor(limits: FeedLimits = FEED_LIMITS, seq = 0) {
    this.#limits = limits;
    this.#seq = seq;
  }

  /** The last message. */
  get seq(): number {
    return this.#seq;
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  push(lines: readonly Uint8Array[]): void {
    const bytes = lines.reduce((sum, line) => sum + line.length, 0);
    this.#messages.push({ seq: ++this.#seq, lines, bytes });
    this.#bytes += bytes;
    let drop = 0;
    while (
      drop < this.#messages.length &&
      (this.#bytes > this.#limits.bytes || this.#messages.length - drop > this.#limits.messages)
    )
      this.#bytes -= (this.#messages[drop++] as FeedMessage).bytes;
    if (drop > 0) this.#messages = this.#messages.slice(drop);
  }

  /** The message after this one; undefined when it is no longer kept, or was never sent: the whole is needed. */
  after(seq: number): FeedMessage | undefined {
    const first = this.#messages[0];
    return first === undefined ? undefined : this.#messages[seq + 1 - first.seq];
  }
}
