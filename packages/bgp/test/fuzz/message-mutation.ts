import { encodeMessage, type Message, PLAIN_OPTIONS } from '../../src/index.ts';
import { raw } from '../byte-peer.ts';
import { copyDraft, draftBody, draftReach, draftUpdate } from './update-draft.ts';
import { type Dice, UPDATE_MUTATIONS } from './update-mutation.ts';

/** Well-formed messages of the other types, to be spoilt. */
const OTHERS: readonly (readonly [number, readonly number[]])[] = [
  [
    1,
    [
      4, 0xfd, 0xe9, 0, 90, 10, 0, 0, 2, 26, 2, 24, 1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1, 2, 0, 65, 4, 0, 0,
      0xfd, 0xe9, 70, 0, 6, 0,
    ],
  ],
  [
    1,
    [
      4, 0xfd, 0xe9, 0, 90, 10, 0, 0, 2, 255, 255, 0, 21, 2, 0, 18, 64, 10, 0, 120, 0, 1, 1, 128, 0, 2, 1, 0,
      69, 4, 0, 1, 1, 3,
    ],
  ],
  [3, [6, 2, 4, 0x68, 0x61, 0x6c, 0x6f]],
  [3, [6, 9, 6, 2, 1, 0x61]],
  [4, []],
  [5, [0, 1, 0, 1]],
  [5, [0, 2, 1, 1]],
];

/** Ways to spoil bytes of any kind. */
const BYTES: readonly ((bytes: number[], dice: Dice) => number[])[] = [
  (bytes, dice) => bytes.with(dice.below(bytes.length), dice.below(256)),
  (bytes, dice) => bytes.with(dice.below(bytes.length), dice.pick([0, 1, 2, 127, 128, 254, 255])),
  (bytes, dice) => bytes.toSpliced(dice.below(bytes.length), 1),
  (bytes, dice) => bytes.toSpliced(dice.below(bytes.length), 0, ...dice.octets(1 + dice.below(4))),
  (bytes, dice) => bytes.slice(0, dice.below(bytes.length) + 1),
  (bytes, dice) => [...bytes, ...dice.octets(dice.below(40))],
];

/** One spoilt message: an UPDATE four times out of five. The header is right nine times out of ten. */
export function spoiltMessage(dice: Dice): Uint8Array {
  const update = dice.below(5) > 0;
  const [type, good] = update ? [2, [...spoiltUpdate(dice)]] : dice.pick(OTHERS);
  let body: number[] = [...good];
  const times = update ? dice.below(2) : 1 + dice.below(2);
  for (let i = 0; i < times; i++) if (body.length > 0) body = dice.pick(BYTES)(body, dice);
  const bytes = raw(type, Uint8Array.from(body));
  if (dice.below(10) > 0) return bytes;
  bytes[dice.pick([0, 15, 16, 17, 18])] = dice.below(256);
  return bytes;
}

function spoiltUpdate(dice: Dice): Uint8Array {
  const prefix = [24, 10, dice.below(256), dice.below(256)];
  const draft = draftUpdate([65001, 1 + dice.below(70_000)], [10, 0, 0, 2], prefix);
  if (dice.below(4) === 0) draft.attributes.unshift(draftReach());
  const times = 1 + dice.below(2);
  // A second mutation may find that the first took its attribute away.
  for (let i = 0; i < times; i++) {
    const mutation = dice.pick(UPDATE_MUTATIONS);
    const before = copyDraft(draft);
    try {
      mutation.change(draft, dice);
    } catch {
      Object.assign(draft, before);
    }
  }
  return draftBody(draft);
}

/** An OPEN and a KEEPALIVE: what brings a session up again. */
export const GREETING: Uint8Array = Uint8Array.from([
  ...raw(1, Uint8Array.from(OTHERS[0]?.[1] ?? [])),
  ...encodeMessage({ kind: 'keepalive' } satisfies Message, PLAIN_OPTIONS),
]);
