import {
  addRuleRequest,
  createLink,
  deleteLink,
  findLink,
  changeLinkRequest,
  type LinkPlan,
  type Namespace,
  type NetlinkFault,
  type NetlinkRequest,
  type NetlinkSocket,
  netlinkIn,
  openNamespace,
  ownNamespace,
  putAddressRequest,
  putNeighbourRequest,
  replaceRouteRequest,
  ROUTE_PROTOCOL,
  ROUTE_TABLE,
  sysctls,
  type SystemFault,
} from '@muslin/linux';
import { fail, hostPrefix, type Ip, mustPrefix, ok, type Result } from '@muslin/net';
import { fstatSync } from 'node:fs';
import { GATEWAY } from './gateway.ts';

/** A pod's cable: one end in its namespace, the other on the node. */
export interface PodLinkPlan {
  readonly hostInterface: string;
  readonly netns: string;
  readonly ifname: string;
  readonly ips: readonly Ip[];
  readonly mtu: number;
  /** Of the pod's end; undefined lets the kernel choose. */
  readonly mac?: string | undefined;
  /** Whether all the pod sends leads here; else only answers do, from these addresses. */
  readonly defaultRoute: boolean;
  /** Whether the pod may pass on packets of others. */
  readonly allowForwarding?: boolean;
}

/** What was plugged in. */
export interface PodLink {
  readonly podMac: string;
  readonly hostIndex: number;
}

/** Why a cable could not be plugged in. */
export type PodLinkFault =
  | { readonly code: 'bad-namespace'; readonly message: string }
  | { readonly code: 'interface-exists'; readonly message: string }
  | { readonly code: 'kernel'; readonly message: string };

const kernel = (fault: NetlinkFault | SystemFault): PodLinkFault => ({
  code: 'kernel',
  message: fault.message,
});

/** Why there is no way into what was opened: EINVAL says that it is no network namespace (setns(2)). */
export function notEntered(path: string, fault: NetlinkFault | SystemFault): PodLinkFault {
  if (fault.code !== 'EINVAL') return kernel(fault);
  return { code: 'bad-namespace', message: `${path} is no network namespace` };
}

/** Opens the pod's namespace, which must be another one than ours (CNI 1.1: error 8). */
export function openPodNamespace(path: string): Result<Namespace, PodLinkFault> {
  // Another program's working directory is not ours.
  if (!path.startsWith('/'))
    return fail({ code: 'bad-namespace', message: `network namespace ${path} is no absolute path` });
  const opened = openNamespace(path);
  if (!opened.ok)
    return fail({
      code: 'bad-namespace',
      message: `can't open network namespace ${path}: ${opened.fault.message}`,
    });
  const own = ownNamespace();
  if (!own.ok) return fail(kernel(own.fault));
  using mine = own.value;
  const [a, b] = [fstatSync(opened.value.fd), fstatSync(mine.fd)];
  if (a.ino !== b.ino || a.dev !== b.dev) return ok(opened.value);
  opened.value.close();
  return fail({ code: 'bad-namespace', message: `${path} is the node's own network namespace` });
}

/** A pod's namespace with a socket in it. */
export interface PodDoor extends Disposable {
  readonly namespace: Namespace;
  readonly netlink: NetlinkSocket;
}

/** Looks whether a cable could be plugged in, before anything is made: the namespace opens, the name is free. */
export function examine(plan: Pick<PodLinkPlan, 'netns' | 'ifname'>): Result<PodDoor, PodLinkFault> {
  const opened = openPodNamespace(plan.netns);
  if (!opened.ok) return opened;
  const namespace = opened.value;
  const inside = netlinkIn(namespace);
  if (!inside.ok) {
    namespace.close();
    return fail(notEntered(plan.netns, inside.fault));
  }
  const netlink = inside.value;
  const close = () => {
    netlink.close();
    namespace.close();
  };
  const free = nameIsFree(netlink, plan);
  if (free.ok) return ok({ namespace, netlink, [Symbol.dispose]: close });
  close();
  return free;
}

function nameIsFree(
  pod: NetlinkSocket,
  { ifname, netns }: Pick<PodLinkPlan, 'netns' | 'ifname'>,
): Result<void, PodLinkFault> {
  const taken = findLink(pod, ifname);
  if (!taken.ok) return fail(kernel(taken.fault));
  if (taken.value === undefined) return ok(undefined);
  return fail({ code: 'interface-exists', message: `interface ${ifname} already exists in ${netns}` });
}

/**
 * Makes the veth, the addresses and the routes inside the pod. Everything or nothing: what was made is removed
 * when a later part fails. The host route is not made here: it belongs to the route plan. `door`: as `examine` opened it, of
 * whoever called that; absent: opened here.
 */
export function plugIn(
  host: NetlinkSocket,
  plan: PodLinkPlan,
  door?: PodDoor,
): Result<PodLink, PodLinkFault> {
  if (door === undefined) {
    const opened = examine(plan);
    if (!opened.ok) return opened;
    using own = opened.value;
    return plugIn(host, plan, own);
  }
  const { namespace, netlink: pod } = door;
  const wanted: LinkPlan = {
    kind: 'veth',
    name: plan.hostInterface,
    mac: GATEWAY.mac,
    mtu: plan.mtu,
    peer: {
      ...{ name: plan.ifname, mtu: plan.mtu, namespaceFd: namespace.fd },
      ...(plan.mac === undefined ? {} : { mac: plan.mac }),
    },
  };
  let made = createLink(host, wanted);
  if (!made.ok && made.fault.code === 'EEXIST') {
    const free = nameIsFree(pod, plan);
    if (!free.ok) return free;
    const stale = findLink(host, plan.hostInterface);
    if (!stale.ok) return fail(kernel(stale.fault));
    // The name is derived from the pod: an older sandbox of the same pod left it behind.
    if (stale.value !== undefined) deleteLink(host, stale.value.index);
    made = createLink(host, wanted);
  }
  if (!made.ok) return fail(kernel(made.fault));
  const finished = configure(host, pod, namespace, plan);
  if (!finished.ok) deleteLink(host, plan.hostInterface);
  return finished;
}

function configure(
  host: NetlinkSocket,
  pod: NetlinkSocket,
  namespace: Namespace,
  plan: PodLinkPlan,
): Result<PodLink, PodLinkFault> {
  const inner = findLink(pod, plan.ifname);
  if (!inner.ok) return fail(kernel(inner.fault));
  // Of a veth the kernel says the other end's index, too.
  const { index: podIndex, mac: podMac, lower: hostIndex } = inner.value ?? {};
  if (podIndex === undefined || podMac === undefined || hostIndex === undefined)
    return fail({
      code: 'kernel',
      message: `the veth pair of ${plan.hostInterface} vanished while it was set up`,
    });
  const sixes = plan.ips.some(ip => ip.family === 6);
  if (sixes) sysctls(namespace, namedAfter(plan.ifname, POD_SIXES));
  if (plan.allowForwarding) {
    const [four] = sysctls(namespace, [['net/ipv4/ip_forward', 1]]);
    if (four !== undefined) return fail(kernel(four));
    if (sixes) sysctls(namespace, [['net/ipv6/conf/all/forwarding', 1]]);
  }
  // An absent file means a kernel without IPv6, say; what is absent can't do harm.
  const unset = sysctls(undefined, namedAfter(plan.hostInterface, HOST_SETTINGS)).find(
    ({ code }) => code !== 'ENOENT',
  );
  if (unset !== undefined) return fail(kernel(unset));
  const up = host.askAll([
    changeLinkRequest(hostIndex, { inet: HOST_INET }),
    changeLinkRequest(hostIndex, { up: true }),
    // Plugins after us may give the pod another MAC: it says so, and the node must listen.
    ...plan.ips.map(ip => known(hostIndex, ip, podMac, false)),
  ]);
  const faults = [...up, ...pod.askAll(podRequests(plan, podIndex))];
  const fault = faults.find(f => f !== undefined);
  if (fault !== undefined) return fail(kernel(fault));
  return ok({ podMac, hostIndex });
}

type Settings = readonly (readonly [key: string, value: number])[];

/** IPv6 settings of the pod's end, `IF` being its name. */
const POD_SIXES: Settings = [
  // Some runtimes switch IPv6 off in every new namespace.
  ['net/ipv6/conf/IF/disable_ipv6', 0],
  // Duplicate address detection would hold an IPv6 address back for a second; nobody else can have it.
  ['net/ipv6/conf/IF/accept_dad', 0],
  ['net/ipv6/conf/IF/ndisc_notify', 1],
];

const namedAfter = (link: string, settings: Settings): Settings =>
  settings.map(([key, value]) => [key.replace('IF', link), value]);

/**
 * Settings of the host end, `IF` being its name: a router's, with strict source checking. A pod knows its gateway's MAC from
 * birth; one that forgets its neighbours is answered, and at once (Calico has the same). What netlink can say goes along
 * with other requests; each file costs as much as all of those.
 */
const HOST_INET = { forwarding: 1, rpFilter: 1, routeLocalnet: 1, proxyArp: 1 } as const;
const HOST_SETTINGS: Settings = [
  ['net/ipv4/neigh/IF/proxy_delay', 0],
  ['net/ipv6/conf/IF/accept_ra', 0],
  ['net/ipv6/conf/IF/accept_dad', 0],
  ['net/ipv6/conf/IF/forwarding', 1],
  ['net/ipv6/conf/IF/proxy_ndp', 1],
];

const known = (link: number, ip: Ip, mac: string, permanent = true) =>
  putNeighbourRequest({ kind: 'neighbour', link, ip, mac, permanent });

/** Routing table of a further interface in the pod: this plus its index; and the place of the rules that lead there. */
export const OWN_TABLES = 10_000;
const OWN_RULES = 1_000;

/** Requests inside the pod: links up, its addresses, the gateway as a known neighbour, the default routes. */
function podRequests(plan: PodLinkPlan, link: number): NetlinkRequest[] {
  const families = [4, 6].filter(family => plan.ips.some(ip => ip.family === family)) as (4 | 6)[];
  const table = plan.defaultRoute ? ROUTE_TABLE.main : OWN_TABLES + link;
  const route = { type: 'unicast', protocol: ROUTE_PROTOCOL.boot, table } as const;
  // The kernel looks for a gateway in the main table alone.
  const onlink = plan.defaultRoute ? {} : { onlink: true };
  return [
    changeLinkRequest('lo', { up: true }),
    // Whoever had the address before is forgotten by those who hear of it.
    changeLinkRequest(link, { inet: { arpNotify: 1 } }),
    changeLinkRequest(link, { up: true }),
    // Not even the moment that it takes the kernel to see accept_dad: a pod may listen on its address at once.
    ...plan.ips.map(ip =>
      putAddressRequest(ip.family === 4 ? { link, ip, length: 32 } : { link, ip, length: 128, noDad: true }),
    ),
    ...families.flatMap(family => {
      const gateway = GATEWAY[family];
      const all = mustPrefix(family === 4 ? '0.0.0.0/0' : '::/0');
      return [
        known(link, gateway, GATEWAY.mac),
        // An IPv6 link-local gateway is on the link by nature; the IPv4 one needs to be told.
        ...(family === 4
          ? [replaceRouteRequest({ ...route, destination: hostPrefix(gateway), hops: [{ link }] })]
          : []),
        replaceRouteRequest({ ...route, destination: all, hops: [{ via: gateway, link, ...onlink }] }),
      ];
    }),
    // What is sent from these addresses leaves here: elsewhere it would be taken for forged.
    ...(plan.defaultRoute
      ? []
      : plan.ips.map(ip =>
          addRuleRequest({ family: ip.family, priority: OWN_RULES, table, from: hostPrefix(ip) }),
        )),
  ];
}
