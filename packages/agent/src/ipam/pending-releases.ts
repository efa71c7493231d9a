import {
  closeSync,
  fsync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createHash } from 'node:crypto';

/**
 * Handles whose addresses must be given back when the API server can be reached again, on disk: a DEL is answered
 * even while it is away, and nothing leaks over a restart. Each is a symbolic link that leads to the handle's words: made
 * whole by one call, and all that are made together are on the disk after one sync of the folder. A sync of each took 5
 * to 20 ms and kept the event loop waiting.
 */
export class PendingReleases {
  readonly #folder: string;
  readonly #handles = new Set<string>();
  #waiting: (() => void)[] = [];
  #syncing: Promise<void> | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isSymbolicLink()) this.#handles.add(readlinkSync(path));
      // As they were before they were links.
      else if (!entry.name.endsWith('.new')) this.#handles.add(readFileSync(path, 'utf8'));
    }
  }

  /** All handles that wait. */
  all(): readonly string[] {
    return [...this.#handles];
  }

  get isEmpty(): boolean {
    return this.#handles.size === 0;
  }

  has(handleId: string): boolean {
    return this.#handles.has(handleId);
  }

  /**
   * Once it returns, the death of this process loses nothing; once it resolves, a loss of power doesn't either. A disk that has
   * turned read-only keeps no promise: the address is given back all the same, and by the collector if this process dies before.
   */
  add(handleId: string): Promise<void> {
    if (!this.#handles.has(handleId)) quietly(() => symlinkSync(handleId, this.#path(handleId)));
    this.#handles.add(handleId);
    return new Promise(resolve => {
      this.#waiting.push(resolve);
      this.#syncing ??= this.#syncAll();
    });
  }

  delete(handleId: string): void {
    // What can't be removed is given back once more after a restart: that is harmless.
    if (this.#handles.delete(handleId)) quietly(() => rmSync(this.#path(handleId), { force: true }));
  }

  /** What is added while a sync is under way shares the next one. */
  async #syncAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting;
      this.#waiting = [];
      // A disk that refuses leaves what a loss of power would: the handle is found by the collector.
      await syncFolder(this.#folder).catch(() => {});
      for (const resolve of waiting) resolve();
    }
    this.#syncing = undefined;
  }

  #path(handleId: string): string {
    return `${this.#folder}/${createHash('sha256').update(handleId).digest('hex').slice(0, 32)}`;
  }
}

/** Does it where the disk takes it. */
function quietly(write: () => void): void {
  try {
    write();
  } catch {
    // See `add` and `delete`.
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = openSync(path, 'r');
  await new Promise<void>(resolve => fsync(folder, () => resolve()));
  closeSync(folder);
}
