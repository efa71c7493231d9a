import { execFile, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle, PROGRAMS, THREADS } from '../../deploy/build.ts';
import {
  DEFINED_KINDS,
  definitionOf,
  finishedDefinitions,
} from '../../packages/cli/src/files/definitions.ts';
import { CASES, containersOf, objectsOf } from './installation.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
let dir: string;
beforeAll(async () => {
  // Outside the repository, so that no bundle finds node_modules.
  dir = mkdtempSync(join(tmpdir(), 'muslin-bundle-'));
  await bundle(dir);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Name and arguments of every program that some container starts, probes aside. */
function programsOfContainers(): readonly (readonly [string, readonly string[]])[] {
  return objectsOf(CASES['everything on'] ?? {})
    .flatMap(containersOf)
    .flatMap(({ command }) => {
      const at = command.findIndex((word: string) => word.endsWith('.mjs'));
      return at < 0 ? [] : [[basename(command[at], '.mjs'), command.slice(at + 1)] as const];
    });
}

/** Plain Node, without the conditions that sources need; no cluster and no node name in sight. */
function run(program: string, ...args: readonly string[]) {
  const { PATH = '' } = process.env;
  return spawnSync(process.execPath, [join(dir, 'bin', `${program}.mjs`), ...args], {
    cwd: dir,
    encoding: 'utf8',
    timeout: 20_000,
    env: { PATH, HOME: dir, NODE_OPTIONS: '--disable-warning=ExperimentalWarning' },
  });
}

/** Descriptions are texts; a field of that name is an object. */
const wordless = (key: string, part: unknown) =>
  key === 'description' && typeof part === 'string' ? undefined : part;

describe('bundles', () => {
  it.each(Object.keys(PROGRAMS).filter(name => !['install-cni', 'probe'].includes(name)))(
    '%s refuses a flag that it does not know with exit code 2, and says so',
    name => {
      const done = run(name, '--no-such-flag');
      expect(`${done.stderr}${done.stdout}`).toContain('no-such-flag');
      expect(done.status).toBe(2);
    },
  );

  it.each(['agent', 'speaker'])('%s says what it lacks: the name of its node', name => {
    const done = run(name);
    expect(done.stderr).toContain('--node');
    expect(done.status).toBe(2);
  });

  it.each([['agent', '--node', 'n1'], ['speaker', '--node', 'n1'], ['controller']])(
    '%s ends with a sentence where there is no cluster',
    (name, ...args) => {
      const done = run(name, ...args);
      expect(done.stderr).toMatch(/kubeconfig|KUBECONFIG/i);
      expect(done.status).toBe(2);
    },
  );

  it.each(programsOfContainers())('%s knows every flag that its container gives it', (name, args) => {
    // Options are read in order: had it not known an earlier one, it would name that.
    const done = run(name, ...args, '--no-such-flag');
    expect(`${done.stderr}${done.stdout}`).toMatch(/Unknown option '--no-such-flag'/);
  });

  it('muslinctl has the version of the repository and shows help', () => {
    const { version } = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8'));
    const said = run('muslinctl', 'version', '--client');
    expect(said.stdout).toContain(`muslinctl ${version} `);
    expect(said.status).toBe(0);
    expect(run('muslinctl', '--help').stdout).toContain('why');
  });

  it('kubectl finds muslinctl as its plugin, with exit codes and completion', () => {
    const { PATH = '' } = process.env;
    const env = { PATH: `${dir}/bin:${PATH}`, HOME: dir };
    const kubectl = (...args: readonly string[]) =>
      spawnSync('kubectl', args, { encoding: 'utf8', env, timeout: 20_000 });
    const { version } = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8'));
    expect(kubectl('muslin', 'version', '--client').stdout).toContain(`muslinctl ${version} `);
    expect(kubectl('muslin', 'validate', '-f', '/nowhere').status).toBe(2);
    expect(kubectl('__complete', 'muslin', 'doc').stdout).toContain('doctor');
  });

  it('muslinctl judges a folder of manifests', () => {
    const files = `${ROOT}/docs/examples`;
    const done = run('muslinctl', 'validate', '-f', files);
    expect(done.stderr).toBe('');
    expect(done.status).toBe(0);
  });

  it('muslinctl holds definitions that are written out, the same as those of the sources, and no zod to make them', async () => {
    const parts = join(dir, 'bin/muslinctl.parts');
    for (const part of readdirSync(parts))
      expect(readFileSync(join(parts, part), 'utf8')).not.toContain('toJSONSchema');
    const written = await import(`data:text/javascript,${encodeURIComponent(finishedDefinitions())}`);
    expect(written.DEFINED_KINDS).toEqual(DEFINED_KINDS);
    const shape = (value: unknown) =>
      JSON.parse(JSON.stringify(value, (key, part) => (key === 'usual' ? undefined : wordless(key, part))));
    for (const { group, version, kind } of DEFINED_KINDS) {
      const type = `${group}/${version}/${kind}`;
      expect(shape(written.definitionOf(type))).toEqual(shape(definitionOf(type)));
      expect(written.definitionOf(type).properties.spec.type).toBe('object');
    }
    expect(written.definitionOf('v1/Pod')).toBeUndefined();
  });

  it('muslinctl asks an API server with what its parts hold', async () => {
    const item = { metadata: { name: 'pods' }, spec: { cidr: '10.9.0.0/16', nodeSelector: 'all()' } };
    await using server = createServer((_, answer) => {
      answer.setHeader('content-type', 'application/json');
      answer.end(JSON.stringify({ kind: 'IPPoolList', metadata: { resourceVersion: '1' }, items: [item] }));
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const kubeconfig = join(dir, 'kubeconfig');
    const named = { name: 'x', cluster: { server: `http://127.0.0.1:${port}` }, user: {} };
    const context = { name: 'x', context: { cluster: 'x', user: 'x' } };
    const config = { clusters: [named], users: [named], contexts: [context], 'current-context': 'x' };
    writeFileSync(kubeconfig, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...config }));
    const get = async (...words: readonly string[]) => {
      const args = [join(dir, 'bin/muslinctl.mjs'), 'get', 'ippools', ...words];
      const said = await promisify(execFile)(process.execPath, args, { cwd: dir, timeout: 20_000 });
      expect(said.stderr).toBe('');
      return said.stdout;
    };
    expect(await get('--kubeconfig', kubeconfig)).toMatch(/pods +10\.9\.0\.0\/16 +all\(\)/);
    expect(await get('--kubeconfig', kubeconfig, '-o', 'yaml')).toContain('    cidr: 10.9.0.0/16\n');
    const calicoctl = join(dir, 'calicoctl.cfg');
    writeFileSync(
      calicoctl,
      `{"apiVersion":"projectcalico.org/v3","kind":"CalicoAPIConfig","spec":{"kubeconfig":"${kubeconfig}"}}`,
    );
    expect(await get('--config', calicoctl, '-o', 'name')).toContain('ippool');
  });

  it('install-cni finds the source of the executable and installs it, or its script', () => {
    mkdirSync(join(dir, 'cni'));
    const done = run('install-cni', '--bin-dir', join(dir, 'cni'), '--cache', join(dir, 'cache'));
    expect(done.stderr).toBe('');
    expect(done.stdout).toMatch(/^shim: (compiled|script)\n$/);
    expect(statSync(join(dir, 'cni/muslin')).mode & 0o111).toBe(0o111);
    expect(existsSync(join(dir, 'cni/muslin.conf'))).toBe(true);
  });

  it('the speaker’s bundle starts its BFD thread from the file beside it', () => {
    for (const name of Object.keys(THREADS)) {
      expect(readFileSync(join(dir, 'bin', `${name}.mjs`), 'utf8')).toContain('parentPort');
      const speaker = readFileSync(join(dir, 'bin', 'speaker.mjs'), 'utf8');
      expect(speaker).toContain('./bfd-worker${');
    }
  });

  it('each is one file below 5 MB; muslinctl, which starts for every question, reads a small one first', () => {
    const size = (path: string) => statSync(join(dir, 'bin', path)).size;
    for (const name of Object.keys(PROGRAMS)) expect(size(`${name}.mjs`)).toBeLessThan(5_000_000);
    const parts = readdirSync(join(dir, 'bin/muslinctl.parts')).map(name => size(`muslinctl.parts/${name}`));
    expect(size('muslinctl.mjs')).toBeLessThan(200_000);
    expect(parts.reduce((sum, each) => sum + each, 0)).toBeLessThan(5_000_000);
  });
});
