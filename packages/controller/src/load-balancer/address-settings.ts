import type { Pool } from '@muslin/api';
import { type IpamConfig, ipamConfigFromSpec } from '@muslin/ipam';
import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import { fail, ok, type Prefix, type Result } from '@muslin/net';
import { poolOf, reservedBy } from '../garbage/read-cluster.ts';
import type { AssignIps } from './service-wish.ts';

/** What decides addresses of Services, besides the Service. */
export interface AddressSettings {
  readonly pools: readonly Pool[];
  readonly reservations: readonly Prefix[];
  readonly config: IpamConfig;
  readonly assignIps: AssignIps;
}

/** Reads all of it from the API server itself. */
export async function readAddressSettings(client: KubeClient): Promise<Result<AddressSettings, string>> {
  const [pools, reservations, ipam, controllers] = await Promise.all([
    client.listAll<AnyObject>(RESOURCES.IPPool),
    client.listAll<AnyObject>(RESOURCES.IPReservation),
    client.get<AnyObject>(RESOURCES.IPAMConfiguration, { name: 'default' }),
    client.get<AnyObject>(RESOURCES.KubeControllersConfiguration, { name: 'default' }),
  ]);
  if (!pools.ok) return fail(pools.fault.message);
  if (!reservations.ok) return fail(reservations.fault.message);
  if (!ipam.ok && ipam.fault.code !== 'NotFound') return fail(ipam.fault.message);
  if (!controllers.ok && controllers.fault.code !== 'NotFound') return fail(controllers.fault.message);
  const { controllers: { loadBalancer } = {} } = ((controllers.ok && controllers.value['spec']) || {}) as {
    readonly controllers?: { readonly loadBalancer?: { readonly assignIPs?: AssignIps } };
  };
  return ok({
    pools: pools.value.items.flatMap(poolOf),
    reservations: reservations.value.items.flatMap(reservedBy),
    config: ipamConfigFromSpec(ipam.ok ? ipam.value['spec'] : undefined),
    assignIps: loadBalancer?.assignIPs ?? 'AllServices',
  });
}
