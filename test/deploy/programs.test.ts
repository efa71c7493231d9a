import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { serveStatus } from '@muslin/linux';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeProbe } from '../../deploy/build.ts';
import { openMetricsDoor } from '../../deploy/programs/metrics-door.ts';
import { conflist } from '../../deploy/programs/write-conflist.ts';

const PROGRAM = (name: string) => fileURLToPath(new URL(`../../deploy/programs/${name}.ts`, import.meta.url));
let dir: string;
let server: Server;
let failing: Server;
let ready = false;
let special = '';
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'muslin-programs-'));
  makeProbe(join(dir, 'probe'));
  // Without a compiler it is a script that runs this.
  symlinkSync(PROGRAM('probe'), join(dir, 'probe.mjs'));
  server = await serveStatus(`${dir}/agent.sock`, {
    '/healthz': () => 'ok\n',
    '/v1/status': () => ({ ready, node: 'n1' }),
    '/metrics': () => 'muslin_x 1\n',
    '/silent': () => new Promise(() => {}),
    '/special': () => special,
  });
  failing = await serveStatus(`${dir}/controller.sock`, {
    '/metrics': () => {
      throw new Error('what is inside');
    },
  });
});
afterAll(() => {
  for (const each of [server, failing]) each.close().closeAllConnections();
  rmSync(dir, { recursive: true, force: true });
});

/** The probe compiled, and the one that serves without a compiler. */
const PROBES: readonly (readonly [string, () => readonly string[]])[] = [
  ['probe, compiled', () => [`${dir}/probe`]],
  ['probe in TypeScript', () => [process.execPath, PROGRAM('probe')]],
];

describe.each(PROBES)('%s', (_, command) => {
  const ask = async (socket: string, ...words: readonly string[]) => {
    const [file = '', ...args] = [...command(), `${dir}/${socket}`, ...words];
    const done = await promisify(execFile)(file, args).then(
      ({ stdout }) => ({ code: 0, stdout }),
      ({ code, stdout }) => ({ code, stdout }),
    );
    return [done.code, String(done.stdout).trimEnd().replace(`${dir}/${socket}: `, '')];
  };

  it('is content with an answer, and with a field that is true, and shows the page', async () => {
    ready = true;
    expect(await ask('agent.sock', '/healthz')).toEqual([0, 'ok']);
    const [code, page] = await ask('agent.sock', '/v1/status', 'ready');
    expect([code, JSON.parse(String(page))]).toEqual([0, { ready: true, node: 'n1' }]);
  });

  it('says what is wrong', async () => {
    ready = false;
    expect(await ask('agent.sock', '/v1/status', 'ready')).toEqual([1, 'ready is false']);
    expect(await ask('agent.sock', '/v1/status', 'synced')).toEqual([1, 'synced is undefined']);
    expect(await ask('agent.sock', '/nowhere')).toEqual([1, 'it answered 404: not found']);
    expect(await ask('agent.sock', '/healthz', 'ready')).toEqual([
      1,
      'it answered something that is no JSON',
    ]);
    const [code, text] = await ask('none.sock', '/healthz');
    expect(code).toBe(1);
    expect(text).toContain('ENOENT');
  });

  it('believes what the page itself says, not what is in its parts or texts', async () => {
    for (const [page, said] of [
      ['{"peers":[{"ready":true}],"ready":false}', [1, 'ready is false']],
      ['{"text":"\\"ready\\":true,","ready":false}', [1, 'ready is false']],
      ['{"parts":{"ready":true}}', [1, 'ready is undefined']],
      ['{ "ready" : true }', [0, '{ "ready" : true }']],
      ['{"ready":"true"}', [1, 'ready is "true"']],
    ] as const) {
      special = page;
      expect(await ask('agent.sock', '/special', 'ready')).toEqual(said);
    }
  });

  it('waits no longer than it is told, and ends with 2 for bad usage', async () => {
    const [file = '', ...args] = command();
    expect(spawnSync(file, args).status).toBe(2);
    expect(await ask('agent.sock', '/silent', '', '50')).toEqual([1, 'no answer within 50 ms']);
  });
});

describe('metrics door', () => {
  it('passes metrics on, nothing else, and says when nobody is behind it', async () => {
    const open = async (runDir: string) => {
      const door = await openMetricsDoor(runDir, 0, '127.0.0.1');
      const ask = async (path: string) => {
        const answer = await fetch(`http://127.0.0.1:${(door.address() as AddressInfo).port}${path}`);
        return [answer.status, await answer.text()];
      };
      return { ask, close: () => door.close().closeAllConnections() };
    };
    const door = await open(dir);
    expect(await door.ask('/metrics/agent')).toEqual([200, 'muslin_x 1\n']);
    expect(await door.ask('/v1/status')).toEqual([
      404,
      'only /metrics/agent, /metrics/speaker, /metrics/controller\n',
    ]);
    expect((await door.ask('/metrics/speaker'))[0]).toBe(503);
    expect(await door.ask('/metrics/controller')).toEqual([503, `${dir}/controller.sock: no metrics now\n`]);
    door.close();
  });
});

describe('network configuration', () => {
  it('asks for both CNI versions and for all that Muslin does for one pod', () => {
    expect(conflist({ mtu: 0 })).toEqual({
      cniVersion: '1.0.0',
      cniVersions: ['1.0.0', '1.1.0'],
      name: 'k8s-pod-network',
      plugins: [
        { type: 'muslin', capabilities: { portMappings: true, bandwidth: true, ips: true, mac: true } },
      ],
    });
    expect(conflist({ mtu: 8900 })).toMatchObject({ plugins: [{ type: 'muslin', mtu: 8900 }] });
  });

  it('is written whole, beside what is there', () => {
    writeFileSync(`${dir}/10-muslin.conflist`, 'old');
    const args = ['--file', `${dir}/10-muslin.conflist`, '--mtu', '1400'];
    const done = spawnSync(process.execPath, [PROGRAM('write-conflist'), ...args], { encoding: 'utf8' });
    expect(done.stderr).toBe('');
    expect(done.stdout).toContain('10-muslin.conflist: muslin');
    expect(JSON.parse(readFileSync(`${dir}/10-muslin.conflist`, 'utf8')).plugins).toHaveLength(1);
    expect(readdirSync(dir).filter(name => name.endsWith('new'))).toEqual([]);
  });
});
