import type { ActiveMatch, ActiveRule, Direction, EndpointPlan, NodeState } from '@muslin/api';
import { formatIp, type Ip, mustPrefix, portSetHas, prefixHas, sameIp } from '@muslin/net';
import type { NodeConfig } from '../compile/config.ts';
import type { Verdict } from '../ir/action.ts';
import { ICMP_PROTOCOL, type Packet } from '../ir/packet.ts';

/** What a `NodeState` means for one packet, said directly: the specification that `compile` is held to. */
export function meaning(
  state: NodeState,
  config: NodeConfig,
  packet: Packet,
  hook: 'FORWARD' | 'INPUT' | 'OUTPUT',
): Verdict {
  const ours = (name: string | undefined) => name?.startsWith(config.workloadInterfacePrefix) ?? false;
  const endpointAt = (name: string | undefined) =>
    [...state.endpoints.values()].find(e => name !== undefined && config.interfacesOf(e.key).includes(name));
  if (hook === 'OUTPUT') return ours(packet.out) ? 'accept' : 'return';
  const pods = ours(packet.in) || (hook === 'FORWARD' && ours(packet.out));
  if (pods && (packet.ctState === 'ESTABLISHED' || packet.ctState === 'RELATED')) return 'accept';
  const unserved = config.serviceLoop?.cidrs.some(cidr => prefixHas(cidr, packet.dst)) ?? false;
  if (hook === 'FORWARD' && unserved) return 'drop';
  if (!pods) return 'return';
  if (packet.ctState === 'INVALID') return 'drop';
  const link =
    packet.family === 6 &&
    packet.icmp !== undefined &&
    [131, 132, 133, 135, 136, 143].includes(packet.icmp.type);
  if (hook === 'INPUT' && link) return 'accept';
  if (ours(packet.in)) {
    if (packet.protocol === 17 && packet.dport === config.vxlanPort && !config.allowVxlanFromPods)
      return 'drop';
    if (packet.protocol === 4 && packet.family === 4 && !config.allowIpipFromPods) return 'drop';
    const sender = endpointAt(packet.in);
    if (sender === undefined || !sender.ips.some(ip => sameIp(ip, packet.src))) return 'drop';
    if (!allowed(state, sender, 'egress', packet)) return 'drop';
  }
  if (hook === 'INPUT') {
    return ({ Accept: 'accept', Drop: 'drop', Return: 'return' } as const)[config.endpointToHostAction];
  }
  const receiver = endpointAt(packet.out);
  const itself = packet.out === packet.in || (receiver !== undefined && receiver === endpointAt(packet.in));
  if (ours(packet.out) && !itself) {
    if (receiver === undefined || !allowed(state, receiver, 'ingress', packet)) return 'drop';
  }
  return 'accept';
}

function allowed(state: NodeState, endpoint: EndpointPlan, direction: Direction, packet: Packet): boolean {
  tiers: for (const tier of endpoint.tiers[direction]) {
    let enforced = false;
    for (const key of tier.policies) {
      const policy = state.policies.get(key);
      if (policy?.staged) continue;
      enforced = true;
      for (const rule of policy?.[direction] ?? []) {
        if (!matches(state, rule, packet) || rule.action === 'Log') continue;
        if (rule.action === 'Pass') continue tiers;
        return rule.action === 'Allow';
      }
    }
    if (enforced && tier.defaultAction === 'Deny') return false;
  }
  return true;
}

function matches(state: NodeState, rule: ActiveRule, packet: Packet): boolean {
  const icmp = (want: { type: number; code?: number }) =>
    packet.protocol === ICMP_PROTOCOL[packet.family] &&
    packet.icmp?.type === want.type &&
    (want.code === undefined || want.code === packet.icmp.code);
  if (rule.family !== undefined && rule.family !== packet.family) return false;
  if (rule.protocol !== undefined && rule.protocol !== packet.protocol) return false;
  if (rule.notProtocol !== undefined && rule.notProtocol === packet.protocol) return false;
  if (rule.icmp !== undefined && !icmp(rule.icmp)) return false;
  if (rule.notIcmp !== undefined && icmp(rule.notIcmp)) return false;
  return (
    sideMatches(state, rule.source, packet.src, packet.sport, packet.protocol) &&
    sideMatches(state, rule.destination, packet.dst, packet.dport, packet.protocol)
  );
}

function sideMatches(
  state: NodeState,
  side: ActiveMatch,
  ip: Ip,
  port: number | undefined,
  protocol: number,
): boolean {
  const inSet = (id: string) =>
    [...(state.sets.get(id)?.members ?? [])].some(member => prefixHas(mustPrefix(member), ip));
  const name = new Map([
    [6, 'tcp'],
    [17, 'udp'],
    [132, 'sctp'],
  ]).get(protocol);
  const inPortSet = (id: string) =>
    state.sets.get(id)?.members.has(`${formatIp(ip)},${name}:${port}`) ?? false;
  const inPorts = (ports: ActiveMatch['ports']) => port !== undefined && portSetHas(ports ?? [], port);
  if (side.nets !== undefined && !side.nets.some(net => prefixHas(net, ip))) return false;
  if (side.notNets?.some(net => prefixHas(net, ip))) return false;
  if (!(side.inSets ?? []).every(inSet)) return false;
  if ((side.notInSets ?? []).some(inSet)) return false;
  if (side.ports !== undefined || side.portSets !== undefined) {
    if (!inPorts(side.ports) && !(side.portSets ?? []).some(inPortSet)) return false;
  }
  return !inPorts(side.notPorts) && !(side.notPortSets ?? []).some(inPortSet);
}
