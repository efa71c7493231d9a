import { fail, formatIp, formatPrefix, type Ip, ok, type Prefix, type Result } from '@muslin/net';
import { type Block, ipAt, ordinalOf, sameOwner } from './block.ts';
import { take } from './block-assign.ts';
import { settleCooled } from './block-release.ts';
import { blockFromSpec, blockToSpec } from './block-spec.ts';
import { gaveUp, type IpamFault } from './fault.ts';
import { ensureHandles, lowerHandle } from './handle-program.ts';
import { chooseKept, keptIn, withKept } from './kept.ts';
import { type Machine, machine, type Program } from './machine.ts';
import { blockName } from './names.ts';
import { attributesOf, handleAnnotations, type Owner } from './owner.ts';
import { MOST_TRIES, readOne, withSpec, write } from './store.ts';

/** An address that its node gave out from what it keeps. */
export interface GivenOut {
  readonly ip: Ip;
  readonly handleId: string;
  readonly owner: Owner;
  /** When, ms since the epoch. */
  readonly at: number;
}

/** What a node wants written about one of its blocks. */
export interface SettleRequest {
  readonly block: Prefix;
  readonly node: string;
  readonly given: readonly GivenOut[];
  /** Stay kept: the node may give them out at this very moment. */
  readonly pinned: readonly Ip[];
  /** How many addresses to keep in hand; 0 gives them back. */
  readonly keep: number;
  /** Pods that wait for an address: so many more than are pinned are kept at least, as long as there are any; absent: none. */
  readonly wait?: number;
  readonly reservations: readonly Prefix[];
  readonly cooldownMs: number;
  /** Ms since the epoch. */
  readonly now: number;
  /** By handle: other blocks whose settling comes next, in which it was given an address too. One write counts them all. */
  readonly also?: ReadonlyMap<string, readonly Prefix[]>;
  /** Handles that count their address in this block already, as the settling of another block said moments ago. */
  readonly counted?: ReadonlySet<string>;
}

/** A block after it was settled. */
export interface Settled {
  /** Version from which on the block says all this. */
  readonly resourceVersion: string | undefined;
  readonly kept: readonly Ip[];
  /** Given out, and meanwhile in other hands: somebody who knows nothing of kept addresses wrote the block. */
  readonly lost: readonly GivenOut[];
  /** Handles that were made to count all of their blocks. */
  readonly counted: ReadonlySet<string>;
}

/**
 * Writes down who has the addresses that a node gave out by itself, and keeps new ones in the same write. A repeat is
 * harmless: what is written already is left as it is.
 */
export function settleKept(request: SettleRequest): Machine<Settled> {
  return machine(() => settling(request));
}

function* settling(request: SettleRequest): Program<Result<Settled, IpamFault>> {
  const { block: cidr, node, given, also } = request;
  const raised = new Set(given.filter(({ handleId }) => request.counted?.has(handleId)));
  for (let i = 0; i < MOST_TRIES; i++) {
    const held = yield* readOne('IPAMBlock', blockName(cidr), blockFromSpec);
    if (!held.ok) return held;
    const found = held.value;
    if (found === undefined || found.value.deleted)
      return yield* settled(request, raised, given, undefined, []);
    const { object } = found;
    const before = settleCooled(found.value, request.now, request.cooldownMs);
    const { due, lost } = sort(before, given);
    const fresh = due.filter(life => !raised.has(life));
    const handles = fresh.map(({ handleId, owner }) => ({
      handleId,
      annotations: handleAnnotations(owner, node),
      cidrs: [cidr, ...(also?.get(handleId) ?? [])],
    }));
    const made = yield* ensureHandles(handles);
    if (!made.ok) return made;
    for (const life of fresh) raised.add(life);
    let after = before;
    for (const { ip, handleId, owner, at } of due)
      after = take(after, ordinalOf(after, ip) as number, {
        handleId,
        secondary: attributesOf(owner, node, at),
      }).block;
    const kept = keptAfter(after, keptIn(object.metadata, before), request);
    const unchanged = due.length === 0 && sameSet(kept, keptIn(object.metadata, found.value));
    const ips = kept.map(ordinal => ipAt(after, ordinal));
    if (unchanged) return yield* settled(request, raised, lost, object.metadata.resourceVersion, ips);
    const changed = withSpec({ ...object, metadata: withKept(object.metadata, kept) }, blockToSpec(after));
    const written = yield* write('update', changed);
    if (written !== undefined)
      return yield* settled(request, raised, lost, written.metadata.resourceVersion, ips);
  }
  return fail(gaveUp(`block ${formatPrefix(cidr)}`, []));
}

/** Which lives are to be written, and which have come too late. */
function sort(
  block: Block,
  given: readonly GivenOut[],
): { due: readonly GivenOut[]; lost: readonly GivenOut[] } {
  const due: GivenOut[] = [];
  const lost: GivenOut[] = [];
  for (const life of given) {
    const index = block.allocations[ordinalOf(block, life.ip) ?? -1];
    const holder = index === null || index === undefined ? undefined : block.attributes[index];
    if (index === null) due.push(life);
    else if (holder?.handleId !== life.handleId) lost.push(life);
  }
  return { due, lost };
}

function keptAfter(block: Block, before: ReadonlySet<number>, request: SettleRequest): readonly number[] {
  const pinned = new Set(request.pinned.flatMap(ip => ordinalOf(block, ip) ?? []));
  const mine = sameOwner(block.owner, { type: 'host', name: request.node });
  // A block that went to somebody else is not ours to keep anything in.
  return mine ? chooseKept(block, before, pinned, request.reservations, request.keep, request.wait) : [];
}

/** Ends; what handles say too much is taken back. */
function* settled(
  { block }: SettleRequest,
  raised: ReadonlySet<GivenOut>,
  lost: readonly GivenOut[],
  resourceVersion: string | undefined,
  kept: readonly Ip[],
): Program<Result<Settled, IpamFault>> {
  for (const life of lost) {
    if (!raised.has(life)) continue;
    const lowered = yield* lowerHandle(life.handleId, block, 1);
    if (!lowered.ok) return lowered;
  }
  const counted = new Set([...raised].map(({ handleId }) => handleId));
  return ok({ resourceVersion, kept, lost, counted });
}

function sameSet(a: readonly number[], b: ReadonlySet<number>): boolean {
  return a.length === b.size && a.every(ordinal => b.has(ordinal));
}

/** For people. */
export function lostText({ ip, owner }: GivenOut): string {
  const whose = owner.type === 'pod' ? `pod ${owner.namespace}/${owner.name}` : owner.type;
  return `${formatIp(ip)} of ${whose} was given to another by a client that does not know the annotation muslin.dev/kept`;
}
