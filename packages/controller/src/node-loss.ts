import {
  addressesOf,
  blockFromSpec,
  blockName,
  drive,
  HANDLE_ANNOTATIONS,
  releaseBlock,
  releaseByHandle,
} from '@muslin/ipam';
import { type AnyObject, ipamStore, type KubeClient, RESOURCES } from '@muslin/kube';
import { fail, ok, type Prefix, parsePrefix, type Result } from '@muslin/net';

/** What it takes to clean up after nodes. */
export interface NodeLossOptions {
  readonly client: KubeClient;
  /** By name. */
  readonly nodes: ReadonlyMap<string, unknown> | ReadonlySet<string>;
  readonly affinities: ReadonlyMap<string, AnyObject>;
  readonly log: (line: string) => void;
}

/** Share of the nodes that may be lost at one time before it looks like a mistake. */
const BREAKER = 0.2;

/** How many of `all` nodes may be cleaned up after at one time: always one. */
function mostLost(all: number): number {
  return Math.max(1, Math.floor(all * BREAKER));
}

/**
 * Gives back the blocks of nodes that are gone. The proof is asked for twice: the watch says that the node is gone,
 * and so does a fresh read just before anything is freed. When many nodes vanish at once, which no machine room does but
 * a wrong command might, nothing is freed.
 */
export class NodeLoss {
  readonly #options: NodeLossOptions;

  constructor(options: NodeLossOptions) {
    this.#options = options;
  }

  /** Nodes that have blocks and no Node object. */
  #lostNodes(): ReadonlySet<string> {
    const lost = new Set<string>();
    for (const affinity of this.#options.affinities.values()) {
      const { node, type = 'host' } = (affinity['spec'] ?? {}) as { node?: string; type?: string };
      if (node !== undefined && type === 'host' && !this.#options.nodes.has(node)) lost.add(node);
    }
    return lost;
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
    const lost = this.#lostNodes();
    if (lost.size > mostLost(nodes.size + lost.size))
      return `${lost.size} of ${nodes.size + lost.size} nodes with blocks are gone at once: nothing is freed; if that is true, see muslinctl ipam check and ipam release`;
    const node = await client.get<AnyObject>(RESOURCES.Node, { name: spec.node });
    if (node.ok) return undefined;
    if (node.fault.code !== 'NotFound') return node.fault.message;
    const store = ipamStore(client);
    const time = { now: Date.now(), cooldownMs: 0 };
    const handles = await this.#handlesOf(spec.node, cidr.value);
    if (!handles.ok) return handles.fault;
    for (const handle of handles.value) {
      const released = await drive(releaseByHandle(handle, time), store);
      if (!released.ok) return released.fault.message;
    }
    if (handles.value.size > 0) log(`node ${spec.node} is gone: released ${handles.value.size} handles`);
    const done = await drive(
      releaseBlock(cidr.value, { type: 'host', name: spec.node }, { ...time, requireEmpty: false }),
      store,
    );
    if (!done.ok) return done.fault.message;
    log(`node ${spec.node} is gone: block ${spec.cidr} ${done.value}`);
    return undefined;
  }

  /**
   * All handles of a node: those that say so themselves, in its own blocks or not, and those that only an address in
   * this block tells of (handles of others than Muslin bear no node). A borrower on a living node keeps its own.
   */
  async #handlesOf(node: string, cidr: Prefix): Promise<Result<ReadonlySet<string>, string>> {
    const { client } = this.#options;
    const found = new Set<string>();
    const list = await client.listAll<AnyObject>(RESOURCES.IPAMHandle);
    if (!list.ok) return fail(list.fault.message);
    for (const { metadata, ...object } of list.value.items) {
      const { handleID } = (object['spec'] ?? {}) as { handleID?: string };
      if (metadata.annotations?.[HANDLE_ANNOTATIONS.node] === node && handleID) found.add(handleID);
    }
    const block = await client.get<AnyObject>(RESOURCES.IPAMBlock, { name: blockName(cidr) });
    if (!block.ok) return block.fault.code === 'NotFound' ? ok(found) : fail(block.fault.message);
    const read = blockFromSpec(block.value['spec']);
    if (!read.ok) return fail(`IPAMBlock ${blockName(cidr)}: ${read.fault.message}`);
    for (const { attribute } of addressesOf(read.value))
      if (attribute.handleId !== undefined && attribute.secondary['node'] === node)
        found.add(attribute.handleId);
    return ok(found);
  }
}
