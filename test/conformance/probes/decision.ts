import { address, attr, path, raw, updateBody } from '../octets.ts';
import { SUBJECT } from '../place.ts';
import { choice, nearest, type Probe, script, wayAttributes, winnerOf } from '../probe.ts';

const number4 = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const med = (value: number) => attr(0x80, 4, number4(value));
const localPref = (value: number) => attr(0x40, 5, number4(value));

/** RFC 4271 §9.1: which of several ways is used. */
export const DECISION_PROBES: readonly Probe[] = [
  choice({
    rfc: 'RFC 4271 §9.1.1',
    says: 'of two internal ways the one with the higher LOCAL_PREF wins',
    ways: [
      { by: 'i1', more: [localPref(100)], as: [1, 2] },
      { by: 'i2', more: [localPref(300)], as: [1, 2, 3] },
    ],
    expect: 'i2',
  }),
  choice({
    rfc: 'RFC 4271 §9.1.2.2 a',
    says: 'the shorter path wins',
    ways: [
      { by: 'a', as: [65001, 7, 8] },
      { by: 'b', as: [65002, 7] },
    ],
    expect: 'b',
  }),
  choice({
    rfc: 'RFC 4271 §9.1.2.2 a',
    says: 'the longer path loses even from the lower router',
    ways: [
      { by: 'a', as: [65001, 7] },
      { by: 'b', as: [65002, 7, 8] },
    ],
    expect: 'a',
  }),
  choice({
    rfc: 'RFC 4271 §9.1.2.2 b',
    says: 'of equally long paths the lowest ORIGIN wins: IGP before incomplete',
    ways: [
      { by: 'a', origin: 2 },
      { by: 'b', origin: 0 },
    ],
    expect: 'b',
  }),
  choice({
    rfc: 'RFC 4271 §9.1.2.2 b',
    says: 'EGP wins over incomplete',
    ways: [
      { by: 'a', origin: 2 },
      { by: 'b', origin: 1 },
    ],
    expect: 'b',
  }),
  choice({
    rfc: 'RFC 4271 §9.1.2.2 c',
    says: 'of ways from one neighbour AS the lower MED wins',
    ways: [
      { by: 'a', more: [med(50)] },
      { by: 'a2', more: [med(10)] },
    ],
    expect: 'a2',
  }),
  choice({
    rfc: 'RFC 4271 §9.1.2.2 c',
    says: 'a missing MED counts as the lowest',
    ways: [{ by: 'a', more: [med(5)] }, { by: 'a2' }],
    expect: 'a2',
  }),
  choice({
    rfc: 'RFC 4271 §9.1.2.2 c',
    says: 'MEDs from different neighbour ASes are not compared',
    ways: [
      { by: 'a', more: [med(500)] },
      { by: 'b', more: [med(1)] },
    ],
    expect: 'a',
  }),
  choice({
    rfc: 'RFC 4271 §9.1.2.2 d',
    says: 'an external way wins over an internal one',
    ways: [{ by: 'b' }, { by: 'i1', as: [65001], more: [localPref(100)] }],
    expect: 'b',
  }),
  choice({
    rfc: 'RFC 4271 §9.1.2.2 f',
    says: 'the lower BGP identifier wins',
    ways: [{ by: 'a' }, { by: 'b' }],
    expect: 'a',
  }),
  choice({
    rfc: 'RFC 4271 §9.1.2.2 g',
    says: 'with equal BGP identifiers the lower address wins',
    ways: [{ by: 'twin2' }, { by: 'twin1' }],
    expect: 'twin1',
  }),
  choice({
    rfc: 'RFC 4271 §9.1.2',
    says: 'a way with our own AS in its path is not used',
    ways: [
      { by: 'a', as: [65001, SUBJECT.as] },
      { by: 'b', as: [65002, 7, 8, 9] },
    ],
    expect: 'b',
  }),
  choice({
    rfc: 'RFC 4271 §9.1.2',
    says: 'with no other way a looped one is not used either',
    ways: [{ by: 'a', as: [65001, SUBJECT.as] }],
    expect: 'none',
  }),
  script({
    rfc: 'RFC 4271 §9.1.3',
    says: 'when the best way goes the next best is told in its place, and nothing when none is left',
    needsRoutes: true,
    expect: 'a, b, none',
    run: async (lab, place) => {
      const witness = lab.guest('external');
      const seen: string[] = [];
      const note = async (wanted: string) => {
        await witness.until(place.prefix, told => winnerOf(told) === wanted, lab.patience.late);
        seen.push(winnerOf(witness.told(place.prefix)));
      };
      for (const by of ['a', 'b'] as const) lab.announce(by, place.prefix, wayAttributes({ by }, place));
      await note('a');
      lab.withdraw('a', place.prefix);
      await note('b');
      lab.withdraw('b', place.prefix);
      await note('none');
      return seen.join(', ');
    },
  }),
  script({
    rfc: 'RFC 4271 §9.1.4',
    says: 'a less specific and a more specific route are both kept and told',
    needsRoutes: true,
    expect: 'both',
    run: async (lab, place) => {
      const wide = [16, 10, 208 + ((place.prefix[3] as number) & 15)];
      const narrow = [24, ...wide.slice(1), 77];
      for (const prefix of [wide, narrow]) lab.announce('a', prefix, wayAttributes({ by: 'a' }, place));
      const witness = lab.guest('external');
      const there = async (prefix: readonly number[]) =>
        witness.until(prefix, told => told !== undefined, lab.patience.late);
      const both = (await there(wide)) && (await there(narrow));
      for (const prefix of [wide, narrow]) lab.withdraw('a', prefix);
      return both ? 'both' : 'one is missing';
    },
  }),
  script({
    rfc: 'RFC 4271 §9.1',
    says: 'when a session ends its ways go and the others take their place',
    needsRoutes: true,
    expect: 'a',
    run: async (lab, place) => {
      const session = await lab.call(place.ip);
      await session.establish(place.as, place.ip, { id: '1.1.1.1' });
      const witness = lab.guest('external');
      session.send(
        raw(
          2,
          updateBody(
            [attr(0x40, 1, [0]), path(...nearest(place)), attr(0x40, 3, address(place.ip))],
            place.prefix,
          ),
        ),
      );
      await witness.until(place.prefix, told => told !== undefined, lab.patience.late);
      lab.announce('a', place.prefix, wayAttributes({ by: 'a', as: [65001, 7, 8] }, place));
      session.close();
      await witness.until(place.prefix, told => winnerOf(told) === 'a', lab.patience.late);
      const winner = winnerOf(witness.told(place.prefix));
      lab.withdraw('a', place.prefix);
      return winner;
    },
  }),
];
