import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { KEEPALIVE, open, raw } from '../octets.ts';
import { CALLED, PROBE_AS, SUBJECT } from '../place.ts';
import { established, NOT_SHOWN, type Probe, script } from '../probe.ts';
import { WireSession } from '../wire-session.ts';

const ignore = new Uint8Array(0);

/** RFC 4271 §4.2, §4.4, §6.5, §6.6, §6.8, §8: what only time or a second connection shows. */
export const SESSION_PROBES: readonly Probe[] = [
  script({
    rfc: 'RFC 4271 §4.2',
    says: 'the OPEN carries version 4, our AS number and the same non-zero identifier on every session',
    expect: 'version 4, AS 65000, one identifier',
    run: async (lab, place) => {
      const session = await lab.call(place.ip);
      await session.until(() => session.has(1), lab.patience.late);
      const own = session.received.find(m => m.type === 1)?.body ?? ignore;
      session.close();
      const others = [...lab.guests.values()].map(
        g => g.session.received.find(m => m.type === 1)?.body ?? ignore,
      );
      const id = (body: Uint8Array) => [...body.subarray(5, 9)].join('.');
      const same = others.every(body => id(body) === id(own)) && id(own) !== '0.0.0.0';
      const as = ((own[1] as number) << 8) | (own[2] as number);
      return `version ${own[0]}, AS ${as}, ${same ? 'one identifier' : 'several identifiers'}`;
    },
  }),
  script({
    rfc: 'RFC 4271 §6.5',
    says: 'silence for the agreed hold time is answered with Hold Timer Expired',
    expect: 'R 4/0',
    run: async (lab, place) => {
      const session = await established(lab, place, { holdTime: 3 });
      await session.until(() => session.farewell() !== undefined, 6000);
      session.close();
      return session.farewell() ?? 'no reaction';
    },
  }),
  script({
    rfc: 'RFC 4271 §4.2',
    says: 'the smaller hold time counts: with three seconds KEEPALIVEs come about every second and keep the session',
    expect: 'kept alive',
    run: async (lab, place) => {
      const session = await established(lab, place, { holdTime: 3 });
      const before = session.received.filter(m => m.type === 4).length;
      for (let i = 0; i < 8; i++) {
        await sleep(500);
        session.send(KEEPALIVE);
      }
      const came = session.received.filter(m => m.type === 4).length - before;
      const words = session.farewell();
      session.close();
      if (words !== undefined) return words;
      return came >= 3 && came <= 7 ? 'kept alive' : `${came} KEEPALIVEs in 4 s`;
    },
  }),
  script({
    rfc: 'RFC 4271 §4.4',
    says: 'with a hold time of zero no KEEPALIVE is sent and silence does no harm',
    expect: 'silent and up',
    run: async (lab, place) => {
      const session = await established(lab, place, { holdTime: 0 });
      await sleep(300);
      const before = session.received.filter(m => m.type === 4).length;
      await sleep(3500);
      const came = session.received.filter(m => m.type === 4).length - before;
      const words = session.farewell();
      session.close();
      return words ?? (came === 0 ? 'silent and up' : `${came} KEEPALIVEs`);
    },
  }),
  script({
    rfc: 'RFC 6608 §4',
    says: 'a second OPEN on an established session is answered with a Finite State Machine Error of subcode 3',
    expect: 'R 5/3',
    run: async (lab, place) => {
      const session = await established(lab, place);
      await sleep(100);
      session.send(open(place.as, place.ip));
      await session.until(() => session.farewell() !== undefined, lab.patience.late);
      session.close();
      return session.farewell() ?? 'no reaction';
    },
  }),
  script({
    rfc: 'RFC 4271 §8.2.1',
    says: 'a call from an address that is no peer gets no session',
    expect: 'no session',
    run: async lab => {
      const session = await WireSession.call('10.79.1.200', SUBJECT.ip);
      if (session === undefined) return 'no session';
      session.send(open(PROBE_AS, '10.79.1.200'));
      await session.until(() => session.has(4), Math.min(lab.patience.late, 2000));
      const up = session.has(4);
      session.close();
      return up ? 'a session' : 'no session';
    },
  }),
  script({
    rfc: 'RFC 4271 §8.2.2',
    says: 'after an error the peer can come back',
    expect: 'back',
    run: async (lab, place) => {
      const session = await established(lab, place);
      session.send(raw(9, ignore));
      await session.until(() => session.end !== undefined, lab.patience.late);
      for (let attempt = 0; attempt < 40; attempt++) {
        const again = await WireSession.call(place.ip, SUBJECT.ip);
        const up = (await again?.establish(place.as, place.ip, {}, 1500)) ?? false;
        again?.close();
        if (up) return 'back';
        await sleep(500);
      }
      return 'locked out';
    },
  }),
  script({
    rfc: 'RFC 4271 §6.8',
    says: 'a second connection of an established peer is closed, and the session stays',
    expect: 'the first stays',
    run: async (lab, place) => {
      const first = await established(lab, place);
      await sleep(200);
      const second = await WireSession.call(place.ip, SUBJECT.ip);
      second?.send(open(place.as, place.ip));
      await second?.until(() => second.end !== undefined, lab.patience.late);
      const secondUp = second !== undefined && second.end === undefined;
      const words = first.farewell();
      first.close();
      second?.close();
      if (words !== undefined) return `the first ended: ${words}`;
      return secondUp ? 'both stay' : 'the first stays';
    },
  }),
  script({
    rfc: 'RFC 4271 §8.2.2',
    says: 'silence between OPEN and KEEPALIVE is answered with Hold Timer Expired, too',
    expect: 'R 4/0',
    run: async (lab, place) => {
      const session = await lab.call(place.ip);
      session.send(open(place.as, place.ip, { holdTime: 3 }));
      await session.until(() => session.farewell() !== undefined, 6000);
      session.close();
      return session.farewell() ?? 'no reaction';
    },
  }),
  script({
    rfc: 'RFC 4271 §8.2.2',
    says: 'between OPEN and KEEPALIVE the keepalive timer sends KEEPALIVEs already',
    level: 'SHOULD',
    expect: 'several KEEPALIVEs',
    run: async (lab, place) => {
      const session = await lab.call(place.ip);
      session.send(open(place.as, place.ip, { holdTime: 6 }));
      const count = () => session.received.filter(m => m.type === 4).length;
      await session.until(() => count() >= 2, 5000);
      session.close();
      return count() >= 2 ? 'several KEEPALIVEs' : `${count()} KEEPALIVE`;
    },
  }),
  script({
    rfc: 'RFC 4271 §8.2.2',
    says: 'a peer that closes before its OPEN can call again at once',
    expect: 'up',
    run: async (lab, place) => {
      const first = await lab.call(place.ip);
      await first.until(() => first.has(1), lab.patience.late);
      first.close();
      await sleep(100);
      for (let attempt = 0; attempt < 20; attempt++) {
        const again = await WireSession.call(place.ip, SUBJECT.ip);
        const up = (await again?.establish(place.as, place.ip, {}, 1500)) ?? false;
        again?.close();
        if (up) return 'up';
        await sleep(250);
      }
      return 'locked out';
    },
  }),
  collision(
    'a peer with the higher identifier keeps its own call: ours is closed',
    CALLED[0],
    '10.79.255.1',
    'their call',
  ),
  collision(
    'a peer with the lower identifier loses its call: ours is kept',
    CALLED[1],
    '1.0.0.1',
    'our call',
  ),
];

/** Both sides call at once; the observation is whose connection goes on to Established. */
function collision(says: string, ip: string, id: string, expect: string): Probe {
  return script({
    rfc: 'RFC 4271 §6.8',
    says,
    expect,
    run: async () => {
      let called: WireSession | undefined;
      const server = createServer((socket: Socket) => {
        called ??= new WireSession(socket);
      });
      await new Promise<void>(resolve => server.listen(179, ip, resolve));
      try {
        for (let i = 0; i < 400 && called === undefined; i++) await sleep(50);
        if (called === undefined) return NOT_SHOWN;
        const ours = called;
        const theirs = await WireSession.call(ip, SUBJECT.ip);
        if (theirs === undefined) return 'our call was refused';
        await Promise.all([ours, theirs].map(s => s.until(() => s.has(1), 3000)));
        for (const session of [ours, theirs]) session.send(open(PROBE_AS, ip, { id }));
        const over = (s: WireSession) => s.farewell() !== undefined;
        await Promise.race([ours, theirs].map(s => s.until(() => over(s), 3000)));
        const survivor = over(ours) ? (over(theirs) ? undefined : theirs) : over(theirs) ? ours : undefined;
        if (survivor === undefined) return over(ours) ? 'none is left' : 'both are left';
        survivor.send(KEEPALIVE);
        const up = await survivor.until(() => survivor.has(4), 3000);
        const loser = survivor === ours ? theirs : ours;
        const words = loser.farewell();
        ours.close();
        theirs.close();
        const kept = survivor === ours ? 'our call' : 'their call';
        return up && (words === 'R 6/7' || words === 'closed')
          ? kept
          : `${kept}, the other ended with ${words}, up ${up}`;
      } finally {
        server.close();
      }
    },
  });
}
