import type { FactChange, NodeState, Snapshot } from '@muslin/api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Graph, Interests, nodeState } from '../src/index.ts';
import { changed, cluster } from './cluster.ts';
import { changes, hostWorlds } from './worlds.ts';

const NODES = ['n1', 'n2'];
/** Facts that every node gets. */
const FOR_ALL = new Set<FactChange['type']>(['namespace', 'serviceAccount', 'tier', 'felix', 'node']);

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

/** A node that is given its own facts, and of all others only what `Interests` says. */
class FedNode {
  readonly name: string;
  readonly graph: Graph;

  constructor(name: string) {
    this.name = name;
    this.graph = new Graph(name);
  }

  tell(change: FactChange): void {
    if (FOR_ALL.has(change.type)) this.graph.update(change);
    if (change.type === 'endpoint' || change.type === 'hostEndpoint')
      this.graph.update(
        change.value?.node === this.name ? change : ({ ...change, value: undefined } as FactChange),
      );
  }

  take(interests: Interests, news: ReturnType<Interests['flush']>, told: Snapshot, touched: Set<string>) {
    const interest = news.nodes.get(this.name);
    for (const key of interest?.policies.removed ?? [])
      this.graph.update({ type: 'policy', key, value: undefined });
    for (const key of new Set([...(interest?.policies.added ?? []), ...touched]))
      if (interests.nodesOfPolicy(key).has(this.name))
        this.graph.update({ type: 'policy', key, value: told.policies.get(key) });
    for (const id of interest?.sets.removed ?? []) this.graph.tellElsewhere(id, { members: undefined });
    for (const [id, change] of news.sets.changed)
      if (interests.nodesOfSet(id).has(this.name) && !interest?.sets.added.has(id))
        this.graph.tellElsewhere(id, change);
    for (const id of interest?.sets.added ?? [])
      this.graph.tellElsewhere(id, { members: interests.sets.get(id)?.members });
  }
}

const steps = fc.array(fc.oneof({ arbitrary: changes, weight: 5 }, fc.constant('flush' as const)), {
  minLength: 1,
  maxLength: 60,
  size: 'max',
});

function run(world: readonly FactChange[], list: readonly (FactChange | 'flush')[]): void {
  const interests = new Interests();
  const nodes = NODES.map(name => new FedNode(name));
  let snapshot = cluster();
  const touched = new Set<string>();
  const tell = (change: FactChange) => {
    interests.update(change);
    for (const node of nodes) node.tell(change);
    snapshot = changed(snapshot, change);
    if (change.type === 'policy') touched.add(change.key);
  };
  for (const [key, value] of snapshot.tiers) tell({ type: 'tier', key, value });
  for (const fact of world) tell(fact);
  for (const step of ['flush' as const, ...list, 'flush' as const]) {
    if (step !== 'flush') {
      tell(step);
      continue;
    }
    const news = interests.flush();
    for (const node of nodes) {
      node.take(interests, news, snapshot, touched);
      node.graph.flush();
      const wanted = textOf(nodeState(snapshot, node.name));
      if (textOf(node.graph.state) !== wanted)
        expect(JSON.parse(textOf(node.graph.state))).toEqual(JSON.parse(wanted));
      const { policies } = interests.of(node.name);
      expect(new Set(policies).isSupersetOf(new Set(node.graph.state.policies.keys()))).toBe(true);
    }
    touched.clear();
  }
}

describe('Interests', () => {
  it('say what a node needs: given that alone, every node comes to its specification', () => {
    fc.assert(
      fc.property(hostWorlds, steps, (world, list) => {
        run(world, list);
      }),
      { numRuns: 200 },
    );
  });

  it('name no policy that selects nothing of the node', () => {
    fc.assert(
      fc.property(hostWorlds, world => {
        const interests = new Interests();
        // Every pod has an address: without one it is needed for, and not yet enforced.
        const facts = world.filter(fact => fact.type !== 'endpoint' || (fact.value?.ips.length ?? 0) > 0);
        for (const fact of facts) interests.update(fact);
        interests.flush();
        const snapshot = changed(cluster(), ...facts);
        for (const node of NODES) {
          const { policies, sets } = interests.of(node);
          const state = nodeState(snapshot, node);
          const needed = [...state.policies.keys(), ...(state.deletions?.keys() ?? [])];
          expect([...policies].sort()).toEqual(needed.sort());
          expect([...sets].sort()).toEqual([...state.sets.keys()].sort());
        }
      }),
      { numRuns: 200 },
    );
  });
});
