import { type Ip4, mustIp } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cease,
  diagnose,
  type KernelWitness,
  type Message,
  NO_WITNESS,
  notification,
  type NotificationMessage,
  type PeerConfig,
  type PeerView,
  type ReachFailure,
} from '../src/index.ts';
import { BASE, BytePeer, raw, updateBody } from './byte-peer.ts';

const LATER = 60_000;
const peerOf = (peer: BytePeer) => peer.speaker.peers()[0] as PeerView;
const seen = (peer: BytePeer, now = peer.now, witness: KernelWitness = NO_WITNESS) =>
  diagnose(peerOf(peer), now, witness);

/** An OPEN that is fine. */
const OPEN: Message = {
  ...{ kind: 'open', version: 4, asNumber: 65001, holdTime: 90, identifier: mustIp('10.0.0.2') as Ip4 },
  capabilities: [],
};

/** A session with nothing done yet, that calls by itself. */
const idle = (config: Partial<PeerConfig> = {}) => new BytePeer({ passive: false, ...config });

/** What is found after the call of a peer failed so. */
function afterCall(failure: ReachFailure, config: Partial<PeerConfig> = {}, witness = NO_WITNESS) {
  const peer = idle(config);
  peer.take(peer.speaker.handle({ kind: 'closed', connection: peer.connection }, 1));
  const connection = peer.outputs.findLast(o => o.kind === 'dial')?.connection ?? '';
  peer.take(
    peer.speaker.handle(
      { kind: 'connectFailed', connection, message: 'the words of the system', failure },
      2,
    ),
  );
  return seen(peer, 3, witness);
}

/** What is found after the peer said this in answer to our OPEN. */
function afterWord(message: NotificationMessage, config: Partial<PeerConfig> = {}) {
  const peer = new BytePeer(config);
  peer.say({ ...message });
  return seen(peer);
}

describe('the doctor', () => {
  test.each<readonly [ReachFailure, string, Partial<PeerConfig>, Partial<KernelWitness>]>([
    ['refused', 'refused', {}, {}],
    ['no-route', 'no-route', {}, {}],
    ['no-neighbour', 'no-neighbour', {}, {}],
    ['no-source', 'no-source', { transport: { source: mustIp('10.9.9.9') } }, {}],
    ['not-tried', 'not-tried', {}, {}],
    ['blocked-here', 'blocked-here', {}, {}],
    ['unanswered', 'filtered', {}, {}],
    ['unanswered', 'password-missing-here', {}, { unexpectedlySigned: 1 }],
    ['unanswered', 'wrong-password-suspected', { transport: { passwordKey: 'k' } }, {}],
    ['unanswered', 'wrong-password', { transport: { passwordKey: 'k' } }, { wronglySigned: 2 }],
    ['unanswered', 'password-missing-there', { transport: { passwordKey: 'k' } }, { unsigned: 2 }],
    ['unanswered', 'ttl-security', { transport: { ttlSecurityHops: 1 } }, {}],
    [
      'unanswered',
      'ttl-security',
      { transport: { passwordKey: 'k', ttlSecurityHops: 1 } },
      { tooFar: 1, wronglySigned: 1 },
    ],
  ])('takes a call that ended as %s for %s', (failure, code, config, witness) => {
    const found = afterCall(failure, config, { ...NO_WITNESS, ...witness });
    expect(found).toMatchObject({ code, severity: 'problem' });
    expect(found.message).toContain(failure === 'no-source' ? '10.9.9.9' : '10.0.0.2');
  });

  const stopped = { connections: { dropped: 0, stopped: true } };
  const dropping = { connections: { dropped: 3, stopped: false }, tooFar: 2 };
  test.each<readonly [code: string, Partial<PeerConfig>, Partial<KernelWitness>, says: RegExp]>([
    [
      'blocked-here',
      {},
      stopped,
      /^This node drops its own packets to 10\.0\.0\.2 port 179 before they leave/,
    ],
    [
      'ttl-security',
      { transport: { ttlSecurityHops: 1 } },
      dropping,
      /is dropping what 10\.0\.0\.2 port 179 sends/,
    ],
    // Whether it was the TTL or the signature is open while both counters grow.
    [
      'wrong-password',
      { transport: { passwordKey: 'k', ttlSecurityHops: 1 } },
      { ...dropping, tooFar: 0, wronglySigned: 2 },
      /^The passwords differ/,
    ],
    ['filtered', {}, { ...dropping }, /does not answer at all/],
  ])('takes what its own sockets prove for %s', (code, config, witness, says) => {
    const found = afterCall('unanswered', config, { ...NO_WITNESS, ...witness });
    expect(found.code).toBe(code);
    expect(found.message).toMatch(says);
  });

  test('takes a peer that calls again and again, as it hears nothing of us, for no collision', () => {
    const peer = new BytePeer({ transport: { ttlSecurityHops: 1 } });
    const [localIp, remoteIp] = [mustIp('10.0.0.1'), mustIp('10.0.0.2')];
    for (let i = 0; i < 5; i++)
      peer.take(
        peer.speaker.handle({ kind: 'accepted', connection: `in-${i}`, localIp, remoteIp }, i * 1000),
      );
    expect(peerOf(peer).history).toMatchObject({ collisions: 0, lastEnd: undefined });
    expect(seen(peer, 6000).code).toBe('starting');
    expect(seen(peer, 6000, { ...NO_WITNESS, ...dropping }).code).toBe('ttl-security');
    const running = new BytePeer({ transport: { ttlSecurityHops: 1 } }).establish();
    expect(seen(running, 0, { ...NO_WITNESS, ...dropping }).code).toBe('up');
  });

  test('calls a call that we gave up ourselves unanswered', () => {
    const peer = idle();
    peer.take(peer.speaker.handle({ kind: 'closed', connection: peer.connection }, 1));
    const timer = peer.outputs.find(o => o.kind === 'setTimer' && o.id.includes('connectRetry'));
    if (timer?.kind !== 'setTimer') throw new Error('no retry is planned');
    peer.take(peer.speaker.handle({ kind: 'timer', id: timer.id }, timer.at));
    const dials = peer.outputs.filter(o => o.kind === 'dial').length;
    expect(dials).toBeGreaterThan(1);
    expect(seen(peer, timer.at)).toMatchObject({ code: 'filtered', whose: 'network' });
  });

  test.each<readonly [number, number, string]>([
    [1, 2, 'our-header-refused'],
    [2, 1, 'version-refused'],
    [2, 2, 'our-as-refused'],
    [2, 3, 'our-router-id-refused'],
    [2, 4, 'our-open-refused'],
    [2, 6, 'our-hold-time-refused'],
    [2, 7, 'our-capabilities-refused'],
    [2, 11, 'our-role-refused'],
    [3, 5, 'our-update-refused'],
    [4, 0, 'hold-expired-there'],
    [5, 1, 'state-error-there'],
    [6, 1, 'too-many-routes-for-peer'],
    [6, 2, 'shut-down-there'],
    [6, 3, 'removed-there'],
    [6, 4, 'reset-there'],
    [6, 5, 'rejected'],
    [6, 6, 'reconfigured-there'],
    [6, 8, 'out-of-resources-there'],
    [6, 10, 'bfd-down-there'],
    [6, 99, 'ended-there'],
    [8, 0, 'send-hold-expired-there'],
    [77, 7, 'ended-there'],
  ])('says what NOTIFICATION %i/%i of the peer means', (code, subcode, expected) => {
    expect(afterWord(notification(code, subcode))).toMatchObject({ code: expected, severity: 'problem' });
  });

  test('quotes the operator of the other side, also inside a hard reset (RFC 8538)', () => {
    const words = cease(2, 'new line card');
    expect(afterWord(words).message).toBe(
      'An operator shut the session down on 10.0.0.2, saying “new line card”: it has to be enabled there again.',
    );
    const hard = notification(6, 9, Uint8Array.of(words.code, words.subcode, ...words.data));
    expect(afterWord(hard).message).toBe(afterWord(words).message);
    const nested = notification(6, 9, Uint8Array.of(6, 9, 6, 9, 6, 9));
    expect(afterWord(nested).code).toBe('ended-there');
  });

  test('names the capability that the peer insists on (RFC 5492 §5)', () => {
    const data = Uint8Array.of(1, 4, 0, 2, 0, 1, 6, 0, 99, 0);
    expect(afterWord(notification(2, 7, data)).message).toContain(
      '(ipv6-unicast, extendedMessage, capability 99)',
    );
  });

  test.each<readonly [what: string, code: string, open: object]>([
    ['another AS', 'wrong-as', { asNumber: 65009 }],
    ['a hold time of 2 s', 'hold-time-too-short', { holdTime: 2 }],
    ['router ID 0.0.0.0', 'router-id-taken', { identifier: mustIp('0.0.0.0') }],
    [
      'no family of ours',
      'capability-missing',
      { capabilities: [{ kind: 'multiprotocol', value: { afi: 25, safi: 65 } }] },
    ],
  ])('an OPEN with %s is %s', (_what, code, open) => {
    const peer = new BytePeer();
    peer.say({ ...OPEN, ...open } as never);
    const found = seen(peer);
    expect(found).toMatchObject({ code, severity: 'problem' });
    expect(found.message).toMatch(/^The peer .* \(10\.0\.0\.2\)\.$/);
  });

  test.each<readonly [who: string, code: string, first: Message]>([
    ['we refused its', 'wrong-as', { ...OPEN, asNumber: 65009 }],
    ['it refused our', 'our-as-refused', notification(2, 2)],
  ])('a peer that hangs up on us for some time after %s OPEN has not forgotten us', (_who, code, first) => {
    const peer = new BytePeer({ passive: false });
    peer.say(first);
    const hangUp = (at: number) => {
      for (const timer of peer.outputs.filter(o => o.kind === 'setTimer' && o.at <= at))
        peer.take(peer.speaker.handle({ kind: 'timer', id: (timer as { id: string }).id }, at));
      const connection = peer.outputs.findLast(o => o.kind === 'dial')?.connection ?? '';
      const localIp = mustIp('10.0.0.1');
      peer.take(peer.speaker.handle({ kind: 'connected', connection, localIp }, at));
      peer.take(peer.speaker.handle({ kind: 'closed', connection, message: 'end' }, at));
      return seen(peer, at).code;
    };
    expect([hangUp(300_000), hangUp(590_000), hangUp(900_000)]).toEqual([code, code, 'closed-before-open']);
  });

  test('a peer that sends nonsense broke the protocol', () => {
    const peer = new BytePeer();
    peer.write(raw(9, new Uint8Array(0)));
    expect(seen(peer)).toMatchObject({ code: 'peer-broke-protocol', whose: 'theirs' });
  });

  test('a peer that hangs up before BGP begins does not know us', () => {
    const peer = new BytePeer();
    peer.take(peer.speaker.handle({ kind: 'closed', connection: peer.connection, message: 'end' }, 1));
    expect(seen(peer, 2)).toMatchObject({ code: 'closed-before-open', whose: 'theirs' });
  });

  test('a peer that takes the connection and says nothing is mute', () => {
    const peer = new BytePeer();
    expect(seen(peer, 1000).code).toBe('starting');
    expect(seen(peer, LATER).code).toBe('mute');
    // What other peers got wrong is no reason to doubt this one.
    expect(seen(peer, LATER, { ...NO_WITNESS, wronglySigned: 5 }).code).toBe('mute');
    const guarded = new BytePeer({ transport: { ttlSecurityHops: 1 } });
    expect(seen(guarded, LATER).code).toBe('ttl-security');
  });

  test('of two connections at once one is kept: no finding while it is new, a hint when it never ends', () => {
    const peer = new BytePeer();
    for (let i = 0; i < 4; i++) {
      peer.say(cease(7));
      peer.take(
        peer.speaker.handle(
          {
            ...{ kind: 'accepted', connection: `in-${i}` },
            ...{ localIp: mustIp('10.0.0.1'), remoteIp: mustIp('10.0.0.2') },
          },
          100_000 * (i + 1),
        ),
      );
      peer.now = 100_000 * (i + 1);
      peer.take(
        peer.speaker.handle(
          { kind: 'bytes', connection: `in-${i}`, bytes: raw(3, Uint8Array.of(6, 7)) },
          peer.now,
        ),
      );
    }
    expect(seen(peer).code).toBe('collision');
  });

  test('what an operator did there outlives the refusals that follow', () => {
    const peer = idle();
    peer.say(cease(2, 'works'));
    const dial = peer.outputs.findLast(o => o.kind === 'dial');
    const connection = dial?.kind === 'dial' ? dial.connection : '';
    const failure = { kind: 'connectFailed', connection, message: 'no', failure: 'refused' } as const;
    peer.take(peer.speaker.handle(failure, 5));
    expect(seen(peer, 6).code).toBe('shut-down-there');
  });

  test('so does what came inside a hard reset, of a router that then takes our calls and closes them (RFC 8538 §3.1)', () => {
    const peer = idle();
    const { data } = cease(2, 'moving racks');
    peer.say({ ...cease(9), data: Uint8Array.of(6, 2, ...data) });
    const dial = peer.outputs.findLast(o => o.kind === 'dial');
    const connection = dial?.kind === 'dial' ? dial.connection : '';
    peer.take(peer.speaker.handle({ kind: 'connected', connection, localIp: mustIp('10.0.0.1') }, 5));
    peer.take(peer.speaker.handle({ kind: 'closed', connection }, 6));
    expect(seen(peer, 7)).toMatchObject({ code: 'shut-down-there' });
    expect(seen(peer, 7).message).toContain('moving racks');
  });

  test('two kinds of dropped segments leave open whose password it is', () => {
    const found = afterCall(
      'unanswered',
      { transport: { passwordKey: 'k' } },
      { ...NO_WITNESS, wronglySigned: 1, unsigned: 1 },
    );
    expect(found.code).toBe('wrong-password');
    expect(found.message).toContain('or there is none over there');
  });

  test('what we did ourselves is ours', () => {
    const off = new BytePeer({ enabled: false, shutdownText: 'lunch' });
    expect(seen(off)).toMatchObject({ code: 'shut-down-here', whose: 'ours' });
    expect(seen(off).message).toContain('“lunch”');
    const replaced = new BytePeer().establish();
    const down = { kind: 'peerDown', peer: 'probe', message: 'BFD says that the link is down' } as const;
    replaced.take(replaced.speaker.handle(down, 1));
    expect(seen(replaced)).toMatchObject({ code: 'stopped', whose: 'ours' });
    expect(seen(replaced).message).toContain('BFD says that the link is down');
  });

  test('a peer that tells more than it may is held, and says how many', () => {
    const peer = new BytePeer({ prefixLimit: { 'ipv4-unicast': { most: 1 } } }).establish();
    peer.announce('198.51.100.0/24');
    peer.announce('192.0.2.0/24');
    expect(seen(peer).code).toBe('too-many-routes');
    expect(seen(peer).message).toContain('2 ipv4-unicast routes, 1 are allowed');
  });

  test('a session that is up is well, unless its UPDATEs are faulty', () => {
    const peer = new BytePeer().establish();
    expect(seen(peer)).toMatchObject({ code: 'up', severity: 'ok' });
    peer.write(raw(2, updateBody([BASE.origin, BASE.asPath])));
    expect(seen(peer)).toMatchObject({ code: 'faulty-updates', severity: 'warning', whose: 'theirs' });
  });

  test('a passive session waits for the other side', () => {
    const speaker = new BytePeer().speaker;
    speaker.setPeer({ id: 'w', remoteIp: mustIp('10.0.0.9'), remoteAs: 65001, passive: true });
    const view = speaker.peers().find(peer => peer.id === 'w') as PeerView;
    expect(diagnose(view, LATER)).toMatchObject({ code: 'waiting-for-call', whose: 'theirs' });
    expect(diagnose(view, LATER, { ...NO_WITNESS, unexpectedlySigned: 1 }).code).toBe(
      'password-missing-here',
    );
  });

  test('always finds one sentence, whatever NOTIFICATION comes', () => {
    fc.assert(
      fc.property(fc.nat(255), fc.nat(255), fc.uint8Array({ maxLength: 64 }), (code, subcode, data) => {
        const { message } = afterWord(notification(code, subcode, data));
        expect(message).toContain('10.0.0.2');
        expect(message.endsWith('.')).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
