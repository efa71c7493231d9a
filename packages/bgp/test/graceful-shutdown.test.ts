import { mustIp, mustPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { WELL_KNOWN_COMMUNITIES } from '../src/index.ts';
import { BytePeer } from './byte-peer.ts';

const GSHUT = WELL_KNOWN_COMMUNITIES['graceful-shutdown'];
const config = {
  id: 'probe',
  remoteIp: mustIp('10.0.0.2'),
  remoteAs: 65001,
  passive: true,
  gracefulRestartTime: 0,
};

test('a peer may be in one of several ASes, and in no other', () => {
  for (const [asNumber, farewell] of [
    [65001, 'none'],
    [65002, 'none'],
    [65003, '2/2'],
  ] as const) {
    const peer = new BytePeer({ remoteAs: [65001, 65002] }).open({ asNumber });
    expect(peer.farewell).toBe(farewell);
    if (farewell !== 'none') expect(peer.lastError).toContain('AS 65003, 65001 or 65002 is configured');
  }
});

describe('a session that is about to be shut down (RFC 8326)', () => {
  const told = (peer: BytePeer) =>
    peer.sent.flatMap(message =>
      message.kind === 'update' && message.announced.bytes.length > 0 ? [message.attributes] : [],
    );

  test('tells other ASes with GRACEFUL_SHUTDOWN, without a new session', () => {
    const peer = new BytePeer().establish();
    peer.take(peer.speaker.originate(mustPrefix('10.1.0.0/24'), { communities: [7] }));
    expect(told(peer).at(-1)?.communities).toEqual([7]);
    peer.take(peer.speaker.setPeer({ ...config, gracefulShutdown: true }));
    expect(told(peer).at(-1)).toMatchObject({ communities: [7, GSHUT] });
    expect(told(peer).at(-1)?.localPref).toBeUndefined();
    peer.take(peer.speaker.setPeer(config));
    expect(told(peer).at(-1)?.communities).toEqual([7]);
    expect(peer.speaker.peers()[0]).toMatchObject({ state: 'Established', established: 1 });
  });

  test('tells its own AS with LOCAL_PREF 0 besides', () => {
    const peer = new BytePeer({ remoteAs: 65000, gracefulShutdown: true }).establish({ asNumber: 65000 });
    peer.take(peer.speaker.originate(mustPrefix('10.1.0.0/24')));
    expect(told(peer).at(-1)).toMatchObject({ communities: [GSHUT], localPref: 0 });
  });

  test('counts what comes in as second choice: another peer with a longer path wins', () => {
    const peer = new BytePeer().establish();
    const other = new BytePeer(
      { id: 'other', remoteIp: mustIp('10.0.0.3'), remoteAs: 65002 },
      {},
      peer.speaker,
    ).establish({ asNumber: 65002, id: '10.0.0.3' });
    peer.announce('192.0.2.0/24');
    other.announce('192.0.2.0/24', [65002, 65009, 65010]);
    const winner = () => peer.speaker.explain(mustPrefix('192.0.2.0/24')).winner?.peer;
    expect(winner()).toBe('probe');
    peer.take(peer.speaker.setPeer({ ...config, gracefulShutdown: true }));
    expect(winner()).toBe('other');
    peer.take(peer.speaker.setPeer(config));
    expect(winner()).toBe('probe');
  });
});
