import {
  findLink,
  type KernelRoute,
  listAddresses,
  listNeighbours,
  listRoutes,
  listRules,
  type NetlinkSocket,
  netlinkIn,
  ROUTE_TABLE,
} from '@muslin/linux';
import { formatIp, type Ip, sameIp, widthOf } from '@muslin/net';
import { GATEWAY } from './gateway.ts';
import { openPodNamespace, OWN_TABLES, type PodLinkPlan } from './pod-link.ts';

/** An interface as ADD made it, and as later plugins told that they changed it. */
export type InspectedLink = PodLinkPlan & {
  readonly mac: string;
  /** A later plugin took it down meanwhile, to give it another MAC: the kernel forgot its neighbours, and asks for them (ARP, NDP). */
  readonly remade?: boolean;
};

/**
 * Compares the sandbox with what ADD made; each difference is a sentence (CNI CHECK). Routes that a later plugin
 * changed are no difference, as long as there is a default route, in whichever table.
 */
export function inspect(host: NetlinkSocket, plan: InspectedLink): readonly string[] {
  return [...inspectHost(host, plan), ...inspectPod(plan)];
}

/** The same for an interface that another plugin made: it is there, joined, up and under the name that rules know. */
export function inspectForeign(
  host: NetlinkSocket,
  { hostInterface, netns, ifname, ips, mac }: PodLinkPlan & { readonly mac: string },
): readonly string[] {
  const outer = findLink(host, hostInterface);
  if (!outer.ok || outer.value === undefined) return [`the node lacks interface ${hostInterface}`];
  const opened = openPodNamespace(netns);
  if (!opened.ok) return [opened.fault.message];
  using namespace = opened.value;
  const inside = netlinkIn(namespace);
  if (!inside.ok) return [inside.fault.message];
  using pod = inside.value;
  const inner = findLink(pod, ifname);
  if (!inner.ok || inner.value === undefined) return [`the pod lacks interface ${ifname}`];
  const { index, lower, mac: itsMac } = inner.value;
  const addresses = listAddresses(pod, index);
  return [
    ...(outer.value.up ? [] : [`interface ${hostInterface} of the node is down`]),
    ...(lower === outer.value.index
      ? []
      : [`interface ${ifname} of the pod does not lead to ${hostInterface}`]),
    ...(itsMac === mac ? [] : [`interface ${ifname} of the pod has MAC ${itsMac}, not ${mac}`]),
    ...ips
      .filter(ip => !addresses.ok || !addresses.value.some(address => sameIp(address.ip, ip)))
      .map(ip => `interface ${ifname} of the pod lacks address ${formatIp(ip)}`),
  ];
}

function inspectHost(host: NetlinkSocket, { hostInterface, mtu, ips }: PodLinkPlan): readonly string[] {
  const found = findLink(host, hostInterface);
  if (!found.ok || found.value === undefined) return [`the node lacks interface ${hostInterface}`];
  const link = found.value;
  return [
    ...(link.up ? [] : [`interface ${hostInterface} of the node is down`]),
    ...(link.mac === GATEWAY.mac
      ? []
      : [`interface ${hostInterface} has MAC ${link.mac}, not ${GATEWAY.mac}`]),
    ...(link.mtu === mtu ? [] : [`interface ${hostInterface} has MTU ${link.mtu}, not ${mtu}`]),
    ...ips.flatMap(ip => {
      const routes = listRoutes(host, { family: ip.family, table: ROUTE_TABLE.main });
      const whole = routes.ok && routes.value.some(route => leadsTo(route, ip, link.index));
      return whole ? [] : [`the node has no route to ${formatIp(ip)} by ${hostInterface}`];
    }),
  ];
}

function leadsTo(route: KernelRoute, ip: Ip, link: number): boolean {
  const { destination, hops } = route;
  return destination.length === widthOf(ip.family) && sameIp(destination.ip, ip) && hops[0]?.link === link;
}

function inspectPod(plan: InspectedLink): readonly string[] {
  const opened = openPodNamespace(plan.netns);
  if (!opened.ok) return [opened.fault.message];
  using namespace = opened.value;
  const inside = netlinkIn(namespace);
  if (!inside.ok) return [inside.fault.message];
  using pod = inside.value;
  const found = findLink(pod, plan.ifname);
  if (!found.ok || found.value === undefined) return [`the pod lacks interface ${plan.ifname}`];
  const link = found.value;
  const differences: string[] = [];
  const name = `interface ${plan.ifname} of the pod`;
  if (!link.up) differences.push(`${name} is down`);
  if (link.mac !== plan.mac) differences.push(`${name} has MAC ${link.mac}, not ${plan.mac}`);
  const addresses = listAddresses(pod, link.index);
  for (const ip of plan.ips) {
    const there = addresses.ok && addresses.value.some(address => sameIp(address.ip, ip));
    if (!there) differences.push(`${name} lacks address ${formatIp(ip)}`);
  }
  for (const family of [4, 6] as const) {
    if (!plan.ips.some(ip => ip.family === family)) continue;
    const table = plan.defaultRoute ? ROUTE_TABLE.main : OWN_TABLES + link.index;
    const routes = listRoutes(pod, plan.defaultRoute ? { family } : { family, table });
    if (!routes.ok || !routes.value.some(route => route.destination.length === 0))
      differences.push(
        plan.defaultRoute
          ? `the pod lacks an IPv${family} default route`
          : `the pod lacks an IPv${family} default route of ${plan.ifname} in its table ${table}`,
      );
    const rules = plan.defaultRoute ? undefined : listRules(pod, family);
    for (const ip of rules === undefined ? [] : plan.ips.filter(each => each.family === family))
      if (
        !rules?.ok ||
        !rules.value.some(rule => rule.table === table && rule.from && sameIp(rule.from.ip, ip))
      )
        differences.push(
          `the pod lacks the rule that sends what comes from ${formatIp(ip)} by ${plan.ifname}`,
        );
    const gateway = GATEWAY[family];
    const neighbours = listNeighbours(pod, family);
    const known =
      neighbours.ok &&
      neighbours.value.some(n => n.kind === 'neighbour' && sameIp(n.ip, gateway) && n.mac === GATEWAY.mac);
    if (!known && !plan.remade)
      differences.push(`the pod lacks its gateway ${formatIp(gateway)} as a neighbour`);
  }
  return differences;
}
