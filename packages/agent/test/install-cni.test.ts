import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { freshFolder } from './folder.ts';

const PROGRAM = fileURLToPath(new URL('../src/install-cni.ts', import.meta.url));
const [MOUNT, UNMOUNT] = ['mount', 'umount'];
const folder = freshFolder();
const run = (...args: readonly string[]) =>
  spawnSync(process.execPath, ['--conditions=@muslin/source', PROGRAM, '--shim', 'script', ...args], {
    encoding: 'utf8',
  });
afterAll(() => {
  spawnSync(UNMOUNT, [`${folder}/read-only`]);
});

describe('installing the CNI executable', () => {
  test('twice and removing it twice leaves other plugins alone, and nothing half', () => {
    const bin = `${folder}/bin`;
    mkdirSync(bin);
    writeFileSync(`${bin}/loopback`, '');
    for (let i = 0; i < 2; i++)
      expect(run('--bin-dir', bin)).toMatchObject({ status: 0, stdout: 'shim: script\n' });
    expect(readdirSync(bin).sort()).toEqual(['loopback', 'muslin', 'muslin.conf']);
    writeFileSync(`${bin}/muslin.new`, 'half');
    for (let i = 0; i < 2; i++)
      expect(run('--bin-dir', bin, '--remove')).toMatchObject({ status: 0, stdout: 'removed\n' });
    expect(readdirSync(bin)).toEqual(['loopback']);
  });

  test('as a script says when a runtime will not find loopback, and takes the link of a compiled one away', () => {
    const bin = `${folder}/bare`;
    mkdirSync(bin);
    symlinkSync('muslin', `${bin}/loopback`);
    expect(run('--bin-dir', bin).stderr).toMatch(/no loopback plugin.*install containernetworking-plugins/);
    expect(readdirSync(bin).sort()).toEqual(['muslin', 'muslin.conf']);
  });

  test('into a folder behind a link works', () => {
    mkdirSync(`${folder}/real`);
    symlinkSync(`${folder}/real`, `${folder}/link`);
    expect(run('--bin-dir', `${folder}/link`).status).toBe(0);
    expect(readdirSync(`${folder}/real`).sort()).toEqual(['muslin', 'muslin.conf']);
  });

  test.each([
    ['a read-only file system', 'read-only', /it is read-only: name another folder.*\(EROFS\)/],
    ['a link to nothing', 'nowhere', /it is a link to nothing|no folder, or a link to nothing/],
    ['a file', 'file', /it is no folder/],
    ['a path through a file', 'file/bin', /a part of its path is no folder/],
    ['a folder in the executable’s place', 'taken', /a folder stands in the place of the executable/],
  ])('into %s ends with what is wrong and what to do, and leaves nothing', (_, name, message) => {
    const path = `${folder}/${name}`;
    if (name === 'read-only') {
      mkdirSync(path);
      expect(spawnSync(MOUNT, ['-t', 'tmpfs', '-o', 'ro', 'none', path]).status).toBe(0);
    }
    if (name === 'nowhere') symlinkSync(`${folder}/gone`, path);
    if (name === 'file') writeFileSync(path, '');
    if (name === 'taken') mkdirSync(`${path}/muslin`, { recursive: true });
    const done = run('--bin-dir', path);
    expect([done.status, done.stdout]).toEqual([1, '']);
    expect(done.stderr).toMatch(message);
    expect(done.stderr).toContain(path);
    if (name === 'taken') expect(readdirSync(path).filter(file => file.endsWith('.new'))).toEqual([]);
  });

  test('goes on with the other folders after one that refuses', () => {
    writeFileSync(`${folder}/wall`, '');
    const done = run('--bin-dir', `${folder}/wall`, '--bin-dir', `${folder}/second`);
    expect(done.status).toBe(1);
    expect(readdirSync(`${folder}/second`).sort()).toEqual(['muslin', 'muslin.conf']);
  });
});
