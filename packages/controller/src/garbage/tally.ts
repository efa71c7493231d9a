import { borrowerOf, addressesIn, usageOf } from '@muslin/ipam';
import { prefixHas } from '@muslin/net';
import type { ClusterLook } from './read-cluster.ts';

/** Counts by labels; each key is the label part of a line of the Prometheus text format 0.0.4. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(labels: Readonly<Record<string, string | undefined>>, count = 1): void {
    const key = Object.entries(labels)
      .map(([name, value]) => `${name}="${escaped(value ?? '')}"`)
      .join(',');
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
  }

  /** HELP, TYPE and one line for each set of labels, in order. */
  text(name: string, type: 'gauge' | 'counter', help: string): string {
    const lines = [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1));
    return [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...lines.map(([labels, count]) => `${name}{${labels}} ${count}`),
      '',
    ].join('\n');
  }
}

/** How addresses are used, with Calico's names of metrics and labels where it has one. */
export function usageText({ objects, reservations }: ClusterLook): string {
  const { inventory, pools } = objects;
  const [inUse, borrowed, blocks] = [new Tally(), new Tally(), new Tally()];
  const [size, reserved, free] = [new Tally(), new Tally(), new Tally()];
  const poolOf = (ip: Parameters<typeof prefixHas>[1]) => pools.find(pool => prefixHas(pool.cidr, ip))?.name;
  for (const { ip, block, attribute } of addressesIn(inventory)) {
    const labels = { ippool: poolOf(ip), node: attribute.secondary['node'] };
    inUse.add(labels);
    if (borrowerOf(block.owner, attribute) !== undefined) borrowed.add(labels);
  }
  for (const { cidr, owner } of inventory.blocks.values())
    blocks.add({ ippool: poolOf(cidr.ip), node: owner?.name });
  for (const usage of usageOf(inventory, pools, reservations).pools) {
    const labels = { ippool: usage.pool.name };
    size.add(labels, usage.total);
    reserved.add(labels, usage.reserved);
    free.add(labels, usage.free);
  }
  return [
    inUse.text(
      'ipam_allocations_in_use',
      'gauge',
      'Addresses in use, by pool and by the node that uses them.',
    ),
    borrowed.text('ipam_allocations_borrowed', 'gauge', 'Of these: from a block of another node.'),
    blocks.text('ipam_blocks', 'gauge', 'Blocks, by pool and by the node that owns them.'),
    size.text('ipam_ippool_size', 'gauge', 'Addresses of a pool.'),
    reserved.text('ipam_ippool_reserved', 'gauge', 'Addresses of a pool that are reserved and not in use.'),
    free.text('muslin_ipam_ippool_free', 'gauge', 'Addresses of a pool that may be given out.'),
  ].join('');
}

/** Label values (Prometheus text format): backslash, quote and line feed are escaped. */
function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, c => (c === '\n' ? '\\n' : `\\${c}`));
}
