import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const SOURCE = fileURLToPath(new URL('../shim/muslin-cni.c', import.meta.url));
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
  },
});

/** The compiled shim, made at most once per source; undefined where there is no compiler. */
function compiled(): string | undefined {
  const hash = createHash('sha256').update(readFileSync(SOURCE)).digest('hex').slice(0, 16);
  const target = `${values.cache}/muslin-cni-${hash}`;
  if (existsSync(target)) return target;
  mkdirSync(values.cache, { recursive: true });
  for (const compiler of ['cc', 'gcc', 'clang']) {
    const temporary = `${target}.${process.pid}`;
    const done = spawnSync(compiler, ['-O2', '-std=c99', '-static', '-o', temporary, SOURCE], {
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

/** Replaces a file whole: the runtime may execute the old one at this moment. */
function put(path: string, write: (temporary: string) => void, mode: number): void {
  const temporary = `${path}.new`;
  write(temporary);
  chmodSync(temporary, mode);
  renameSync(temporary, path);
}

const binary = values.shim === 'script' ? undefined : compiled();
values['bin-dir'].forEach((folder, i) => {
  const target = `${folder}/muslin`;
  mkdirSync(folder, { recursive: true });
  const socket = values.socket[i] ?? '/run/muslin/cni.sock';
  const queue = values.queue[i] ?? '/var/lib/muslin/cni-queue';
  put(`${target}.conf`, temporary => writeFileSync(temporary, `socket=${socket}\nqueue=${queue}\n`), 0o644);
  if (binary === undefined) put(target, temporary => writeFileSync(temporary, script(target)), 0o755);
  else put(target, temporary => copyFileSync(binary, temporary), 0o755);
});
process.stdout.write(`shim: ${binary === undefined ? 'script' : 'compiled'}\n`);
