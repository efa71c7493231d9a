import { fail, formatIp, formatPrefix, type Ip, ok, type Prefix, prefixHas, type Result } from '@muslin/net';
import { type Block, type BlockAttribute, ipAt, nextSequence, ordinalOf, type Sequence } from './block.ts';
import { settleCooled } from './block-release.ts';
import { pruneAttributes } from './prune-attributes.ts';

/** Who asks for an address, and under which rules. */
export interface AssignRequest {
  readonly handleId: string;
  readonly secondary: Readonly<Record<string, string>>;
  /** This address and no other: reservations and cool-down do not apply to it. */
  readonly ip?: Ip;
  /** IPAMConfiguration ipCooldownSeconds, in ms. */
  readonly cooldownMs: number;
  /** Positions that the block's owner keeps in hand: nobody gets them here. */
  readonly kept?: ReadonlySet<number>;
}

/** Why a block gives no address. */
export interface AssignRefusal {
  readonly code: 'full' | 'reserved' | 'cooling' | 'kept' | 'not-in-block' | 'taken';
  readonly block: Prefix;
  readonly message: string;
  /** `taken`: who has it. */
  readonly heldBy?: BlockAttribute;
}

/** An address, and the block after it was taken. */
export interface Assigned {
  readonly block: Block;
  readonly ip: Ip;
  readonly ordinal: number;
  readonly sequence: Sequence;
}

/**
 * Takes the address that is free for longest and not reserved (IPReservation), or the one asked for. The result is a
 * new block value with a raised `sequenceNumber`. `now` in ms since the epoch.
 */
export function assignFromBlock(
  block: Block,
  request: AssignRequest,
  reservations: readonly Prefix[],
  now: number,
): Result<Assigned, AssignRefusal> {
  const settled = settleCooled(block, now, request.cooldownMs);
  return request.ip === undefined
    ? assignNext(settled, request, reservations)
    : assignExactly(settled, request, request.ip);
}

function assignNext(
  block: Block,
  request: AssignRequest,
  reservations: readonly Prefix[],
): Result<Assigned, AssignRefusal> {
  const near = reservations.filter(r => prefixHas(r, block.cidr.ip) || prefixHas(block.cidr, r.ip));
  const { kept } = request;
  const isFree = (ordinal: number) => !kept?.has(ordinal);
  const ordinal = block.unallocated.find(
    free => isFree(free) && !near.some(r => prefixHas(r, ipAt(block, free))),
  );
  if (ordinal !== undefined) return ok(take(block, ordinal, request));
  const name = formatPrefix(block.cidr);
  const free = block.unallocated.filter(isFree).length;
  if (free === 0 && block.unallocated.length > 0)
    return fail({
      code: 'kept',
      block: block.cidr,
      message: `the last ${block.unallocated.length} free addresses of ${name} are kept in hand by its node`,
    });
  if (free > 0)
    return fail({
      code: 'reserved',
      block: block.cidr,
      message: `the ${free} free addresses of ${name} are reserved`,
    });
  const cooling = block.attributes.some(attribute => attribute.releasedAt !== undefined);
  return cooling
    ? fail({
        code: 'cooling',
        block: block.cidr,
        message: `${name} has only addresses that were released just now`,
      })
    : fail({ code: 'full', block: block.cidr, message: `${name} is full` });
}

function assignExactly(block: Block, request: AssignRequest, ip: Ip): Result<Assigned, AssignRefusal> {
  const ordinal = ordinalOf(block, ip);
  if (ordinal === undefined)
    return fail({
      code: 'not-in-block',
      block: block.cidr,
      message: `${formatIp(ip)} is not in ${formatPrefix(block.cidr)}`,
    });
  const index = block.allocations[ordinal] ?? null;
  const heldBy = index === null ? undefined : block.attributes[index];
  if (heldBy !== undefined && heldBy.releasedAt === undefined)
    return fail({
      code: 'taken',
      block: block.cidr,
      heldBy,
      message: `${formatIp(ip)} is in use by ${heldBy.handleId ?? 'somebody without a handle'}`,
    });
  if (request.kept?.has(ordinal))
    return fail({
      code: 'kept',
      block: block.cidr,
      message: `${formatIp(ip)} is kept in hand by the node that owns ${formatPrefix(block.cidr)}, for pods of its own; addresses that are asked for belong into an IPReservation`,
    });
  return ok(take(block, ordinal, request));
}

/** The block with an address of it taken. */
export function take(
  block: Block,
  ordinal: number,
  request: Pick<AssignRequest, 'handleId' | 'secondary'>,
): Assigned {
  const attribute: BlockAttribute = { handleId: request.handleId, secondary: request.secondary };
  const attributes = [...block.attributes, attribute];
  const allocations = [...block.allocations];
  allocations[ordinal] = attributes.length - 1;
  const sequence = nextSequence(block.sequenceNumber);
  const changed: Block = {
    ...block,
    allocations,
    attributes,
    unallocated: block.unallocated.filter(free => free !== ordinal),
    sequenceNumber: sequence,
    sequenceNumberForAllocation: new Map([...block.sequenceNumberForAllocation, [ordinal, sequence]]),
  };
  return { block: pruneAttributes(changed), ip: ipAt(block, ordinal), ordinal, sequence };
}
