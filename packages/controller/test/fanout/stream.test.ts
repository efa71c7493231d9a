import { snapshotOf, type NodeState } from '@muslin/api';
import { type AnyObject, decodeLine, encodeEnd, type FanoutPart, type Sighting } from '@muslin/kube';
import { Graph, nodeState } from '@muslin/policy';
import { SnapshotStore } from '@muslin/api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fanout } from '../../src/fanout/fanout.ts';
import type { NodeFeed } from '../../src/fanout/node-feed.ts';

const NODES = ['n1', 'n2', 'n3'];
const pick = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const labels = fc.dictionary(pick('app', 'tier'), pick('web', 'db'), { maxKeys: 2 });
const selector = labels.map(matchLabels => ({ matchLabels }));
const ns = pick('red', 'blue');
const name = pick('a', 'b', 'c', 'd');

/** Kind, object: small names, so that everything collides with everything. */
const sightings: fc.Arbitrary<Sighting> = fc
  .oneof(
    {
      weight: 4,
      arbitrary: fc
        .record({
          ns,
          name,
          labels,
          node: pick(...NODES, undefined),
          ip: fc.integer({ min: 1, max: 6 }),
          net: fc.boolean(),
        })
        .map(({ ns, name, labels, node, ip, net }) => ({
          kind: 'Pod',
          object: {
            ...{
              apiVersion: 'v1',
              kind: 'Pod',
              metadata: { namespace: ns, name, uid: `u-${ns}-${name}`, labels },
            },
            spec: {
              nodeName: node,
              containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 80 }] }],
            },
            status: {
              phase: 'Running',
              ...(net && { podIP: `10.0.0.${ip}`, podIPs: [{ ip: `10.0.0.${ip}` }] }),
            },
          },
          policyKey: undefined,
        })),
    },
    {
      weight: 3,
      arbitrary: fc
        .record({
          ns,
          name,
          podSelector: selector,
          from: selector,
          namespaceSelector: fc.option(selector),
          port: pick<string | number>('http', 80),
        })
        .map(({ ns, name, podSelector, from, namespaceSelector, port }) => ({
          kind: 'NetworkPolicy',
          object: {
            ...{
              apiVersion: 'networking.k8s.io/v1',
              kind: 'NetworkPolicy',
              metadata: { namespace: ns, name },
            },
            spec: {
              podSelector,
              policyTypes: ['Ingress', 'Egress'],
              ingress: [
                {
                  from: [{ podSelector: from, ...(namespaceSelector && { namespaceSelector }) }],
                  ports: [{ port }],
                },
              ],
            },
          },
          policyKey: `knp/${ns}/${name}`,
        })),
    },
    fc
      .record({ ns, name, podSelector: selector, stagedAction: pick('Delete', 'Delete', 'Set') })
      .map(({ ns, name, ...spec }) => ({
        kind: 'StagedKubernetesNetworkPolicy',
        object: {
          ...{
            apiVersion: 'projectcalico.org/v3',
            kind: 'StagedKubernetesNetworkPolicy',
            metadata: { namespace: ns, name },
          },
          spec: { ...spec, policyTypes: ['Ingress'] },
        },
        policyKey: `sknp/${ns}/${name}`,
      })),
    fc.record({ ns, labels }).map(({ ns, labels }) => ({
      kind: 'Namespace',
      object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: ns, labels } },
      policyKey: undefined,
    })),
    fc.record({ name, order: pick(10, 20), app: pick('web', 'db') }).map(({ name, order, app }) => ({
      kind: 'GlobalNetworkPolicy',
      object: {
        ...{ apiVersion: 'projectcalico.org/v3', kind: 'GlobalNetworkPolicy', metadata: { name } },
        spec: {
          order,
          selector: `app == "${app}"`,
          types: ['Egress'],
          egress: [{ action: 'Deny', destination: { selector: 'role == "far"' } }],
        },
      },
      policyKey: `gnp/${name}`,
    })),
    fc
      .record({ name, node: pick(...NODES), ip: fc.integer({ min: 1, max: 3 }), app: pick('web', 'db') })
      .map(({ name, node, ip, app }) => ({
        kind: 'HostEndpoint',
        object: {
          ...{
            apiVersion: 'projectcalico.org/v3',
            kind: 'HostEndpoint',
            metadata: { name, labels: { app } },
          },
          spec: { node, interfaceName: '*', expectedIPs: [`192.168.0.${ip}`], profiles: ['kns.red'] },
        },
        policyKey: undefined,
      })),
    fc.record({ name, net: pick('10.9.0.0/16', '10.8.0.0/16') }).map(({ name, net }) => ({
      kind: 'GlobalNetworkSet',
      object: {
        ...{
          apiVersion: 'projectcalico.org/v3',
          kind: 'GlobalNetworkSet',
          metadata: { name, labels: { role: 'far' } },
        },
        spec: { nets: [net] },
      },
      policyKey: undefined,
    })),
  )
  .chain(sighting => pick(false, false, false, true).map(gone => ({ ...sighting, gone })));

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

/** An agent at the far end of a feed, over the real lines, that may be slow, cut off, or told the whole again. */
class FarEnd {
  readonly node: string;
  #store = new SnapshotStore();
  graph: Graph;
  sent: number | undefined;
  wholes = 0;

  constructor(node: string) {
    this.node = node;
    this.graph = new Graph(node);
  }

  #reset(): void {
    this.wholes++;
    this.#store = new SnapshotStore();
    this.graph = new Graph(this.node);
    for (const [key, value] of this.#store.snapshot.tiers) this.graph.update({ type: 'tier', key, value });
  }

  read(feed: NodeFeed, fanout: Fanout): void {
    while (this.sent !== feed.seq) {
      const next = this.sent === undefined ? undefined : feed.after(this.sent);
      if (next === undefined) this.#reset();
      const seq = next?.seq ?? feed.seq;
      for (const line of [...(next?.lines ?? fanout.whole(this.node)), encodeEnd(seq, next === undefined)]) {
        const decoded = decodeLine(line.subarray(0, -1));
        if (!decoded.ok) throw new Error(decoded.fault.message);
        if (decoded.value.type === 'part') this.#take(decoded.value.part);
      }
      this.sent = seq;
    }
    this.graph.flush();
  }

  #take(part: FanoutPart): void {
    if ('object' in part) {
      const changes =
        part.type === 'gone' ? this.#store.delete(part.object) : this.#store.upsert(part.object).changes;
      for (const change of changes) this.graph.update(change);
    } else if (part.type === 'members')
      this.graph.tellElsewhere(part.id, { add: part.add, remove: part.remove });
    else
      this.graph.tellElsewhere(part.id, { members: part.type === 'set' ? new Set(part.members) : undefined });
  }
}

type Step =
  | { readonly see: Sighting }
  | { readonly read: number }
  | { readonly cut: number }
  | { readonly leave: number };
const which = fc.nat({ max: NODES.length - 1 });
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: sightings.map(see => ({ see })) },
    { weight: 5, arbitrary: which.map(read => ({ read })) },
    { weight: 1, arbitrary: which.map(cut => ({ cut })) },
    { weight: 1, arbitrary: which.map(leave => ({ leave })) },
  ),
  { minLength: 20, maxLength: 120, size: 'max' },
);

function run(list: readonly Step[], kept: number): readonly FarEnd[] {
  const fanout = new Fanout({ bytes: kept, messages: 6 });
  const objects = new Map<string, AnyObject>();
  const ends = NODES.map(node => new FarEnd(node));
  for (const { node } of ends) fanout.listen(node);
  const read = (end: FarEnd) => {
    fanout.flush();
    end.read(fanout.listen(end.node), fanout);
    const wanted = textOf(nodeState(snapshotOf(objects.values()).snapshot, end.node));
    if (textOf(end.graph.state) !== wanted)
      expect(JSON.parse(textOf(end.graph.state))).toEqual(JSON.parse(wanted));
  };
  for (const step of list) {
    if ('see' in step) {
      const { kind, object, gone } = step.see;
      const key = `${kind} ${object.metadata.namespace}/${object.metadata.name}`;
      if (gone) objects.delete(key);
      else objects.set(key, object);
      fanout.saw(step.see);
      if (list.indexOf(step) % 3 === 0) fanout.flush();
    } else if ('read' in step) read(ends[step.read] as FarEnd);
    // A cut loses what was on its way: the agent comes back with the last message that it took whole.
    else if ('cut' in step) (ends[step.cut] as FarEnd).sent = undefined;
    else fanout.forget((ends[step.leave] as FarEnd).node);
  }
  for (const end of ends) read(end);
  return ends;
}

describe('fan-out', () => {
  it('gives every node its specification, through cuts, resumptions and slow periods', () => {
    fc.assert(
      fc.property(steps, pick(100, 2_000, 1 << 20), (list, kept) => {
        run(list, kept);
      }),
      { numRuns: 120 },
    );
  });

  it('goes on after the last message when it is kept, and tells the whole when it is not', () => {
    const pod = (i: number): Sighting => ({
      ...{ kind: 'Pod', gone: false, policyKey: undefined },
      object: {
        ...{ apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'red', name: `p${i}`, uid: `u${i}` } },
        spec: { nodeName: 'n1', containers: [] },
        status: { podIP: `10.0.1.${i}` },
      },
    });
    const steps = Array.from({ length: 5 }, (_, i) => [{ see: pod(i) }, { read: 0 }]).flat();
    expect(run(steps, 1 << 20)[0]?.wholes).toBe(1);
    expect(run([...steps, { cut: 0 }], 1 << 20)[0]?.wholes).toBe(2);
    expect(run([...steps, { leave: 0 }], 1 << 20)[0]?.wholes).toBe(2);
    expect(run(steps, 10)[0]?.wholes).toBeGreaterThan(2);
  });

  it('tells a pod event to the nodes that care, and to no other', () => {
    const fanout = new Fanout();
    for (const node of NODES) fanout.listen(node);
    const pod = (node: string, name: string, app: string, ip: string): Sighting => ({
      ...{ kind: 'Pod', gone: false, policyKey: undefined },
      object: {
        ...{
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { namespace: 'red', name, uid: name, labels: { app } },
        },
        spec: { nodeName: node, containers: [] },
        status: { podIP: ip },
      },
    });
    fanout.saw(pod('n1', 'db', 'db', '10.0.0.1'));
    fanout.saw(pod('n3', 'other', 'other', '10.0.0.3'));
    fanout.saw({
      ...{ kind: 'NetworkPolicy', gone: false, policyKey: 'knp/red/guard' },
      object: {
        ...{
          apiVersion: 'networking.k8s.io/v1',
          kind: 'NetworkPolicy',
          metadata: { namespace: 'red', name: 'guard' },
        },
        spec: {
          podSelector: { matchLabels: { app: 'db' } },
          ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }] }],
        },
      },
    });
    fanout.flush();
    const before = NODES.map(node => fanout.listen(node).seq);
    // It runs on n2, and a policy of n1 lets it in: n3 hears nothing.
    fanout.saw(pod('n2', 'web', 'web', '10.0.0.2'));
    expect(fanout.flush().nodes).toBe(2);
    expect(NODES.map((node, i) => fanout.listen(node).seq - (before[i] ?? 0))).toEqual([1, 1, 0]);
  });
});
