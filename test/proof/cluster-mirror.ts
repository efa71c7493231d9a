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

/** What is in the cluster now, and what graphs that lived through every change say of it. */
export class ClusterMirror {
  readonly #client: KubeClient;
  readonly #store = new SnapshotStore();
  readonly #graphs: ReadonlyMap<string, Graph>;
  #known = new Map<string, AnyObject>();

  constructor(client: KubeClient, nodes: readonly string[]) {
    this.#client = client;
    this.#graphs = new Map(nodes.map(node => [node, new Graph(node)]));
    for (const graph of this.#graphs.values())
      for (const [key, value] of this.#store.snapshot.tiers) graph.update({ type: 'tier', key, value });
  }

  /** Reads everything; a snapshot made afresh, and the states of the graphs after what changed. Throws when refused. */
  async read(): Promise<{ readonly snapshot: Snapshot; readonly states: ReadonlyMap<string, NodeState> }> {
    const objects: AnyObject[] = [];
    for (const resource of KINDS.map(name => RESOURCES[name])) {
      const list = await this.#client.listAll<AnyObject>(resource);
      if (!list.ok) throw new Error(list.fault.message);
      const [apiVersion, kind] = [apiVersionOf(resource), resource.kind];
      objects.push(...list.value.items.map(item => ({ ...item, apiVersion, kind })));
    }
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

function idOf({ apiVersion, kind, metadata }: AnyObject): string {
  return `${apiVersion} ${kind} ${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
}
