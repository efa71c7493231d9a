import { OUR_PREFIX, THEIR_PREFIX } from '../cell.ts';
import { ADDRESS, LINK } from '../place.ts';
import { type Begin, type Feature, same, sure } from './feature.ts';

const KEYS = {
  right: { [ADDRESS.theirs.ipv4]: 'gooseberry' },
  wrong: { [ADDRESS.theirs.ipv4]: 'raspberry' },
};
/** Once a guard has dropped packets: long enough for another attempt. */
const REFUSED_S = 2;

/** How the session comes up, and what guards it. */
export const TRANSPORT: readonly Feature[] = [
  {
    name: 'TCP MD5 (RFC 2385), we call',
    shows:
      'the kernel drops what is signed with another password (TCPMD5Failure), and a session with the same',
    lacks: {
      OpenBGPD:
        'the listening socket of 7.7 on Linux has no key: its kernel counts our signed SYNs as TCPMD5Unexpected; calls of its own are signed',
    },
    run: begin => md5(begin, 'we'),
  },
  {
    name: 'TCP MD5 (RFC 2385), the peer calls',
    shows:
      'the kernel drops what is signed with another password (TCPMD5Failure), and a session with the same',
    run: begin => md5(begin, 'they'),
  },
  {
    name: 'GTSM: we guard (RFC 5082)',
    shows:
      'our kernel drops a peer’s packets with a low TTL (TCPMinTTLDrop), and a session with a peer that sends 255',
    run: async begin => {
      const transport = { ttlSecurityHops: 1 };
      const lax = await begin({ theirs: { passive: true }, peer: { transport } });
      await lax.dropped('ours', 'TCPMinTTLDrop');
      await lax.never(
        'our guard lets a low TTL in',
        () => lax.ours.peer(),
        p => p.state === 'Established',
        REFUSED_S,
      );
      const guarded = await begin({ theirs: { gtsm: true }, peer: { transport } });
      await guarded.exchanged();
    },
  },
  {
    name: 'GTSM: the peer guards (RFC 5082)',
    shows:
      'the peer’s kernel drops packets of ours with a TTL of 64 (TCPMinTTLDrop), and a session when they have 255',
    lacks: {
      ExaBGP:
        'Python’s socket module has no IP_MINTTL, so “incoming-ttl” sets the TTL of what it sends (reactor/network/tcp.py)',
    },
    run: async begin => {
      const far = await begin({
        theirs: { passive: true, gtsm: true },
        peer: { transport: { multihopTtl: 64 } },
      });
      await far.dropped('theirs', 'TCPMinTTLDrop');
      await far.never(
        'the peer’s guard lets a low TTL in',
        () => far.theirs.established(),
        Boolean,
        REFUSED_S,
      );
      // Anew, since a peer that took a call whose next packets it drops may wait for minutes (BIRD does).
      const near = await begin({
        theirs: { passive: true, gtsm: true },
        peer: { transport: { multihopTtl: 255 } },
      });
      await near.exchanged();
    },
  },
  {
    name: 'connection collision (RFC 4271 §6.8)',
    shows: 'both sides call at once, whoever has the higher router ID: one session in the end, and it stays',
    run: async (begin, peer) => {
      for (const [routerId, survivor] of [
        ['10.78.0.1', 'in'],
        ['10.78.0.9', 'out'],
      ] as const) {
        const cell = await begin({ theirs: { passive: false }, ours: { collide: true, routerId } });
        await cell.exchanged();
        const log = await cell.ours.log();
        sure('both calls stood', /in-\d+ accepted/.test(log) && /out-\d+ connected/.test(log), log);
        await cell.never(
          'the session falls',
          () => cell.theirs.established(),
          up => !up,
          2,
        );
        const { established, connection } = await cell.ours.peer();
        same('sessions', established, 1);
        // The others drop one of the calls before they know the router ID, whichever RFC 4271 would keep.
        if (peer === 'BIRD' || peer === 'FRR')
          same(
            `connection of the session, our router ID being ${routerId}`,
            connection?.split('-')[0],
            survivor,
          );
      }
    },
  },
  {
    name: 'unnumbered: IPv6 link-local addresses, IPv4 over RFC 8950',
    shows: 'no address but fe80::, IPv4 and IPv6 routes both ways',
    lacks: {
      OpenBGPD: 'RFC 8950 is not in the STANDARDS of bgpd(8)',
      ExaBGP: 'exabgp.conf(5) has addresses of neighbours, but no interface for a link-local one',
    },
    run: async begin => {
      const cell = await begin({
        families: ['ipv4', 'ipv6'],
        theirs: {
          ip: ADDRESS.theirs.link,
          neighbours: [{ ip: ADDRESS.ours.link, as: 65001 }],
          unnumbered: LINK,
          extendedNextHop: true,
        },
        ours: { addresses: ['::'], advertise: LINK },
        peer: {
          remoteIp: ADDRESS.theirs.link,
          nextHopSelf: {},
          transport: { interface: LINK },
        },
      });
      await cell.exchanged(['ipv4', 'ipv6']);
      const [ours] = await cell.ours.received(THEIR_PREFIX.ipv4);
      sure('an IPv6 next hop of an IPv4 route with us', ours?.nextHop.startsWith('fe80::') ?? false, ours);
      const [theirs] = await cell.theirs.paths(OUR_PREFIX.ipv4);
      sure(
        'an IPv6 next hop of an IPv4 route at the peer',
        theirs?.nextHop.startsWith('fe80::') ?? false,
        theirs,
      );
    },
  },
];

async function md5(begin: Begin, caller: 'we' | 'they'): Promise<void> {
  const cell = await begin({
    theirs: { password: 'gooseberry', passive: caller === 'we' },
    peer: { passive: caller === 'they', transport: { passwordKey: 'test' } },
    ours: { keys: KEYS.wrong },
  });
  await cell.dropped(caller === 'we' ? 'theirs' : 'ours', 'TCPMD5Failure');
  await cell.never(
    'another password is let in',
    () => cell.ours.peer(),
    p => p.state === 'Established',
    REFUSED_S,
  );
  await cell.ours.setKeys(KEYS.right);
  await cell.exchanged();
  const connection = (await cell.ours.peer()).connection;
  sure(`${caller} called`, connection?.startsWith(caller === 'we' ? 'out-' : 'in-') ?? false, connection);
}
