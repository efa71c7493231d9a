import type { ActiveMatch, ActiveRule, Direction, Endpoint, NodeState, Snapshot } from '@muslin/api';
import { formatIp, type Ip, mustPrefix, portSetHas, prefixHas, sameIp } from '@muslin/net';
import { type Flow, nodeState } from '../src/index.ts';

interface Wire {
  readonly source: Ip;
  readonly destination: Ip;
  readonly protocol: number;
  readonly sourcePort: number | undefined;
  readonly port: number | undefined;
  readonly icmp: { readonly type: number; readonly code: number } | undefined;
}

/** A second reading of the rules, on purpose without any of `decide`: only booleans, only the node states. */
function holds(
  state: NodeState,
  match: ActiveMatch,
  ip: Ip,
  port: number | undefined,
  protocol: number,
): boolean {
  const names = new Map([
    [6, 'tcp'],
    [17, 'udp'],
    [132, 'sctp'],
  ]);
  const inNet = (id: string) =>
    [...(state.sets.get(id)?.members ?? [])].some(member => prefixHas(mustPrefix(member), ip));
  const inPort = (id: string) =>
    port !== undefined &&
    (state.sets.get(id)?.members.has(`${formatIp(ip)},${names.get(protocol)}:${port}`) ?? false);
  const inList = (list: ActiveMatch['ports']) =>
    port !== undefined && list !== undefined && portSetHas(list, port);
  return (
    (match.nets === undefined || match.nets.some(net => prefixHas(net, ip))) &&
    !(match.notNets ?? []).some(net => prefixHas(net, ip)) &&
    (match.inSets ?? []).every(inNet) &&
    !(match.notInSets ?? []).some(inNet) &&
    ((match.ports === undefined && match.portSets === undefined) ||
      inList(match.ports) ||
      (match.portSets ?? []).some(inPort)) &&
    !inList(match.notPorts) &&
    !(match.notPortSets ?? []).some(inPort)
  );
}

function ruleHolds(state: NodeState, rule: ActiveRule, wire: Wire): boolean {
  const isIcmp = (icmp: ActiveRule['icmp']) =>
    icmp !== undefined &&
    icmp.type === wire.icmp?.type &&
    (icmp.code === undefined || icmp.code === wire.icmp.code);
  return (
    (rule.family === undefined || rule.family === wire.source.family) &&
    (rule.protocol === undefined || rule.protocol === wire.protocol) &&
    rule.notProtocol !== wire.protocol &&
    (rule.icmp === undefined || isIcmp(rule.icmp)) &&
    !isIcmp(rule.notIcmp) &&
    holds(state, rule.source, wire.source, wire.sourcePort, wire.protocol) &&
    holds(state, rule.destination, wire.destination, wire.port, wire.protocol)
  );
}

function allowedBy(state: NodeState, key: string, wire: Wire, direction: Direction): boolean {
  const plan = state.endpoints.get(key);
  tiers: for (const tier of plan?.tiers[direction] ?? []) {
    const enforced = tier.policies.map(p => state.policies.get(p)).filter(p => p?.staged === false);
    for (const rule of enforced.flatMap(policy => policy?.[direction] ?? [])) {
      if (rule.action === 'Log' || !ruleHolds(state, rule, wire)) continue;
      if (rule.action === 'Pass') continue tiers;
      return rule.action === 'Allow';
    }
    if (enforced.length > 0 && tier.defaultAction === 'Deny') return false;
  }
  return true;
}

type List = readonly { readonly policies: readonly string[]; readonly defaultAction: 'Deny' | 'Pass' }[];

/** What one list of tiers decides; `early` lists have ends that decide nothing. */
function listSays(
  state: NodeState,
  list: List,
  wire: Wire,
  direction: Direction,
  early: boolean,
): boolean | undefined {
  tiers: for (const tier of list) {
    const enforced = tier.policies.map(p => state.policies.get(p)).filter(p => p?.staged === false);
    for (const rule of enforced.flatMap(policy => policy?.[direction] ?? [])) {
      if (rule.action === 'Log' || !ruleHolds(state, rule, wire)) continue;
      if (rule.action === 'Pass') continue tiers;
      return rule.action === 'Allow';
    }
    if (!early && enforced.length > 0 && tier.defaultAction === 'Deny') return false;
  }
  return undefined;
}

/** What a ping is answered with. */
const ECHOES: ReadonlyMap<number, number> = new Map([
  [8, 0],
  [128, 129],
]);

type At = Ip | 'link' | 'pods';

/** Whether the host endpoint at an address of a node, or at its pods, lets a packet by. */
function hostLets(
  snapshot: Snapshot,
  node: string,
  at: At,
  direction: Direction,
  wire: Wire,
  what: 'node' | 'through' | 'pod to node',
): boolean {
  const state = nodeState(snapshot, node);
  const plans = [...(state.hosts?.plans.values() ?? [])];
  const own = snapshot.nodes.get(node)?.ips.find(ip => ip.family === wire.source.family);
  const address = typeof at === 'string' ? own : at;
  const named = plans.filter(plan => at !== 'pods' && plan.interfaceName !== '*');
  const isOwn = (ip: Ip) => snapshot.nodes.get(node)?.ips.some(one => sameIp(one, ip)) === true;
  const isAsked = (ip: Ip) => address === undefined || ip.family === address.family;
  const plan =
    named.find(p => p.ips.some(ip => address !== undefined && sameIp(ip, address))) ??
    named.find(p => p.ips.length > 0 && p.ips.some(isOwn) && !p.ips.some(isAsked)) ??
    named.find(p => p.ips.length === 0) ??
    plans.find(p => p.interfaceName === '*');
  if (plan === undefined || state.hosts === undefined) return true;
  const { inbound, outbound } = state.hosts.failsafe;
  const isSafe = (packet: Wire, way: Direction) =>
    (way === 'ingress' ? inbound : outbound).some(
      one =>
        one.protocol === packet.protocol &&
        one.port === packet.port &&
        (one.net === undefined || prefixHas(one.net, way === 'ingress' ? packet.source : packet.destination)),
    );
  const reply: Wire = {
    ...wire,
    source: wire.destination,
    destination: wire.source,
    sourcePort: wire.port,
    port: wire.sourcePort,
    icmp: wire.icmp && { ...wire.icmp, type: ECHOES.get(wire.icmp.type) ?? wire.icmp.type },
  };
  const back = direction === 'ingress' ? 'egress' : 'ingress';
  const safe = isSafe(wire, direction);
  const [sees, seesReply] =
    safe || isSafe(reply, back) || at === 'pods'
      ? [false, false]
      : [what === 'node' || direction === 'ingress', what === 'node' || direction === 'egress'];
  const free = sees ? listSays(state, plan.untracked[direction], wire, direction, true) : undefined;
  const freeReply = seesReply ? listSays(state, plan.untracked[back], reply, back, true) : undefined;
  const tcp = wire.protocol === 6;
  if (free === false) return false;
  if (free === true) {
    if (freeReply !== undefined || tcp) return freeReply === true;
    if (what === 'through' || isSafe(reply, back)) return true;
    return listSays(state, plan.local[back], reply, back, false) ?? plan.open !== undefined;
  }
  const heard = freeReply === undefined || (freeReply && !tcp);
  if (direction === 'ingress' && !safe) {
    const early = listSays(state, plan.preDnat, wire, 'ingress', true);
    if (early !== undefined) return early && heard;
  }
  if (what === 'pod to node') return true;
  if (what === 'through')
    return heard && (listSays(state, plan.forwarded[direction], wire, direction, false) ?? true);
  if (safe) return heard;
  return heard && (listSays(state, plan.local[direction], wire, direction, false) ?? plan.open !== undefined);
}

/** Whether a flow without Services is allowed; undefined when there is no such packet. */
export function bruteForce(snapshot: Snapshot, flow: Flow): boolean | undefined {
  const pods = [...snapshot.endpoints.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  const at = (ip: Ip) =>
    pods.find(pod => !pod.hostNetwork && pod.node !== undefined && pod.ips.some(p => sameIp(p, ip)));
  const who = (
    end: Flow['to'],
  ): { pod: Endpoint | undefined; ips: readonly Ip[]; host: string | undefined } | undefined => {
    if ('service' in end) return undefined;
    const named = 'endpoint' in end ? snapshot.endpoints.get(end.endpoint) : at(end.ip);
    if ('endpoint' in end && named?.node === undefined) return undefined;
    if ('ip' in end && named !== undefined) return { pod: named, ips: [end.ip], host: undefined };
    if (named !== undefined && !named.hostNetwork) return { pod: named, ips: named.ips, host: undefined };
    if (named !== undefined) {
      const node = snapshot.nodes.get(named.node ?? '');
      return { pod: undefined, ips: named.ips.length > 0 ? named.ips : (node?.ips ?? []), host: named.node };
    }
    if (!('ip' in end)) return undefined;
    const node = [...snapshot.nodes.values()].find(n => n.ips.some(ip => sameIp(ip, end.ip)));
    const guest = [...snapshot.endpoints.values()]
      .filter(pod => pod.hostNetwork && pod.node !== undefined && pod.ips.some(ip => sameIp(ip, end.ip)))
      .at(-1);
    return { pod: undefined, ips: [end.ip], host: node?.name ?? guest?.node };
  };
  const [from, to] = [who(flow.from), who(flow.to)];
  if (from === undefined || to === undefined) return undefined;
  const shared = to.ips.filter(ip => from.ips.some(own => own.family === ip.family));
  const asked = flow.family ?? (flow.protocol === 58 ? 6 : undefined);
  // ICMP means a ping: of IPv4 where there is some, else of IPv6.
  const destination =
    asked === undefined && flow.protocol === 1
      ? (shared.find(ip => ip.family === 4) ?? shared[0])
      : shared.find(ip => asked === undefined || ip.family === asked);
  const source = from.ips.find(ip => ip.family === destination?.family);
  if (source === undefined || destination === undefined) return undefined;
  const { sourcePort, port } = flow;
  const protocol = flow.protocol === 1 && destination.family === 6 ? 58 : flow.protocol;
  const ping = protocol === 1 ? 8 : protocol === 58 ? 128 : undefined;
  const icmp = ping === undefined ? undefined : (flow.icmp ?? { type: ping, code: 0 });
  const wire: Wire = { source, destination, protocol, sourcePort, port, icmp };
  if (from.pod !== undefined && from.pod.key === to.pod?.key) return true;
  const leaves =
    from.pod === undefined ||
    allowedBy(nodeState(snapshot, from.pod.node ?? ''), from.pod.key, wire, 'egress');
  const ownNode = from.host !== undefined && from.host === to.pod?.node;
  const enters =
    to.pod === undefined ||
    ownNode ||
    allowedBy(nodeState(snapshot, to.pod.node ?? ''), to.pod.key, wire, 'ingress');
  const nodeOf = (end: typeof from) => end.pod?.node ?? end.host;
  const [start, end] = [nodeOf(from), nodeOf(to)];
  const crosses = (
    node: string | undefined,
    at: Ip | 'link' | 'pods',
    way: Direction,
    what: 'node' | 'through' | 'pod to node',
  ) => node === undefined || hostLets(snapshot, node, at, way, wire, what);
  const apart = start !== end || start === undefined;
  const ways: boolean[] = [leaves, enters];
  if (from.pod !== undefined && (apart || to.pod !== undefined))
    ways.push(crosses(start, 'pods', 'ingress', 'through'));
  if (from.pod !== undefined && apart) ways.push(crosses(start, 'link', 'egress', 'through'));
  if (from.pod === undefined && apart) ways.push(crosses(start, source, 'egress', 'node'));
  if (to.pod !== undefined && apart) ways.push(crosses(end, 'link', 'ingress', 'through'));
  if (to.pod !== undefined && (apart || from.pod !== undefined))
    ways.push(crosses(end, 'pods', 'egress', 'through'));
  if (to.pod === undefined && apart) ways.push(crosses(end, destination, 'ingress', 'node'));
  if (to.pod === undefined && from.pod !== undefined && !apart)
    ways.push(crosses(end, 'pods', 'ingress', 'pod to node'));
  return ways.every(Boolean);
}
