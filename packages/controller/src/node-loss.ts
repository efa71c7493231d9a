import {
  addressesOf,
  blockFromSpec,
  blockName,
  drive,
  HANDLE_ANNOTATIONS,
  releaseBlock,
  releaseByHandle,
} from '@muslin/ipam';
import { type AnyObject, ipamStore, type KubeClient, type Note, RESOURCES } from '@muslin/kube';
import { fail, formatIp, type Ip, ok, type Prefix, parsePrefix, type Result } from '@muslin/net';
import { aboutNode, blockNote, notesOf } from './address-notes.ts';
import { podFacts } from './garbage/read-cluster.ts';
import type { Again } from './work-queue.ts';

/** What it takes to clean up after nodes. */
export interface NodeLossOptions {
  readonly client: KubeClient;
  /** By name. */
  readonly nodes: ReadonlyMap<string, unknown> | ReadonlySet<string>;
  readonly affinities: ReadonlyMap<string, AnyObject>;
  readonly log: (line: string) => void;
  /** Who asks later where an address or a block went finds it there. */
  readonly tell: (note: Note) => void;
}

/** Share of the nodes that may be lost at one time before it looks like a mistake. */
const BREAKER = 0.2;

/** How often to look whether the pods of a lost node are gone. */
const AGAIN_MS = 2_000;

/** How many of `all` nodes may be cleaned up after at one time: always one. */
function mostLost(all: number): number {
  return Math.max(1, Math.floor(all * BREAKER));
}

/**
 * Gives back the blocks of nodes that are gone. The proof is asked for twice: the watch says that the node is gone,
 * and so does a fresh read just before anything is freed. The machine may still run, and its pods with it: as long as the API
 * server has one of them, nothing is freed. It deletes them some forty seconds after their node (pod garbage collection). When
 * many nodes vanish at once, which no machine room does but a wrong command might, nothing is freed.
 */
export class NodeLoss {
  readonly #options: NodeLossOptions;
  /** Nodes whose pods were told of. */
  readonly #told = new Set<string>();

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

  async reconcile(name: string): Promise<string | Again | undefined> {
    const { client, nodes, affinities, log, tell } = this.#options;
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
    const living = await this.#podsOf(spec.node);
    if (!living.ok) return living.fault;
    if (living.value.length > 0) {
      if (!this.#told.has(spec.node))
        log(
          `node ${spec.node} is gone, its pods are not: ${living.value.join(', ')} keep their addresses until they are`,
        );
      this.#told.add(spec.node);
      return { againMs: AGAIN_MS };
    }
    this.#told.delete(spec.node);
    const store = ipamStore(client);
    const time = { now: Date.now(), cooldownMs: 0 };
    const handles = await this.#handlesOf(spec.node, cidr.value);
    if (!handles.ok) return handles.fault;
    const why = `Node ${spec.node} is gone, and the API server has none of its pods`;
    const freed: Ip[] = [];
    for (const handle of handles.value) {
      const released = await drive(releaseByHandle(handle, time), store);
      if (!released.ok) {
        this.#tellFreed(spec.node, freed, why);
        return released.fault.message;
      }
      freed.push(...released.value.released);
    }
    this.#tellFreed(spec.node, freed, why);
    if (handles.value.size > 0) log(`node ${spec.node} is gone: released ${handles.value.size} handles`);
    const done = await drive(
      releaseBlock(cidr.value, { type: 'host', name: spec.node }, { ...time, requireEmpty: false }),
      store,
    );
    if (!done.ok) return done.fault.message;
    log(`node ${spec.node} is gone: block ${spec.cidr} ${done.value}`);
    const note = blockNote(aboutNode(spec.node), cidr.value, `node ${spec.node}`, done.value, why);
    if (note !== undefined) tell(note);
    return undefined;
  }

  #tellFreed(node: string, ips: readonly Ip[], why: string): void {
    const lines = ips.map(ip => `freed ${formatIp(ip)}: ${why}`);
    const about = aboutNode(node);
    for (const note of notesOf({ about, type: 'Normal', reason: 'AddressFreed' }, lines))
      this.#options.tell(note);
  }

  /** Pods of a node that the API server still has and that may hold an address. */
  async #podsOf(node: string): Promise<Result<readonly string[], string>> {
    const query = { fieldSelector: `spec.nodeName=${node}` };
    const list = await this.#options.client.listAll<AnyObject>(RESOURCES.Pod, query);
    if (!list.ok) return fail(list.fault.message);
    return ok(
      list.value.items.flatMap(pod => {
        const { hostNetwork } = (pod['spec'] ?? {}) as { hostNetwork?: boolean };
        const facts = podFacts(pod);
        return facts === undefined || hostNetwork ? [] : [`${facts.namespace}/${facts.name}`];
      }),
    );
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
    for (const { attribute } of addressesOf(read.value)) {
      // A virtual machine that was on its way to another node lives there.
      const { node: other = node } = attribute.alternateOwnerAttrs ?? {};
      const moved = other !== node && this.#options.nodes.has(other);
      if (attribute.handleId !== undefined && attribute.secondary['node'] === node && !moved)
        found.add(attribute.handleId);
    }
    return ok(found);
  }
}
