import { setTimeout as sleep } from 'node:timers/promises';
import { draftBody, draftUpdate } from '../../packages/bgp/test/fuzz/update-draft.ts';
import { Dice, UPDATE_MUTATIONS } from '../../packages/bgp/test/fuzz/update-mutation.ts';
import { GuestSession, goodUpdate, type Patience } from '../conformance/lab.ts';
import { address, raw } from '../conformance/octets.ts';
import { endWithParent } from '../conformance/orphan.ts';
import { GUESTS, type Place, placeOf, SUBJECT } from '../conformance/place.ts';
import type { Told } from '../conformance/told.ts';
import { WireSession } from '../conformance/wire-session.ts';
import { ADDRESSES, type SampleAnswer } from './sample-answer.ts';

const OLD = 64990;
const NEW = 64991;
/** What a speaker passes on to another AS of a route without a flaw. */
const TRAVELLING = [6, 7, 8, 16, 32, 99];

endWithParent();
await sampleAll(JSON.parse(process.argv[2] ?? '{}'));

async function sampleAll(settings: {
  readonly samples: number;
  readonly seed: number;
  readonly patience: Patience;
}) {
  const { ip, as } = GUESTS.external;
  const witness = new GuestSession(await sessionFrom(ip, as));
  const waiting = Array.from({ length: UPDATE_MUTATIONS.length * settings.samples }, (_, i) => i);
  const work = async (slot: number) => {
    let session: WireSession | undefined;
    for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) {
      const place = { ...placeOf(slot + 1, false), ...prefixesOf(number) };
      if (session === undefined || session.farewell() !== undefined)
        session = await sessionFrom(place.ip, place.as);
      const mutation = UPDATE_MUTATIONS[
        Math.floor(number / settings.samples)
      ] as (typeof UPDATE_MUTATIONS)[number];
      const draft = draftUpdate([place.as, NEW], address(place.ip), place.prefix);
      mutation.change(draft, new Dice(settings.seed + number));
      const observed = await classOf(session, witness, place, raw(2, draftBody(draft)), settings.patience);
      process.stdout.write(`${JSON.stringify({ number, observed } satisfies SampleAnswer)}\n`);
    }
    session?.close();
  };
  await Promise.all(Array.from({ length: ADDRESSES }, (_, i) => work(i)));
  process.exit(0);
}

function prefixesOf(number: number): Pick<Place, 'prefix' | 'control' | 'marker'> {
  const block = (base: number) => [24, 10, base + (number >> 8), number & 255];
  return { prefix: block(128), control: block(160), marker: block(192) };
}

async function sessionFrom(ip: string, as: number): Promise<WireSession> {
  for (let attempt = 0; attempt < 120; attempt++) {
    const session = await WireSession.call(ip, SUBJECT.ip);
    if (await session?.establish(as, ip, {}, 2000)) return session as WireSession;
    session?.close();
    await sleep(250);
  }
  throw new Error(`no session from ${ip}`);
}

async function classOf(
  session: WireSession,
  witness: GuestSession,
  place: Place,
  bytes: Uint8Array,
  patience: Patience,
) {
  const there = (told: Told | undefined) => told !== undefined;
  session.send(goodUpdate(place.ip, [place.as, OLD], place.prefix));
  if (!(await witness.until(place.prefix, there, patience.late))) return 'no answer';
  session.send(bytes, goodUpdate(place.ip, [place.as], place.marker));
  const end = performance.now() + patience.late;
  const gone = () => session.farewell() !== undefined;
  while (!gone() && !there(witness.told(place.marker)) && performance.now() < end)
    await Promise.race([witness.until(place.marker, there, 50), session.until(gone, 50)]);
  if (!gone() && patience.settle > 0) await session.until(gone, patience.settle);
  if (gone()) return 'reset';
  const told = witness.told(place.prefix);
  if (told === undefined) return 'withdraw';
  const path = Buffer.from(told.attributes.find(a => a.code === 2)?.value ?? []).toString('hex');
  if (path.includes(OLD.toString(16))) return 'keep';
  return TRAVELLING.every(code => told.attributes.some(a => a.code === code)) ? 'accept' : 'discard';
}
