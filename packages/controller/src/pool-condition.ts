import { type Finding, type Pool, readIpPool } from '@muslin/api';
import { sameJson } from '@muslin/kube';
import { formatPrefix, prefixesOverlap } from '@muslin/net';

/** A pool object, as far as its condition is concerned. */
export interface PoolObject {
  readonly metadata: {
    readonly name?: string;
    readonly uid?: string;
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
  const mine = read(pool);
  if (mine.value === undefined) return no('Invalid', describe(mine.findings));
  if (pool.metadata.deletionTimestamp) return no('Terminating', 'the pool is being deleted');
  for (const other of all) {
    if (other.metadata.name === pool.metadata.name || !isOlder(other, pool)) continue;
    const theirs: Pool | undefined = read(other).value;
    if (theirs !== undefined && prefixesOverlap(theirs.cidr, mine.value.cidr))
      return no(
        'CIDROverlap',
        `spec.cidr overlaps with ${formatPrefix(theirs.cidr)} of the older IPPool ${theirs.name}`,
      );
  }
  if (mine.value.disabled) return no('PoolDisabled', 'spec.disabled is true');
  return { type: 'Allocatable', status: 'True', reason: 'OK', message: 'addresses can be assigned' };
}

/**
 * Names of the pools whose condition may be another when one pool was `before` and is `now` (undefined: not there): that pool
 * and those that overlap with it. A thousand pools must not be looked at for each of a thousand changes.
 */
export function poolsNear(
  pools: ReadonlyMap<string, PoolObject>,
  before: PoolObject | undefined,
  now: PoolObject | undefined,
): readonly string[] {
  const changed = [before, now].flatMap(pool => (pool === undefined ? [] : (read(pool).value?.cidr ?? [])));
  const own = now?.metadata.name;
  return [...pools].flatMap(([name, pool]) => {
    const cidr = read(pool).value?.cidr;
    const near = cidr !== undefined && changed.some(each => prefixesOverlap(each, cidr));
    return near || name === own ? [name] : [];
  });
}

/** Whether two versions of a pool are the same pool and say the same, whatever is noted on it. */
export function meansTheSame(a: PoolObject, b: PoolObject): boolean {
  const meaning = ({ metadata: { uid, creationTimestamp, deletionTimestamp }, ...pool }: PoolObject) => [
    ...[uid, creationTimestamp, deletionTimestamp],
    (pool as { readonly spec?: unknown }).spec,
  ];
  return sameJson(meaning(a), meaning(b));
}

/** By object: what one says does not change without a new one. */
const known = new WeakMap<PoolObject, ReturnType<typeof readIpPool>>();

/** Lists leave apiVersion and kind out. */
function read(pool: PoolObject): ReturnType<typeof readIpPool> {
  let found = known.get(pool);
  if (found === undefined) {
    found = readIpPool({ ...pool, apiVersion: 'projectcalico.org/v3', kind: 'IPPool' });
    known.set(pool, found);
  }
  return found;
}

function isOlder(a: PoolObject, b: PoolObject): boolean {
  const age = (pool: PoolObject) => `${pool.metadata.creationTimestamp ?? ''} ${pool.metadata.name ?? ''}`;
  return age(a) < age(b);
}

function describe(findings: readonly Finding[]): string {
  return findings.map(finding => `${finding.path}: ${finding.message}`).join('; ');
}
