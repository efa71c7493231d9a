import { OUR_PREFIX, THEIR_PREFIX } from '../cell.ts';
import { type Feature, same } from './feature.ts';

/** Graceful restart (RFC 4724) over `kill -9`. */
export const RESTARTS: readonly Feature[] = [
  {
    name: 'graceful restart: kill -9 of ours (RFC 4724)',
    shows: 'the peer keeps our routes while we are gone, and has them fresh when we are back',
    lacks: { ExaBGP: 'it prints the routes that it receives and keeps none (exabgp(1))' },
    run: async begin => {
      const cell = await begin({ theirs: { gracefulRestart: true } });
      await cell.exchanged();
      await cell.until(
        'we have the peer’s End-of-RIB',
        () => cell.ours.peer(),
        p => p.families[0]?.endOfRib === true,
      );
      await cell.ours.kill();
      await cell.until(
        'the peer notices',
        () => cell.theirs.established(),
        up => !up,
      );
      const look = () => cell.theirs.paths(OUR_PREFIX.ipv4);
      await cell.never('the peer loses our route', look, paths => paths.length === 0, 2);
      cell.restartOurs();
      let missing = 0;
      await cell.until(
        'the session is back',
        async () => {
          if ((await look()).length === 0) missing++;
          return (await cell.ours.peer()).state === 'Established' && (await cell.theirs.established());
        },
        Boolean,
      );
      await cell.until(
        'our route is fresh at the peer',
        look,
        paths => paths.length === 1 && paths[0]?.stale !== true,
      );
      same('times without our route at the peer', missing, 0);
      await cell.until(
        'we have the peer’s route',
        () => cell.ours.fib(),
        fib => THEIR_PREFIX.ipv4 in fib.routes,
      );
    },
  },
  {
    name: 'graceful restart: kill -9 of the peer (RFC 4724)',
    shows: 'we keep its routes while it is gone, and have them fresh when it is back',
    lacks: {
      OpenBGPD:
        'bgpd.conf(5), “announce restart”: only the End-of-RIB marker is announced, so nobody may keep its routes',
    },
    run: async begin => {
      const cell = await begin({ theirs: { gracefulRestart: true } });
      await cell.exchanged();
      await cell.theirs.end();
      await cell.until(
        'we notice',
        () => cell.ours.peer(),
        p => p.state !== 'Established',
      );
      same('stale with us', (await cell.ours.received(THEIR_PREFIX.ipv4))[0]?.stale, true);
      await cell.theirs.start(true);
      await cell.exchanged();
      await cell.until(
        'its route is fresh with us',
        () => cell.ours.received(THEIR_PREFIX.ipv4),
        paths => paths.length === 1 && paths[0]?.stale === false,
      );
      same('prefixes that were lost on the way', (await cell.ours.fib()).lost, []);
    },
  },
];
