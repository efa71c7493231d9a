import type { Pool } from '@muslin/api';
import {
  comparePrefix,
  type Family,
  formatPrefix,
  ok,
  type Prefix,
  prefixCovers,
  type Result,
} from '@muslin/net';
import { type Affinity, affinityFromSpec } from './affinity.ts';
import { type Attempt, assignIn } from './assign-in.ts';
import { type Block, isEmpty, sameOwner } from './block.ts';
import { blockFromSpec, formatOwner } from './block-spec.ts';
import { claimAffinity } from './claim-affinity.ts';
import type { IpamFault, Reason } from './fault.ts';
import { freeBlockCandidates } from './free-blocks.ts';
import type { Program } from './machine.ts';
import { releaseAffinity } from './release-affinity.ts';
import { type AllocatedAddress, type AllocationRequest, blockOwnerOf, type How } from './request.ts';
import { listAll } from './store.ts';

/** Another node's empty block may be taken over when it was claimed longer ago than this. */
const EMPTY_FOR_MS = 60_000;

/** New blocks tried for one address before giving up: others claim at the same time. */
const MOST_CLAIMS = 64;

/** An address, a fault that ends the search, or nothing: try the next way. */
type Found = Result<AllocatedAddress, IpamFault> | undefined;

/** The ways to an address of one family, in one place because they share what was asked and what was tried. */
export class Ways {
  readonly #request: AllocationRequest;
  readonly #family: Family;
  readonly #pools: readonly Pool[];
  readonly #tried: Reason[];
  /** Whether something that was seen was found changed when it was used. */
  moved = false;

  constructor(request: AllocationRequest, family: Family, pools: readonly Pool[], tried: Reason[]) {
    this.#request = request;
    this.#family = family;
    this.#pools = pools;
    this.#tried = tried;
  }

  /** What was tried so far. */
  get tried(): readonly Reason[] {
    return [...this.#tried];
  }

  /** The owner's affinities of this family, whatever their pool: they all count against the cap. */
  *ownAffinities(): Program<readonly Affinity[]> {
    const owner = blockOwnerOf(this.#request);
    const listed = yield* listAll(
      { type: 'list', kind: 'BlockAffinity', node: owner.name },
      affinityFromSpec,
    );
    return listed
      .map(held => held.value)
      .filter(affinity => sameOwner(affinity.owner, owner) && !affinity.deleted)
      .filter(affinity => affinity.cidr.ip.family === this.#family);
  }

  /** Confirmed blocks first; then claims that were begun and never finished. */
  *fromOwn(affinities: readonly Affinity[]): Program<Found> {
    const usable = affinities
      .filter(({ cidr }) => this.#placeOf(cidr) >= 0)
      .sort((a, b) => this.#placeOf(a.cidr) - this.#placeOf(b.cidr) || comparePrefix(a.cidr, b.cidr));
    for (const { cidr } of usable.filter(affinity => affinity.state === 'confirmed')) {
      const found = yield* this.#assign(cidr, 'own-block', false);
      // The affinity says ours and there is no block: claiming it again makes one.
      if (found === 'gone') {
        const again = yield* this.#claimAndAssign(cidr, 'own-block');
        if (again !== undefined) return again;
      } else if (found !== undefined) return found;
    }
    for (const { cidr } of usable.filter(affinity => affinity.state !== 'confirmed')) {
      const found = yield* this.#claimAndAssign(cidr, 'own-block');
      if (found !== undefined) return found;
    }
    return undefined;
  }

  *allBlocks(): Program<readonly Block[]> {
    const blocks: Block[] = [];
    for (const pool of this.#pools) {
      const listed = yield* listAll({ type: 'list', kind: 'IPAMBlock', within: pool.cidr }, blockFromSpec);
      blocks.push(...listed.map(held => held.value).filter(block => prefixCovers(pool.cidr, block.cidr)));
    }
    return blocks;
  }

  *fromNew(blocks: readonly Block[]): Program<Found> {
    const { config, reservations, node } = this.#request;
    if (!config.autoAllocateBlocks) {
      this.#note('IPAMConfiguration', 'autoAllocateBlocks is false: no new block');
      return undefined;
    }
    const existing = blocks.map(block => block.cidr);
    for (const pool of this.#pools) {
      let claims = 0;
      for (const cidr of freeBlockCandidates(pool, existing, node.name, reservations)) {
        if (claims++ >= MOST_CLAIMS) break;
        const found = yield* this.#claimAndAssign(cidr, 'new-block');
        if (found !== undefined) return found;
      }
      if (claims === 0) this.#note(pool.name, 'has no free block left');
    }
    return undefined;
  }

  *fromTakeOver(blocks: readonly Block[]): Program<Found> {
    const { config, now } = this.#request;
    if (!config.autoAllocateBlocks) return undefined;
    for (const { cidr, owner, claimedAt, ...rest } of blocks) {
      if (owner?.type !== 'host' || sameOwner(owner, blockOwnerOf(this.#request))) continue;
      if (!isEmpty({ cidr, owner, claimedAt, ...rest })) continue;
      // Without a time it is unknown how long its owner has had it.
      if (!(now - Date.parse(claimedAt ?? '') > EMPTY_FOR_MS)) continue;
      const given = yield* releaseAffinity(cidr, owner, true, { now, cooldownMs: config.cooldownMs });
      if (!given.ok) {
        this.#note(formatPrefix(cidr), given.fault.message);
        continue;
      }
      this.#note(formatPrefix(cidr), `taken over from ${formatOwner(owner)}, where it was empty`);
      const found = yield* this.#claimAndAssign(cidr, 'taken-over');
      if (found !== undefined) return found;
    }
    return undefined;
  }

  *fromBorrowing(blocks: readonly Block[]): Program<Found> {
    if (this.#request.config.strictAffinity) {
      this.#note('IPAMConfiguration', 'strictAffinity is true: nothing is borrowed from other nodes');
      return undefined;
    }
    const owner = blockOwnerOf(this.#request);
    const lenders = blocks
      .filter(
        block => block.owner?.type !== 'virtual' && !block.strictAffinity && !sameOwner(block.owner, owner),
      )
      .filter(
        block => block.unallocated.length > 0 || block.attributes.some(a => a.releasedAt !== undefined),
      );
    for (const { cidr } of lenders.sort((a, b) => b.unallocated.length - a.unallocated.length)) {
      const found = yield* this.#assign(cidr, 'borrowed', true);
      if (found !== undefined && found !== 'gone') return found;
    }
    return undefined;
  }

  *#claimAndAssign(cidr: Prefix, how: How): Program<Found> {
    const { now, config } = this.#request;
    const claimed = yield* claimAffinity(cidr, blockOwnerOf(this.#request), now, config.strictAffinity);
    if (!claimed.ok) {
      this.moved ||= claimed.fault.code === 'claimed';
      this.#note(formatPrefix(cidr), claimed.fault.message);
      return undefined;
    }
    const found = yield* this.#assign(cidr, how, false);
    return found === 'gone' ? undefined : found;
  }

  *#assign(cidr: Prefix, how: How, foreign: boolean): Program<Found | 'gone'> {
    const attempt = yield* assignIn(this.#request, cidr, how, foreign);
    if (!attempt.ok) {
      this.#note(formatPrefix(cidr), attempt.fault.message);
      return undefined;
    }
    if (attempt.value.type === 'assigned') return ok(attempt.value.address);
    this.#note(formatPrefix(cidr), whyNot(attempt.value));
    this.moved ||= attempt.value.type === 'gone';
    return attempt.value.type === 'gone' ? 'gone' : undefined;
  }

  #placeOf(cidr: Prefix): number {
    return this.#pools.findIndex(pool => prefixCovers(pool.cidr, cidr));
  }

  #note(at: string, why: string): void {
    this.#tried.push({ at, why });
  }
}

function whyNot(attempt: Exclude<Attempt, { type: 'assigned' }>): string {
  switch (attempt.type) {
    case 'refused':
      return attempt.refusal.message;
    case 'gone':
      return 'the block was deleted meanwhile';
    case 'not-ours':
      return `belongs to ${attempt.block.owner === undefined ? 'nobody' : formatOwner(attempt.block.owner)}`;
    default:
      return attempt satisfies never;
  }
}
