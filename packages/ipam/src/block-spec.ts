import { formatPrefix, ok, prefixSize, type Result } from '@muslin/net';
import type { Block, BlockAttribute, BlockOwner, Sequence } from './block.ts';
import { badField, cidrField, isMapping, type RawSpec, rawSpec, textsIn } from './spec-field.ts';
import type { SpecFault } from './stored.ts';

/** Largest block that is believed: /20 in IPv4, /116 in IPv6 (IPPool blockSize). */
const LARGEST = 4096;

/**
 * Reads an IPAMBlock's spec. It must be consistent (an ordinal is either free or in use, every index exists), because
 * an address that is assigned from a broken block may already have an owner.
 */
export function blockFromSpec(spec: unknown): Result<Block, SpecFault> {
  const raw = rawSpec(spec);
  if (!raw.ok) return raw;
  const cidr = cidrField(raw.value);
  if (!cidr.ok) return cidr;
  const size = prefixSize(cidr.value);
  if (size > LARGEST) return badField('cidr', `holds more than ${LARGEST} addresses`);
  const attributes = readAttributes(raw.value['attributes']);
  if (attributes === undefined) return badField('attributes', 'is not a list of mappings');
  const allocations = raw.value['allocations'];
  if (!isAllocations(allocations, size, attributes.length))
    return badField('allocations', `is not a list of ${size} entries, each null or an index into attributes`);
  const unallocated = raw.value['unallocated'] ?? [];
  if (!isUnallocated(unallocated, allocations))
    return badField('unallocated', 'does not list each free ordinal once, and no other');
  const { sequenceNumber, affinity, affinityClaimTime } = raw.value;
  // Whoever it is, a write must not make it nobody's.
  if (typeof affinity === 'string' && affinity !== '' && parseOwner(affinity) === undefined)
    return badField('affinity', 'is neither host:NODE nor virtual:NAME');
  return ok({
    cidr: cidr.value,
    owner: typeof affinity === 'string' ? parseOwner(affinity) : undefined,
    claimedAt: typeof affinityClaimTime === 'string' ? affinityClaimTime : undefined,
    allocations,
    unallocated,
    attributes,
    sequenceNumber: isSequence(sequenceNumber) ? sequenceNumber : 0,
    sequenceNumberForAllocation: readSequences(raw.value['sequenceNumberForAllocation']),
    deleted: raw.value['deleted'] === true,
    strictAffinity: raw.value['strictAffinity'] === true,
  });
}

/** Writes an IPAMBlock's spec; `blockFromSpec` reads back the same block. */
export function blockToSpec(block: Block): Record<string, unknown> {
  return {
    cidr: formatPrefix(block.cidr),
    ...(block.owner === undefined ? {} : { affinity: formatOwner(block.owner) }),
    ...(block.claimedAt === undefined ? {} : { affinityClaimTime: block.claimedAt }),
    allocations: [...block.allocations],
    unallocated: [...block.unallocated],
    attributes: block.attributes.map(attribute => ({
      ...attribute.others,
      ...(attribute.handleId === undefined ? {} : { handle_id: attribute.handleId }),
      ...(Object.keys(attribute.secondary).length === 0 ? {} : { secondary: { ...attribute.secondary } }),
      ...(attribute.releasedAt === undefined ? {} : { releasedAt: attribute.releasedAt }),
      ...(attribute.alternateOwnerAttrs === undefined
        ? {}
        : { alternateOwnerAttrs: { ...attribute.alternateOwnerAttrs } }),
    })),
    sequenceNumber: block.sequenceNumber,
    sequenceNumberForAllocation: Object.fromEntries(
      [...block.sequenceNumberForAllocation].map(([ordinal, sequence]) => [String(ordinal), sequence]),
    ),
    ...(block.deleted ? { deleted: true } : {}),
    strictAffinity: block.strictAffinity,
  };
}

/** Reads `host:<node>` or `virtual:<name>`; undefined for anything else. */
export function parseOwner(text: string): BlockOwner | undefined {
  const [, type, name] = /^(host|virtual):(.+)$/.exec(text) ?? [];
  return name === undefined ? undefined : { type: type as BlockOwner['type'], name };
}

/** `host:<node>` or `virtual:<name>`. */
export function formatOwner(owner: BlockOwner): string {
  return `${owner.type}:${owner.name}`;
}

function readAttributes(value: unknown): BlockAttribute[] | undefined {
  // Go writes an empty list as null, too.
  const list = value ?? [];
  if (!Array.isArray(list) || !list.every(isMapping)) return undefined;
  return list.map((entry: RawSpec) => {
    const { handle_id: handleId, secondary, releasedAt, alternateOwnerAttrs, ...others } = entry;
    return {
      handleId: typeof handleId === 'string' && handleId !== '' ? handleId : undefined,
      secondary: textsIn(secondary),
      ...(typeof releasedAt === 'string' ? { releasedAt } : {}),
      ...(isMapping(alternateOwnerAttrs) ? { alternateOwnerAttrs: textsIn(alternateOwnerAttrs) } : {}),
      ...(Object.keys(others).length > 0 ? { others } : {}),
    };
  });
}

function isAllocations(value: unknown, size: number, count: number): value is (number | null)[] {
  if (!Array.isArray(value) || value.length !== size) return false;
  return value.every(index => index === null || (Number.isInteger(index) && index >= 0 && index < count));
}

function isUnallocated(value: unknown, allocations: readonly (number | null)[]): value is number[] {
  if (!Array.isArray(value)) return false;
  const free = new Set<unknown>(value);
  if (free.size !== value.length) return false;
  return (
    free.size === allocations.filter(index => index === null).length &&
    allocations.every((index, ordinal) => (index === null) === free.has(ordinal))
  );
}

const isSequence = (value: unknown): value is Sequence =>
  typeof value === 'number' || typeof value === 'bigint';

function readSequences(value: unknown): Map<number, Sequence> {
  const sequences = new Map<number, Sequence>();
  if (isMapping(value))
    for (const [ordinal, sequence] of Object.entries(value))
      if (isSequence(sequence)) sequences.set(Number(ordinal), sequence);
  return sequences;
}
