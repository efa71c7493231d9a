import type { Direction, FactChange } from '@muslin/api';
import { mustIp } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answersWithout, applyChange, decide, nodeState, viewOf, withoutPolicy } from '../src/index.ts';
import { block, cluster, pod, policy } from './cluster.ts';
import { worlds } from './worlds.ts';

const DIRECTIONS: readonly Direction[] = ['ingress', 'egress'];
const WEB = mustIp('10.0.0.2');
const DB = mustIp('10.0.0.1');
const PACKET = { source: WEB, destination: DB, protocol: 6, sourcePort: 40_000, destinationPort: 5432 };

const deletion = (name: string) =>
  policy(`snp/shop/${name}`, {
    ...{ staged: true, selector: '!all()', directions: [], removes: `np/shop/${name}` },
  });
const stateOf = (...facts: readonly FactChange[]) =>
  nodeState(cluster(pod('shop/db', { ips: ['10.0.0.1'] }), ...facts), 'n1');

/** What staged deletions make of a connection to the only pod. */
function answers(...facts: readonly FactChange[]) {
  const state = stateOf(...facts);
  const plan = state.endpoints.get('pod/shop/db');
  if (plan === undefined) throw new Error('the pod has no plan');
  const view = viewOf(state);
  const decision = decide(plan, view, PACKET, 'ingress');
  return answersWithout(decision, state.deletions, plan, view, PACKET).map(
    ({ policy, answer }) => `without ${policy.name}: ${answer}`,
  );
}

describe('a staged deletion', () => {
  const shut = policy('np/shop/shut', { ingress: [] });
  const open = policy('np/shop/open', { ingress: [{ source: block('10.0.0.2/32') }] });

  it('says what the end would answer without the policy', () => {
    expect(answers(shut, deletion('shut'))).toEqual(['without shut: allow']);
    expect(answers(shut, open, deletion('open'))).toEqual(['without open: deny']);
    expect(answers(shut, policy('np/shop/also', { ingress: [] }), deletion('shut'))).toEqual([
      'without shut: deny',
    ]);
  });

  it('is asked about alone, whatever else is staged', () => {
    const also = policy('np/shop/also', { ingress: [] });
    expect(answers(shut, also, deletion('shut'), deletion('also'))).toEqual([
      'without also: deny',
      'without shut: deny',
    ]);
  });

  it('is silent about a policy that was not asked, or is not there', () => {
    const first = policy('np/shop/first', { order: 1, ingress: [{}] });
    expect(answers(first, shut, deletion('shut'))).toEqual([]);
    expect(answers(deletion('shut'))).toEqual([]);
    expect(stateOf(deletion('shut')).deletions).toBeUndefined();
    expect(stateOf(policy('np/shop/shut', { selector: "app == 'x'" }), deletion('shut')).deletions).toBe(
      undefined,
    );
  });

  it('means what a cluster without the policy means', () => {
    let asked = 0;
    fc.assert(
      fc.property(worlds, facts => {
        const snapshot = cluster(...facts);
        const state = nodeState(snapshot, 'n1');
        for (const { removes: key } of state.deletions?.values() ?? []) {
          const after = nodeState(applyChange(snapshot, { type: 'policy', key, value: undefined }), 'n1');
          for (const [id, plan] of state.endpoints) {
            const without = withoutPolicy(plan, key);
            expect(without).toEqual(after.endpoints.get(id));
            for (const direction of DIRECTIONS)
              expect(decide(without, viewOf(state), PACKET, direction)).toEqual(
                decide(without, viewOf(after), PACKET, direction),
              );
            asked++;
          }
        }
      }),
      { numRuns: 200 },
    );
    expect(asked).toBeGreaterThan(50);
  });
});
