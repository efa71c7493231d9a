import type { EndpointPlan, NodeState } from '@muslin/api';
import { mustIp } from '@muslin/net';
import { describe, expect, it } from 'vitest';
import { familyState } from '../src/core/family-state.ts';

const tiers = {
  ingress: [{ tier: 'default', policies: ['knp/a/p'], defaultAction: 'Deny' as const }],
  egress: [],
};
const plan = (name: string, ...ips: string[]): EndpointPlan => ({
  key: `pod/a/${name}`,
  namespace: 'a',
  name,
  ips: ips.map(mustIp),
  tiers,
});
const stateOf = (...plans: EndpointPlan[]): NodeState => ({
  endpoints: new Map(plans.map(p => [p.key, p])),
  policies: new Map(),
  sets: new Map(),
});

describe('familyState', () => {
  it('is the state itself when every pod has an address of the family', () => {
    const state = stateOf(plan('x', '10.0.0.1', 'fd00::1'), plan('y', '10.0.0.2', 'fd00::2'));
    expect(familyState(state, 4)).toBe(state);
    expect(familyState(state, 6)).toBe(state);
  });

  it('takes the policies from pods without an address of the family, and keeps the pods', () => {
    const [both, four] = [plan('x', '10.0.0.1', 'fd00::1'), plan('y', '10.0.0.2')];
    const six = familyState(stateOf(both, four), 6);
    expect(six.endpoints.get(both.key)).toBe(both);
    expect(six.endpoints.get(four.key)).toEqual({ ...four, tiers: { ingress: [], egress: [] } });
    expect(familyState(stateOf(both, four), 4).endpoints.get(four.key)).toBe(four);
  });

  it('gives the same objects for the same plans, so that nothing is compiled anew', () => {
    const state = stateOf(plan('x', '10.0.0.1'));
    const [first, second] = [familyState(state, 6), familyState(stateOf(...state.endpoints.values()), 6)];
    expect(first.endpoints.get('pod/a/x')).toBe(second.endpoints.get('pod/a/x'));
  });
});
