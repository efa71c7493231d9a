import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serveStatus } from '@muslin/linux';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openMetricsDoor } from '../../deploy/programs/metrics-door.ts';
import { probe } from '../../deploy/programs/probe.ts';
import { conflist } from '../../deploy/programs/write-conflist.ts';

const PROGRAM = (name: string) => fileURLToPath(new URL(`../../deploy/programs/${name}.ts`, import.meta.url));
let dir: string;
let server: Server;
let ready = false;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'muslin-programs-'));
  server = await serveStatus(`${dir}/agent.sock`, {
    '/healthz': () => 'ok\n',
    '/v1/status': () => ({ ready, node: 'n1' }),
    '/metrics': () => 'muslin_x 1\n',
    '/silent': () => new Promise(() => {}),
  });
});
afterAll(() => {
  server.close().closeAllConnections();
  rmSync(dir, { recursive: true, force: true });
});

describe('probe', () => {
  const socket = () => `${dir}/agent.sock`;

  it('is content with an answer, and with a field that is true, and shows the page', async () => {
    ready = true;
    expect(await probe(socket(), '/healthz', undefined)).toEqual({ well: true, text: 'ok' });
    const status = await probe(socket(), '/v1/status', 'ready');
    expect([status.well, JSON.parse(status.text)]).toEqual([true, { ready: true, node: 'n1' }]);
  });

  it('says what is wrong', async () => {
    ready = false;
    const ill = async (...args: Parameters<typeof probe>) => {
      const { well, text } = await probe(...args);
      return [well, text.replace(`${args[0]}: `, '')];
    };
    expect(await ill(socket(), '/v1/status', 'ready')).toEqual([false, 'ready is false']);
    expect(await ill(socket(), '/v1/status', 'synced')).toEqual([false, 'synced is undefined']);
    expect(await ill(socket(), '/nowhere', undefined)).toEqual([false, 'it answered 404: not found']);
    expect(await ill(socket(), '/healthz', 'ready')).toEqual([
      false,
      'it answered something that is no JSON',
    ]);
    expect((await ill(`${dir}/none.sock`, '/healthz', undefined))[1]).toContain('ENOENT');
    expect(await ill(socket(), '/silent', undefined, 50)).toEqual([false, 'no answer within 50 ms']);
  });

  it('ends with 0, 1 or 2', async () => {
    const run = (...args: string[]) => spawnSync(process.execPath, [PROGRAM('probe'), ...args]).status;
    expect([run(`${dir}/none.sock`, '/healthz'), run()]).toEqual([1, 2]);
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
