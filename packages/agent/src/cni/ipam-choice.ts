import type { PoolNames } from '@muslin/ipam';
import { type Family, fail, ok, type Result } from '@muslin/net';
import { CNI_CODE, type CniFault } from './cni-fault.ts';

/** Who gives a network's addresses (CNI 1.1 §Delegated plugins, the field `ipam`). */
export type IpamChoice =
  | {
      readonly kind: 'ours';
      /** Where a pod and its namespace name none. */
      readonly pools: PoolNames;
      /** Families not to give. */
      readonly without: readonly Family[];
    }
  | { readonly kind: 'delegated'; readonly type: string };

/** Types that mean the cluster's own pools; Calico's, so that its conflists keep their meaning. */
const OURS: ReadonlySet<unknown> = new Set([undefined, null, '', 'muslin-ipam', 'muslin', 'calico-ipam']);
const POOLS = { 4: 'ipv4_pools', 6: 'ipv6_pools' } as const;
/** Calico writes them as texts. */
const FLAGS: ReadonlySet<unknown> = new Set([true, false, 'true', 'false']);
const ASSIGN = { 4: 'assign_ipv4', 6: 'assign_ipv6' } as const;

/** Why this one can't: a pod's interface leads to its node alone, which routes. */
const NO_DHCP =
  "ipam.type dhcp asks through the pod's interface, which leads to no segment with a server: take it with macvlan or a bridge, and here host-local or the cluster's IPPools";

/** Reads `ipam`. Only `strictly`, for an ADD, it must make sense: whoever takes away or asks must not fail over it. */
export function readIpam(value: unknown, strictly: boolean): Result<IpamChoice, CniFault> {
  const refuse = (message: string) => fail<CniFault>({ code: CNI_CODE.invalidConfig, message });
  if (value !== undefined && value !== null && (typeof value !== 'object' || Array.isArray(value)))
    return strictly ? refuse('ipam must be an object') : ok({ kind: 'ours', pools: {}, without: [] });
  const fields = (value ?? {}) as Readonly<Record<string, unknown>>;
  const { type } = fields;
  if (type === 'dhcp' && strictly) return refuse(NO_DHCP);
  if (!OURS.has(type) && type !== 'dhcp') {
    // It becomes a file name.
    if (typeof type === 'string' && /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(type))
      return ok({ kind: 'delegated', type });
    if (strictly) return refuse('ipam.type must be the name of an executable, such as host-local');
  }
  if (!strictly) return ok({ kind: 'ours', pools: {}, without: [] });
  const pools: Partial<Record<Family, readonly string[]>> = {};
  const without: Family[] = [];
  for (const family of [4, 6] as const) {
    const named = fields[POOLS[family]] ?? [];
    if (!Array.isArray(named) || !named.every(each => typeof each === 'string'))
      return refuse(`ipam.${POOLS[family]} must be a list of names or CIDRs of IPPools`);
    if (named.length > 0) pools[family] = named;
    const assign = fields[ASSIGN[family]] ?? true;
    if (!FLAGS.has(assign)) return refuse(`ipam.${ASSIGN[family]} must be true or false`);
    if (assign === false || assign === 'false') without.push(family);
  }
  return ok({ kind: 'ours', pools, without });
}
