import { type Finding, type Pool, readIpPool } from '@muslin/api';
import { formatPrefix, prefixesOverlap } from '@muslin/net';

/** A pool object, as far as its condition is concerned. */
export interface PoolObject {
  readonly metadata: {
    readonly name?: string;
    readonly creationTimestamp?: string | null;
    readonly deletionTimestamp?: string | null;
  };
}

/** The condition `Allocatable` of an IPPool (projectcalico.org/v3). */
export interface PoolCondition {
  readonly type: 'Allocatable';
  readonly status: 'True' | 'False';
  readonly reason: 'OK' | 'CIDROverlap' | 'Terminating' | 'PoolDisabled' | 'Invalid';
  readonly message: string;
}

/**
 * Whether addresses may come from a pool, and why not. Of two pools that overlap the older one stands (by name when
 * they are of one age), so that a mistake can't take a working pool away.
 */
export function poolCondition(pool: PoolObject, all: Iterable<PoolObject>): PoolCondition {
  const no = (reason: PoolCondition['reason'], message: string): PoolCondition => ({
    type: 'Allocatable',
    status: 'False',
    reason,
    message,
  });
  const mine = readIpPool(pool);
  if (mine.value === undefined) return no('Invalid', describe(mine.findings));
  if (pool.metadata.deletionTimestamp) return no('Terminating', 'the pool is being deleted');
  for (const other of all) {
    if (other.metadata.name === pool.metadata.name || !isOlder(other, pool)) continue;
    const theirs: Pool | undefined = readIpPool(other).value;
    if (theirs !== undefined && prefixesOverlap(theirs.cidr, mine.value.cidr))
      return no(
        'CIDROverlap',
        `spec.cidr overlaps with ${formatPrefix(theirs.cidr)} of the older IPPool ${theirs.name}`,
      );
  }
  if (mine.value.disabled) return no('PoolDisabled', 'spec.disabled is true');
  return { type: 'Allocatable', status: 'True', reason: 'OK', message: 'addresses can be assigned' };
}

function isOlder(a: PoolObject, b: PoolObject): boolean {
  const age = (pool: PoolObject) => `${pool.metadata.creationTimestamp ?? ''} ${pool.metadata.name ?? ''}`;
  return age(a) < age(b);
}

function describe(findings: readonly Finding[]): string {
  return findings.map(finding => `${finding.path}: ${finding.message}`).join('; ');
}
