import type { HostPlan, HostState } from '@muslin/api';
import { sameIp } from '@muslin/net';
import type { NodeConfig } from './config.ts';

/** Which host endpoint stands at which interface. */
export interface HostPlacement {
  readonly byInterface: ReadonlyMap<string, HostPlan>;
  /** At every other interface but loopback. */
  readonly rest: HostPlan | undefined;
}

/**
 * Places host endpoints: one that names an interface there, one without a name where an address of its own is, `*`
 * everywhere else. Of two for one place the first by key counts (Calico 3.33). A pod's interface is no place for a name.
 */
export function placeHosts(
  { plans }: HostState,
  { links, workloadInterfacePrefix: pods }: Pick<NodeConfig, 'links' | 'workloadInterfacePrefix'>,
): HostPlacement {
  const byInterface = new Map<string, HostPlan>();
  const all = [...plans.values()];
  for (const plan of all) {
    const { interfaceName: name } = plan;
    if (name === undefined || name === '*' || name.startsWith(pods) || byInterface.has(name)) continue;
    byInterface.set(name, plan);
  }
  const nameless = all.filter(plan => plan.interfaceName === undefined);
  for (const { name, ips } of links) {
    if (name.startsWith(pods) || byInterface.has(name)) continue;
    const plan = nameless.find(one => one.ips.some(own => ips.some(ip => sameIp(own, ip))));
    if (plan !== undefined) byInterface.set(name, plan);
  }
  return { byInterface, rest: all.find(plan => plan.interfaceName === '*') };
}
