import { Jitter } from '../../src/speaker/jitter.ts';
import { type DraftAttribute, draftReach, type UpdateDraft } from './update-draft.ts';

/** Random choices from a seed; the same seed gives the same choices. */
export class Dice {
  readonly #jitter: Jitter;

  constructor(seed: number) {
    this.#jitter = new Jitter(seed);
  }

  /** A whole number from 0 up to, but not, `n`. */
  below(n: number): number {
    return Math.floor(this.#jitter.next() * n);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  octets(count: number): number[] {
    return Array.from({ length: count }, () => this.below(256));
  }
}

/** One way to spoil an UPDATE, and the sentence that says what a receiver does then. */
export interface UpdateMutation {
  readonly name: string;
  readonly rule: string;
  readonly change: (draft: UpdateDraft, dice: Dice) => void;
}

const NAMES: Readonly<Record<number, string>> = {
  1: 'ORIGIN',
  2: 'AS_PATH',
  3: 'NEXT_HOP',
  4: 'MED',
  6: 'ATOMIC_AGGREGATE',
  7: 'AGGREGATOR',
  8: 'COMMUNITIES',
  16: 'EXTENDED COMMUNITIES',
  32: 'LARGE_COMMUNITY',
};
const find = (draft: UpdateDraft, code: number) =>
  draft.attributes.find(a => a.code === code) as DraftAttribute;

/** What RFC 7606 §7 asks for when the length of an attribute is wrong. */
const LENGTH_RULE: Readonly<Record<number, string>> = {
  1: 'RFC 7606 §7.1: an ORIGIN whose length is not 1 is treated as withdraw',
  2: 'RFC 7606 §7.2: a segment that over- or underruns, or is empty, is treated as withdraw',
  3: 'RFC 7606 §7.3: a NEXT_HOP whose length is not 4 is treated as withdraw',
  4: 'RFC 7606 §7.4: a MED whose length is not 4 is treated as withdraw',
  6: 'RFC 7606 §7.6: an ATOMIC_AGGREGATE whose length is not 0 is discarded',
  7: 'RFC 7606 §7.7: an AGGREGATOR whose length is not 8 (6 without four-octet AS) is discarded',
  8: 'RFC 7606 §7.8: COMMUNITIES whose length is no non-zero multiple of 4 are treated as withdraw',
  16: 'RFC 7606 §7.14: EXTENDED COMMUNITIES whose length is no non-zero multiple of 8 are treated as withdraw',
  32: 'RFC 8092 §5: a LARGE_COMMUNITY whose length is no non-zero multiple of 12 is treated as withdraw',
};
const FLAGS_RULE =
  'RFC 7606 §3 c: optional and transitive bits that contradict the attribute are treated as withdraw';
const CODES = Object.keys(NAMES).map(Number);

const perAttribute = CODES.flatMap((code): UpdateMutation[] => {
  const name = NAMES[code] as string;
  const lengthRule = LENGTH_RULE[code] as string;
  const row = (
    what: string,
    rule: string,
    change: (a: DraftAttribute, dice: Dice) => void,
  ): UpdateMutation => ({
    name: `${name} ${what}`,
    rule,
    change: (draft, dice) => change(find(draft, code), dice),
  });
  return [
    row('with other optional and transitive bits', FLAGS_RULE, (a, dice) => {
      const wrong = [0x00, 0x40, 0x80, 0xc0].filter(bits => bits !== (a.flags & 0xc0));
      a.flags = dice.pick(wrong) | (a.flags & 0x3f);
    }),
    row(
      'with the partial bit',
      'RFC 7606 §3 c speaks of the optional and transitive bits only: no error',
      a => {
        a.flags |= 0x20;
      },
    ),
    row('with the extended length bit', 'RFC 4271 §4.3: the bit may be set for any length: no error', a => {
      a.flags |= 0x10;
    }),
    row(
      'with the unused flag bits',
      'RFC 4271 §4.3: the four lowest bits are ignored: no error',
      (a, dice) => {
        a.flags |= 1 + dice.below(15);
      },
    ),
    row('one octet longer', lengthRule, (a, dice) => {
      a.value.push(dice.below(256));
    }),
    ...(code === 6
      ? []
      : [
          row('one octet shorter', lengthRule, a => {
            a.value.pop();
          }),
          row(
            'emptied',
            code === 2
              ? 'RFC 4271 §5.1.2: an empty path from another AS has no first AS: not usable'
              : lengthRule,
            a => {
              a.value = [];
            },
          ),
        ]),
    {
      name: `${name} twice`,
      rule: 'RFC 7606 §3 g: of the same attribute all but the first occurrence are discarded',
      change: draft => {
        draft.attributes.push({ ...find(draft, code), value: [...find(draft, code).value] });
      },
    },
    {
      name: `${name} missing`,
      rule:
        code <= 3
          ? 'RFC 7606 §3 d: without a mandatory attribute: treated as withdraw'
          : 'RFC 4271 §5: it need not be there: no error',
      change: draft => {
        draft.attributes = draft.attributes.filter(a => a.code !== code);
      },
    },
    {
      name: `${name} whose length runs over the end`,
      rule: 'RFC 7606 §4: an attribute that exceeds the attribute list is treated as withdraw, the routes being found by the total length',
      change: (draft, dice) => {
        const a = find(draft, code);
        draft.attributes = [...draft.attributes.filter(other => other !== a), a];
        a.length = a.value.length + 1 + dice.below(20);
      },
    },
  ];
});

const value = (
  name: string,
  rule: string,
  code: number,
  change: (a: DraftAttribute, dice: Dice) => void,
): UpdateMutation => ({
  name,
  rule,
  change: (draft, dice) => change(find(draft, code), dice),
});
const whole = (name: string, rule: string, change: UpdateMutation['change']): UpdateMutation => ({
  name,
  rule,
  change,
});
const NLRI_RULE = 'RFC 7606 §5.3, §3 j: routes that can’t be parsed end the session';
const MP_RULE = 'RFC 7606 §5.3, §7.11: an MP_REACH_NLRI that can’t be parsed ends the session';

/** A mutation of MP_REACH_NLRI, which the base UPDATE doesn't carry. */
const reach = (
  name: string,
  rule: string,
  change: (v: number[], dice: Dice) => number[],
): UpdateMutation => ({
  name: `MP_REACH_NLRI ${name}`,
  rule,
  change: (draft, dice) => {
    const attribute = draftReach();
    attribute.value = change(attribute.value, dice);
    draft.attributes.unshift(attribute);
  },
});

/** All mutations of UPDATE. */
export const UPDATE_MUTATIONS: readonly UpdateMutation[] = [
  whole('nothing', 'RFC 4271 §9: accepted', () => {}),
  ...perAttribute,
  value('ORIGIN with an undefined value', 'RFC 7606 §7.1: treated as withdraw', 1, (a, dice) => {
    a.value = [3 + dice.below(253)];
  }),
  value('AS_PATH with a segment of unknown kind', 'RFC 7606 §7.2: treated as withdraw', 2, (a, dice) => {
    a.value[0] = dice.pick([0, 5, 77, 255]);
  }),
  value(
    'AS_PATH with a confederation segment',
    'RFC 5065 §5: from outside malformed, so treated as withdraw',
    2,
    (a, dice) => {
      a.value[0] = 3 + dice.below(2);
    },
  ),
  value('AS_PATH with a wrong segment count', LENGTH_RULE[2] as string, 2, (a, dice) => {
    a.value[1] = dice.pick([0, 1, 3, 7, 255]);
  }),
  value('AS_PATH with an empty segment behind', LENGTH_RULE[2] as string, 2, a => {
    a.value.push(2, 0);
  }),
  value('AS_PATH with AS 0', 'RFC 7607 §2: treated as withdraw', 2, a => {
    a.value.splice(-4, 4, 0, 0, 0, 0);
  }),
  value('AS_PATH with a set behind', 'RFC 4271 §5.1.2: no error', 2, a => {
    a.value.push(1, 1, 0, 0, 0, 7);
  }),
  value(
    'NEXT_HOP that is no host',
    'RFC 4271 §6.3: a semantically wrong next hop makes the route unusable, and keeps the session',
    3,
    (a, dice) => {
      a.value = dice
        .pick([
          [0, 0, 0, 0],
          [127, 0, 0, 1],
          [224, 0, 0, 5],
          [255, 255, 255, 255],
        ])
        .slice();
    },
  ),
  value('AGGREGATOR with AS 0', 'RFC 7607 §2: discarded', 7, a => {
    a.value.splice(0, 4, 0, 0, 0, 0);
  }),
  value('COMMUNITIES of random values', 'RFC 1997: no error', 8, (a, dice) => {
    a.value = Array.from({ length: 1 + dice.below(8) }, () => [
      0xfd,
      0xe8,
      dice.below(256),
      dice.below(256),
    ]).flat();
  }),
  value(
    'an unknown attribute without the optional bit',
    'RFC 4271 §6.3: unrecognised well-known attributes end the session with 3/2',
    99,
    a => {
      a.flags = 0x40;
    },
  ),
  value('an unknown attribute that is not transitive', 'RFC 4271 §5: dropped quietly', 99, a => {
    a.flags = 0x80;
  }),
  value('an unknown attribute of many octets', 'RFC 4271 §5: passed on', 99, (a, dice) => {
    a.value = dice.octets(dice.below(600));
  }),
  whole('attributes in another order', 'RFC 4271 §5: any order is accepted', (draft, dice) => {
    draft.attributes.sort(() => dice.below(3) - 1);
  }),
  whole('LOCAL_PREF from outside', 'RFC 7606 §7.5: discarded', (draft, dice) => {
    draft.attributes.push({ flags: 0x40, code: 5, value: dice.octets(dice.pick([0, 3, 4, 5])) });
  }),
  whole('ORIGINATOR_ID from outside', 'RFC 7606 §7.9: discarded', (draft, dice) => {
    draft.attributes.push({ flags: 0x80, code: 9, value: dice.octets(dice.pick([0, 3, 4, 5])) });
  }),
  whole('CLUSTER_LIST from outside', 'RFC 7606 §7.10: discarded', (draft, dice) => {
    draft.attributes.push({ flags: 0x80, code: 10, value: dice.octets(dice.pick([0, 3, 4, 8])) });
  }),
  whole('a stray octet behind the attributes', 'RFC 7606 §4: treated as withdraw', (draft, dice) => {
    const last = draft.attributes.at(-1) as DraftAttribute;
    last.length = last.value.length;
    last.value = [...last.value, ...dice.octets(1 + dice.below(2))];
  }),
  whole('a total attribute length beyond the message', 'RFC 7606 §3 b: ends the session', (draft, dice) => {
    draft.attributesLength = 2000 + dice.below(60_000);
  }),
  whole('a withdrawn length beyond the message', 'RFC 7606 §3 a: ends the session', (draft, dice) => {
    draft.withdrawnLength = 2000 + dice.below(60_000);
  }),
  whole('a prefix length above 32', NLRI_RULE, (draft, dice) => {
    draft.nlri[0] = 33 + dice.below(223);
  }),
  whole('a prefix that is cut off', NLRI_RULE, draft => {
    draft.nlri.pop();
  }),
  whole('a withdrawn prefix that is cut off', NLRI_RULE, draft => {
    draft.withdrawn = [24, 203, 0];
  }),
  whole('the prefix withdrawn, too', 'RFC 4271 §4.3: counts as announced', draft => {
    draft.withdrawn = [...draft.nlri];
  }),
  whole('another prefix withdrawn', 'RFC 4271 §4.3: no error', draft => {
    draft.withdrawn = [24, 203, 0, 113];
  }),
  reach('without a flaw', 'RFC 4760 §3: no error', v => v),
  whole('MP_REACH_NLRI with the transitive bit', FLAGS_RULE, draft => {
    draft.attributes.unshift({ ...draftReach(), flags: 0xc0 });
  }),
  reach(
    'of a family that was not agreed on',
    'RFC 4760 §6: its routes are ignored, or the family is disabled',
    (v, dice) => [0, dice.pick([3, 25]), dice.pick([65, 70]), ...v.slice(3)],
  ),
  reach('with a next hop of a wrong length', MP_RULE, (v, dice) => [
    ...v.slice(0, 3),
    dice.pick([0, 1, 5, 15, 17, 255]),
    ...v.slice(4),
  ]),
  reach('with a prefix length above 128', MP_RULE, (v, dice) => [
    ...v.slice(0, 21),
    129 + dice.below(127),
    ...v.slice(22),
  ]),
  reach('with a prefix that is cut off', MP_RULE, v => v.slice(0, -1)),
  reach('shorter than its fixed part', MP_RULE, (v, dice) => v.slice(0, dice.below(4))),
];
