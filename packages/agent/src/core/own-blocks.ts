import { parsePrefix } from '@muslin/net';
import type { OwnBlock } from './local-endpoint.ts';

/** An IPAMBlock object, as far as its owner is concerned (projectcalico.org/v3 IPAMBlock). */
interface BlockObject {
  readonly metadata: { readonly name?: string };
  readonly [field: string]: unknown;
}

/** The blocks whose affinity is this node's; those that are being deleted, or can't be read, are left out. */
export function ownBlocks(objects: Iterable<BlockObject>, node: string): readonly OwnBlock[] {
  const own: OwnBlock[] = [];
  for (const object of objects) {
    const spec = (object['spec'] ?? {}) as { cidr?: unknown; affinity?: unknown; deleted?: unknown };
    if (spec.affinity !== `host:${node}` || spec.deleted === true) continue;
    const cidr = parsePrefix(String(spec.cidr));
    if (cidr.ok) own.push({ name: object.metadata.name ?? '', cidr: cidr.value });
  }
  return own;
}
