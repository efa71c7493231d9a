import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROGRAMS } from '../../deploy/build.ts';
import { settingAt } from '../../deploy/source/settings.ts';
import { VERBS } from '../../packages/cli/src/verbs/table.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'docs/getting-started.md',
  'docs/operations.md',
  'docs/migration-from-calico.md',
  'docs/comparison.md',
  ...['policy', 'ipam', 'network-engineers', 'nodes', 'overlays', 'cni'].map(page => `docs/${page}.md`),
  'deploy/README.md',
];

interface Block {
  readonly page: string;
  readonly line: number;
  /** Language, then `test` and the exit code that it should have. */
  readonly info: readonly string[];
  readonly text: string;
}

const textOf = (page: string) => readFileSync(join(ROOT, page), 'utf8');
const blocks: readonly Block[] = PAGES.flatMap(page =>
  [...textOf(page).matchAll(/^( *)```(.*)\n([\s\S]*?)^ *```$/gm)].map(match => ({
    page,
    line: textOf(page).slice(0, match.index).split('\n').length,
    info: (match[2] as string).split(' '),
    text: match[3] as string,
  })),
);
const tested = (language: string) =>
  blocks
    .filter(({ info }) => info[0] === language && info[1] === 'test')
    .map(block => [`${block.page}:${block.line}`, block] as const);

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'muslin-docs-'));
  const node = `'${process.execPath}' --conditions=@muslin/source --disable-warning=ExperimentalWarning`;
  writeFileSync(join(dir, 'muslinctl'), `#!/bin/sh\nexec ${node} '${ROOT}/packages/cli/src/main.ts' "$@"\n`);
  chmodSync(join(dir, 'muslinctl'), 0o755);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const run = (command: string) =>
  spawnSync('bash', ['--norc', '--noprofile', '-euc', command], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 30_000,
    env: { PATH: `${dir}:${process.env['PATH']}`, HOME: dir },
  });

describe('documents', () => {
  it.each(tested('sh'))('the commands at %s run and end as they say', (_place, { info, text }) => {
    const done = run(text);
    expect(done.stderr).toBe('');
    expect(done.status).toBe(Number(info[2] ?? 0));
    expect(done.stdout).not.toBe('');
  });

  it.each(tested('yaml'))('the objects at %s are valid', (_place, { text }) => {
    writeFileSync(join(dir, 'objects.yaml'), text);
    const done = run(`muslinctl validate -f '${dir}/objects.yaml'`);
    expect([done.status, done.stderr]).toEqual([0, '']);
    expect(done.stdout).toMatch(/^[1-9]\d* objects? checked: 0 errors, 0 warnings\n$/);
  });

  it('has commands that are run', () => {
    expect([tested('sh').length, tested('yaml').length].every(n => n >= 3)).toBe(true);
  });

  it('other commands at least name verbs, settings, programs and files that exist', () => {
    const verbs = VERBS.map(verb => verb.name);
    for (const { page, line, text } of blocks.filter(({ info }) => ['sh', ''].includes(info[0] ?? ''))) {
      const where = `${page}:${line}`;
      for (const [, verb] of text.matchAll(
        /^\s*muslinctl ((?:(?:bgp|cluster|datastore migrate|ipam|node|migrate|policy) )?[a-z]+)/gm,
      ))
        expect(verbs, where).toContain(verb);
      for (const [, setting] of text.matchAll(/--set '?([\w.]+)=/g)) settingAt(setting as string);
      for (const [, program] of text.matchAll(/\/opt\/muslin\/bin\/([\w-]+)\.mjs/g))
        expect(Object.keys(PROGRAMS), where).toContain(program);
      for (const [path] of text.matchAll(/\b(?:deploy|docs|crds)\/[\w./-]*/g))
        expect(existsSync(join(ROOT, path)), `${where} ${path}`).toBe(true);
      for (const [, script] of text.matchAll(/npm run (?:-s )?([\w-]+)/g))
        expect(JSON.parse(textOf('package.json')).scripts, where).toHaveProperty([script as string]);
    }
  });

  it('settings, metrics and pages that the text names exist', () => {
    const prose = PAGES.map(textOf).join('\n');
    const named = [
      ...prose.matchAll(
        /`((?:agent|speaker|controller|cni|node|pool|metrics|apiServer|image)\.[a-z][a-zA-Z]*)(?:=\w+)?`/g,
      ),
    ];
    const files = new Set(['agent.sock', 'speaker.sock', 'controller.sock']);
    for (const [, path] of named) if (!files.has(path as string)) settingAt(path as string);
    const speaker = textOf('packages/speaker/src/pages.ts');
    for (const [, page] of prose.matchAll(/`(\/v1\/[a-z]+)/g)) expect(speaker).toContain(`'${page}'`);
    const sources = [
      'packages/agent/src/metrics.ts',
      'packages/speaker/src/metrics.ts',
      'packages/speaker/src/convergence.ts',
    ]
      .map(textOf)
      .join('');
    for (const [, metric] of prose.matchAll(/\bmuslin_((?:agent|bgp)_\w+)/g)) {
      const name = (metric as string).replace(/^bgp_peer_/, '');
      expect(sources, metric).toMatch(new RegExp(`\\b(muslin_)?(bgp_peer_)?${name}\\b`));
    }
  });

  it('every link inside the repository leads somewhere', () => {
    const anchor = (heading: string) =>
      heading
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .trim()
        .replace(/\s+/g, '-');
    for (const page of PAGES)
      for (const [, target = ''] of textOf(page).matchAll(/\]\(([^)#\s]*(?:#[\w-]+)?)\)/g)) {
        if (/^https?:/.test(target)) continue;
        const [path = '', fragment] = target.split('#');
        const file = path === '' ? page : join(dirname(page), path);
        expect(existsSync(join(ROOT, file)), `${page} -> ${target}`).toBe(true);
        if (fragment === undefined) continue;
        const headings = [...textOf(file).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
          anchor(heading as string),
        );
        expect(headings, `${page} -> ${target}`).toContain(fragment);
      }
  });
});
