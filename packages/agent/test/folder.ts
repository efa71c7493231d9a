import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll } from 'vitest';

/** A fresh folder that goes when the file's tests have ended. */
export function freshFolder(): string {
  const folder = mkdtempSync(`${tmpdir()}/msl-agent-`);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
