import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { FileFault } from './file-fault.ts';

const EXTENSIONS = /\.(ya?ml|json)$/i;
/** A folder given by mistake (a home, a root) is refused rather than read for minutes. */
const MAX_FILES = 100_000;

/** The files to read and what could not be followed. */
export interface FileList {
  readonly files: readonly string[];
  /** Folders below that were not asked for. */
  readonly left: readonly string[];
  readonly faults: readonly FileFault[];
}

/**
 * All `.yaml`, `.yml` and `.json` files in folders and below, in the order of their names; a path to a file is
 * taken as it is. Names that begin with a dot and `node_modules` are left out. Symbolic links are followed, and
 * each real file and folder is visited once, so that loops end.
 * @param shallow folders below those given are named and not read
 */
export function filesUnder(paths: readonly string[], shallow = false): FileList {
  const files: string[] = [];
  const left: string[] = [];
  const faults: FileFault[] = [];
  const seen = new Set<string>();
  const visit = (path: string, given: boolean): void => {
    if (files.length >= MAX_FILES) return;
    let real: string;
    let folder: boolean;
    try {
      real = realpathSync(path);
      const stat = statSync(path);
      folder = stat.isDirectory();
      if (!folder && !stat.isFile() && !given) return;
    } catch (cause) {
      // A dangling link inside a folder holds nothing to read; a path that someone typed must exist.
      if (given) faults.push({ code: 'not-readable', file: path, message: reasonFor(path, cause) });
      return;
    }
    if (seen.has(real)) return;
    if (folder && !given && shallow) {
      left.push(path);
      return;
    }
    if (!folder) {
      if (!given && !EXTENSIONS.test(path)) return;
      seen.add(real);
      files.push(path);
      return;
    }
    seen.add(real);
    try {
      for (const name of readdirSync(path).sort())
        if (!name.startsWith('.') && name !== 'node_modules') visit(join(path, name), false);
    } catch (cause) {
      faults.push({ code: 'not-readable', file: path, message: reasonOf(cause) });
    }
  };
  for (const path of paths) visit(path, true);
  if (files.length >= MAX_FILES)
    faults.push({ code: 'too-big', file: paths[0] ?? '', message: `more than ${MAX_FILES} files` });
  return { files, left, faults };
}

const MEANING: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'no permission to read it',
  EEXIST: 'it is there already',
  ELOOP: 'a symbolic link that leads to itself',
};

function reasonFor(path: string, cause: unknown): string {
  return /^https?:\/\//.test(path)
    ? `addresses of the web are not read. Look at it first: curl -sL ${path} | muslinctl … -f -`
    : reasonOf(cause);
}

/** The sentence for a file system error. */
export function reasonOf(cause: unknown): string {
  const code = (cause as { readonly code?: string }).code ?? '';
  return MEANING[code] ?? (cause instanceof Error ? cause.message : String(cause));
}
