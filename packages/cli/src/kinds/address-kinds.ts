import type { AnyObject } from '@muslin/kube';
import { formatJson } from '@muslin/net';
import { listAt, textAt, valueAt } from '../files/json.ts';
import { type KindRow, NAME } from './kind-row.ts';

const spec = (head: string, field: string, wide?: true) => ({
  head,
  ...(wide && { wide }),
  cell: (object: AnyObject) => shown(valueAt(object, 'spec', field)),
});

/** A scalar as text; what is absent stays absent. */
export function shown(value: unknown): string | undefined {
  return value === undefined ? undefined : typeof value === 'object' ? formatJson(value) : String(value);
}

/** `host:n1` names a node, `virtual:…` something that is none (calico.md §1.4 IPAMBlock). */
function nodeOfBlock(block: AnyObject): string | undefined {
  return textAt(block, 'spec', 'affinity')?.replace(/^host:/, '');
}

const inUse = (block: AnyObject) =>
  listAt(block, 'spec', 'allocations').filter(owner => owner !== null).length;

function stateOf(block: AnyObject, affinities: readonly AnyObject[]): string {
  const cidr = textAt(block, 'spec', 'cidr');
  const node = nodeOfBlock(block);
  const own = affinities.find(
    affinity => textAt(affinity, 'spec', 'cidr') === cidr && textAt(affinity, 'spec', 'node') === node,
  );
  if (own !== undefined) return textAt(own, 'spec', 'state') ?? 'unset';
  return node === undefined ? 'none' : 'missing';
}

/** Pools and what IPAM keeps of them. */
export const ADDRESS_KINDS: readonly KindRow[] = [
  {
    names: ['ippools', 'ippool', 'ipp', 'pool', 'pools'],
    resources: ['IPPool'],
    namespaced: false,
    columns: () => [
      NAME,
      spec('CIDR', 'cidr'),
      { head: 'SELECTOR', cell: pool => textAt(pool, 'spec', 'nodeSelector') ?? 'all()' },
      { head: 'NAT', wide: true, cell: pool => String(valueAt(pool, 'spec', 'natOutgoing') ?? false) },
      { head: 'IPIPMODE', wide: true, cell: pool => textAt(pool, 'spec', 'ipipMode') ?? 'Never' },
      { head: 'VXLANMODE', wide: true, cell: pool => textAt(pool, 'spec', 'vxlanMode') ?? 'Never' },
      { head: 'DISABLED', wide: true, cell: pool => String(valueAt(pool, 'spec', 'disabled') ?? false) },
      {
        head: 'DISABLEBGPEXPORT',
        wide: true,
        cell: pool => String(valueAt(pool, 'spec', 'disableBGPExport') ?? false),
      },
      {
        head: 'ASSIGNMENTMODE',
        wide: true,
        cell: pool => textAt(pool, 'spec', 'assignmentMode') ?? 'Automatic',
      },
    ],
  },
  {
    names: ['ipreservations', 'ipreservation', 'reservation', 'reservations'],
    resources: ['IPReservation'],
    namespaced: false,
    columns: () => [
      NAME,
      { head: 'CIDRS', cell: object => listAt(object, 'spec', 'reservedCIDRs').join(',') },
    ],
  },
  {
    names: ['blocks', 'block', 'ipamblocks', 'ipamblock'],
    resources: ['IPAMBlock'],
    namespaced: false,
    joins: { resource: 'BlockAffinity' },
    columns: affinities => [
      spec('CIDR', 'cidr'),
      { head: 'NODE', cell: nodeOfBlock },
      { head: 'IN USE', cell: inUse },
      { head: 'FREE', cell: block => listAt(block, 'spec', 'allocations').length - inUse(block) },
      { head: 'AFFINITY STATE', cell: block => stateOf(block, affinities) },
    ],
  },
  {
    names: ['blockaffinities', 'blockaffinity', 'affinities', 'affinity'],
    resources: ['BlockAffinity'],
    namespaced: false,
    columns: () => [
      NAME,
      spec('CIDR', 'cidr'),
      spec('NODE', 'node'),
      spec('STATE', 'state'),
      spec('TYPE', 'type', true),
    ],
  },
  {
    names: ['ipamhandles', 'ipamhandle', 'handles', 'handle'],
    resources: ['IPAMHandle'],
    namespaced: false,
    columns: () => [NAME, { head: 'ADDRESSES', cell: handle => addressesOf(handle) }],
  },
  {
    names: ['ipamconfigurations', 'ipamconfiguration', 'ipamconfigs', 'ipamconfig'],
    resources: ['IPAMConfiguration'],
    namespaced: false,
    columns: () => [
      NAME,
      spec('STRICTAFFINITY', 'strictAffinity'),
      spec('AUTOALLOCATEBLOCKS', 'autoAllocateBlocks'),
      spec('MAXBLOCKSPERHOST', 'maxBlocksPerHost', true),
    ],
  },
];

/** A handle counts its addresses block by block. */
function addressesOf(handle: AnyObject): number {
  const counts = Object.values(valueAt(handle, 'spec', 'block') ?? {});
  return counts.reduce<number>((sum, count) => sum + (typeof count === 'number' ? count : 0), 0);
}
