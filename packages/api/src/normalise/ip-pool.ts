import { formatPrefix, mustPrefix, prefixesOverlap } from '@muslin/net';
import { ALL } from '../model/selector.ts';
import type { Pool } from '../model/snapshot.ts';
import { readPrefix } from './address-field.ts';
import { finish, type Read } from './fact.ts';
import type { Field } from './field.ts';
import { readHeader } from './header.ts';
import { readSelector } from './selector-field.ts';

const MODES = ['Never', 'Always', 'CrossSubnet'] as const;
const LINK_LOCAL = [mustPrefix('169.254.0.0/16'), mustPrefix('fe80::/10')];
const BLOCK_SIZES = { 4: { least: 20, most: 32, usual: 26 }, 6: { least: 116, most: 128, usual: 122 } };

/** An IPPool (projectcalico.org/v3) with defaults. */
export function readIpPool(object: unknown): Read<Pool> {
  const { report, root, spec, name } = readHeader(object, 'Cluster');
  // A pool on its way out serves those who have its addresses, and gives no more.
  const leaving = Boolean(root.at('metadata').at('deletionTimestamp').value);
  const cidr = readPrefix(spec.at('cidr'));
  if (cidr === undefined) {
    if (!spec.at('cidr').present) spec.at('cidr').invalid('must be the prefix to take addresses from');
    return finish<Pool>(report, undefined);
  }
  if (LINK_LOCAL.some(local => prefixesOverlap(local, cidr)))
    spec.at('cidr').invalid('must not overlap link-local addresses');
  const ipipMode = spec.at('ipipMode').oneOf(['', ...MODES]) || 'Never';
  const vxlanMode = spec.at('vxlanMode').oneOf(['', ...MODES]) || 'Never';
  if (ipipMode !== 'Never' && vxlanMode !== 'Never')
    spec.at('vxlanMode').invalid('must be Never when ipipMode is not: a pool has one encapsulation');
  if (ipipMode !== 'Never' && cidr.ip.family === 6)
    spec.at('ipipMode').invalid('must be Never: IP-in-IP carries IPv4 only');
  const { least, most, usual } = BLOCK_SIZES[cidr.ip.family];
  const size = spec.at('blockSize').integer(0, 128);
  const blockSize = size || usual;
  if (blockSize < least || blockSize > most)
    spec.at('blockSize').invalid(`must be from ${least} to ${most} for IPv${cidr.ip.family}`);
  else if (blockSize < cidr.length)
    spec.at('blockSize').invalid(`must be at least ${cidr.length}: ${formatPrefix(cidr)} must hold a block`);
  const allowedUses = readUses(spec.at('allowedUses'));
  if (allowedUses.has('LoadBalancer')) {
    if (allowedUses.size > 1) spec.at('allowedUses').invalid('LoadBalancer must be the only use');
    if (ipipMode !== 'Never' || vxlanMode !== 'Never')
      spec.at('allowedUses').invalid('a pool for LoadBalancer addresses takes no encapsulation');
  }
  return finish(report, {
    name,
    cidr,
    blockSize,
    natOutgoing: spec.at('natOutgoing').flag() ?? false,
    disabled: leaving || (spec.at('disabled').flag() ?? false),
    disableBgpExport: spec.at('disableBGPExport').flag() ?? false,
    ipipMode,
    vxlanMode,
    nodeSelector: readSelector(spec.at('nodeSelector')) ?? ALL,
    namespaceSelector: readSelector(spec.at('namespaceSelector')),
    allowedUses,
    assignmentMode: spec.at('assignmentMode').oneOf(['Automatic', 'Manual']) ?? 'Automatic',
  });
}

function readUses(field: Field): Pool['allowedUses'] {
  const uses = field.items().flatMap(item => item.oneOf(['Workload', 'Tunnel', 'LoadBalancer']) ?? []);
  return new Set(uses.length > 0 ? uses : (['Workload', 'Tunnel'] as const));
}
