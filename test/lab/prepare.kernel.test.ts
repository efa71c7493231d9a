import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const prepare = fileURLToPath(new URL('../../packages/lab/bootstrap/prepare.mjs', import.meta.url));

function run(before: readonly string[], env: Record<string, string> = {}) {
  const [command = process.execPath, ...args] = [...before, process.execPath, prepare, 'test'];
  return spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, ...env } });
}

describe('the first script', () => {
  it('has nothing to say when nothing is missing', () => {
    const done = run([]);
    expect([done.status, done.stdout, done.stderr]).toEqual([0, '', '']);
  });

  it.each([
    [
      'who is not root',
      ['setpriv', '--reuid', '65534', '--clear-groups'],
      {},
      /so run it as root: sudo npm run test/,
    ],
    [
      'whose kernel is too old',
      ['setarch', '--uname-2.6'],
      {},
      /needs Linux 5\.4 or later; this kernel is 2\.6/,
    ],
    [
      'who lacks a tool and apt',
      [],
      { PATH: '/nowhere' },
      /needs unzip, bgpdump, containerd and there is no apt-get here/,
    ],
  ])('tells somebody %s what to do, in one sentence, with code 2', (_who, before, env, words) => {
    const done = run(before, env);
    expect(done.status).toBe(2);
    expect(done.stdout).toBe('');
    expect(done.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(done.stderr).toMatch(words);
  });
});
