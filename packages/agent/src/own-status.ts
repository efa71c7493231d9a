import type { KubeClient, Resource } from '@muslin/kube';

const FIELD_MANAGER = { fieldManager: 'muslin-agent', force: true } as const;

/** What writing a status takes. */
export interface OwnStatusOptions {
  readonly client: Pick<KubeClient, 'patch'>;
  readonly resource: Resource;
  readonly node: string;
  /** UID of the Node object: the status goes with it. Undefined while it is not known, or if it stays. */
  readonly nodeUid?: () => string | undefined;
}

/** The object that bears this node's name, and its status, which nobody else writes. */
export class OwnStatus {
  readonly #options: OwnStatusOptions;
  #made = false;

  constructor(options: OwnStatusOptions) {
    this.#options = options;
  }

  /** Gives why it failed, in words. */
  async write(status: object): Promise<string | undefined> {
    const { client, resource, node, nodeUid } = this.#options;
    const uid = nodeUid?.();
    const base = {
      apiVersion: `${resource.group}/${resource.version}`,
      kind: resource.kind,
      metadata: { name: node },
    };
    const put = () =>
      client.patch(
        resource,
        { name: node },
        { type: 'apply', body: { ...base, status } },
        { ...FIELD_MANAGER, subresource: 'status' },
      );
    // A status has to have its object first, also when somebody deleted that.
    let done = this.#made ? await put() : undefined;
    if (done === undefined || (!done.ok && done.fault.code === 'NotFound')) {
      const owner = { apiVersion: 'v1', kind: 'Node', name: node, uid };
      const metadata = { name: node, ...(uid !== undefined && { ownerReferences: [owner] }) };
      const make = { type: 'apply', body: { ...base, metadata, spec: {} } } as const;
      const made = await client.patch(resource, { name: node }, make, FIELD_MANAGER);
      done = made.ok ? await put() : made;
    }
    this.#made = done.ok;
    return done.ok ? undefined : done.fault.message;
  }
}
