import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KINDS } from '@muslin/api';
import { afterAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { FactStore, type SeenObject } from '../src/core/fact-store.ts';

const page = readFileSync(
  fileURLToPath(new URL('../../../docs/network-engineers.md', import.meta.url)),
  'utf8',
);
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, text = '']) => text,
  );

const folder = mkdtempSync(join(tmpdir(), 'msl-t-sp-docs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const objects = blocks('yaml')
  .flatMap(text => parseAllDocuments(text))
  .map(document => document.toJS() as SeenObject & { readonly apiVersion: string })
  .filter(object => /^(projectcalico\.org\/v3|muslin\.dev\/v1alpha1)$/.test(object.apiVersion));

describe('docs/network-engineers.md', () => {
  test('has examples', () => {
    expect(objects.length).toBeGreaterThan(5);
    expect(blocks('bird')).toHaveLength(1);
    expect(blocks('frr')).toHaveLength(1);
  });

  test.each(objects.map(object => [object.kind, object.metadata.name, object] as const))(
    'the %s %s is valid and has no findings',
    (kind, _name, object) => {
      const known = KINDS.find(each => each.kind === kind);
      expect(known?.spec.safeParse(object['spec']).error).toBeUndefined();
      expect(new FactStore().set(object, false)).toEqual([]);
    },
  );

  test('BIRD takes its configuration', () => {
    const file = join(folder, 'bird.conf');
    writeFileSync(file, blocks('bird')[0] ?? '');
    expect(() => execFileSync('/usr/sbin/bird', ['-p', '-c', file], { stdio: 'pipe' })).not.toThrow();
  });

  test('FRR takes its configuration', () => {
    const file = join(folder, 'frr.conf');
    writeFileSync(file, blocks('frr')[0] ?? '', { mode: 0o644 });
    execFileSync('chmod', ['755', folder]);
    // A line that it doesn't know is a word on standard error, not an exit code.
    const { stderr, status } = spawnSync('/usr/lib/frr/bgpd', ['-C', '-f', file], { encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stderr).not.toMatch(/config line|No such command/);
  });
});
