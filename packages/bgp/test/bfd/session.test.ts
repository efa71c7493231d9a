import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type BfdEffect,
  type BfdEvent,
  type BfdParameters,
  type BfdRemote,
  type BfdState,
  type ControlPacket,
  detectionTime,
  freshBfd,
  jitterFactor,
  SLOW_TX,
  stepBfd,
  transmitInterval,
} from '../../src/index.ts';
import { gridLines } from '../golden-grid.ts';

const fast: BfdParameters = { desiredMinTx: 50_000, requiredMinRx: 50_000, detectMultiplier: 3 };
const relaxed: BfdParameters = { desiredMinTx: 300_000, requiredMinRx: 300_000, detectMultiplier: 3 };
const packet: ControlPacket = {
  diagnostic: 0,
  state: 'Down',
  poll: false,
  final: false,
  independent: false,
  authenticated: false,
  demand: false,
  detectMultiplier: 4,
  myDiscriminator: 7,
  yourDiscriminator: 9,
  desiredMinTx: 100_000,
  requiredMinRx: 60_000,
  requiredMinEchoRx: 0,
};
const hear = (change: Partial<ControlPacket>): BfdEvent => ({
  kind: 'packet',
  packet: { ...packet, ...change },
});
const remote: BfdRemote = {
  discriminator: 7,
  state: 'Up',
  diagnostic: 0,
  demand: false,
  desiredMinTx: 100_000,
  requiredMinRx: 60_000,
  detectMultiplier: 4,
};
const slow = { desiredMinTx: SLOW_TX, requiredMinRx: 50_000 };
const quick = { desiredMinTx: 50_000, requiredMinRx: 50_000 };
const down = freshBfd(fast);
const up: BfdState = { name: 'Up', diagnostic: 'none', remote, told: quick, inForce: quick, poll: 'idle' };

const STATES: readonly (readonly [string, BfdState])[] = [
  ['AdminDown', { ...down, name: 'AdminDown', diagnostic: 'administrativelyDown', remote: undefined }],
  ['Down', down],
  ['Down, peer heard', { ...down, name: 'Down', remote: { ...remote, state: 'AdminDown' } }],
  ['Init', { ...up, name: 'Init', told: slow, inForce: slow, remote: { ...remote, state: 'Down' } }],
  ['Up', up],
  ['Up, polling', { ...up, poll: 'active' }],
  ['Up, demand mode', { ...up, remote: { ...remote, demand: true } }],
];

const EVENTS: readonly (readonly [string, BfdEvent])[] = [
  ['AdminDown', hear({ state: 'AdminDown' })],
  ['Down', hear({ state: 'Down' })],
  ['Init', hear({ state: 'Init' })],
  ['Up', hear({ state: 'Up' })],
  ['Up, Poll', hear({ state: 'Up', poll: true })],
  ['Up, Final', hear({ state: 'Up', final: true })],
  ['Up, demand', hear({ state: 'Up', demand: true })],
  ['Up, wants nothing', hear({ state: 'Up', requiredMinRx: 0 })],
  ['silence', { kind: 'detectionTimeExpired' }],
  ['time to send', { kind: 'transmitDue' }],
  ['reconfigured', { kind: 'reconfigured' }],
  ['disabled', { kind: 'disabled' }],
  ['enabled', { kind: 'enabled' }],
];

const sends = (effects: readonly BfdEffect[]) =>
  effects.map(({ poll, final }) => `send${poll ? ' P' : ''}${final ? ' F' : ''}`).join(', ');

function cell(state: BfdState, event: BfdEvent): string {
  const [next, effects] = stepBfd(state, event, event.kind === 'reconfigured' ? relaxed : fast);
  const ms = (micros: number | undefined) => (micros === undefined ? '–' : `${micros / 1000}`);
  const timers = `every ${ms(transmitInterval(next))}, detects in ${ms(detectionTime(next))}`;
  const poll = next.poll === 'idle' ? '' : ` poll=${next.poll}`;
  const words = effects.length > 0 ? `: ${sends(effects)}` : '';
  return `→ ${next.name} (${next.diagnostic})${poll} [${timers}]${words}`;
}

/** Plays events after one another; the state and everything sent. */
function play(state: BfdState, parameters: BfdParameters, ...events: readonly BfdEvent[]) {
  const sent: string[] = [];
  let now = state;
  for (const event of events) {
    const [next, effects] = stepBfd(now, event, parameters);
    now = next;
    sent.push(sends(effects));
  }
  return { state: now, sent };
}

describe('the BFD session machine (RFC 5880 §6.8)', () => {
  test('does in every state and event what the golden grid says', () => {
    const file = new URL('session-grid.golden.txt', import.meta.url);
    const grid = `${gridLines(STATES, EVENTS, cell)}\n`;
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, grid);
    expect(grid).toBe(readFileSync(file, 'utf8'));
  });

  test('three packets bring it Up, and it tells its fast pace with a Poll at once (§6.8.3)', () => {
    const { state, sent } = play(down, fast, hear({ state: 'Down' }), hear({ state: 'Init' }));
    expect(sent).toEqual(['send', 'send P']);
    expect(state).toMatchObject({ name: 'Up', told: quick, inForce: quick, poll: 'active' });
    expect(play(state, fast, hear({ state: 'Up', final: true })).state.poll).toBe('idle');
  });

  test('it sends at most once a second until it is Up, and again after it fell (§6.8.3)', () => {
    expect(transmitInterval(down)).toBe(1_000_000);
    expect(transmitInterval(play(up, fast, { kind: 'detectionTimeExpired' }).state)).toBe(1_000_000);
    expect(transmitInterval(freshBfd({ ...fast, desiredMinTx: 3_000_000 }))).toBe(3_000_000);
  });

  test('the detection time is the peer’s multiplier times the slower of its pace and ours (§6.8.4)', () => {
    expect(detectionTime(up)).toBe(4 * 100_000);
    expect(detectionTime(play(up, fast, hear({ state: 'Up', desiredMinTx: 10 })).state)).toBe(4 * 50_000);
    expect(detectionTime(down)).toBeUndefined();
  });

  test('a slower pace waits for the Final, so that nobody is declared dead over it (§6.8.3)', () => {
    const asked = play(up, relaxed, { kind: 'reconfigured' });
    expect(asked.sent).toEqual(['send P']);
    expect(asked.state.told.desiredMinTx).toBe(300_000);
    expect(transmitInterval(asked.state)).toBe(60_000);
    // The receiver, however, is patient at once.
    expect(detectionTime(asked.state)).toBe(4 * 300_000);
    expect(transmitInterval(play(asked.state, relaxed, hear({ state: 'Up', final: true })).state)).toBe(
      300_000,
    );
  });

  test('a faster pace is kept at once, but expected only after the Final (§6.8.3)', () => {
    const before: BfdState = { ...up, told: relaxed, inForce: relaxed };
    const asked = play(before, fast, { kind: 'reconfigured' });
    expect(transmitInterval(asked.state)).toBe(60_000);
    expect(detectionTime(asked.state)).toBe(4 * 300_000);
    expect(detectionTime(play(asked.state, fast, hear({ state: 'Up', final: true })).state)).toBe(
      4 * 100_000,
    );
  });

  test('a change during a Poll Sequence is followed by another one, since the Final may answer the first (§6.5)', () => {
    const first = play(up, relaxed, { kind: 'reconfigured' }).state;
    const other = { ...relaxed, desiredMinTx: 200_000 };
    const second = play(first, other, { kind: 'reconfigured' }).state;
    expect(second.poll).toBe('again');
    const answered = play(second, other, hear({ state: 'Up', final: true })).state;
    expect([answered.poll, transmitInterval(answered)]).toEqual(['active', 60_000]);
    const settled = play(answered, other, hear({ state: 'Up', final: true })).state;
    expect([settled.poll, transmitInterval(settled)]).toEqual(['idle', 200_000]);
  });

  test('a Poll is answered with a Final in every state but AdminDown (§6.8.6)', () => {
    for (const [name, state] of STATES) {
      const { sent } = play(state, fast, hear({ state: 'Down', poll: true }));
      expect([name, sent]).toEqual([name, [name === 'AdminDown' ? '' : 'send F']]);
    }
  });

  test('a peer in demand mode hears nothing periodic while both are Up, but polls and answers (§6.6)', () => {
    const { state } = play(up, fast, hear({ state: 'Up', demand: true }));
    expect(transmitInterval(state)).toBeUndefined();
    expect(play(state, fast, hear({ state: 'Up', demand: true, poll: true })).sent).toEqual(['send F']);
    const polling = play(state, relaxed, { kind: 'reconfigured' });
    expect([polling.sent, transmitInterval(polling.state)]).toEqual([['send P'], 60_000]);
    expect(transmitInterval(play(state, fast, hear({ state: 'Init', demand: true })).state)).toBe(60_000);
  });

  test('silence makes it forget the peer’s discriminator in any state (§6.8.1)', () => {
    for (const [, state] of STATES)
      expect(play(state, fast, { kind: 'detectionTimeExpired' }).state.remote).toBeUndefined();
  });

  test('jitter takes away up to a quarter, and at least a tenth when every packet counts (§6.8.7)', () => {
    expect([jitterFactor(3, 0), jitterFactor(3, 1)]).toEqual([0.75, 1]);
    expect([jitterFactor(1, 0), jitterFactor(1, 1)]).toEqual([0.75, 0.9]);
  });

  test('no packet of ours has both Poll and Final, and none goes periodically to who wants none', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(EVENTS.length - 1), { maxLength: 60 }), indices => {
        let state: BfdState = down;
        for (const index of indices) {
          const event = (EVENTS[index] as (typeof EVENTS)[number])[1];
          const [next, effects] = stepBfd(state, event, index % 2 === 0 ? fast : relaxed);
          for (const { poll, final } of effects) expect(poll && final).toBe(false);
          if (next.remote?.requiredMinRx === 0) expect(transmitInterval(next)).toBeUndefined();
          else if (next.name !== 'Up') expect(transmitInterval(next)).toBeGreaterThanOrEqual(SLOW_TX);
          state = next;
        }
      }),
    );
  });
});
