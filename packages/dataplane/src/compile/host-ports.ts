import { hostPrefix, type Ip, mustPrefix } from '@muslin/net';
import type { Match } from '../ir/match.ts';
import type { Chain, Rule } from '../ir/ruleset.ts';
import type { NodeConfig } from './config.ts';

/** A port of the node that leads to a pod's (Pod v1 `ports.hostPort`). */
export interface HostPort {
  /** IANA number: TCP, UDP or SCTP. */
  readonly protocol: number;
  /** Which of the node's addresses; undefined: any. */
  readonly hostIp: Ip | undefined;
  readonly hostPort: number;
  readonly pod: Ip;
  readonly podPort: number;
}

/** Where all ports stand, and the hooks that lead there. */
const PORTS_CHAIN = 'msl-host-ports';
const LOOPBACK = { 4: [mustPrefix('127.0.0.0/8')], 6: [] } as const;

/** What host ports add to the nat table. */
export interface HostPortRules {
  readonly chains: readonly Chain[];
  readonly prerouting: readonly Rule[];
  readonly output: readonly Rule[];
  readonly postrouting: readonly Rule[];
}

/**
 * Whoever asks one of the node's addresses for such a port, the node itself among them, gets the pod; policy sees who it
 * is. Two senders can't be answered as they are and get the node's address: the pod itself, whose own address would come
 * back to it, and 127.0.0.1. (IPv6 has no way from ::1.)
 */
export function hostPortRules(config: NodeConfig, ports: readonly HostPort[]): HostPortRules | undefined {
  const own = ports.filter(({ pod }) => pod.family === config.family);
  if (own.length === 0) return undefined;
  const dialled = own.map(({ protocol, hostIp, hostPort, pod, podPort }): Rule => {
    const matches: Match[] = [
      { kind: 'protocol', protocol },
      { kind: 'destination-ports', ports: [{ first: hostPort, last: hostPort }] },
    ];
    if (hostIp !== undefined) matches.unshift({ kind: 'destination', nets: [hostPrefix(hostIp)] });
    return { matches, action: { kind: 'dnat', ip: pod, port: podPort }, comment: `hostPort ${hostPort}` };
  });
  const pods = new Map(own.map(({ pod }) => [JSON.stringify(pod), [hostPrefix(pod)]]));
  const toNode: Rule = {
    matches: [{ kind: 'local-address', side: 'dst' }],
    action: { kind: 'jump', chain: PORTS_CHAIN },
  };
  const loopback: readonly Rule[] = LOOPBACK[config.family].map(net => ({
    matches: [
      { kind: 'source', nets: [net] },
      { kind: 'out-interface', name: config.workloadInterfacePrefix, wildcard: true },
    ],
    action: { kind: 'masquerade' },
    comment: 'hostPort by 127.0.0.1',
  }));
  return {
    chains: [{ name: PORTS_CHAIN, rules: dialled }],
    prerouting: [toNode],
    output: [toNode],
    postrouting: [
      ...[...pods.values()].map(
        (nets): Rule => ({
          matches: [
            { kind: 'source', nets },
            { kind: 'destination', nets },
          ],
          action: { kind: 'masquerade' },
          comment: 'hostPort of its own',
        }),
      ),
      ...loopback,
    ],
  };
}
