import type { FactChange, NodeDelta, NodeState } from '@muslin/api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyDelta, EMPTY_NODE_STATE, Graph, isEmptyDelta, nodeState } from '../src/index.ts';
import { changed, cluster } from './cluster.ts';
import { changes } from './worlds.ts';

/** Maps and sets as sorted lists, so that equal states have equal texts. */
function textOf(state: NodeState): string {
  const sorted = <V>(map: ReadonlyMap<string, V>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([
    sorted(state.endpoints),
    sorted(state.policies),
    state.hosts === undefined ? null : [sorted(state.hosts.plans), state.hosts.failsafe],
    sorted(state.sets).map(([id, { kind, members }]) => [id, kind, [...members].sort()]),
    [...(state.deletions ?? [])],
  ]);
}

/** Fails when the delta tells something that was so already. */
function expectMinimal(before: NodeState, { deletions, endpoints, policies, sets }: NodeDelta): void {
  if (deletions !== undefined) expect(before.deletions ?? null).not.toEqual(deletions);
  for (const [key, plan] of endpoints.upserts) expect(before.endpoints.get(key)).not.toEqual(plan);
  for (const [key, policy] of policies.upserts) expect(before.policies.get(key)).not.toEqual(policy);
  for (const key of endpoints.removals) expect(before.endpoints.has(key)).toBe(true);
  for (const key of policies.removals) expect(before.policies.has(key)).toBe(true);
  for (const id of sets.added.keys()) expect(before.sets.has(id)).toBe(false);
  for (const id of sets.removed) expect(before.sets.has(id)).toBe(true);
  for (const [id, { add, remove }] of sets.changed) {
    const old = before.sets.get(id)?.members ?? new Set();
    expect([add.isDisjointFrom(old), remove.isSubsetOf(old), add.size + remove.size > 0]).toEqual([
      true,
      true,
      true,
    ]);
  }
}

const steps = fc.array(fc.oneof({ arbitrary: changes, weight: 5 }, fc.constant('flush' as const)), {
  minLength: 1,
  maxLength: 100,
  size: 'max',
});

function run(list: readonly (FactChange | 'flush')[]): void {
  const graph = new Graph('n1');
  let snapshot = cluster();
  for (const [, value] of snapshot.tiers) graph.update({ type: 'tier', key: value.name, value });
  let state = EMPTY_NODE_STATE;
  for (const step of [...list, 'flush' as const]) {
    if (step !== 'flush') {
      graph.update(step);
      snapshot = changed(snapshot, step);
      continue;
    }
    const delta = graph.flush();
    expectMinimal(state, delta);
    state = applyDelta(state, delta);
    const wanted = textOf(nodeState(snapshot, 'n1'));
    if (textOf(state) !== wanted) expect(JSON.parse(textOf(state))).toEqual(JSON.parse(wanted));
    if (textOf(graph.state) !== wanted) expect(JSON.parse(textOf(graph.state))).toEqual(JSON.parse(wanted));
    if (!isEmptyDelta(graph.flush())) throw new Error('a flush without news must be empty');
  }
}

describe('Graph', () => {
  it('equals the specification after any sequence of changes and flushes', () => {
    fc.assert(fc.property(steps, run), { numRuns: 2000 });
  });
});
