import { existsSync, lstatSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';

/** By its target the link shows whose it is. */
const EXECUTABLE = 'muslin';

/**
 * Makes the compiled executable serve as the CNI plugin `loopback` too, which runtimes start for each sandbox
 * (shim/loopback.c). One that is there already stays: it belongs to somebody else.
 */
export function linkLoopback(folder: string): void {
  const path = `${folder}/loopback`;
  if (!isOurs(path) && lstatSync(path, { throwIfNoEntry: false }) === undefined)
    symlinkSync(EXECUTABLE, path);
}

/** Takes our link away, and nothing else of that name. */
export function unlinkLoopback(folder: string): void {
  const path = `${folder}/loopback`;
  if (isOurs(path)) rmSync(path, { force: true });
}

/** Whether runtimes find any. */
export function hasLoopback(folder: string): boolean {
  return existsSync(`${folder}/loopback`);
}

function isOurs(path: string): boolean {
  return (
    lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true && readlinkSync(path) === EXECUTABLE
  );
}
