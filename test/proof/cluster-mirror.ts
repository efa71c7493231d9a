import { type NodeState, type Snapshot, SnapshotStore, snapshotOf } from '@muslin/api';
import { type AnyObject, apiVersionOf, type KubeClient, RESOURCES } from '@muslin/kube';
import { Graph } from '@muslin/policy';

const KINDS = [
  'Namespace',
  'Node',
  'Pod',
  'Service',
  'EndpointSlice',
  'ServiceAccount',
  'NetworkPolicy',
  'CalicoNetworkPolicy',
  'GlobalNetworkPolicy',
  'Tier',
  'NetworkSet',
  'GlobalNetworkSet',
  'IPPool',
  'HostEndpoint',
  'FelixConfiguration',
] as const;

/** What there is now, and what graphs that lived through every change say of it. */
export interface Told {
  readonly snapshot: Snapshot;
  readonly states: ReadonlyMap<string, NodeState>;
}

/** Graphs of nodes, told of objects as they come, change and go. */
export class ObjectMirror {
  readonly #store = new SnapshotStore();
  readonly #graphs: ReadonlyMap<string, Graph>;
  #known = new Map<string, AnyObject>();

  constructor(nodes: readonly string[]) {
    this.#graphs = new Map(nodes.map(node => [node, new Graph(node)]));
    for (const graph of this.#graphs.values())
      for (const [key, value] of this.#store.snapshot.tiers) graph.update({ type: 'tier', key, value });
  }

  /** These are all that there is now: a snapshot made afresh, and the states of the graphs after what changed. */
  take(objects: readonly AnyObject[]): Told {
    const now = new Map(objects.map(object => [idOf(object), object]));
    const changes = [
      ...[...this.#known].flatMap(([id, old]) => (now.has(id) ? [] : this.#store.delete(old))),
      ...objects.flatMap(object => this.#store.upsert(object).changes),
    ];
    this.#known = now;
    const states = [...this.#graphs].map(([node, graph]) => {
      for (const change of changes) graph.update(change);
      graph.flush();
      return [node, graph.state] as const;
    });
    return { snapshot: snapshotOf(objects).snapshot, states: new Map(states) };
  }
}

/** The same for what an API server holds. */
export class ClusterMirror {
  readonly #client: KubeClient;
  readonly #mirror: ObjectMirror;

  constructor(client: KubeClient, nodes: readonly string[]) {
    this.#client = client;
    this.#mirror = new ObjectMirror(nodes);
  }

  /** Reads everything. Throws when refused. */
  async read(): Promise<Told> {
    const objects: AnyObject[] = [];
    for (const resource of KINDS.map(name => RESOURCES[name])) {
      const list = await this.#client.listAll<AnyObject>(resource);
      if (!list.ok) throw new Error(list.fault.message);
      const [apiVersion, kind] = [apiVersionOf(resource), resource.kind];
      objects.push(...list.value.items.map(item => ({ ...item, apiVersion, kind })));
    }
    return this.#mirror.take(objects);
  }
}

function idOf({ apiVersion, kind, metadata }: AnyObject): string {
  return `${apiVersion} ${kind} ${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
}
