import type { ActivePolicy, MemberSet, NodeState, SetId } from '@muslin/api';
import { formatPrefix, hostPrefix } from '@muslin/net';
import fc from 'fast-check';
import type { Packet } from '../src/index.ts';
import { ADDRESSES, net, plainRule, SETS } from './world.ts';

const KEYS = ['knp/a/one', 'knp/a/two', 'knp/a/three', 'knp/a/four'];

const policies = fc
  .tuple(
    ...KEYS.map(() => fc.tuple(fc.array(plainRule, { maxLength: 5 }), fc.array(plainRule, { maxLength: 5 }))),
  )
  .map(
    list =>
      new Map(
        list.map(([ingress, egress], i): [string, ActivePolicy] => {
          const key = KEYS[i] as string;
          return [key, { key, source: { kind: 'NetworkPolicy', name: key }, ingress, egress, staged: false }];
        }),
      ),
  );
const member = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom(...ADDRESSES[4], ...ADDRESSES[6]).map(ip => formatPrefix(hostPrefix(ip))),
  },
  { weight: 1, arbitrary: net.map(formatPrefix) },
);
/** Members of a set: single addresses mostly. */
export const members = fc.array(member, { maxLength: 6 }).map(list => new Set(list));
const sets = fc
  .array(members, { minLength: SETS.length, maxLength: SETS.length })
  .map(
    list =>
      new Map(list.map((set, i): [SetId, MemberSet] => [SETS[i] as string, { kind: 'net', members: set }])),
  );

/** One pod, whose one tier in each direction asks policies that only allow. */
export const unions: fc.Arbitrary<NodeState> = fc
  .tuple(
    policies,
    sets,
    fc.shuffledSubarray(KEYS, { minLength: 1 }),
    fc.shuffledSubarray(KEYS, { minLength: 1 }),
  )
  .map(([policies, sets, to, from]) => {
    const tier = (keys: readonly string[]) => [
      { tier: 'default', policies: keys, defaultAction: 'Deny' as const },
    ];
    const ips = [ADDRESSES[4][0], ADDRESSES[6][0]] as NonNullable<Packet['src']>[];
    const plan = {
      key: 'pod/a/one',
      namespace: 'a',
      name: 'one',
      ips,
      tiers: { ingress: tier(to), egress: tier(from) },
    };
    return { policies, sets, endpoints: new Map([[plan.key, plan]]) };
  });
