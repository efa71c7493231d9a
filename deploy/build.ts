import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { finishedDefinitions } from '../packages/cli/src/files/definitions.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Programs of the image: name of the bundle → source. */
export const PROGRAMS: Readonly<Record<string, string>> = {
  agent: 'packages/agent/src/main.ts',
  'install-cni': 'packages/agent/src/install-cni.ts',
  speaker: 'packages/speaker/src/main.ts',
  controller: 'packages/controller/src/main.ts',
  muslinctl: 'packages/cli/src/main.ts',
  probe: 'deploy/programs/probe.ts',
  'metrics-door': 'deploy/programs/metrics-door.ts',
  'write-conflist': 'deploy/programs/write-conflist.ts',
  uninstall: 'deploy/programs/uninstall.ts',
};

/** Threads that a program starts from a file beside its own. */
export const THREADS: Readonly<Record<string, string>> = {
  'bfd-worker': 'packages/speaker/src/bfd/bfd-worker.ts',
};

/**
 * Bundles every program into `folder/bin/NAME.mjs`, one file each that needs Node and nothing else (muslinctl: and its parts; the probe: compiled, too), and puts the source of
 * the CNI executable where install-cni looks for it.
 */
export async function bundle(folder: string): Promise<void> {
  const { muslinctl, ...others } = PROGRAMS;
  await bundleFiles({ ...others, ...THREADS }, join(folder, 'bin'));
  // In parts, as it starts anew for each question: a verb reads what it needs, in a third of the time of the whole.
  rmSync(join(folder, 'bin/muslinctl.parts'), { recursive: true, force: true });
  await bundleFiles({ muslinctl: muslinctl ?? '' }, join(folder, 'bin'), 'muslinctl.parts');
  // `kubectl muslin` runs the program of this name on PATH; so does its completion, and the program looks at its name.
  for (const name of ['muslinctl', 'kubectl-muslin', 'kubectl_complete-muslin']) {
    const path = join(folder, 'bin', name);
    rmSync(path, { force: true });
    symlinkSync('muslinctl.mjs', path);
  }
  const program = join(folder, 'bin/muslinctl.mjs');
  writeFileSync(program, `#!/usr/bin/env node\n${readFileSync(program, 'utf8')}`);
  chmodSync(program, 0o755);
  makeProbe(join(folder, 'bin/probe'));
  mkdirSync(join(folder, 'shim'), { recursive: true });
  cpSync(join(ROOT, 'packages/agent/shim'), join(folder, 'shim'), { recursive: true });
}

/** What probes run: compiled where there is a compiler, else a script that starts Node for each. */
export function makeProbe(path: string): void {
  const source = join(ROOT, 'deploy/programs/probe.c');
  const done = spawnSync('cc', ['-O2', '-std=c99', '-static', '-o', path, source], { encoding: 'utf8' });
  if (done.status !== 0)
    writeFileSync(path, '#!/bin/sh\nexec node "$(dirname "$(readlink -f "$0")")/probe.mjs" "$@"\n');
  chmodSync(path, 0o755);
}

/**
 * Bundles sources into `folder/NAME.mjs` each.
 * @param parts a folder beside them for what is imported later; without one, everything is in one file
 */
export async function bundleFiles(
  files: Readonly<Record<string, string>>,
  folder: string,
  parts?: string,
): Promise<void> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: Object.entries(files).map(([out, file]) => ({ in: file, out })),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    ...(parts !== undefined && {
      splitting: true,
      chunkNames: `${parts}/[hash]`,
      minifyWhitespace: true,
      minifySyntax: true,
    }),
    platform: 'node',
    target: 'node26',
    format: 'esm',
    conditions: ['@muslin/source'],
    // Libraries in CommonJS call require; a plain name would clash with theirs.
    banner: {
      js: "import{createRequire as __muslinRequire}from'node:module';const require=__muslinRequire(import.meta.url);",
    },
    plugins: [FINISHED],
    legalComments: 'linked',
    logLevel: 'warning',
  });
}

/** Writes out what muslinctl would else work out at each start. */
const FINISHED: Plugin = {
  name: 'finished definitions',
  setup: ({ onLoad }) =>
    onLoad({ filter: /packages\/cli\/src\/files\/definitions\.ts$/ }, () => ({
      contents: finishedDefinitions(),
      loader: 'js',
    })),
};

if (import.meta.main) {
  const [folder = fileURLToPath(new URL('dist', import.meta.url))] = process.argv.slice(2);
  await bundle(folder);
  process.stdout.write(`${Object.keys(PROGRAMS).length} programs in ${folder}/bin\n`);
}
