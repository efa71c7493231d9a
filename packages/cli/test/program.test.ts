import { execFile, spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { normaliseArgv } from '../src/argv.ts';
import { run } from '../src/program.ts';
import { VERBS } from '../src/verbs/table.ts';
import { muslinctl } from './test-context.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const argv = ['--conditions=@muslin/source', '--disable-warning=ExperimentalWarning', main];
const truth = fileURLToPath(new URL('truth/s09-both-ends-must-allow', import.meta.url));

describe('the command line', () => {
  it('takes -o=yaml for -o yaml, but nothing after --', () => {
    expect(normaliseArgv(['get', '-o=yaml', '-n=a', '--', '-o=x'])).toEqual([
      'get',
      '-oyaml',
      '-na',
      '--',
      '-o=x',
    ]);
  });

  it.each([
    [[], 2, /Usage: muslinctl/],
    [['gte'], 2, /unknown command 'gte'\n\(Did you mean get\?\)\nSee "muslinctl --help"\.\n$/],
    [['get'], 2, /missing required argument 'kind'/],
    [['version', '--bogus'], 2, /unknown option '--bogus'\nSee "muslinctl version --help"\.\n$/],
    [['bgp', 'piers'], 2, /unknown command 'piers'[\s\S]*See "muslinctl bgp --help"\.\n$/],
    [['bgp'], 2, /Usage: muslinctl bgp/],
    [['why', 'a', 'b', 'c'], 2, /too many arguments/],
    [
      ['convert', '-f', 'x.yaml', '--output-version', 'v3'],
      2,
      /^error: muslinctl has no "convert": objects of/,
    ],
    [['edit', 'ippool', 'a'], 2, /has no "edit": use "kubectl edit"/],
    [['node', 'run', '--ip=192.0.2.1'], 2, /DaemonSet muslin-node/],
    [['completion', 'ksh'], 2, /completion is there for bash, zsh and fish, not for ksh/],
  ])('ends with 2 for %j', async (given, code, stderr) => {
    const ran = await muslinctl(given);
    expect(ran.stderr).toMatch(stderr);
    expect(ran).toMatchObject({ code, stdout: '' });
  });

  it('takes the words before help and after it', async () => {
    const [after, before, group] = [
      await muslinctl(['get', '--help']),
      await muslinctl(['help', 'get']),
      await muslinctl(['help', 'datastore', 'migrate']),
    ];
    expect(before).toEqual(after);
    expect(group.stdout).toContain('all objects at once: save, load, lock');
    expect((await muslinctl(['help'])).stdout).toContain('Usage: muslinctl');
  });

  it('has help with examples for every verb, and ends with 0', async () => {
    for (const verb of VERBS.filter(({ hidden }) => !hidden)) {
      const ran = await muslinctl([...verb.name.split(' '), '--help']);
      expect(ran).toMatchObject({ code: 0, stderr: '' });
      expect(ran.stdout).toContain(`Usage: muslinctl ${verb.name}`);
      expect(verb.examples.length).toBeGreaterThan(0);
      expect(ran.stdout).toContain(verb.examples[0]);
      expect(ran.stdout.split('\n').filter(line => line.length > 120)).toEqual([]);
    }
  });

  it('understands every example that it gives', async () => {
    const ran: string[] = [];
    const recorded = VERBS.map(verb => ({
      ...verb,
      run: async () => {
        ran.push(verb.name);
        return 0 as const;
      },
    }));
    for (const { name, examples } of VERBS) {
      for (const example of examples) {
        const command = /muslinctl ([^|>)]*)/.exec(example)?.[1] ?? '';
        const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(
          ([, quoted, plain]) => quoted ?? plain ?? '',
        );
        const silent = { stdout: () => {}, stderr: () => {} } as unknown as Parameters<typeof run>[1];
        expect([example, await run(words, silent, recorded)]).toEqual([example, 0]);
        expect(ran.at(-1)).toBe(name);
      }
    }
  });

  it('tells its version, and that of a server only when one is named', async () => {
    expect((await muslinctl(['version'])).stdout).toMatch(
      /^muslinctl \d+\.\d+\.\d+ \(Node v26\.\d+\.\d+\)\n$/,
    );
    expect(JSON.parse((await muslinctl(['version', '-o', 'json'])).stdout)).toHaveProperty('client');
    expect((await muslinctl(['version', '--kubeconfig', '/nowhere'])).code).toBe(1);
  });

  it('takes global options before the verb too', async () => {
    expect((await muslinctl(['--kubeconfig', '/nowhere/config', 'get', 'nodes'])).stderr).toContain(
      '/nowhere/config',
    );
    expect((await muslinctl(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('completes verbs, options, choices and kinds', async () => {
    const words = async (...typed: string[]) =>
      (await muslinctl(['__complete', '--', ...typed])).stdout
        .split('\n')
        .flatMap(line => line.split('\t')[0] || []);
    expect(await words('ver')).toEqual(['verdict', 'version']);
    expect(await words('bgp', 'p')).toEqual(['peers', 'peer']);
    expect(await words('get', 'block')).toEqual(['blocks', 'blockaffinities']);
    expect(await words('diff', '--ex')).toEqual(['--exit-code', '--external']);
    expect(await words('diff', '-o', 'm')).toEqual(['markdown']);
    expect(await words('__')).toEqual([]);
  });

  it.each(['bash', 'zsh', 'fish'])('prints a script for %s', async shell => {
    const { stdout, code } = await muslinctl(['completion', shell]);
    expect(code).toBe(0);
    expect(stdout).toContain('muslinctl __complete --');
    if (shell === 'bash') expect(spawnSync('bash', ['-n'], { input: stdout }).status).toBe(0);
  });
});

describe('the process', () => {
  const start = (...given: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>(done => {
      execFile(
        process.execPath,
        [...argv, ...given],
        { timeout: 20_000, env: {} },
        (error, stdout, stderr) => {
          done({ code: error === null ? 0 : Number(error.code), stdout, stderr });
        },
      );
    });

  it('prints its own output and nothing else, without colours in a pipe', async () => {
    const ran = await start('why', 'shop/web', 'shop/db:9090', '-f', truth);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toBe('');
    expect(ran.stdout).toMatch(
      /^deny {2}shop\/web -> shop\/db:9090\/TCP {2}\(egress: NetworkPolicy shop\/web-out isolates/,
    );
    expect(ran.stdout).not.toContain('\u001b');
  });

  it('ends quietly when its reader has read enough', async () => {
    const child = spawn(process.execPath, [...argv, 'verdict', '-f', truth, '--flows', '-']);
    let stderr = '';
    child.stderr.on('data', chunk => (stderr += chunk));
    child.stdin.on('error', () => {});
    child.stdout.once('data', () => child.stdout.destroy());
    const line = '{"from":"shop/web","to":"shop/db","port":5432}\n';
    child.stdin.end(line.repeat(20_000));
    await new Promise(done => child.on('close', done));
    expect(stderr).toBe('');
  });

  it.each([
    [['version'], []],
    [['--help'], []],
    [['completion', 'bash'], []],
    [
      ['verdict', '-f', truth, '--flows', '/dev/null'],
      ['yaml', 'zod'],
    ],
    [['validate', '-f', `${truth}/none.json`], ['zod']],
  ])('loads no library that %j does not need, so that it starts at once', async (given, wanted) => {
    const spy = `import { registerHooks } from 'node:module';
      const seen = new Set();
      registerHooks({ resolve(name, context, next) { const found = next(name, context); seen.add(found.url); return found; } });
      process.on('exit', () => process.stderr.write('LOADED ' + [...seen].join(' ')));`;
    const ran = spawnSync(
      process.execPath,
      ['--import', `data:text/javascript,${encodeURIComponent(spy)}`, ...argv, ...given],
      { encoding: 'utf8', env: { PATH: process.env['PATH'] } },
    );
    const loaded = ran.stderr.slice(ran.stderr.indexOf('LOADED '));
    expect(loaded).toContain('/cli/src/program.ts');
    const libraries = [...loaded.matchAll(/node_modules\/([^/ ]+)\//g)].map(match => match[1]);
    expect([...new Set(libraries)].sort()).toEqual(['commander', ...wanted].sort());
  });
});
