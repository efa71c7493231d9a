import { closeSync, mkdirSync, openSync, readdirSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Parts that the bound is divided into: the oldest goes as a whole. */
const PARTS = 8;
const NAME = /^bgp-\d{15}-\d{6}\.journal$/;

/** Where a journal goes, and how much of it is kept. */
export interface JournalFilesOptions {
  readonly folder: string;
  /** Most octets that all files together take. */
  readonly maxBytes: number;
  readonly log: (line: string) => void;
  readonly now?: () => number;
}

/**
 * A journal in files of a folder that only root may read. It never takes more than its bound: the oldest file goes for the
 * newest. A disk that is full ends the journal, not the speaker.
 */
export class JournalFiles {
  readonly #options: JournalFilesOptions;
  #fd: number | undefined;
  #size = 0;
  #count = 0;
  #waiting: Uint8Array[] = [];
  #dead = false;

  constructor(options: JournalFilesOptions) {
    this.#options = options;
    this.#guard(() => mkdirSync(options.folder, { recursive: true, mode: 0o700 }));
  }

  /** Takes an entry; it is on its way to the disk when this turn of the loop ends. */
  write(entry: Uint8Array): void {
    if (this.#dead) return;
    if (this.#waiting.length === 0) setImmediate(() => this.flush());
    this.#waiting.push(entry);
  }

  /** Hands everything to the kernel now. */
  flush(): void {
    const entries = this.#waiting;
    this.#waiting = [];
    this.#guard(() => {
      for (const entry of entries) this.#append(entry);
    });
  }

  close(): void {
    this.flush();
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#dead = true;
  }

  #append(entry: Uint8Array): void {
    const { folder, maxBytes } = this.#options;
    const part = Math.floor(maxBytes / PARTS);
    // Left out it would make a gap that nobody sees.
    if (entry.length > maxBytes) throw new Error(`an entry of ${entry.length} octets is more than all of it`);
    if (this.#fd === undefined || this.#size + entry.length > part) {
      if (this.#fd !== undefined) closeSync(this.#fd);
      this.#makeRoom(maxBytes - Math.max(part, entry.length));
      const time = String(Math.floor(this.#now())).padStart(15, '0');
      const name = `bgp-${time}-${String(this.#count++).padStart(6, '0')}.journal`;
      this.#fd = openSync(join(folder, name), 'a', 0o600);
      this.#size = 0;
    }
    for (let at = 0; at < entry.length; ) at += writeSync(this.#fd, entry, at);
    this.#size += entry.length;
  }

  #makeRoom(most: number): void {
    const files = journalFiles(this.#options.folder);
    let total = files.reduce((sum, file) => sum + statSync(file).size, 0);
    for (const file of files) {
      if (total <= most) return;
      total -= statSync(file).size;
      unlinkSync(file);
    }
  }

  #now(): number {
    return this.#options.now?.() ?? Date.now();
  }

  #guard(write: () => void): void {
    if (this.#dead) return;
    try {
      write();
    } catch (error) {
      this.#dead = true;
      this.#waiting = [];
      this.#options.log(`the journal ends here, as it can't be written: ${(error as Error).message}`);
    }
  }
}

/** The files of a journal, oldest first. */
function journalFiles(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter(name => NAME.test(name))
    .toSorted()
    .map(name => join(folder, name));
}
