import type { MemberSet } from '@muslin/api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ActualSet,
  canonicalMember,
  compile,
  desiredSets,
  type Ipset,
  ipsetAfterRules,
  ipsetBeforeRules,
  ipsetOf,
  IPTABLES_LIMITS,
  isEmptySetPlan,
  lower,
  membersOf,
  parseIpsetSave,
  planSets,
  SET_NAME_MAX,
  setName,
  temporarySetName,
} from '../src/index.ts';
import { configOf, nodeState } from './world.ts';

const nets = (...members: readonly string[]): MemberSet => ({ kind: 'net', members: new Set(members) });
const named = (...sets: readonly Ipset[]) => new Map(sets.map(set => [set.name, set]));

describe('sets for the kernel', () => {
  it('have names of at most 31 characters that tell ids and families apart', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.string({ maxLength: 300 }), (a, b) => {
        for (const name of [setName(a, 4), setName(a, 6), temporarySetName(setName(a, 4))]) {
          expect(name.length).toBeLessThanOrEqual(SET_NAME_MAX);
          expect(name).toMatch(/^msl[46]t?-[\w-]{24}$/);
        }
        expect(setName(a, 4) === setName(b, 4)).toBe(a === b);
      }),
    );
  });
  it('split by family, and everything becomes two halves: hash:net has no /0', () => {
    const set = nets('0.0.0.0/0', '10.0.0.1/32', '::/0', 'fd00::1/128');
    expect([...membersOf(set, 4)]).toEqual(['0.0.0.0/1', '128.0.0.0/1', '10.0.0.1/32']);
    expect([...membersOf(set, 6)]).toEqual(['::/1', '8000::/1', 'fd00::1/128']);
    const ports: MemberSet = {
      kind: 'ip-port',
      members: new Set(['10.0.0.1,tcp:80', 'fd00::1,udp:53', '::,tcp:1']),
    };
    expect([...membersOf(ports, 4)]).toEqual(['10.0.0.1,tcp:80']);
    expect([...membersOf(ports, 6)]).toEqual(['fd00::1,udp:53', '::,tcp:1']);
  });
  it('are made with room: half as many buckets as members, and no limit that they can meet', () => {
    const many: MemberSet = {
      kind: 'net',
      members: new Set(
        Array.from({ length: 70_000 }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`),
      ),
    };
    expect(ipsetOf('x', many, 4)).toMatchObject({
      hashsize: 65536,
      maxelem: 1048576,
      type: 'hash:net',
      family: 4,
    });
    expect(ipsetOf('x', nets(), 4).hashsize).toBe(64);
  });
  it('are those that rules look into, empty when nobody defines them as that kind', () => {
    const rules = (kind: 'src' | 'src,src') => {
      const chain = {
        name: 'msl-FORWARD',
        rules: [
          { matches: [{ kind: 'set' as const, set: 's', key: kind }], action: { kind: 'accept' as const } },
        ],
      };
      return lower(
        {
          family: 4,
          sets: new Map(),
          tables: new Map([
            [
              'filter',
              { hooks: new Map([['FORWARD', chain.name]] as const), chains: new Map([[chain.name, chain]]) },
            ],
          ]),
        },
        IPTABLES_LIMITS,
      );
    };
    const sets = new Map([
      ['s', nets('10.0.0.1/32')],
      ['unused', nets('10.0.0.2/32')],
    ]);
    expect([...desiredSets(sets, rules('src')).values()]).toMatchObject([
      { name: setName('s', 4), members: new Set(['10.0.0.1/32']) },
    ]);
    expect([...desiredSets(sets, rules('src,src')).values()]).toMatchObject([
      { type: 'hash:ip,port', members: new Set() },
    ]);
  });
});

describe('planSets', () => {
  const old = ipsetOf('old', nets('10.0.0.9/32'), 4);
  const one = ipsetOf('one', nets('10.0.0.1/32', '10.0.0.2/32'), 4);
  it('creates, changes members and destroys, each on its side of the rules', () => {
    const now: ActualSet = { ...one, members: new Set(['10.0.0.2/32', '10.0.0.3/32']) };
    const two = ipsetOf('two', { kind: 'ip-port', members: new Set(['10.0.0.1,tcp:80']) }, 4);
    const plan = planSets(
      named(one, two),
      new Map([
        [one.name, now],
        [old.name, old],
      ]),
    );
    expect(
      ipsetBeforeRules(plan),
    ).toBe(`create ${two.name} hash:ip,port family inet hashsize 64 maxelem 1048576
flush ${two.name}
add ${two.name} 10.0.0.1,tcp:80
add ${one.name} 10.0.0.1/32
`);
    expect(ipsetAfterRules(plan)).toBe(`del ${one.name} 10.0.0.3/32\ndestroy ${old.name}\n`);
  });
  it('fills a set beside one that has another type or is too small, and swaps', () => {
    for (const wrong of [
      { ...one, type: 'hash:ip,port' as const },
      { ...one, maxelem: 65536 },
      { ...one, family: 6 as const },
    ]) {
      const plan = planSets(named(one), new Map([[one.name, wrong]]));
      const temporary = temporarySetName(one.name);
      expect(ipsetBeforeRules(plan)).toBe(`destroy ${temporary}
create ${temporary} hash:net family inet hashsize 64 maxelem 1048576
flush ${temporary}
add ${temporary} 10.0.0.1/32
add ${temporary} 10.0.0.2/32
swap ${temporary} ${one.name}
destroy ${temporary}
`);
    }
  });
  it('leaves sets of others alone, and removes temporary ones that a crash left', () => {
    const left = { ...old, name: temporarySetName(old.name) };
    const foreign = { ...old, name: 'cali40foreign' };
    expect(
      planSets(
        new Map(),
        new Map([
          [left.name, left],
          [foreign.name, foreign],
        ]),
      ).destroy,
    ).toEqual([left.name]);
  });
  it('refuses members that could end their line: that is a bug of the caller', () => {
    const evil = ipsetOf('x', nets('10.0.0.1/32\ndestroy y'), 4);
    expect(() => ipsetBeforeRules(planSets(named(evil), new Map()))).toThrow(/unsafe/);
  });
  it('reads back as what a set script wrote, for any state', () => {
    fc.assert(
      fc.property(nodeState, state => {
        const want = desiredSets(
          state.sets,
          ...([4, 6] as const).map(f => lower(compile(state, configOf(f)), IPTABLES_LIMITS)),
        );
        const script = ipsetBeforeRules(planSets(want, new Map())).replace(/^flush.*\n/gm, '');
        expect(isEmptySetPlan(planSets(want, parseIpsetSave(script)))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});

describe('parseIpsetSave', () => {
  it('reads our sets as ipset 7.17 prints them', () => {
    // $ ipset save
    const sets =
      parseIpsetSave(`create msl6-x hash:net family inet6 hashsize 64 maxelem 65536 bucketsize 12 initval 0x3dbc
add msl6-x fd00::1
add msl6-x 8000::/1
create other hash:ip family inet hashsize 1024 maxelem 65536
add other 10.0.0.1
create msl4-p hash:ip,port family inet hashsize 64 maxelem 1048576
add msl4-p 10.0.0.1,tcp:80
`);
    expect([...sets.values()]).toEqual([
      {
        name: 'msl6-x',
        family: 6,
        type: 'hash:net',
        maxelem: 65536,
        members: new Set(['fd00::1/128', '8000::/1']),
      },
      {
        name: 'msl4-p',
        family: 4,
        type: 'hash:ip,port',
        maxelem: 1048576,
        members: new Set(['10.0.0.1,tcp:80']),
      },
    ]);
  });
  it('spells members one way', () => {
    expect(canonicalMember('10.0.0.1')).toBe('10.0.0.1/32');
    expect(canonicalMember('FD00:0::1,tcp:80')).toBe('fd00::1,tcp:80');
    expect(canonicalMember('nonsense')).toBe('nonsense');
    expect(canonicalMember('10.0.0.0/8')).toBe('10.0.0.0/8');
  });
});
