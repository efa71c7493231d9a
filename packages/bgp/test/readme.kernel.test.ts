import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const NAMESPACES = [`msl-t-rd-a-${process.pid}`, `msl-t-rd-b-${process.pid}`] as const;
const folder = mkdtempSync(join(tmpdir(), 'msl-t-rd-'));
const children: ChildProcess[] = [];
const readme = readFileSync(`${root}/packages/bgp/README.md`, 'utf8');
const scripts = [...readme.matchAll(/^```js\n([\s\S]*?)^```/gm)].map(([, code = '']) => code);

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });
function removeNamespaces(): void {
  for (const ns of NAMESPACES) spawnSync('ip', ['netns', 'del', ns]);
}

/** Installs what `npm publish` would send, as a user has it. */
function installPacked(): void {
  execFileSync(`${root}/node_modules/.bin/tsc`, ['-b', 'packages/bgp'], { cwd: root });
  for (const room of ['net', 'bgp']) {
    const target = `${folder}/node_modules/@muslin/${room}`;
    mkdirSync(target, { recursive: true });
    const packed = execFileSync(
      'npm',
      ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder],
      {
        cwd: `${root}/packages/${room}`,
      },
    );
    const tarball = `${folder}/${packed.toString().trim()}`;
    execFileSync('tar', ['-xzf', tarball, '-C', target, '--strip-components=1']);
  }
}

beforeAll(() => {
  installPacked();
  removeNamespaces();
  for (const ns of NAMESPACES) ip('netns', 'add', ns);
  ip(
    'link',
    'add',
    'rd0',
    'netns',
    NAMESPACES[0],
    'type',
    'veth',
    'peer',
    'name',
    'rd0',
    'netns',
    NAMESPACES[1],
  );
  NAMESPACES.forEach((ns, i) => {
    ip('-n', ns, 'link', 'set', 'rd0', 'up');
    ip('-n', ns, 'addr', 'add', `10.0.0.${i === 0 ? 1 : 254}/24`, 'dev', 'rd0');
  });
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => {
  removeNamespaces();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts a script in a namespace; gives what it printed so far. */
function start(ns: string, ...args: string[]): () => string {
  const child = spawn('ip', ['netns', 'exec', ns, process.execPath, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (text += chunk));
  return () => text;
}

function startRouter(): () => string {
  const main = fileURLToPath(new URL('readme-router.ts', import.meta.url));
  return start(NAMESPACES[1], '--conditions=@muslin/source', '--disable-warning=ExperimentalWarning', main);
}

function startScript(number: number): () => string {
  const file = `${folder}/script-${number}.mjs`;
  writeFileSync(file, scripts[number] as string);
  return start(NAMESPACES[0], file);
}

async function until(text: () => string, wanted: RegExp): Promise<void> {
  await expect.poll(text, { timeout: 20_000, interval: 50 }).toMatch(wanted);
}

describe('the README', () => {
  test('has three scripts of about ten lines', () => {
    expect(scripts).toHaveLength(3);
    for (const script of scripts) expect(script.trim().split('\n').length).toBeLessThanOrEqual(16);
  });

  test('its speaker gets the route of a router, and the router gets its route', async () => {
    const router = startRouter();
    await until(router, /^192/m);
    const reader = startScript(0);
    await until(reader, /^192\.0\.2\.0\/24 ebgp 10\.0\.0\.254$/m);
    await until(router, /10\.1\.0\.0\/26/);
  });

  test('its monitor prints what a router says', async () => {
    await until(startRouter(), /^192/m);
    await until(
      startScript(1),
      /^update 192\.0\.2\.0\/24 origin: igp, asPath: 64513, nextHop: 10\.0\.0\.254$/m,
    );
  });

  test('the packed package holds what it needs and no tests', () => {
    const target = `${folder}/node_modules/@muslin/bgp`;
    expect(readdirSync(target).sort()).toEqual(['LICENSE', 'README.md', 'dist', 'package.json', 'src']);
    const { dependencies } = JSON.parse(readFileSync(`${target}/package.json`, 'utf8'));
    expect(Object.keys(dependencies)).toEqual(['@muslin/net']);
  });
});
