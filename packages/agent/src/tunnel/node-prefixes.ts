import { borrowedPrefix, type NodePrefix } from '@muslin/dataplane';
import { addressesOf, blockFromSpec } from '@muslin/ipam';
import type { Snapshot } from '@muslin/api';
import type { AnyObject } from '@muslin/kube';
import { type Ip, prefixHas } from '@muslin/net';

/** By object: what a block says does not change without a new one. */
const known = new WeakMap<AnyObject, readonly NodePrefix[]>();

/**
 * Which node has which addresses: its blocks, and single addresses that it borrowed from others' blocks. A block that can't
 * be read has none.
 */
export function nodePrefixes(blocks: Iterable<AnyObject>): readonly NodePrefix[] {
  return [...blocks].flatMap(object => {
    let prefixes = known.get(object);
    if (prefixes === undefined) known.set(object, (prefixes = prefixesOf(object)));
    return prefixes;
  });
}

/**
 * Which node has which addresses by what runs there (FelixConfiguration `routeSource: WorkloadIPs`), for addresses that another
 * IPAM gave: those of pods, and the podCIDRs of Nodes.
 */
export function workloadPrefixes({
  nodes,
  endpoints,
}: Pick<Snapshot, 'nodes' | 'endpoints'>): readonly NodePrefix[] {
  const ranges = [...nodes.values()].flatMap(({ name, podCidrs }) =>
    podCidrs.map(prefix => ({ prefix, node: name })),
  );
  const covered = (ip: Ip, node: string) =>
    ranges.some(range => range.node === node && prefixHas(range.prefix, ip));
  const single = [...endpoints.values()].flatMap(({ node = '', ips }) =>
    node === '' ? [] : ips.filter(ip => !covered(ip, node)).map(ip => borrowedPrefix(ip, node)),
  );
  return [...ranges, ...single];
}

function prefixesOf(object: AnyObject): readonly NodePrefix[] {
  const block = blockFromSpec(object['spec']);
  if (!block.ok || block.value.deleted) return [];
  const { cidr, owner } = block.value;
  const host = owner?.type === 'host' ? owner.name : undefined;
  const borrowed = addressesOf(block.value).flatMap(({ ip, attribute }) => {
    const node = attribute.secondary['node'];
    return attribute.handleId === undefined || node === undefined || node === host
      ? []
      : [borrowedPrefix(ip, node)];
  });
  return [...(host === undefined ? [] : [{ prefix: cidr, node: host }]), ...borrowed];
}
