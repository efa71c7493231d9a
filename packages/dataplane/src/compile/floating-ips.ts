import { formatIp, hostPrefix, type Ip } from '@muslin/net';
import type { Chain, Rule } from '../ir/ruleset.ts';
import type { NodeConfig } from './config.ts';

/** An address beside a pod's own that leads to it (Calico's annotation `cni.projectcalico.org/floatingIPs`). */
export interface FloatingIp {
  readonly ip: Ip;
  /** The pod's own address of the same family. */
  readonly pod: Ip;
}

/** Where all of them stand, and the hooks that lead there. */
const FLOATING_CHAIN = 'msl-floating';

/** What floating addresses add to the nat table. */
export interface FloatingRules {
  readonly chains: readonly Chain[];
  readonly translated: readonly Rule[];
  readonly postrouting: readonly Rule[];
}

/**
 * Whoever asks for such an address, the node itself among them, gets the pod; policy sees the pod. A pod that asks for its own
 * gets that as the sender too, or its answers would never come this way: only what is translated goes from a pod to itself.
 */
export function floatingRules(
  { family }: Pick<NodeConfig, 'family'>,
  floating: readonly FloatingIp[],
): FloatingRules | undefined {
  const own = floating.filter(({ ip, pod }) => ip.family === family && pod.family === family);
  if (own.length === 0) return undefined;
  return {
    chains: [
      {
        name: FLOATING_CHAIN,
        rules: own.map(({ ip, pod }) => ({
          matches: [{ kind: 'destination', nets: [hostPrefix(ip)] }],
          action: { kind: 'dnat', ip: pod, port: undefined },
          comment: `floating ${formatIp(ip)}`,
        })),
      },
    ],
    translated: [{ matches: [], action: { kind: 'jump', chain: FLOATING_CHAIN } }],
    postrouting: [...firstOfEach(own)].map(({ ip, pod }) => ({
      matches: [
        { kind: 'source', nets: [hostPrefix(pod)] },
        { kind: 'destination', nets: [hostPrefix(pod)] },
      ],
      action: { kind: 'snat', ip },
      comment: `floating ${formatIp(ip)} of its own`,
    })),
  };
}

/** Any of a pod's floating addresses does for what it sends itself. */
function firstOfEach(floating: readonly FloatingIp[]): Iterable<FloatingIp> {
  const byPod = new Map<string, FloatingIp>();
  for (const each of floating) if (!byPod.has(formatIp(each.pod))) byPod.set(formatIp(each.pod), each);
  return byPod.values();
}
