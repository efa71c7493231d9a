import { spawnSync } from 'node:child_process';
import { globSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { violations } from './boundaries.ts';
import { ROOMS, TOP_LEVEL } from './rooms.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bin = (name: string) => `${root}/node_modules/.bin/${name}`;

/** Runs a tool; its output when it fails, else nothing. */
function tool(name: string, ...args: string[]): string | undefined {
  const done = spawnSync(bin(name), args, { cwd: root, encoding: 'utf8' });
  return done.status === 0 ? undefined : `${done.stdout}${done.stderr}${done.error?.message ?? ''}`;
}

function boundaries(): string | undefined {
  const sources = new Map<string, string>();
  for (const file of globSync('packages/*/src/**/*.{ts,tsx}', { cwd: root }))
    sources.set(file, readFileSync(`${root}/${file}`, 'utf8'));
  const found = violations(sources, ROOMS).map(v => `${v.file}:${v.line}: ${v.message}`);
  for (const [name, room] of Object.entries(ROOMS)) {
    const config = JSON.parse(readFileSync(`${root}/packages/${name}/tsconfig.json`, 'utf8'));
    if (room.pure && JSON.stringify(config.compilerOptions.types) !== '[]')
      found.push(`packages/${name}/tsconfig.json: a pure room compiles with "types": []`);
  }
  for (const entry of readdirSync(root))
    if (!entry.startsWith('.') && entry !== 'node_modules' && !TOP_LEVEL.has(entry))
      found.push(`${entry}: does not belong at the top level`);
  return found.length === 0 ? undefined : found.join('\n');
}

const node = ['--conditions=@muslin/source', '--disable-warning=ExperimentalWarning'];
const checks: readonly (readonly [string, () => string | undefined])[] = [
  ['types of the rooms', () => tool('tsc', '-b')],
  ['types of the tests', () => tool('tsc', '-p', 'test', '--noEmit')],
  ['boundaries of the house', boundaries],
  ['style (biome)', () => tool('biome', 'ci', '--colors=off', '.')],
  ['dead code (knip)', () => tool('knip', '--no-progress')],
  ['generated manifests', () => tool('node', ...node, 'deploy/generate.ts', '--check')],
  ['generated CRDs and reference', () => tool('node', ...node, 'packages/api/tools/crds.ts', '--check')],
];

let failed = 0;
for (const [name, check] of checks) {
  const start = performance.now();
  const complaint = check();
  const ms = Math.round(performance.now() - start);
  if (complaint !== undefined) failed++;
  process.stdout.write(
    `${complaint === undefined ? 'ok  ' : 'FAIL'}  ${name.padEnd(32)} ${String(ms).padStart(6)} ms\n`,
  );
  if (complaint !== undefined) process.stdout.write(`${complaint.trimEnd()}\n`);
}
process.stdout.write(`${checks.length - failed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
