import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import {
  type Backend,
  detectBackend,
  type IptablesDriver,
  keptIptablesDriver,
  spawningIptablesDriver,
} from '@muslin/linux';
import type { Family } from '@muslin/net';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { faultOf, must, rooms } from './sandbox.ts';

const [[room], close] = rooms(1);
const open: IptablesDriver[] = [];
afterAll(async () => {
  for (const driver of open) await driver.close();
  close();
});

const MAKERS = { spawning: spawningIptablesDriver, kept: keptIptablesDriver };
const CASES = (['nft', 'legacy'] as const).flatMap(backend =>
  ([4, 6] as const).flatMap(family =>
    (['spawning', 'kept'] as const).map(how => [how, backend, family] as const),
  ),
);

function make(
  how: keyof typeof MAKERS,
  backend: Backend,
  family: Family,
  timeoutMs = 10_000,
): IptablesDriver {
  const driver = MAKERS[how]({ family, backend, namespace: room.namespace, timeoutMs });
  open.push(driver);
  return driver;
}

describe.each(CASES)('%s, %s, IPv%i', (how, backend, family) => {
  const driver = make(how, backend, family);
  const net = family === 4 ? '10.0.0.0/8' : 'fd00::/8';
  const tool = `${family === 4 ? 'iptables' : 'ip6tables'}-${backend}`;
  const rule = (i: number) => `-A msl-x -s ${net} -m comment --comment "n ${i}" -j ACCEPT`;
  const chain = (...rules: readonly string[]) =>
    `*filter\n:msl-x - [0:0]\n${rules.map(r => `${r}\n`).join('')}COMMIT\n`;
  const rulesNow = () => room.run(tool, '-S', 'msl-x').trim().split('\n').slice(1);

  test('a chain is written, read back, rewritten and removed', async () => {
    for (let i = 0; i < 20; i++) {
      must(await driver.restore(chain(rule(i), '-A msl-x -j RETURN')));
      expect(rulesNow()).toHaveLength(2);
      expect(rulesNow()[0]).toContain(`n ${i}`);
    }
    expect(must(await driver.read('filter'))).toContain(':msl-x - [0:0]');
    must(await driver.restore('*filter\n:msl-x - [0:0]\n-X msl-x\nCOMMIT\n'));
    expect(must(await driver.read('filter'))).not.toContain('msl-x');
  });

  test('a refused input changes nothing, names its line, and the next one works', async () => {
    must(await driver.restore(chain(rule(1))));
    for (const bad of ['-A msl-x --bogus', '-A msl-x -j MSLNOTHING', '-A msl-nochain -j ACCEPT']) {
      const fault = faultOf(await driver.restore(chain(rule(2), bad)));
      expect(fault).toMatchObject({ code: 'refused-rule' });
      // The nft back end finds unknown targets and chains only at the commit.
      expect([bad, 'COMMIT']).toContain('text' in fault ? fault.text : '');
      expect(rulesNow()).toHaveLength(1);
      expect(rulesNow()[0]).toContain('n 1');
      must(await driver.restore(chain(rule(1))));
    }
  });

  test("others' rules and chains stay, also those that came in between", async () => {
    must(await driver.restore(chain(rule(1))));
    room.run(tool, '-N', 'KUBE-FOREIGN');
    room.run(tool, '-A', 'FORWARD', '-j', 'KUBE-FOREIGN');
    must(await driver.restore(`*filter\n:msl-x - [0:0]\n-I FORWARD 1 -j msl-x\n${rule(2)}\nCOMMIT\n`));
    expect(room.run(tool, '-S', 'FORWARD').trim().split('\n').slice(1)).toEqual([
      '-A FORWARD -j msl-x',
      '-A FORWARD -j KUBE-FOREIGN',
    ]);
    must(
      await driver.restore(
        '*filter\n-D FORWARD -j msl-x\n-D FORWARD -j KUBE-FOREIGN\n-F msl-x\n-X msl-x\n-X KUBE-FOREIGN\nCOMMIT\n',
      ),
    );
  });

  test('several tables in one input, and many inputs at once in their order', async () => {
    const both = (i: number) =>
      `*nat\n:msl-n - [0:0]\n-A msl-n -m comment --comment "n ${i}" -j RETURN\nCOMMIT\n${chain(rule(i))}`;
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, i) => driver.restore(how === 'kept' ? both(i) : both(9))),
    );
    expect(results.every(result => result.ok)).toBe(true);
    expect(rulesNow()[0]).toContain('n 9');
    expect(room.run(tool, '-t', 'nat', '-S', 'msl-n')).toContain('n 9');
    must(
      await driver.restore(
        '*nat\n:msl-n - [0:0]\n-X msl-n\nCOMMIT\n*filter\n:msl-x - [0:0]\n-X msl-x\nCOMMIT\n',
      ),
    );
  });

  test('a thousand rules in one commit', async () => {
    must(await driver.restore(chain(...Array.from({ length: 1000 }, (_, i) => rule(i)))));
    expect(rulesNow()).toHaveLength(1000);
    must(await driver.restore('*filter\n:msl-x - [0:0]\n-X msl-x\nCOMMIT\n'));
  });

  test('an input without COMMIT is refused before it can hang anything', async () => {
    expect(faultOf(await driver.restore('*filter\n:msl-x - [0:0]\n'))).toMatchObject({
      code: 'not-committed',
      line: 1,
    });
  });
});

describe('the machine', () => {
  const path = process.env['PATH'];
  const directory = mkdtempSync(joinPath(tmpdir(), 'msl-t-lx-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  afterEach(() => {
    process.env['PATH'] = path;
  });
  /** A PATH with one program of ours in front (or alone). */
  const withProgram = (name: string, script: string, alone = false) => {
    const bin = joinPath(directory, name);
    mkdirSync(bin);
    writeFileSync(joinPath(bin, name), script);
    chmodSync(joinPath(bin, name), 0o755);
    process.env['PATH'] = alone ? bin : `${bin}:${path}`;
    return bin;
  };

  test('a restore that hangs is killed in bounded time, and the next one works', async () => {
    const driver = make('kept', 'nft', 4, 200);
    withProgram('stdbuf', '#!/bin/sh\nexec sleep 60\n');
    const start = performance.now();
    expect(faultOf(await driver.restore('*filter\nCOMMIT\n'))).toMatchObject({ code: 'too-slow' });
    expect(performance.now() - start).toBeLessThan(2000);
    process.env['PATH'] = path;
    must(await driver.restore('*filter\nCOMMIT\n'));
  });

  test('without stdbuf the driver starts a process for each restore', async () => {
    const bin = withProgram(
      'iptables-nft-restore',
      '#!/bin/sh\nexec /usr/sbin/iptables-nft-restore "$@"\n',
      true,
    );
    symlinkSync('/bin/sh', joinPath(bin, 'sh'));
    const driver = make('kept', 'nft', 4);
    must(await driver.restore('*filter\n:msl-y - [0:0]\nCOMMIT\n'));
    must(await driver.restore('*filter\n:msl-y - [0:0]\nCOMMIT\n'));
    process.env['PATH'] = path;
    expect(room.run('iptables-nft', '-S')).toContain('-N msl-y');
    must(await driver.restore('*filter\n:msl-y - [0:0]\n-X msl-y\nCOMMIT\n'));
  });

  test('without iptables the fault says what to install', async () => {
    process.env['PATH'] = '/nonexistent';
    const fault = faultOf(await make('spawning', 'nft', 4).restore('*filter\nCOMMIT\n'));
    expect(fault).toMatchObject({ code: 'not-installed', message: 'iptables-nft-restore is not installed' });
    expect(faultOf(await make('kept', 'nft', 4).restore('*filter\nCOMMIT\n'))).toMatchObject({
      code: 'not-installed',
    });
  });

  test("the back end that holds kubelet's chain is found", async () => {
    room.run('iptables-legacy', '-t', 'mangle', '-N', 'KUBE-KUBELET-CANARY');
    expect(await detectBackend(4, room.namespace)).toEqual({ backend: 'legacy', because: 'kube-chains' });
    room.run('iptables-nft', '-t', 'mangle', '-N', 'KUBE-IPTABLES-HINT');
    expect(await detectBackend(4, room.namespace)).toEqual({ backend: 'nft', because: 'kube-chains' });
  });
});
