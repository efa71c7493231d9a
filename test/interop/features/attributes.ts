import { setTimeout as sleep } from 'node:timers/promises';
import { OUR_PREFIX, THEIR_PREFIX } from '../cell.ts';
import { ADDRESS } from '../place.ts';
import { type Feature, same, sure } from './feature.ts';

const ROUTE_TARGET = 0x0002 << 16;

/** What routes carry: communities, reflection, several paths, long messages. */
export const ATTRIBUTES: readonly Feature[] = [
  {
    name: 'communities (RFC 1997)',
    shows: '65000:7 and 65000:8 both ways',
    run: async begin => {
      const communities = ['65000:7', '65000:8'];
      const cell = await begin({
        routes: [{ prefix: OUR_PREFIX.ipv4, communities: [65000 * 65536 + 7, 65000 * 65536 + 8] }],
        theirs: { routes: [{ prefix: THEIR_PREFIX.ipv4, communities }] },
      });
      await cell.exchanged();
      same('at the peer', (await cell.theirs.paths(OUR_PREFIX.ipv4))[0]?.communities, communities);
      same('with us', (await cell.ours.received(THEIR_PREFIX.ipv4))[0]?.communities, communities);
    },
  },
  {
    name: 'large communities (RFC 8092)',
    shows: '4200000001:1:77 both ways',
    run: async begin => {
      const largeCommunities = ['4200000001:1:77'];
      const cell = await begin({
        routes: [{ prefix: OUR_PREFIX.ipv4, largeCommunities: [[4200000001, 1, 77]] }],
        theirs: { routes: [{ prefix: THEIR_PREFIX.ipv4, largeCommunities }] },
      });
      await cell.exchanged();
      same('at the peer', (await cell.theirs.paths(OUR_PREFIX.ipv4))[0]?.largeCommunities, largeCommunities);
      same('with us', (await cell.ours.received(THEIR_PREFIX.ipv4))[0]?.largeCommunities, largeCommunities);
    },
  },
  {
    name: 'extended communities (RFC 4360)',
    shows: 'route target 65000:7 both ways',
    run: async begin => {
      const extendedCommunities = ['rt:65000:7'];
      const cell = await begin({
        routes: [{ prefix: OUR_PREFIX.ipv4, extendedCommunities: [[ROUTE_TARGET + 65000, 7]] }],
        theirs: { routes: [{ prefix: THEIR_PREFIX.ipv4, extendedCommunities }] },
      });
      await cell.exchanged();
      const [theirs] = await cell.theirs.paths(OUR_PREFIX.ipv4);
      same('at the peer', theirs?.extendedCommunities, extendedCommunities);
      const [ours] = await cell.ours.received(THEIR_PREFIX.ipv4);
      same('with us', ours?.extendedCommunities, extendedCommunities);
    },
  },
  {
    name: 'the peer is our route reflector client (RFC 4456)',
    shows:
      'ORIGINATOR_ID and CLUSTER_LIST of reflected routes at the client, and of its own at another client',
    run: async begin => {
      const prefix = '203.0.113.0/24';
      const cell = await begin({
        theirAs: 65001,
        peer: { routeReflectorClient: true },
        third: { as: 65001, to: ['ours'], routes: [{ prefix }], peer: { routeReflectorClient: true } },
      });
      await cell.exchanged();
      await cell.theyHave(prefix);
      const [theirs] = await cell.theirs.paths(prefix);
      same('ORIGINATOR_ID at the peer', theirs?.originatorId, ADDRESS.third.ipv4);
      same('CLUSTER_LIST at the peer', theirs?.clusterList, [ADDRESS.ours.ipv4]);
      same('NEXT_HOP at the peer', theirs?.nextHop, ADDRESS.third.ipv4);
      const [third] = await cell.until(
        'the other client has the peer’s route',
        () => cell.ours.received(THEIR_PREFIX.ipv4, 'third', 'ours'),
        paths => paths.length === 1,
      );
      same('ORIGINATOR_ID at the other client', third?.originatorId, ADDRESS.theirs.ipv4);
      same('CLUSTER_LIST at the other client', third?.clusterList, [ADDRESS.ours.ipv4]);
    },
  },
  {
    name: 'we are the peer’s route reflector client (RFC 4456)',
    shows: 'ORIGINATOR_ID and CLUSTER_LIST of routes that the peer reflects, with us and at another client',
    lacks: {
      ExaBGP: 'it prints the routes that it receives and passes none on (exabgp(1)), so it can’t reflect',
    },
    run: async begin => {
      const prefix = '203.0.113.0/24';
      const cell = await begin({
        theirAs: 65001,
        theirs: { reflects: true },
        third: { as: 65001, to: ['theirs'], routes: [{ prefix }] },
      });
      await cell.exchanged();
      const look = (speaker: string, wanted: string) => () => cell.ours.received(wanted, speaker, 'theirs');
      const [ours] = await cell.until(
        'we have the other client’s route',
        look('ours', prefix),
        p => p.length === 1,
      );
      same('ORIGINATOR_ID with us', ours?.originatorId, ADDRESS.third.ipv4);
      same('CLUSTER_LIST with us', ours?.clusterList, [ADDRESS.theirs.ipv4]);
      const [third] = await cell.until(
        'the other client has our route',
        look('third', OUR_PREFIX.ipv4),
        paths => paths.length === 1,
      );
      same('ORIGINATOR_ID at the other client', third?.originatorId, ADDRESS.ours.ipv4);
      same('CLUSTER_LIST at the other client', third?.clusterList, [ADDRESS.theirs.ipv4]);
      same('NEXT_HOP at the other client', third?.nextHop, ADDRESS.ours.ipv4);
    },
  },
  {
    name: 'add-path (RFC 7911)',
    shows: 'two paths to one prefix, each way',
    run: async (begin, peer) => {
      const prefix = '203.0.113.0/24';
      const cell = await begin({
        peer: { addPath: { receive: true, send: true } },
        routes: [{ prefix: OUR_PREFIX.ipv4 }, { prefix }],
        theirs: { addPath: true, routes: [{ prefix: THEIR_PREFIX.ipv4 }, { prefix }] },
        // ExaBGP passes nothing on: its two paths are both its own.
        third: { as: 65003, to: peer === 'ExaBGP' ? ['ours'] : ['ours', 'theirs'], routes: [{ prefix }] },
      });
      await cell.exchanged();
      const fromUs = (path: { readonly asPath: readonly number[] }) => path.asPath[0] === 65001;
      await cell.until(
        'the peer has both paths from us',
        async () => (await cell.theirs.paths(prefix)).filter(fromUs),
        paths => paths.length >= 2 && paths.some(path => path.asPath.includes(65003)),
      );
      await cell.until(
        'we have both paths from the peer',
        () => cell.ours.received(prefix),
        paths => paths.filter(path => path.asPath[0] === 65002 && !path.asPath.includes(65001)).length >= 2,
      );
    },
  },
  {
    name: 'extended messages (RFC 8654)',
    shows: 'both ways a route with 1,500 communities, which no plain message holds',
    lacks: {
      GoBGP: 'gobgpd 3.10 neither offers capability 6 nor has a setting for it',
      OpenBGPD: 'RFC 8654 is not in the STANDARDS of bgpd(8), and bgpd.conf(5) has no “announce” for it',
    },
    run: async begin => {
      const numbers = Array.from({ length: 1500 }, (_, i) => i);
      const cell = await begin({
        routes: [{ prefix: OUR_PREFIX.ipv4, communities: numbers.map(i => 65000 * 65536 + i) }],
        theirs: { routes: [{ prefix: THEIR_PREFIX.ipv4, communities: numbers.map(i => `65000:${i}`) }] },
      });
      await cell.exchanged();
      // Some command lines show the first ones only; a route that came at all came whole.
      const [theirs] = await cell.theirs.paths(OUR_PREFIX.ipv4);
      sure('communities at the peer', theirs?.communities.includes('65000:20') ?? false, theirs);
      same('communities with us', (await cell.ours.received(THEIR_PREFIX.ipv4))[0]?.communities.length, 1500);
      const { largestIn, largestOut } = await cell.ours.peer();
      sure('messages over 4,096 octets both ways', Math.min(largestIn, largestOut) > 4096, {
        largestIn,
        largestOut,
      });
    },
  },
  {
    name: 'route refresh: the peer asks (RFC 2918)',
    shows: 'it asks on a command, and we send again',
    lacks: { GoBGP: '“softresetin” reads its own Adj-RIB-In again; gobgpd 3.10 sends no ROUTE-REFRESH' },
    run: async begin => {
      const cell = await begin({});
      await cell.exchanged();
      const before = await cell.ours.peer();
      await cell.theirs.askRefresh();
      await cell.until(
        'we hear the question and send again',
        () => cell.ours.peer(),
        peer =>
          peer.messagesIn['route-refresh'] > before.messagesIn['route-refresh'] &&
          peer.messagesOut.update > before.messagesOut.update,
      );
      await cell.exchanged();
      same('sessions', (await cell.ours.peer()).established, 1);
    },
  },
  {
    name: 'route refresh: we ask (RFC 2918, RFC 7313)',
    shows: 'the peer sends again, and what it sends replaces what we had',
    lacks: {
      OpenBGPD:
        '7.7 drops the question: it takes an agreed family for one that is not (openbgpd-portable issue 46, fixed later)',
      ExaBGP:
        '4.2.21 falls over its own answer (TypeError: RouteRefresh object is not iterable) and resets the session',
    },
    run: async begin => {
      const cell = await begin({});
      await cell.exchanged();
      // Whatever comes after the routes at the start must not be taken for the answer.
      await sleep(3000);
      const before = await cell.ours.peer();
      await cell.ours.refresh('ipv4-unicast');
      await cell.until(
        'the peer sends again',
        () => cell.ours.peer(),
        peer => peer.messagesIn.update > before.messagesIn.update,
      );
      same('sessions', (await cell.ours.peer()).established, 1);
      same('paths with us', (await cell.ours.received(THEIR_PREFIX.ipv4)).length, 1);
    },
  },
];
