/** Why a rendered rule can't be read back. */
export interface ReadFault {
  readonly code: 'unreadable';
  readonly chain: string;
  readonly rule: string;
  readonly message: string;
}

/** The words of one rule, taken one after the other. Quotes keep a word together; braces stand alone. */
export class Words {
  readonly #words: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#words = [...text.matchAll(/"([^"]*)"|[^\s",]+(?:,[^\s",]+)*|,/g)].map(
      ([word, quoted]) => quoted ?? word,
    );
  }

  get done(): boolean {
    return this.#at >= this.#words.length;
  }

  /** The next word; an empty one past the end. */
  next(): string {
    return this.#words[this.#at++] ?? '';
  }

  peek(): string {
    return this.#words[this.#at] ?? '';
  }

  /** Takes the words if they are the next ones. */
  take(...words: readonly string[]): boolean {
    if (!words.every((word, i) => this.#words[this.#at + i] === word)) return false;
    this.#at += words.length;
    return true;
  }
}

/** A number in decimal, or in hexadecimal with `0x`; undefined when the word is none. */
export function numberOf(word: string): number | undefined {
  return /^(\d+|0x[0-9a-f]+)$/.test(word) ? Number(word) : undefined;
}
