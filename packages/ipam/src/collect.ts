import { fail, ok, type Result } from '@muslin/net';
import type { ReleaseTime } from './block-release.ts';
import type { CheckReport } from './check.ts';
import { type LeakProof, proveLeak } from './leak.ts';
import type { Machine } from './machine.ts';
import { type Released, releaseIp } from './machines.ts';

/** How much may be freed at once before a person must look. */
export interface Breaker {
  /** This many are always allowed. */
  readonly floor: number;
  /** Beyond the floor, at most this share of all addresses in use. */
  readonly share: number;
}

/** A fifth of the addresses, or sixteen. */
export const DEFAULT_BREAKER: Breaker = { floor: 16, share: 0.2 };

/** How many of the addresses in use may be freed without asking a person. */
export function mostAtOnce(inUse: number, breaker: Breaker = DEFAULT_BREAKER): number {
  return Math.max(breaker.floor, Math.floor(inUse * breaker.share));
}

/** Why nothing is freed. */
export interface MassRelease {
  readonly code: 'mass-release';
  readonly leaks: number;
  readonly inUse: number;
  readonly message: string;
}

/**
 * The leaks that may be freed: proven, and only where every address of the handle is proven, so that a dual-stack pod
 * never loses one half. So many at once that some witness must be wrong are a fault instead: an empty pod list after
 * a mishap with the API server must not free a cluster.
 */
export function releasable(
  report: CheckReport,
  breaker: Breaker = DEFAULT_BREAKER,
): Result<readonly LeakProof[], MassRelease> {
  const held = new Set(report.leaks.filter(leak => proveLeak(leak) === undefined).map(leak => leak.handleId));
  const proofs = report.leaks
    .filter(leak => !held.has(leak.handleId))
    .map(proveLeak)
    .filter(proof => proof !== undefined)
    .filter(proof => !report.living.has(proof.handleId));
  const most = mostAtOnce(report.inUse, breaker);
  if (proofs.length <= most) return ok(proofs);
  return fail({
    code: 'mass-release',
    leaks: proofs.length,
    inUse: report.inUse,
    message: `${proofs.length} of ${report.inUse} addresses seem leaked, more than the ${most} that are freed without asking; look at the report first`,
  });
}

/** Frees what is proven: that life of that address, and no other. */
export function releaseLeak(proof: LeakProof, time: ReleaseTime): Machine<Released> {
  const { block, ip, handleId, sequence } = proof;
  return releaseIp(block, ip, { handleId, ...(sequence === undefined ? {} : { sequence }) }, time);
}
