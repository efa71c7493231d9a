import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { hasLoopback, linkLoopback, unlinkLoopback } from './loopback-link.ts';

/** One executable of all; headers are read for its name only. */
const SOURCES = ['muslin-cni.c', 'loopback.c', 'loopback.h'].map(name =>
  fileURLToPath(new URL(`../shim/${name}`, import.meta.url)),
);
const SCRIPT = fileURLToPath(new URL('cni/shim.ts', import.meta.url));

const { values } = parseArgs({
  options: {
    'bin-dir': { type: 'string', multiple: true, default: [] },
    socket: { type: 'string', multiple: true, default: [] },
    queue: { type: 'string', multiple: true, default: [] },
    /** Compiled executables are kept here, named by their source. */
    cache: { type: 'string', default: '/var/lib/muslin' },
    /** `script` forces the fallback. */
    shim: { type: 'string', default: 'auto' },
    /** Takes away what an installation put into the folders. */
    remove: { type: 'boolean', default: false },
  },
});

/** The compiled shim, made at most once per source; undefined where there is no compiler. */
function compiled(): string | undefined {
  const hash = createHash('sha256');
  for (const source of SOURCES) hash.update(readFileSync(source));
  const target = `${values.cache}/muslin-cni-${hash.digest('hex').slice(0, 16)}`;
  if (existsSync(target)) return target;
  try {
    mkdirSync(values.cache, { recursive: true });
  } catch {
    // Nowhere to keep it: the script needs no such place.
    return undefined;
  }
  for (const compiler of ['cc', 'gcc', 'clang']) {
    const temporary = `${target}.${process.pid}`;
    const units = SOURCES.filter(source => source.endsWith('.c'));
    const done = spawnSync(compiler, ['-O2', '-std=c99', '-static', '-o', temporary, ...units], {
      encoding: 'utf8',
    });
    if (done.status !== 0) continue;
    renameSync(temporary, target);
    return target;
  }
  return undefined;
}

/** The fallback: a script of two lines that runs the TypeScript shim under our Node. */
function script(self: string): string {
  const node = `'${process.execPath}' --disable-warning=ExperimentalWarning '${SCRIPT}'`;
  return `#!/bin/sh\nMUSLIN_CNI_SELF='${self}' exec ${node}\n`;
}

/** Replaces a file whole: the runtime may execute the old one at this moment. Nothing half is left behind. */
function put(path: string, write: (temporary: string) => void, mode: number): void {
  const temporary = `${path}.new`;
  try {
    write(temporary);
    chmodSync(temporary, mode);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** What a folder's owner can do about a fault of the system. */
const ADVICE: Readonly<Record<string, string>> = {
  EROFS:
    'it is read-only: name another folder with --bin-dir (cni.binDir), and the same one as bin_dir of the runtime',
  EACCES: 'writing is forbidden: run as root, and let SELinux or AppArmor allow it',
  EPERM: 'writing is forbidden: run as root; a file may be immutable (lsattr)',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of its path is no folder',
  EEXIST: 'it is no folder, or a link to nothing',
  EISDIR: 'a folder stands in the place of the executable: remove it',
  ENOENT: 'it is a link to nothing',
};

const NO_LOOPBACK =
  'there is no loopback plugin, which runtimes start for each pod: install containernetworking-plugins there';

/** The sentence to end with; undefined when done. */
function inFolder(folder: string, work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const advice = ADVICE[code];
    if (advice === undefined) return `install-cni: ${folder}: ${message}`;
    return `install-cni: ${folder}: ${advice} (${code})`;
  }
}

function install(binary: string | undefined, folder: string, i: number): void {
  const target = `${folder}/muslin`;
  mkdirSync(folder, { recursive: true });
  const socket = values.socket[i] ?? '/run/muslin/cni.sock';
  const queue = values.queue[i] ?? '/var/lib/muslin/cni-queue';
  // The configuration first: the executable must never look for one that is not there yet.
  put(`${target}.conf`, temporary => writeFileSync(temporary, `socket=${socket}\nqueue=${queue}\n`), 0o644);
  if (binary === undefined) {
    // The script can't enter a network namespace.
    unlinkLoopback(folder);
    put(target, temporary => writeFileSync(temporary, script(target)), 0o755);
    if (!hasLoopback(folder)) process.stderr.write(`install-cni: ${folder}: ${NO_LOOPBACK}\n`);
  } else {
    put(target, temporary => copyFileSync(binary, temporary), 0o755);
    linkLoopback(folder);
  }
}

/** The executable first: without it the runtime says so, with a wrong configuration it would wait for nobody. */
function remove(folder: string): void {
  unlinkLoopback(folder);
  for (const name of ['muslin', 'muslin.conf', 'muslin.new', 'muslin.conf.new'])
    rmSync(`${folder}/${name}`, { force: true });
}

const binary = values.remove || values.shim === 'script' ? undefined : compiled();
const complaints = values['bin-dir'].flatMap(
  (folder, i) => inFolder(folder, () => (values.remove ? remove(folder) : install(binary, folder, i))) ?? [],
);
const said = values.remove ? 'removed' : `shim: ${binary === undefined ? 'script' : 'compiled'}`;
if (complaints.length === 0) process.stdout.write(`${said}\n`);
else {
  process.stderr.write(`${complaints.join('\n')}\n`);
  process.exitCode = 1;
}
