import { describe, expect, it } from 'vitest';
import type { MemberSet, SetId } from '@muslin/api';
import { ownerOf, type Subject, Tally } from '@muslin/dataplane';
import { partOf } from '../src/lookups/derived-set.ts';

const rule = (policy: string, path = 'spec.ingress[0]'): Subject & { readonly kind: 'rule' } => ({
  ...{ kind: 'rule', policy: policy as never, path, direction: 'ingress', action: 'Allow' },
});
const counts = (tally: Tally) =>
  tally.totals.map(({ subject, packets, bytes }) => [subject.kind, packets, bytes]);

describe('a tally of kernel counters', () => {
  it('adds up what came since a counter was read last, for every place that counts for the same rule', () => {
    const tally = new Tally();
    expect(tally.take('4 filter a', 'h1', { packets: 3, bytes: 180 }, rule('p'))).toBe(3);
    expect(tally.take('4 filter a', 'h1', { packets: 5, bytes: 300 }, rule('p'))).toBe(2);
    tally.take('4 filter b', 'h1', { packets: 1, bytes: 60 }, rule('p'));
    expect(counts(tally)).toEqual([['rule', 6, 360]]);
  });

  it('goes on when a counter begins anew, told or not', () => {
    const tally = new Tally();
    tally.take('a', 'h', { packets: 10, bytes: 600 }, rule('p'));
    tally.take('a', 'h', { packets: 4, bytes: 240 }, rule('p'));
    tally.forget('a');
    tally.take('a', 'h', { packets: 9, bytes: 540 }, rule('p'));
    tally.take('set', 'm', { packets: 2, bytes: 120 }, rule('p'));
    tally.forget('set', ['m']);
    tally.take('set', 'm', { packets: 2, bytes: 120 }, rule('p'));
    expect(counts(tally)).toEqual([['rule', 27, 1620]]);
  });

  it('lets go of rules that are no more, and of nothing else', () => {
    const tally = new Tally();
    tally.take('a', 'h', { packets: 1, bytes: 60 }, rule('p'));
    tally.take('a', 'i', { packets: 1, bytes: 60 }, rule('q'));
    tally.keep(subject => subject.kind === 'rule' && subject.policy === ('q' as never));
    expect(tally.totals.map(({ subject }) => subject)).toEqual([rule('q')]);
  });
});

describe('the owner of a member', () => {
  const sets = new Map<SetId, MemberSet>([
    ['web', { kind: 'net', members: new Set(['10.0.0.1/32', '10.0.0.2/32', 'fd00::1/128']) }],
    ['all', { kind: 'net', members: new Set(['10.0.0.1/32', '10.0.0.3/32']) }],
  ]);
  const [first, second] = [rule('first'), rule('second')];
  const derived = {
    ...{ id: 'x', kind: 'ip-port' as const, counted: true },
    parts: [
      partOf('web', 'hosts', new Map([[',tcp:80', first]])),
      partOf(
        'all',
        'hosts',
        new Map([
          [',tcp:80', second],
          [',udp:53', second],
        ]),
      ),
    ],
  };

  it.each([
    ['10.0.0.1,tcp:80', 4, 'first'],
    ['10.0.0.1 . 6 . 80', 4, 'first'],
    ['10.0.0.1 . 17 . 53', 4, 'second'],
    ['10.0.0.3,tcp:80', 4, 'second'],
    ['fd00::1 . 6 . 80', 6, 'first'],
  ] as const)('is the first rule whose peer has it: %s', (member, family, policy) => {
    expect(ownerOf(member, derived, 'ingress', sets, family)).toEqual(rule(policy));
  });

  it('is nobody in particular when no rule brings it any more', () => {
    expect(ownerOf('10.0.0.2 . 17 . 53', derived, 'ingress', sets, 4)).toEqual({
      ...{ kind: 'several', direction: 'ingress' },
    });
  });

  it('is found for prefixes, which have no ending', () => {
    const nets = { ...derived, kind: 'net' as const, parts: [partOf('web', 'all', new Map([['', first]]))] };
    expect(ownerOf('10.0.0.2/32', nets, 'egress', sets, 4)).toMatchObject({
      policy: 'first',
      direction: 'egress',
    });
  });
});
