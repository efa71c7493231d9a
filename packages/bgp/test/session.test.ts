import { readFileSync, writeFileSync } from 'node:fs';
import { type Ip4, mustIp } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cease,
  judgeOpen,
  type Negotiated,
  notification,
  ownOpen,
  type SessionConfig,
  type SessionEvent,
  type SessionState,
  STATE_NAMES,
  stepSession,
} from '../src/index.ts';
import { packNlri } from '../src/wire/nlri.ts';
import { gridLines } from './golden-grid.ts';

const config: SessionConfig = {
  localAs: 65000,
  routerId: mustIp('10.0.0.1') as Ip4,
  remoteAs: 65001,
  passive: false,
  families: ['ipv4-unicast', 'ipv6-unicast'],
  holdTime: 90,
  connectRetryTime: 10,
  idleHoldTime: 1,
  sendHoldTime: 480,
  extendedMessages: true,
  extendedNextHop: false,
  addPath: { receive: false, send: false },
};
const peerOpen = ownOpen({ ...config, localAs: 65001, routerId: mustIp('10.0.0.2') as Ip4 });
const judged = judgeOpen(peerOpen, config);
if (!judged.ok) throw new Error(judged.fault.message);
const negotiated: Negotiated = judged.value;
const none = packNlri('ipv4-unicast', []);

const STATES: readonly (readonly [string, SessionState])[] = [
  ['Idle', { name: 'Idle', retries: 0 }],
  ['Connect', { name: 'Connect', retries: 0 }],
  ['Active', { name: 'Active', retries: 0 }],
  ['OpenSent', { name: 'OpenSent', retries: 0 }],
  ['OpenConfirm', { name: 'OpenConfirm', retries: 0, negotiated }],
  ['Established', { name: 'Established', retries: 0, negotiated }],
];

const EVENTS: readonly (readonly [string, SessionEvent])[] = [
  ['start', { kind: 'start' }],
  ['stop, with Cease', { kind: 'stop', notification: cease(2), message: 'stopped' }],
  ['stop, silent', { kind: 'stop', message: 'restarting' }],
  ['stop, for 30 s', { kind: 'stop', notification: cease(1), message: 'too many', restartAfter: 30 }],
  ['connectRetry fires', { kind: 'timerFired', timer: 'connectRetry' }],
  ['hold fires', { kind: 'timerFired', timer: 'hold' }],
  ['keepalive fires', { kind: 'timerFired', timer: 'keepalive' }],
  ['sendHold fires', { kind: 'timerFired', timer: 'sendHold' }],
  ['idleHold fires', { kind: 'timerFired', timer: 'idleHold' }],
  ['connected', { kind: 'connected' }],
  ['closed', { kind: 'closed', message: 'gone' }],
  ['collision lost', { kind: 'collisionLost' }],
  ['called again', { kind: 'replaced' }],
  ['OPEN', { kind: 'open', message: peerOpen }],
  ['OPEN, unacceptable', { kind: 'open', message: { ...peerOpen, holdTime: 1 } }],
  ['NOTIFICATION', { kind: 'notification', message: notification(6, 4) }],
  ['KEEPALIVE', { kind: 'keepalive' }],
  [
    'UPDATE',
    {
      kind: 'update',
      message: { kind: 'update', withdrawn: none, announced: none, attributes: {}, faults: [] },
    },
  ],
  [
    'ROUTE-REFRESH',
    { kind: 'route-refresh', message: { kind: 'route-refresh', afi: 1, safi: 1, subtype: 0 } },
  ],
  [
    'malformed',
    {
      kind: 'fault',
      fault: { severity: 'reset', code: 1, subcode: 1, data: new Uint8Array(0), message: 'bad', rfc: 'RFC' },
    },
  ],
];

function cell(state: SessionState, event: SessionEvent): string {
  const [next, effects] = stepSession(state, event, { config, jitter: 1 });
  const words = effects.flatMap((effect): string[] => {
    switch (effect.kind) {
      case 'setTimer':
        return [`${effect.timer}=${effect.after}`];
      case 'clearTimer':
        return [];
      case 'send':
        return [
          effect.message.kind === 'notification'
            ? `NOTIFICATION ${effect.message.code}/${effect.message.subcode}`
            : effect.message.kind.toUpperCase(),
        ];
      case 'ended':
        return [`ended(${effect.reason.cause})`];
      default:
        return [effect.kind];
    }
  });
  const count = next.retries === state.retries ? '' : ` #${next.retries}`;
  return `→ ${next.name}${count}${words.length > 0 ? `: ${words.join(', ')}` : ''}`;
}

describe('the session machine (RFC 4271 §8)', () => {
  test('does in every state and event what the golden grid says', () => {
    const file = new URL('session-grid.golden.txt', import.meta.url);
    const grid = `${gridLines(STATES, EVENTS, cell)}\n`;
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, grid);
    expect(grid).toBe(readFileSync(file, 'utf8'));
  });

  test('leaves no timer running that its state does not use', () => {
    const uses: Record<string, readonly string[]> = {
      Idle: ['idleHold'],
      Connect: ['connectRetry'],
      Active: ['connectRetry'],
      OpenSent: ['hold'],
      OpenConfirm: ['hold', 'keepalive'],
      Established: ['hold', 'keepalive', 'sendHold'],
    };
    fc.assert(
      fc.property(fc.array(fc.nat(EVENTS.length - 1), { maxLength: 40 }), indices => {
        let state: SessionState = { name: 'Idle', retries: 0 };
        const running = new Set<string>();
        for (const index of indices) {
          const event = (EVENTS[index] as (typeof EVENTS)[number])[1];
          if (event.kind === 'timerFired') {
            if (!running.has(event.timer)) continue;
            running.delete(event.timer);
          }
          const [next, effects] = stepSession(state, event, { config, jitter: 0.5 });
          for (const effect of effects) {
            if (effect.kind === 'setTimer') running.add(effect.timer);
            if (effect.kind === 'clearTimer') running.delete(effect.timer);
          }
          state = next;
          for (const timer of running) {
            if (!uses[state.name]?.includes(timer)) throw new Error(`${timer} runs in ${state.name}`);
          }
        }
        // Whoever waits must be woken.
        if (state.name === 'Connect' || state.name === 'OpenSent') {
          if (running.size === 0) throw new Error(`nothing wakes ${state.name}`);
        }
      }),
    );
  });

  test('a passive session waits instead of dialling', () => {
    const context = { config: { ...config, passive: true }, jitter: 0 };
    const [state, effects] = stepSession({ name: 'Idle', retries: 0 }, { kind: 'start' }, context);
    expect([state.name, effects.some(e => e.kind === 'dial')]).toEqual(['Active', false]);
  });

  test('the pause after errors doubles up to a minute', () => {
    const pauses = [0, 1, 2, 5, 6, 20].map(retries => {
      const [, effects] = stepSession(
        { name: 'Established', retries, negotiated },
        { kind: 'closed', message: '' },
        { config, jitter: 1 },
      );
      return effects.flatMap(e => (e.kind === 'setTimer' && e.timer === 'idleHold' ? [e.after] : []))[0];
    });
    expect(pauses).toEqual([1, 2, 4, 32, 60, 60]);
  });

  test('timers are spread between 75 and 100 percent (§10)', () => {
    const after = (jitter: number) => {
      const [, effects] = stepSession({ name: 'Idle', retries: 0 }, { kind: 'start' }, { config, jitter });
      return effects.flatMap(e => (e.kind === 'setTimer' ? [e.after] : []))[0];
    };
    expect([after(0), after(1)]).toEqual([7.5, 10]);
  });

  test('the names of the states are in the order of progress', () => {
    expect(STATES.map(([name]) => name)).toEqual([...STATE_NAMES]);
  });
});
