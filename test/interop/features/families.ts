import { OUR_PREFIX, THEIR_PREFIX } from '../cell.ts';
import { ADDRESS } from '../place.ts';
import { type Feature, same } from './feature.ts';

const BOTH = ['ipv4', 'ipv6'] as const;

/** AS numbers, address families, next hops. */
export const FAMILIES: readonly Feature[] = [
  {
    name: 'eBGP',
    shows: 'AS_PATH and NEXT_HOP of the other on both sides, no LOCAL_PREF across the border',
    run: async begin => {
      const cell = await begin({});
      await cell.exchanged();
      const [theirs] = await cell.theirs.paths(OUR_PREFIX.ipv4);
      same('AS_PATH at the peer', theirs?.asPath, [65001]);
      same('NEXT_HOP at the peer', theirs?.nextHop, ADDRESS.ours.ipv4);
      const [ours] = await cell.ours.received(THEIR_PREFIX.ipv4);
      same('AS_PATH with us', ours?.asPath, [65002]);
      same('NEXT_HOP with us', ours?.nextHop, ADDRESS.theirs.ipv4);
      same('LOCAL_PREF with us', ours?.localPref, undefined);
    },
  },
  {
    name: 'iBGP',
    shows: 'empty AS_PATH and LOCAL_PREF 100 on both sides',
    run: async begin => {
      const cell = await begin({ theirAs: 65001 });
      await cell.exchanged();
      const [theirs] = await cell.theirs.paths(OUR_PREFIX.ipv4);
      same('AS_PATH at the peer', theirs?.asPath, []);
      same('LOCAL_PREF at the peer', theirs?.localPref, 100);
      const [ours] = await cell.ours.received(THEIR_PREFIX.ipv4);
      same('AS_PATH with us', ours?.asPath, []);
      same('LOCAL_PREF with us', ours?.localPref, 100);
    },
  },
  {
    name: '4-octet AS (RFC 6793)',
    shows: 'AS 4200000001 and 4200000002 in the paths',
    run: async begin => {
      const cell = await begin({ ourAs: 4200000001, theirAs: 4200000002 });
      await cell.exchanged();
      same('AS_PATH at the peer', (await cell.theirs.paths(OUR_PREFIX.ipv4))[0]?.asPath, [4200000001]);
      same('AS_PATH with us', (await cell.ours.received(THEIR_PREFIX.ipv4))[0]?.asPath, [4200000002]);
    },
  },
  {
    name: 'IPv4',
    shows: 'prefixes from /0 to /32 both ways, and their withdrawal',
    run: begin =>
      lengths(
        begin,
        'ipv4',
        ['0.0.0.0/0', '10.200.0.0/17', '10.200.1.1/32'],
        ['0.0.0.0/0', '198.18.0.0/15', '192.0.2.1/32'],
      ),
  },
  {
    name: 'IPv6',
    shows: 'session over IPv6; prefixes from /0 to /128 both ways, and their withdrawal',
    run: begin =>
      lengths(
        begin,
        'ipv6',
        ['::/0', 'fd00:200::/49', 'fd00:200::1/128'],
        ['::/0', '2001:db8::/33', '2001:db8::1/128'],
      ),
  },
  ...BOTH.map(
    (over): Feature => ({
      name: `IPv4 and IPv6 in one session, over ${over === 'ipv4' ? 'IPv4' : 'IPv6'}`,
      shows: 'both families both ways, each with a next hop of its own family',
      run: async begin => {
        const cell = await begin({
          over,
          families: BOTH,
          peer: { extendedNextHop: false },
        });
        await cell.exchanged(BOTH);
        for (const family of BOTH) {
          const [theirs] = await cell.theirs.paths(OUR_PREFIX[family]);
          same(`${family} next hop at the peer`, theirs?.nextHop, ADDRESS.ours[family]);
          const [ours] = await cell.ours.received(THEIR_PREFIX[family]);
          same(`${family} next hop with us`, ours?.nextHop, ADDRESS.theirs[family]);
        }
      },
    }),
  ),
  {
    name: 'IPv4 routes over IPv6 next hops (RFC 8950)',
    shows: 'session over IPv6; IPv4 routes with IPv6 next hops both ways',
    lacks: { OpenBGPD: 'RFC 8950 is not in the STANDARDS of bgpd(8)' },
    run: async begin => {
      const cell = await begin({
        over: 'ipv6',
        theirs: { extendedNextHop: true },
        peer: { nextHopSelf: { ipv6: ADDRESS.ours.ipv6 } },
      });
      await cell.exchanged();
      same('next hop at the peer', (await cell.theirs.paths(OUR_PREFIX.ipv4))[0]?.nextHop, ADDRESS.ours.ipv6);
      const [ours] = await cell.ours.received(THEIR_PREFIX.ipv4);
      same('next hop with us', ours?.nextHop, ADDRESS.theirs.ipv6);
    },
  },
];

async function lengths(
  begin: Parameters<Feature['run']>[0],
  family: 'ipv4' | 'ipv6',
  own: readonly string[],
  other: readonly string[],
): Promise<void> {
  const cell = await begin({
    over: family,
    families: [family],
    routes: own.map(prefix => ({ prefix })),
    theirs: { routes: other.map(prefix => ({ prefix })) },
  });
  await cell.up();
  for (const prefix of own) await cell.theyHave(prefix);
  await cell.until(
    'we have all of theirs',
    () => cell.ours.fib(),
    fib => other.every(p => p in fib.routes),
  );
  const [first = '', , last = ''] = own;
  await cell.ours.withdraw(last);
  await cell.until(
    `the peer drops ${last}`,
    () => cell.theirs.paths(last),
    paths => paths.length === 0,
  );
  same(`paths to ${first} at the peer`, (await cell.theirs.paths(first)).length >= 1, true);
  const gone = other[2] ?? '';
  await cell.theirs.withdraw(gone);
  await cell.until(
    `we drop ${gone}`,
    () => cell.ours.fib(),
    fib => !(gone in fib.routes),
  );
}
