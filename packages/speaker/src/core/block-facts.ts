import { formatIp, offsetIp, parsePrefix, prefixSize } from '@muslin/net';
import type { BlockClaim, BorrowedAddress } from './cluster-facts.ts';

/**
 * A BlockAffinity (projectcalico.org/v3) as a claim to advertise; undefined while it is `pending` or `pendingDeletion`
 * (an empty state is what Calico's oldest clients wrote for confirmed), and for virtual owners.
 */
export function readClaim(spec: Readonly<Record<string, unknown>>): BlockClaim | undefined {
  const { cidr: text, node, type, state, deleted } = spec;
  const cidr = parsePrefix(String(text));
  if (!cidr.ok || typeof node !== 'string' || node === '') return undefined;
  if (state !== undefined && state !== '' && state !== 'confirmed') return undefined;
  if ((type !== undefined && type !== '' && type !== 'host') || String(deleted) === 'true') return undefined;
  return { cidr: cidr.value, node };
}

interface OwnerEntry {
  readonly secondary?: { readonly node?: unknown } | null;
  readonly releasedAt?: unknown;
}

/**
 * Addresses of an IPAMBlock (projectcalico.org/v3) in use on another node than the one that fills it. They need a route of
 * their own, since the block's leads elsewhere.
 */
export function readBorrowed(spec: Readonly<Record<string, unknown>>): readonly BorrowedAddress[] {
  const cidr = parsePrefix(String(spec['cidr']));
  const { allocations, attributes, affinity } = spec;
  if (!cidr.ok || !Array.isArray(allocations) || !Array.isArray(attributes)) return [];
  if (String(spec['deleted']) === 'true') return [];
  const found = new Map<string, BorrowedAddress>();
  allocations.slice(0, prefixSize(cidr.value)).forEach((index: unknown, ordinal) => {
    const owner = (typeof index === 'number' ? attributes[index] : undefined) as
      | OwnerEntry
      | null
      | undefined;
    const node = owner?.secondary?.node;
    if (typeof node !== 'string' || node === '' || owner?.releasedAt) return;
    if (affinity === `host:${node}` || String(affinity).startsWith('virtual:')) return;
    const ip = offsetIp(cidr.value.ip, ordinal);
    found.set(formatIp(ip), { ip, node });
  });
  return [...found.values()];
}
