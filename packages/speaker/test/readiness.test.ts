import { expect, test } from 'vitest';
import type { PeerReport } from '../src/core/peer-report.ts';
import { Readiness } from '../src/core/readiness.ts';
import { deedsOf } from '../src/deeds.ts';

const peer = (about: object): PeerReport =>
  ({
    id: '192.0.2.1',
    state: 'Established',
    held: undefined,
    capabilities: [{ kind: 'gracefulRestart' }],
    families: [
      { family: 'ipv4-unicast', agreed: true, endOfRib: true },
      { family: 'ipv6-unicast', agreed: false, endOfRib: false },
    ],
    ...about,
  }) as unknown as PeerReport;
const open = peer({ families: [{ family: 'ipv4-unicast', agreed: true, endOfRib: false }] });

test('a node is ready when all sessions are up and have told everything', () => {
  const readiness = new Readiness();
  expect(readiness.review(false, [], 0)).toEqual({ ready: false, waitingFor: [] });
  expect(readiness.review(true, [peer({ state: 'Active' })], 1000)).toEqual({
    ready: false,
    waitingFor: ['192.0.2.1 is Active'],
  });
  expect(readiness.review(true, [open], 2000)).toEqual({
    ready: false,
    waitingFor: ['192.0.2.1 has not told all its routes yet (ipv4-unicast)'],
  });
  expect(readiness.review(true, [peer({})], 3000)).toEqual({ ready: true, waitingFor: [] });
});

test('once ready, a session that falls changes nothing', () => {
  const readiness = new Readiness();
  readiness.review(true, [peer({})], 0);
  expect(readiness.review(true, [peer({ state: 'Idle' }), open], 1000).ready).toBe(true);
});

test('nobody waits for a dead peer longer than 30 s, nor for a silent End-of-RIB longer than 60 s', () => {
  for (const [late, ms] of [
    [peer({ state: 'Active' }), 30_000],
    [open, 60_000],
  ] as const) {
    const readiness = new Readiness();
    expect(readiness.review(true, [late], 0).ready).toBe(false);
    expect(readiness.review(true, [late], ms - 1).ready).toBe(false);
    expect(readiness.review(true, [late], ms).ready).toBe(true);
  }
});

test('a peer without graceful restart, or one that must not be up, is not waited for; no peers are fine', () => {
  for (const peers of [
    [peer({ capabilities: [], families: open.families })],
    [peer({ state: 'Idle', held: 'no password' })],
    [],
  ])
    expect(new Readiness().review(true, peers, 0).ready).toBe(true);
});

test('leaving takes a text of at most 255 bytes (RFC 9003 §2)', async () => {
  const said: (string | undefined)[] = [];
  const leave = deedsOf({
    leave: async text => {
      said.push(text);
      return 1;
    },
  })['/v1/leave'] as NonNullable<ReturnType<typeof deedsOf>[string]>;
  expect(await leave(new URLSearchParams({ text: 'é'.repeat(128) }))).toMatchObject({ kind: 'mistake' });
  expect(await leave(new URLSearchParams({ text: 'rack moves' }))).toEqual({
    kind: 'json',
    value: { left: true, unconfirmed: 1 },
  });
  expect(said).toEqual(['rack moves']);
});
