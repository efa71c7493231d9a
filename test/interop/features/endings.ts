import { THEIR_PREFIX } from '../cell.ts';
import { ADDRESS } from '../place.ts';
import type { PeerName } from '../peers/peer-row.ts';
import { type Feature, same, sure } from './feature.ts';

/** More than one above the limit: FRR looks before it counts. */
const EIGHT = Array.from({ length: 8 }, (_, i) => ({ prefix: `198.51.100.${i * 32}/27` }));

/** How peers say which NOTIFICATION came. */
const SAYS: Readonly<Record<'prefixLimit' | 'holdTimer', Readonly<Record<PeerName, RegExp>>>> = {
  prefixLimit: {
    BIRD: /Received: Maximum number of prefixes reached|Neighbor.*maximum number of prefixes/i,
    FRR: /Cease\/Maximum Number of Prefixes Reached/i,
    GoBGP: /code 6\(cease\) subcode 1|"Code":6[^\n]*"Subcode":1\b|cease[^\n]*maximum number of prefixes/i,
    OpenBGPD: /received notification: Cease, (received max-prefix exceeded|maximum number of prefixes)/i,
    ExaBGP: /"code": 6, "subcode": 1\b|6 \/ ?1|Maximum Number of Prefixes/i,
  },
  holdTimer: {
    BIRD: /Hold timer expired/i,
    FRR: /Hold Timer Expired|Hold timer expir/i,
    GoBGP: /hold timer expired/i,
    OpenBGPD: /HoldTimer expired/i,
    ExaBGP: /hold timer expired|the holdtime timer expired/i,
  },
};

/** How a session ends, and what each side says of it. */
export const ENDINGS: readonly Feature[] = [
  {
    name: 'maximum prefixes: ours (RFC 4486)',
    shows: 'we end the session with Cease 6/1, the peer says so, we stay away',
    run: async (begin, peer) => {
      const cell = await begin({
        theirs: { routes: [{ prefix: THEIR_PREFIX.ipv4 }], bulk: 3 },
        peer: { prefixLimit: { 'ipv4-unicast': { most: 10 } } },
      });
      await cell.exchanged();
      await cell.ours.setPeer({ ...cell.peer, prefixLimit: { 'ipv4-unicast': { most: 2 } } });
      await cell.until(
        'we end the session',
        () => cell.ours.peer(),
        p => p.state === 'Idle',
      );
      const { lastError } = await cell.ours.peer();
      sure('our reason names the limit', /allowed/.test(lastError ?? ''), lastError);
      await cell.until(
        'the peer says Cease 6/1',
        () => cell.theirs.words(),
        words => SAYS.prefixLimit[peer].test(words),
      );
      await cell.never(
        'the session comes back by itself',
        () => cell.ours.peer(),
        p => p.state === 'Established',
        3,
      );
    },
  },
  {
    name: 'maximum prefixes: the peer’s (RFC 4486)',
    shows: 'the peer ends the session with Cease 6/1, and we say so',
    lacks: { ExaBGP: 'exabgp.conf(5) has no limit of received prefixes' },
    run: async begin => {
      const cell = await begin({ theirs: { maxPrefixes: 2 }, routes: EIGHT });
      await cell.until(
        'we hear Cease 6/1',
        () => cell.ours.log(),
        log => /maximum number of prefixes/i.test(log),
      );
    },
  },
  {
    name: 'shutdown message: ours (RFC 9003)',
    shows: 'our text at the peer',
    lacks: {
      ExaBGP: '4.2.21 can’t read a NOTIFICATION with a text: “can not decode update message of type "3"”',
    },
    run: async begin => {
      const cell = await begin({});
      await cell.exchanged();
      await cell.ours.setPeer({ ...cell.peer, enabled: false, shutdownText: 'moving rack 7' });
      await cell.until(
        'the peer shows our text',
        () => cell.theirs.words(),
        words => words.includes('moving rack 7'),
      );
    },
  },
  {
    name: 'shutdown message: the peer’s (RFC 9003)',
    shows: 'the peer’s text in our reason',
    lacks: {
      ExaBGP: '“teardown” takes a subcode and no text (exabgp 4.2, reactor/api/command/neighbor.py)',
    },
    run: async begin => {
      const cell = await begin({});
      await cell.exchanged();
      await cell.theirs.shutDown('new-cables');
      await cell.until(
        'we show the peer’s text',
        () => cell.ours.log(),
        log => log.includes('new-cables'),
      );
    },
  },
  {
    name: 'hold timer: we fall silent (RFC 4271 §6.5)',
    shows: 'the peer ends the session for its hold timer',
    run: async (begin, peer) => {
      const cell = await begin({ theirs: { holdTime: 3 }, peer: { holdTime: 3 } });
      await cell.exchanged();
      cell.ours.freeze();
      await cell.until(
        'the peer ends the session',
        () => cell.theirs.established(),
        up => !up,
      );
      await cell.until(
        'the peer names the hold timer',
        () => cell.theirs.words(),
        words => SAYS.holdTimer[peer].test(words),
      );
    },
  },
  {
    name: 'hold timer: the peer falls silent (RFC 4271 §6.5)',
    shows: 'we end the session for our hold timer, and its routes go',
    run: async begin => {
      const cell = await begin({ theirs: { holdTime: 3 }, peer: { holdTime: 3, gracefulRestartTime: 0 } });
      await cell.exchanged();
      cell.theirs.freeze();
      await cell.until(
        'our hold timer ends the session',
        () => cell.ours.log(),
        log => /hold time/i.test(log),
      );
      const { routes } = await cell.ours.fib();
      same('its route with us', THEIR_PREFIX.ipv4 in routes, false);
    },
  },
  {
    name: 'BFD (RFC 5880, RFC 5881)',
    shows:
      '100 ms × 3 with a hold time of 30 s: each side loses the session when the other stops, and names BFD',
    lacks: {
      GoBGP: 'gobgpd 3.10 has no BFD (no “bfd” in its configuration.md)',
      OpenBGPD: 'bgpd.conf(5) has no BFD',
      ExaBGP: 'exabgp.conf(5) has no BFD',
    },
    run: async begin => {
      for (const silent of ['theirs', 'ours'] as const) {
        const cell = await begin({ theirs: { bfd: true }, ours: { bfd: ADDRESS.theirs.ipv4 } });
        await cell.exchanged();
        await cell.until(
          'BFD is up with us',
          () => cell.ours.bfd(),
          states => states.includes('Up'),
        );
        await cell.until('BFD is up at the peer', () => cell.theirs.bfdUp(), Boolean);
        if (silent === 'theirs') {
          cell.theirs.freeze();
          await cell.until(
            'we lose the session by BFD',
            () => cell.ours.peer(),
            p => /BFD/.test(p.lastError ?? ''),
            5,
          );
          const { routes } = await cell.ours.fib();
          same('its route with us', THEIR_PREFIX.ipv4 in routes, false);
        } else {
          cell.ours.freeze();
          await cell.until(
            'the peer loses the session',
            () => cell.theirs.established(),
            up => !up,
            5,
          );
          await cell.until(
            'the peer names BFD',
            () => cell.theirs.words(),
            words => /BFD (session|down)|bfd.*down/i.test(words),
            5,
          );
        }
      }
    },
  },
];
