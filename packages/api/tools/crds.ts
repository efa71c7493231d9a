/**
 * Writes `crds/*.yaml` and `docs/reference/*.md` from the kinds.
 *
 *     crds.ts            writes what differs, removes what no kind has any more
 *     crds.ts --check    writes nothing; exit code 1 and the names of the files when something differs
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  crdOf,
  felixSupportPage,
  KINDS,
  type Kind,
  pageName,
  referenceIndex,
  referencePage,
  writeYaml,
} from '@muslin/api';

const root = fileURLToPath(new URL('../../..', import.meta.url));

const header = (kind: Kind) =>
  `# ${kind.kind}: ${kind.about}\n# Written by \`npm run crds\` from packages/api/src/kinds; change it there.\n`;

const wanted = new Map<string, string>([
  ...KINDS.map(
    kind => [`crds/${kind.group}_${kind.plural}.yaml`, header(kind) + writeYaml(crdOf(kind))] as const,
  ),
  ...KINDS.map(kind => [`docs/reference/${pageName(kind)}`, referencePage(kind)] as const),
  ['docs/reference/README.md', referenceIndex(KINDS)],
  ['docs/reference/felixconfiguration-support.md', felixSupportPage()],
]);

function present(folder: string, suffix: string): readonly string[] {
  mkdirSync(join(root, folder), { recursive: true });
  return readdirSync(join(root, folder))
    .filter(name => name.endsWith(suffix))
    .map(name => `${folder}/${name}`);
}

const there = new Set([...present('crds', '.yaml'), ...present('docs/reference', '.md')]);
const stale = [...there].filter(name => !wanted.has(name));
const changed = [...wanted].filter(
  ([name, text]) => !there.has(name) || readFileSync(join(root, name), 'utf8') !== text,
);
const names = [...changed.map(([name]) => name), ...stale].sort();

if (process.argv.includes('--check')) {
  for (const name of names) console.error(`${name} differs from packages/api/src/kinds: run npm run crds`);
  process.exitCode = names.length > 0 ? 1 : 0;
} else {
  for (const [name, text] of changed) writeFileSync(join(root, name), text);
  for (const name of stale) rmSync(join(root, name));
  for (const name of names) console.log(name);
}
