import { attr, hex, type OpenFields, open, raw, updateBody } from './octets.ts';
import { goodAttributes, type Lab, shortAttributes } from './lab.ts';
import { GUESTS, type Guest, type Place } from './place.ts';
import { type Told, digitsOf } from './told.ts';
import type { WireSession } from './wire-session.ts';

/** One sentence of a standard, and how it shows on the wire. */
export interface Probe {
  /** Such as `RFC 4271 §6.1`. */
  readonly rfc: string;
  readonly level: 'MUST' | 'SHOULD';
  /** What the sentence asks for, in own words. */
  readonly says: string;
  readonly internal: boolean;
  /** What must be observed; one of several when the text leaves a choice. */
  readonly expect: readonly string[];
  /** Whether the observation needs what other peers are told: a speaker without a RIB of its own can't show it. */
  readonly needsRoutes: boolean;
  readonly run: (lab: Lab, place: Place) => Promise<string>;
}

interface Common {
  readonly rfc: string;
  readonly level?: 'MUST' | 'SHOULD';
  readonly says: string;
  readonly internal?: boolean;
  readonly expect: string | readonly string[];
}

const probe = (c: Common, needsRoutes: boolean, run: Probe['run']): Probe => ({
  rfc: c.rfc,
  level: c.level ?? 'MUST',
  says: c.says,
  internal: c.internal ?? false,
  expect: typeof c.expect === 'string' ? [c.expect] : c.expect,
  needsRoutes,
  run,
});

const OLD = 64990;
/** The AS that stands at the end of the path in UPDATEs under test. */
export const NEW = 64991;

/** Observed when a speaker did not do what the probe starts from: it counts neither way. */
export const NOT_SHOWN = 'it never called';

/** What an UPDATE under test is made of. */
export interface Parts {
  readonly place: Place;
  readonly origin: Uint8Array;
  readonly path: Uint8Array;
  readonly nextHop: Uint8Array;
  /** All three. */
  readonly bare: readonly Uint8Array[];
  /** All that a good UPDATE needs: from inside LOCAL_PREF, too. */
  readonly good: readonly Uint8Array[];
}

const LOCAL_PREF = attr(0x40, 5, [0, 0, 0, 100]);
const withLocalPref = (place: Place, attributes: readonly Uint8Array[]) =>
  nearest(place).length === 0 ? [...attributes, LOCAL_PREF] : attributes;

function partsOf(place: Place): Parts {
  const bare = goodAttributes(place.ip, [...nearest(place), NEW]);
  const [origin, path, nextHop] = bare as [Uint8Array, Uint8Array, Uint8Array];
  return { place, origin, path, nextHop, bare, good: withLocalPref(place, bare) };
}

/** The AS that a path from this place must start with. */
export function nearest(place: Place): number[] {
  return place.as === 65000 ? [] : [place.as];
}

interface Established extends Common {
  readonly open?: OpenFields;
  readonly withData?: true;
  /** A session with two-octet AS numbers. */
  readonly short?: true;
  readonly bytes: (parts: Parts) => Uint8Array;
  /** Which guest is asked what it was told. Default: the one outside. */
  readonly witness?: Guest;
  /** More that must be so of the told route; the answer is appended to the observation. */
  readonly told?: (told: Told, parts: Parts) => string;
}

/**
 * Sends bytes in Established after a good route for the same prefix. Observations: `ok` (the new route was told on),
 * `kept` (the old one stands), `W` (neither: treated as withdrawn), `R code/subcode`, `closed`.
 */
export function inEstablished(c: Established): Probe {
  return probe(c, true, async (lab, place) => {
    const { late, settle } = lab.patience;
    const witness = lab.guest(c.witness ?? 'external');
    const session = await lab.call(place.ip);
    const say = (as: readonly number[], prefix: readonly number[]) => {
      const attributes = (c.short ? shortAttributes : goodAttributes)(place.ip, as);
      return raw(2, updateBody(withLocalPref(place, attributes), prefix));
    };
    const fields = c.short ? { capabilities: hex('010400010001') } : c.open;
    if (!(await session.establish(place.as, place.ip, fields))) return `no session: ${session.farewell()}`;
    session.send(say(nearest(place), place.control));
    session.send(say([...nearest(place), OLD], place.prefix));
    const there = (told: Told | undefined) => told !== undefined;
    if (!(await witness.until(place.prefix, there, late))) return 'the good route was not told';
    if (!(await witness.until(place.control, there, late))) return 'the control route was not told';
    const parts = partsOf(place);
    session.send(c.bytes(parts), say(nearest(place), place.marker));
    const gone = () => session.farewell() !== undefined;
    const digested = () => witness.told(place.marker) !== undefined;
    const end = performance.now() + late;
    while (!gone() && !digested() && performance.now() < end) {
      await Promise.race([witness.until(place.marker, there, 100), session.until(gone, 100)]);
    }
    if (!gone() && digested() && settle > 0) await session.until(gone, settle);
    if (!gone() && !digested()) return 'no reaction';
    if (gone())
      return ended(c, session, () => witness.until(place.control, told => told === undefined, late));
    const observed = judge(witness.told(place.prefix), witness.told(place.control), c, parts);
    session.close();
    return observed;
  });
}

async function ended(
  c: Established,
  session: WireSession,
  forgotten: () => Promise<boolean>,
): Promise<string> {
  await session.until(() => session.end !== undefined, 1000);
  const words = session.farewell(c.withData) as string;
  const closed = session.end === undefined ? ', but not closed' : '';
  session.close();
  return `${words}${closed}${(await forgotten()) ? '' : ', but its routes stay'}`;
}

function judge(told: Told | undefined, control: Told | undefined, c: Established, parts: Parts): string {
  if (control === undefined) return 'the control route is gone';
  if (told === undefined) return 'W';
  const old = (digitsOf(told, 2) ?? '').includes(`0000${OLD.toString(16)}`);
  const more = old ? '' : (c.told?.(told, parts) ?? '');
  return `${old ? 'kept' : 'ok'}${more === '' ? '' : `: ${more}`}`;
}

/** An UPDATE with these attributes for the probe's prefix. */
export function update(
  c: Omit<Established, 'bytes'> & { readonly attributes: (p: Parts) => readonly Uint8Array[] },
): Probe {
  return inEstablished({ ...c, bytes: p => raw(2, updateBody(c.attributes(p), p.place.prefix)) });
}

interface Early extends Common {
  readonly withData?: true;
  /** Sent when the connection is there; the speaker's own OPEN is waited for. */
  readonly bytes: (place: Place) => Uint8Array;
}

/** Sends bytes where an OPEN is awaited. Observations: `accepted` (a KEEPALIVE came), `R code/subcode`, `closed`. */
export function inOpenSent(c: Early): Probe {
  return probe(c, false, async (lab, place) => {
    const session = await lab.call(place.ip);
    await session.until(() => session.has(1), lab.patience.late);
    session.send(c.bytes(place));
    return answerOf(session, c, lab, () => session.has(4));
  });
}

/** Sends bytes where a KEEPALIVE is awaited. */
export function inOpenConfirm(c: Early): Probe {
  return probe(c, false, async (lab, place) => {
    const session = await lab.call(place.ip);
    session.send(open(place.as, place.ip));
    if (!(await session.until(() => session.has(4), lab.patience.late))) return 'no session';
    session.send(c.bytes(place));
    return answerOf(session, c, lab, () => false);
  });
}

async function answerOf(session: WireSession, c: Early, lab: Lab, accepted: () => boolean): Promise<string> {
  await session.until(() => accepted() || session.farewell() !== undefined, lab.patience.late);
  await session.until(() => accepted() || session.end !== undefined, 1000);
  const words = session.farewell(c.withData);
  const closed = words?.startsWith('R') && session.end === undefined ? ', but not closed' : '';
  session.close();
  if (words !== undefined) return `${words}${closed}`;
  return accepted() ? 'accepted' : 'no reaction';
}

/** One way that a guest offers to the prefix of a scenario. */
export interface Way {
  readonly by: Guest;
  /** AS numbers of the path; default is the guest's own, or none inside. */
  readonly as?: readonly number[];
  readonly more?: readonly Uint8Array[];
  readonly origin?: number;
}

interface Choice extends Common {
  readonly ways: readonly Way[];
  readonly witness?: Guest;
}

/** The attributes of a way, marked with a community by which it is recognised. */
export function wayAttributes(way: Way, place: Place): Uint8Array[] {
  const { ip, as } = GUESTS[way.by];
  const list = goodAttributes(ip, way.as ?? (as === 65000 ? [] : [as]));
  if (way.origin !== undefined) list[0] = attr(0x40, 1, [way.origin]);
  const order = place.prefix[3] as number;
  return [
    ...list,
    attr(0xc0, 8, [0xfd, 0xe8, Object.keys(GUESTS).indexOf(way.by), order]),
    ...(way.more ?? []),
  ];
}

/** Which guest's way a witness was told; `none` without. */
export function winnerOf(told: Told | undefined): string {
  if (told === undefined) return 'none';
  const mark = Number.parseInt((digitsOf(told, 8) ?? '').slice(4, 6), 16);
  return Object.keys(GUESTS)[mark] ?? 'unmarked';
}

/** Offers several ways to one prefix, in both orders; the observation is the guest whose way is told on. */
export function choice(c: Choice): Probe {
  return probe(c, true, async (lab, place) => {
    const winners: string[] = [];
    for (const [prefix, ways] of [
      [place.prefix, c.ways],
      [place.control, [...c.ways].reverse()],
    ] as const) {
      for (const way of ways) lab.announce(way.by, prefix, wayAttributes(way, place));
      winners.push(await settledWinner(lab, prefix, c));
      for (const way of ways) lab.withdraw(way.by, prefix);
    }
    return winners[0] === winners[1]
      ? (winners[0] as string)
      : `it depends on the order: ${winners.join(', ')}`;
  });
}

async function settledWinner(lab: Lab, prefix: readonly number[], c: Choice): Promise<string> {
  const witness = lab.guest(c.witness ?? 'external');
  const wanted = typeof c.expect === 'string' ? c.expect : (c.expect[0] as string);
  await witness.until(prefix, told => winnerOf(told) === wanted, lab.patience.late / 2);
  // It must stay so once all ways were heard.
  await new Promise(resolve => setTimeout(resolve, 100 + lab.patience.settle));
  return winnerOf(witness.told(prefix));
}

/** Anything else: the script gives the observation in words. */
export function script(c: Common & { readonly needsRoutes?: boolean; readonly run: Probe['run'] }): Probe {
  return probe(c, c.needsRoutes ?? false, c.run);
}

/** An established session from a place, or a thrown reason. */
export async function established(lab: Lab, place: Place, fields: OpenFields = {}): Promise<WireSession> {
  const session = await lab.call(place.ip);
  if (await session.establish(place.as, place.ip, fields, lab.patience.late)) return session;
  throw new Error(`no session: ${session.farewell()}`);
}
