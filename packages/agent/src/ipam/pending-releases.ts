import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { createHash } from 'node:crypto';

/**
 * Handles whose addresses must be given back when the API server can be reached again, on disk: a DEL is answered
 * even while it is away, and nothing leaks over a restart.
 */
export class PendingReleases {
  readonly #folder: string;
  readonly #handles = new Set<string>();

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(folder))
      if (!name.endsWith('.new')) this.#handles.add(readFileSync(`${folder}/${name}`, 'utf8'));
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

  add(handleId: string): void {
    const path = this.#path(handleId);
    const fd = openSync(`${path}.new`, 'w', 0o600);
    try {
      writeSync(fd, handleId);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(`${path}.new`, path);
    this.#handles.add(handleId);
  }

  delete(handleId: string): void {
    if (this.#handles.delete(handleId)) rmSync(this.#path(handleId), { force: true });
  }

  #path(handleId: string): string {
    return `${this.#folder}/${createHash('sha256').update(handleId).digest('hex').slice(0, 32)}`;
  }
}
