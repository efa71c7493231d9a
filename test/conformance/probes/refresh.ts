import { digits, hex, raw } from '../octets.ts';
import { goodUpdate, type Lab } from '../lab.ts';
import { SUBJECT, type Place } from '../place.ts';
import { established, inEstablished, nearest, type Probe, script } from '../probe.ts';
import { readUpdate } from '../told.ts';
import type { WireSession } from '../wire-session.ts';

const refresh = (subtype: number, family = 1) => raw(5, Uint8Array.of(0, family, subtype, 1));
const plain = (place: Place) => ({
  capabilities: hex(`010400010001 0200 4104 ${place.as.toString(16).padStart(8, '0')}`),
});

/** What comes after asking: `begin`, how often routes of a prefix came, `end`. */
async function afterRequest(lab: Lab, session: WireSession, place: Place): Promise<string[]> {
  lab.announce('a', place.prefix, goodUpdateParts(place));
  const mine = () =>
    session.received.filter(
      m => m.type === 2 && readUpdate(m.body).announced.includes(`4/${place.prefix.join('.')}`),
    ).length;
  if (!(await session.until(() => mine() > 0, lab.patience.late))) return ['nothing was told at first'];
  // It may be told twice, in the initial routes and as news.
  await session.until(() => false, lab.patience.settle);
  const from = session.received.length;
  const before = mine();
  session.send(refresh(0));
  const ended = () => session.received.slice(from).some(m => m.type === 5 && m.body[2] === 2);
  await session.until(() => mine() > before, lab.patience.late);
  await session.until(ended, lab.patience.settle + 200);
  lab.withdraw('a', place.prefix);
  return session.received.slice(from).flatMap(m => {
    if (m.type === 5) return [m.body[2] === 1 ? 'begin' : 'end'];
    return m.type === 2 && readUpdate(m.body).announced.includes(`4/${place.prefix.join('.')}`)
      ? ['routes']
      : [];
  });
}

function goodUpdateParts(_place: Place): Uint8Array[] {
  return [hex('40010100'), hex('40020602010000fde9'), hex('4003040a4f0103')];
}

/** Announces two routes, begins a refresh, confirms one, ends it; gives which of them outside are known. */
async function bracket(
  lab: Lab,
  place: Place,
  subtypes: readonly [number, number],
  fields = {},
): Promise<string> {
  const session = await established(lab, place, fields);
  const witness = lab.guest('external');
  session.send(goodUpdate(place.ip, nearest(place), place.prefix, place.control));
  const there = (told: object | undefined) => told !== undefined;
  for (const prefix of [place.prefix, place.control]) {
    if (!(await witness.until(prefix, there, lab.patience.late))) return 'the routes were not told';
  }
  session.send(
    refresh(subtypes[0]),
    goodUpdate(place.ip, nearest(place), place.prefix),
    refresh(subtypes[1]),
  );
  session.send(goodUpdate(place.ip, nearest(place), place.marker));
  await witness.until(place.marker, there, lab.patience.late);
  await new Promise(resolve => setTimeout(resolve, 100 + lab.patience.settle));
  const words = session.farewell();
  const left = [place.prefix, place.control].map(prefix => witness.told(prefix) !== undefined);
  session.close();
  return words ?? (left[0] ? (left[1] ? 'both' : 'the confirmed one') : 'not even the confirmed one');
}

/** RFC 2918, RFC 7313. */
export const REFRESH_PROBES: readonly Probe[] = [
  script({
    rfc: 'RFC 2918 §4',
    says: 'a request is answered with all routes of the family again',
    needsRoutes: true,
    expect: 'routes',
    run: async (lab, place) => {
      const session = await established(lab, place, plain(place));
      const came = await afterRequest(lab, session, place);
      session.close();
      return came.join(' ');
    },
  }),
  script({
    rfc: 'RFC 7313 §4',
    says: 'between two speakers that know it the routes stand between a beginning and an end',
    needsRoutes: true,
    expect: 'begin routes end',
    run: async (lab, place) => {
      const session = await established(lab, place);
      const came = await afterRequest(lab, session, place);
      session.close();
      return came.join(' ');
    },
  }),
  script({
    rfc: 'RFC 7313 §4',
    says: 'what the peer does not send again between a beginning and an end is gone',
    needsRoutes: true,
    expect: 'the confirmed one',
    run: (lab, place) => bracket(lab, place, [1, 2]),
  }),
  script({
    rfc: 'RFC 7313 §4',
    says: 'an end without a beginning removes nothing',
    needsRoutes: true,
    expect: 'both',
    run: (lab, place) => bracket(lab, place, [2, 2]),
  }),
  script({
    rfc: 'RFC 7313 §4',
    says: 'a second beginning replaces the first: what came between counts as stale again',
    needsRoutes: true,
    expect: 'not even the confirmed one',
    run: async (lab, place) => {
      const session = await established(lab, place);
      const witness = lab.guest('external');
      session.send(
        refresh(1),
        goodUpdate(place.ip, nearest(place), place.prefix, place.control),
        refresh(1),
        refresh(2),
      );
      session.send(goodUpdate(place.ip, nearest(place), place.marker));
      await witness.until(place.marker, told => told !== undefined, lab.patience.late);
      await new Promise(resolve => setTimeout(resolve, 100 + lab.patience.settle));
      const left = witness.told(place.prefix) !== undefined || witness.told(place.control) !== undefined;
      session.close();
      return session.farewell() ?? (left ? 'something is left' : 'not even the confirmed one');
    },
  }),
  inEstablished({
    rfc: 'RFC 7313 §5',
    says: 'a ROUTE-REFRESH message of an unknown subtype is ignored',
    bytes: () => refresh(119),
    expect: 'kept',
  }),
  inEstablished({
    rfc: 'RFC 7313 §5',
    says: 'a beginning of refresh with a wrong length is answered with Invalid Message Length and the whole message',
    withData: true,
    bytes: () => raw(5, hex('0001010100')),
    expect: `R 7/1 ${digits(raw(5, hex('0001010100')))}`,
  }),
  inEstablished({
    rfc: 'RFC 7313 §5',
    says: 'an end of refresh with a wrong length is answered with Invalid Message Length and the whole message',
    withData: true,
    bytes: () => raw(5, hex('000102')),
    expect: [`R 7/1 ${digits(raw(5, hex('000102')))}`, 'R 1/2 0016'],
  }),
  inEstablished({
    rfc: 'RFC 2918 §4',
    level: 'SHOULD',
    says: 'a request for a family that was not agreed on is ignored',
    bytes: () => raw(5, hex('00190046')),
    expect: 'kept',
  }),
  script({
    rfc: 'RFC 7313 §4',
    says: 'a speaker offers enhanced route refresh with a capability of no octets',
    expect: 'offered',
    run: async (lab, place) => {
      const session = await lab.call(place.ip);
      await session.until(() => session.has(1), lab.patience.late);
      const body = session.received.find(m => m.type === 1)?.body ?? new Uint8Array(0);
      session.close();
      return digits(body.subarray(9)).includes('4600') ? 'offered' : `not offered by ${SUBJECT.ip}`;
    },
  }),
];
