import type { ActiveMatch, ActiveRule, Direction, Endpoint, NodeState, Snapshot } from '@muslin/api';
import { formatIp, type Ip, mustPrefix, portSetHas, prefixHas, sameIp } from '@muslin/net';
import { type Flow, nodeState } from '../src/index.ts';

interface Wire {
  readonly source: Ip;
  readonly destination: Ip;
  readonly protocol: number;
  readonly sourcePort: number | undefined;
  readonly port: number | undefined;
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
  const ping = wire.protocol === 1 ? 8 : wire.protocol === 58 ? 128 : undefined;
  const isIcmp = (icmp: ActiveRule['icmp']) =>
    ping !== undefined && icmp?.type === ping && (icmp.code ?? 0) === 0;
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
  const destination = to.ips.find(
    ip => ip.family === (flow.family ?? ip.family) && from.ips.some(own => own.family === ip.family),
  );
  const source = from.ips.find(ip => ip.family === destination?.family);
  if (source === undefined || destination === undefined) return undefined;
  const { protocol, sourcePort, port } = flow;
  const wire: Wire = { source, destination, protocol, sourcePort, port };
  if (from.pod !== undefined && from.pod.key === to.pod?.key) return true;
  const leaves =
    from.pod === undefined ||
    allowedBy(nodeState(snapshot, from.pod.node ?? ''), from.pod.key, wire, 'egress');
  const ownNode = from.host !== undefined && from.host === to.pod?.node;
  const enters =
    to.pod === undefined ||
    ownNode ||
    allowedBy(nodeState(snapshot, to.pod.node ?? ''), to.pod.key, wire, 'ingress');
  return leaves && enters;
}
