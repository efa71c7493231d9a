import { mustIp } from '@muslin/net';
import { describe, expect, it } from 'vitest';
import {
  type Action,
  type Chain,
  evaluate,
  lookupOf,
  type Packet,
  type Rule,
  type Ruleset,
} from '../src/index.ts';

const packet: Packet = {
  family: 4,
  in: 'eth0',
  out: 'eth1',
  src: mustIp('10.0.0.1'),
  dst: mustIp('10.0.0.2'),
  protocol: 6,
  sport: 40000,
  dport: 80,
  ctState: 'NEW',
  mark: 0,
};
const always = (action: Action): Rule => ({ matches: [], action });
const bit = (value: number) => always({ kind: 'mark', value, mask: value });
const world = (chains: Record<string, readonly Rule[]>): Ruleset => ({
  family: 4,
  sets: new Map(),
  tables: new Map([
    [
      'filter',
      {
        hooks: new Map([['FORWARD', 'top']]),
        chains: new Map(
          Object.entries(chains).map(([name, rules]): [string, Chain] => [name, { name, rules }]),
        ),
      },
    ],
  ]),
});
const run = (chains: Record<string, readonly Rule[]>) =>
  evaluate(world(chains), lookupOf(), packet, 'FORWARD');

describe('evaluate walks chains as iptables(8) says', () => {
  it('comes back to the rule after a jump', () => {
    const { verdict, mark } = run({
      top: [always({ kind: 'jump', chain: 'a' }), bit(2), always({ kind: 'drop' })],
      a: [bit(1)],
    });
    expect([verdict, mark]).toEqual(['drop', 3]);
  });
  it('returns from a goto to where the chain before would have returned', () => {
    const { verdict, mark } = run({
      top: [always({ kind: 'jump', chain: 'a' }), bit(4)],
      a: [always({ kind: 'goto', chain: 'b' }), bit(2)],
      b: [bit(1), always({ kind: 'return' }), bit(8)],
    });
    expect([verdict, mark]).toEqual(['return', 5]);
  });
  it('leaves the verdict to others past the end of our first chain', () => {
    expect(run({ top: [] }).verdict).toBe('return');
    expect(run({ top: [always({ kind: 'return' }), always({ kind: 'drop' })] }).verdict).toBe('return');
  });
  it('says which rules matched, in order, the deciding one last', () => {
    const { trace } = run({
      top: [always({ kind: 'jump', chain: 'a' })],
      a: [bit(1), always({ kind: 'accept' })],
    });
    expect(trace.map(step => `${step.chain}#${step.index} ${step.rule.action.kind}`)).toEqual([
      'top#0 jump',
      'a#0 mark',
      'a#1 accept',
    ]);
  });
  it('sees the marks that earlier rules set', () => {
    const { verdict } = run({
      top: [
        bit(1),
        { matches: [{ kind: 'mark', value: 1, mask: 1 }], action: { kind: 'accept' } },
        always({ kind: 'drop' }),
      ],
    });
    expect(verdict).toBe('accept');
  });
  it('has no opinion on a hook that we do not use', () => {
    expect(evaluate(world({ top: [] }), lookupOf(), packet, 'INPUT').verdict).toBe('return');
  });
  it('calls a circle and a missing chain what they are: bugs', () => {
    expect(() => run({ top: [always({ kind: 'goto', chain: 'top' })] })).toThrow(/circle/);
    expect(() => run({ top: [always({ kind: 'jump', chain: 'gone' })] })).toThrow(/not defined/);
  });
});
