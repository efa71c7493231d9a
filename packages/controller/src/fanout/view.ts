import { addressesOf, type Block, blockFromSpec, blockToSpec } from '@muslin/ipam';
import type { AnyObject } from '@muslin/kube';

/** An object that everybody needs, one node whole and the others a little of it. */
export interface View {
  /** The node that needs the whole. */
  readonly owner: string | undefined;
  /** What the others are told. */
  readonly rest: AnyObject;
  /** Two versions with the same text say the same to the others. */
  readonly text: string;
}

/** What Node objects are read for: where the node is, and the ends of its tunnels. */
const ANNOTATIONS = /^(?:projectcalico\.org|muslin\.dev)\//;

/**
 * What nodes other than the one that an object is about need of it: of a Node its addresses, not its images and heartbeats; of a
 * block whose it is and who borrowed from it, not each pod that comes and goes. Undefined: all of it.
 */
export function viewOf(kind: string, object: AnyObject): View | undefined {
  if (kind === 'Node') return nodeView(object);
  return kind === 'IPAMBlock' ? blockView(object) : undefined;
}

function nodeView(object: AnyObject): View {
  const { name, uid, labels, annotations = {} } = object.metadata;
  const { podCIDR, podCIDRs } = (object['spec'] ?? {}) as { podCIDR?: unknown; podCIDRs?: unknown };
  const { addresses } = (object['status'] ?? {}) as { addresses?: unknown };
  const ours = Object.fromEntries(Object.entries(annotations).filter(([key]) => ANNOTATIONS.test(key)));
  return view(name, object, {
    metadata: { name, uid, labels, annotations: ours },
    spec: { podCIDR, podCIDRs },
    status: { addresses },
  });
}

function blockView(object: AnyObject): View | undefined {
  const read = blockFromSpec(object['spec']);
  // What can't be read is told as it is: the agent says what is wrong with it.
  if (!read.ok) return undefined;
  const { name, uid, deletionTimestamp } = object.metadata;
  const { owner } = read.value;
  const node = owner?.type === 'host' ? owner.name : undefined;
  const metadata = { name, uid, ...(deletionTimestamp !== undefined && { deletionTimestamp }) };
  return view(node, object, { metadata, spec: blockToSpec(borrowedOf(read.value, node)) });
}

/** The block as if only addresses that other nodes borrowed were in use. */
function borrowedOf(block: Block, node: string | undefined): Block {
  const borrowed = addressesOf(block).filter(({ attribute }) => {
    const user = attribute.secondary['node'];
    return user !== undefined && user !== node;
  });
  const users = new Map(borrowed.map(({ ordinal }, index) => [ordinal, index]));
  return {
    ...block,
    allocations: block.allocations.map((_, ordinal) => users.get(ordinal) ?? null),
    unallocated: [...block.allocations.keys()].filter(ordinal => !users.has(ordinal)),
    attributes: borrowed.map(({ attribute }) => attribute),
    sequenceNumber: 0,
    sequenceNumberForAllocation: new Map(),
  };
}

function view(
  owner: string | undefined,
  { apiVersion, kind, metadata }: AnyObject,
  rest: { readonly metadata: object; readonly [part: string]: unknown },
): View {
  const version = { ...rest.metadata, resourceVersion: metadata.resourceVersion };
  return {
    owner,
    rest: { ...rest, apiVersion, kind, metadata: version } as AnyObject,
    text: JSON.stringify(rest),
  };
}
