import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { planTopology } from '../src/topology.ts';
import { frr } from '../src/tor/frr.ts';
import { gobgp } from '../src/tor/gobgp.ts';

const PATH = process.env['PATH'];
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/router-answers-`);
  process.env['PATH'] = `${folder}:${PATH}`;
});
afterEach(() => {
  process.env['PATH'] = PATH;
  rmSync(folder, { recursive: true });
});

/** A tool that answers by words of its command line. */
function fakeTool(name: string, answers: Readonly<Record<string, string>>): void {
  const cases = Object.entries(answers).map(([words, text]) => `*"${words}"*) cat <<'END'\n${text}\nEND\n;;`);
  writeFileSync(`${folder}/${name}`, `#!/bin/sh\ncase "$*" in\n${cases.join('\n')}\nesac\n`);
  chmodSync(`${folder}/${name}`, 0o755);
}

const place = () => ({ topology: planTopology('x', 2), folder });

describe('what vtysh prints', () => {
  it('has sessions and routes', async () => {
    fakeTool('vtysh', {
      'summary json': JSON.stringify({
        routerId: '172.30.0.254',
        peers: { '172.30.0.11': { state: 'Established', pfxRcd: 1 }, '172.30.0.12': { state: 'Active' } },
      }),
      'unicast json': JSON.stringify({
        routes: {
          '10.96.0.0/16': [
            { valid: true, bestpath: true, nexthops: [{ ip: '172.30.0.11' }] },
            { valid: true, multipath: true, nexthops: [{ ip: '172.30.0.12' }] },
            { valid: true, nexthops: [{ ip: '172.30.0.13' }] },
          ],
        },
      }),
    });
    const router = frr(place());
    expect(await router.sessions()).toEqual([
      { peer: '172.30.0.11', established: true, state: 'Established' },
      { peer: '172.30.0.12', established: false, state: 'Active' },
    ]);
    expect(await router.routes()).toEqual([
      { prefix: '10.96.0.0/16', nextHops: ['172.30.0.11', '172.30.0.12'] },
    ]);
  });

  it('may be nothing yet, or no JSON', async () => {
    fakeTool('vtysh', { json: 'failed to connect to any daemons.' });
    expect(await frr(place()).sessions()).toEqual([]);
    expect(await frr(place()).routes()).toEqual([]);
  });
});

describe('what gobgp prints', () => {
  it('has sessions, with the state as a number or a word, and the best of each route', async () => {
    fakeTool('ip', {
      neighbor: JSON.stringify([
        { conf: { neighbor_address: '172.30.0.11' }, state: { session_state: 6 } },
        { conf: { neighbor_address: '172.30.0.12' }, state: { session_state: 'ESTABLISHED' } },
        { conf: { neighbor_address: '172.30.0.13' }, state: { session_state: 3 } },
        { conf: { neighbor_address: '172.30.0.14' } },
      ]),
      rib: JSON.stringify({
        '10.244.0.0/26': [
          {
            best: true,
            attrs: [
              { type: 1, value: 0 },
              { type: 3, nexthop: '172.30.0.11' },
            ],
          },
          { attrs: [{ type: 3, nexthop: '172.30.0.12' }] },
        ],
      }),
    });
    const router = gobgp(place());
    const sessions = await router.sessions();
    expect(sessions.map(s => [s.peer, s.established])).toEqual([
      ['172.30.0.11', true],
      ['172.30.0.12', true],
      ['172.30.0.13', false],
      ['172.30.0.14', false],
    ]);
    expect(await router.routes()).toEqual([{ prefix: '10.244.0.0/26', nextHops: ['172.30.0.11'] }]);
  });

  it('may be nothing yet', async () => {
    fakeTool('ip', {});
    expect(await gobgp(place()).sessions()).toEqual([]);
    expect(await gobgp(place()).routes()).toEqual([]);
  });
});
