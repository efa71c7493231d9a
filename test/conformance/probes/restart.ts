import { setTimeout as sleep } from 'node:timers/promises';
import { digits, hex, join, KEEPALIVE, open, type OpenFields, raw, usualCapabilities } from '../octets.ts';
import { goodUpdate, type Lab } from '../lab.ts';
import type { Place } from '../place.ts';
import { established, nearest, type Probe, script } from '../probe.ts';
import type { WireSession } from '../wire-session.ts';

/** Graceful restart for IPv4 with so many seconds; R and F bits. */
const restart = (seconds: number, flags = 0x00, forwarding = 0x80) =>
  Uint8Array.of(0x40, 6, flags, seconds, 0, 1, 1, forwarding);
const endOfRib = raw(2, hex('0000 0000'));
const offer = (...more: readonly Uint8Array[]): OpenFields => ({ more: join(...more) });

/** A session with graceful restart whose two routes were told on and whose End-of-RIB was sent. */
async function ready(lab: Lab, place: Place, fields: OpenFields): Promise<WireSession> {
  const session = await established(lab, place, fields);
  session.send(goodUpdate(place.ip, nearest(place), place.prefix, place.control), endOfRib);
  for (const prefix of [place.prefix, place.control]) {
    const told = await lab.guest('external').until(prefix, t => t !== undefined, lab.patience.late);
    if (!told) throw new Error('the routes were not told');
  }
  return session;
}

const kept = (lab: Lab, place: Place) =>
  [place.prefix, place.control].map(p => lab.guest('external').told(p) !== undefined);
const words = ([prefix, control]: readonly boolean[]) =>
  prefix && control ? 'both' : prefix ? 'the confirmed one' : control ? 'the other one' : 'none';

async function again(lab: Lab, place: Place, fields: OpenFields): Promise<WireSession> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const session = await lab.call(place.ip).catch(() => undefined);
    if (await session?.establish(place.as, place.ip, fields, 1500)) return session as WireSession;
    session?.close();
    await sleep(250);
  }
  throw new Error('it never came back');
}

/** RFC 4724 §2–§4, the side that stays up. */
export const RESTART_PROBES: readonly Probe[] = [
  script({
    rfc: 'RFC 4724 §2',
    says: 'after the initial routes an End-of-RIB is sent for each family that was agreed on',
    expect: 'IPv4, IPv6',
    run: async (lab, place) => {
      const session = await established(lab, place, offer(restart(2)));
      const marks = () => session.received.filter(m => m.type === 2).map(m => digits(m.body));
      const v4 = () => marks().includes('00000000');
      const v6 = () => marks().some(m => /^0000000[67](800f03|900f0003)000201$/.test(m));
      // Some speakers wait for ours.
      session.send(endOfRib, raw(2, hex('0000 0006 800f03 000201')));
      await session.until(() => v4() && v6(), lab.patience.late);
      session.close();
      return [v4() && 'IPv4', v6() && 'IPv6'].filter(Boolean).join(', ');
    },
  }),
  script({
    rfc: 'RFC 4724 §3',
    says: 'at most one graceful restart capability is offered',
    expect: 'at most one',
    run: async (lab, place) => {
      const session = await lab.call(place.ip);
      await session.until(() => session.has(1), lab.patience.late);
      const body = session.received.find(m => m.type === 1)?.body ?? new Uint8Array(0);
      session.close();
      return capabilityCodes(body).filter(code => code === 64).length <= 1 ? 'at most one' : 'several';
    },
  }),
  script({
    rfc: 'RFC 4724 §4.2',
    says: 'when the connection of a peer that agreed is lost its routes are kept',
    needsRoutes: true,
    expect: 'both',
    run: async (lab, place) => {
      const session = await ready(lab, place, offer(restart(60)));
      session.close();
      await sleep(500 + lab.patience.settle);
      return words(kept(lab, place));
    },
  }),
  script({
    rfc: 'RFC 4724 §4.2',
    says: 'routes of a peer that did not offer graceful restart go with its connection',
    needsRoutes: true,
    expect: 'none',
    run: async (lab, place) => {
      const session = await ready(lab, place, {});
      session.close();
      await lab.guest('external').until(place.control, t => t === undefined, lab.patience.late);
      await lab.guest('external').until(place.prefix, t => t === undefined, lab.patience.late);
      return words(kept(lab, place));
    },
  }),
  script({
    rfc: 'RFC 4724 §4.2',
    says: 'routes are not kept longer than the restart time of the peer',
    needsRoutes: true,
    expect: 'none',
    run: async (lab, place) => {
      const session = await ready(lab, place, offer(restart(1)));
      session.close();
      for (const prefix of [place.prefix, place.control])
        await lab.guest('external').until(prefix, t => t === undefined, 3000 + lab.patience.late);
      return words(kept(lab, place));
    },
  }),
  script({
    rfc: 'RFC 4724 §4.2',
    says: 'a NOTIFICATION ends the session for good when RFC 8538 was not agreed on',
    needsRoutes: true,
    expect: 'none',
    run: async (lab, place) => {
      const session = await ready(lab, place, offer(restart(60)));
      session.send(raw(3, hex('0602')));
      for (const prefix of [place.prefix, place.control])
        await lab.guest('external').until(prefix, t => t === undefined, lab.patience.late);
      session.close();
      return words(kept(lab, place));
    },
  }),
  script({
    rfc: 'RFC 4724 §4.2',
    says: 'routes that the peer did not send again before its End-of-RIB go then',
    needsRoutes: true,
    expect: 'the confirmed one',
    run: async (lab, place) => {
      (await ready(lab, place, offer(restart(60)))).close();
      await sleep(200);
      const session = await again(lab, place, offer(restart(60, 0x80)));
      session.send(goodUpdate(place.ip, nearest(place), place.prefix), endOfRib);
      await lab.guest('external').until(place.control, t => t === undefined, lab.patience.late);
      const left = words(kept(lab, place));
      session.close();
      return left;
    },
  }),
  script({
    rfc: 'RFC 4724 §4.2',
    says: 'routes go at once when the peer comes back and says that it did not keep forwarding',
    needsRoutes: true,
    expect: 'none',
    run: async (lab, place) => {
      (await ready(lab, place, offer(restart(60)))).close();
      await sleep(200);
      const session = await again(lab, place, offer(restart(60, 0x80, 0x00)));
      for (const prefix of [place.prefix, place.control])
        await lab.guest('external').until(prefix, t => t === undefined, lab.patience.late);
      const left = words(kept(lab, place));
      session.close();
      return left;
    },
  }),
  script({
    rfc: 'RFC 4724 §4.2',
    says: 'routes go at once when the peer comes back without graceful restart',
    needsRoutes: true,
    expect: 'none',
    run: async (lab, place) => {
      (await ready(lab, place, offer(restart(60)))).close();
      await sleep(200);
      const session = await again(lab, place, {});
      for (const prefix of [place.prefix, place.control])
        await lab.guest('external').until(prefix, t => t === undefined, lab.patience.late);
      const left = words(kept(lab, place));
      session.close();
      return left;
    },
  }),
  script({
    rfc: 'RFC 4724 §4.2',
    says: 'a new session of a peer whose old connection still stands takes its place, and the routes stay meanwhile',
    needsRoutes: true,
    expect: 'both, the old connection is closed',
    run: async (lab, place) => {
      const old = await ready(lab, place, offer(restart(60)));
      const fresh = await lab.call(place.ip);
      const flapped = lab
        .guest('external')
        .until(place.prefix, t => t === undefined, 700 + lab.patience.settle);
      fresh.send(
        open(place.as, place.ip, { capabilities: usualCapabilities(place.as), ...offer(restart(60, 0x80)) }),
      );
      const up = await fresh.until(() => fresh.has(4), lab.patience.late);
      fresh.send(KEEPALIVE);
      await old.until(() => old.end !== undefined, lab.patience.late);
      const lost = await flapped;
      const left = words(kept(lab, place));
      const closed = old.end === undefined ? 'stands' : 'is closed';
      fresh.close();
      old.close();
      if (!up) return `the new session was refused: ${fresh.farewell()}`;
      return `${lost ? 'withdrawn meanwhile' : left}, the old connection ${closed}`;
    },
  }),
];

function capabilityCodes(body: Uint8Array): number[] {
  const codes: number[] = [];
  for (let at = 10; at + 1 < body.length; at += 2 + (body[at + 1] as number)) {
    const end = at + 2 + (body[at + 1] as number);
    for (let c = at + 2; body[at] === 2 && c + 1 < end; c += 2 + (body[c + 1] as number))
      codes.push(body[c] as number);
  }
  return codes;
}
