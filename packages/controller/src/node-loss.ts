import { addressesOf, blockFromSpec, blockName, drive, releaseBlock, releaseByHandle } from '@muslin/ipam';
import { type AnyObject, ipamStore, type KubeClient, RESOURCES } from '@muslin/kube';
import { parsePrefix } from '@muslin/net';

/** What it takes to clean up after nodes. */
export interface NodeLossOptions {
  readonly client: KubeClient;
  readonly nodes: ReadonlySet<string>;
  readonly affinities: ReadonlyMap<string, AnyObject>;
  readonly log: (line: string) => void;
}

/**
 * Gives back the blocks of nodes that are gone. The proof is asked for twice: the watch says that the node is gone,
 * and so does a fresh read just before anything is freed.
 */
export class NodeLoss {
  readonly #options: NodeLossOptions;

  constructor(options: NodeLossOptions) {
    this.#options = options;
  }

  async reconcile(name: string): Promise<string | undefined> {
    const { client, nodes, affinities, log } = this.#options;
    const spec = affinities.get(name)?.['spec'] as
      | { cidr?: string; node?: string; type?: string }
      | undefined;
    if (spec?.node === undefined || (spec.type ?? 'host') !== 'host' || nodes.has(spec.node))
      return undefined;
    const cidr = parsePrefix(spec.cidr ?? '');
    if (!cidr.ok) return `BlockAffinity ${name}: ${cidr.fault.message}`;
    const node = await client.get<AnyObject>(RESOURCES.Node, { name: spec.node });
    if (node.ok) return undefined;
    if (node.fault.code !== 'NotFound') return node.fault.message;
    const store = ipamStore(client);
    const time = { now: Date.now(), cooldownMs: 0 };
    const block = await client.get<AnyObject>(RESOURCES.IPAMBlock, { name: blockName(cidr.value) });
    if (!block.ok && block.fault.code !== 'NotFound') return block.fault.message;
    if (block.ok) {
      const read = blockFromSpec(block.value['spec']);
      if (!read.ok) return `IPAMBlock ${blockName(cidr.value)}: ${read.fault.message}`;
      const handles = new Set<string>();
      // A borrower on a living node keeps what it borrowed.
      for (const { attribute } of addressesOf(read.value))
        if (attribute.handleId !== undefined && attribute.secondary['node'] === spec.node)
          handles.add(attribute.handleId);
      for (const handle of handles) {
        const released = await drive(releaseByHandle(handle, time), store);
        if (!released.ok) return released.fault.message;
      }
      log(`node ${spec.node} is gone: released ${handles.size} handles of block ${spec.cidr}`);
    }
    const done = await drive(
      releaseBlock(cidr.value, { type: 'host', name: spec.node }, { ...time, requireEmpty: false }),
      store,
    );
    if (!done.ok) return done.fault.message;
    log(`node ${spec.node} is gone: block ${spec.cidr} ${done.value}`);
    return undefined;
  }
}
