import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedFiles } from './files.ts';

/** Where generated files stand, and so whose strays are removed. */
const GENERATED = ['manifests/*', 'chart/templates/*'];

/** Compares deploy/ with what its sources say, one sentence for each difference; with `write`, makes them equal. */
export function generate(root: string, write: boolean): readonly string[] {
  const wanted = generatedFiles();
  const complaints: string[] = [];
  for (const [path, text] of wanted) {
    const file = join(root, path);
    if (textOf(file) === text) continue;
    complaints.push(`deploy/${path} differs from its source`);
    if (!write) continue;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  for (const path of globSync(GENERATED, { cwd: root }).filter(path => !wanted.has(path))) {
    complaints.push(`deploy/${path} has no source any more`);
    if (write) rmSync(join(root, path));
  }
  return complaints;
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const check = process.argv.includes('--check');
  const complaints = generate(fileURLToPath(new URL('.', import.meta.url)), !check);
  for (const complaint of complaints) process.stdout.write(`${complaint}${check ? '' : ': written'}\n`);
  process.exitCode = check && complaints.length > 0 ? 1 : 0;
}
