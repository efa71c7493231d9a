import { type AnyObject, type KubeClient, RESOURCES, type Resource } from '@muslin/kube';

const own = (kind: string, plural: string): Resource => ({
  ...{ group: 'muslin.dev', version: 'v1alpha1', plural, kind, namespaced: false },
});

/** What each node writes about itself, under its own name. */
const REPORTS = [own('PolicyNodeStatus', 'policynodestatuses'), own('BGPNodeStatus', 'bgpnodestatuses')];

/** Removes what nodes that are gone last said of themselves: nobody else would, and it reads as if it were true. */
export class LeftReports {
  readonly #client: KubeClient;
  readonly #log: (line: string) => void;

  constructor(options: { readonly client: KubeClient; readonly log: (line: string) => void }) {
    this.#client = options.client;
    this.#log = options.log;
  }

  /** Those of one node, if a fresh read says that it is gone. */
  async reconcile(node: string): Promise<string | undefined> {
    const found = await this.#client.get<AnyObject>(RESOURCES.Node, { name: node });
    if (found.ok) return undefined;
    if (found.fault.code !== 'NotFound') return found.fault.message;
    for (const resource of REPORTS) {
      const gone = await this.#client.delete(resource, { name: node });
      if (!gone.ok && gone.fault.code !== 'NotFound') return gone.fault.message;
      if (gone.ok) this.#log(`${resource.kind} ${node} removed: there is no such Node`);
    }
    return undefined;
  }

  /** Names under which some node has reported. */
  async reporters(): Promise<readonly string[]> {
    const lists = await Promise.all(REPORTS.map(resource => this.#client.listAll<AnyObject>(resource)));
    return [
      ...new Set(
        lists.flatMap(list => (list.ok ? list.value.items.map(({ metadata }) => metadata.name ?? '') : [])),
      ),
    ];
  }
}
