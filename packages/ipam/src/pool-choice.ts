import { type Labels, matchesSelector, type Pool } from '@muslin/api';
import { type Family, formatPrefix } from '@muslin/net';

/** What a pool must fit. */
export interface PoolRequest {
  readonly family: Family;
  readonly use: 'Workload' | 'Tunnel' | 'LoadBalancer';
  /** Names or CIDRs, from an annotation or the CNI configuration: these and no others. */
  readonly pools?: readonly string[];
}

/**
 * Pools asked for, by name or CIDR, each family for itself, as Calico's `ipv4pools` and `ipv6pools`: a family that names none may have
 * any pool.
 */
export type PoolNames = Readonly<Partial<Record<Family, readonly string[]>>>;

/** Whether no family names a pool. */
export function namesNone(names: PoolNames): boolean {
  return Object.values(names).every(each => each.length === 0);
}

/** What a pool must fit: of what is asked for, only what is asked for this family. */
export function poolRequest(family: Family, use: PoolRequest['use'], names: PoolNames = {}): PoolRequest {
  const asked = names[family] ?? [];
  return { family, use, ...(asked.length === 0 ? {} : { pools: asked }) };
}

/** A pool that is not used, and why. */
export interface ExcludedPool {
  /** Its name, or the text that was asked for when there is no such pool. */
  readonly pool: string;
  readonly why:
    | 'other-family'
    | 'disabled'
    | 'manual'
    | 'other-use'
    | 'node-selector'
    | 'namespace-selector'
    | 'not-requested'
    | 'unknown';
  readonly message: string;
}

/** Pools to try, in order, and the rest. */
export interface PoolChoice {
  readonly pools: readonly Pool[];
  readonly excluded: readonly ExcludedPool[];
}

type Exclusion = Pick<ExcludedPool, 'why' | 'message'>;

/**
 * Pools that may give this request an address, by name. Pools that were asked for by name or CIDR are taken in the
 * order they were asked for, whatever their selectors and assignment mode say; a disabled pool gives nothing to anybody.
 */
export function choosePools(
  request: PoolRequest,
  pools: readonly Pool[],
  node: { readonly labels: Labels },
  namespace: { readonly labels: Labels } | undefined,
): PoolChoice {
  const sorted = [...pools].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const chosen: Pool[] = [];
  const excluded: ExcludedPool[] = [];
  for (const pool of sorted) {
    const exclusion = exclude(pool, request, node, namespace);
    if (exclusion === undefined) chosen.push(pool);
    else excluded.push({ pool: pool.name, ...exclusion });
  }
  const asked = request.pools;
  if (asked === undefined) return { pools: chosen, excluded };
  for (const text of asked)
    if (!pools.some(pool => isCalled(pool, text)))
      excluded.push({ pool: text, why: 'unknown', message: `there is no IPPool ${text}` });
  const place = (pool: Pool) => asked.findIndex(text => isCalled(pool, text));
  return { pools: chosen.sort((a, b) => place(a) - place(b)), excluded };
}

function isCalled(pool: Pool, text: string): boolean {
  return pool.name === text || formatPrefix(pool.cidr) === text;
}

function exclude(
  pool: Pool,
  request: PoolRequest,
  node: { readonly labels: Labels },
  namespace: { readonly labels: Labels } | undefined,
): Exclusion | undefined {
  const is = (why: ExcludedPool['why'], text: string): Exclusion => ({
    why,
    message: `IPPool ${pool.name} ${text}`,
  });
  if (pool.cidr.ip.family !== request.family) return is('other-family', `is not of IPv${request.family}`);
  const asked = request.pools !== undefined;
  if (asked && !request.pools.some(text => isCalled(pool, text)))
    return is('not-requested', 'is not among those asked for');
  if (pool.disabled) return is('disabled', 'is disabled');
  if (!pool.allowedUses.has(request.use)) return is('other-use', `does not allow the use ${request.use}`);
  if (asked) return undefined;
  if (pool.assignmentMode === 'Manual') return is('manual', 'is only used when it is asked for by name');
  if (!matchesSelector(pool.nodeSelector, node.labels))
    return is('node-selector', 'does not select this node');
  const { namespaceSelector } = pool;
  if (namespaceSelector !== undefined && !(namespace && matchesSelector(namespaceSelector, namespace.labels)))
    return is('namespace-selector', 'does not select this namespace');
  return undefined;
}
