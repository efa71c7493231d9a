import type { AnyObject } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import { CNI_CODE, type CniFault } from '../cni/cni-fault.ts';
import { QOS, quantity } from './bandwidth-wishes.ts';

/** What one way of a pod's packets is held to, besides its bandwidth. */
export interface WayLimits {
  readonly packetsPerSecond?: number;
  /** Packets at once. */
  readonly packetBurst?: number;
  /** Connections at a time. */
  readonly maxConnections?: number;
}

/** Limits of a pod; ways without any are absent. */
export interface PacketLimits {
  readonly ingress?: WayLimits;
  readonly egress?: WayLimits;
}

const FIELDS = [
  ['PacketRate', 'packetsPerSecond'],
  ['PacketBurst', 'packetBurst'],
  ['MaxConnections', 'maxConnections'],
] as const;

/** Reads Calico's annotations `qos.projectcalico.org/ingressPacketRate`, `…PacketBurst`, `…MaxConnections`, and of egress. */
export function packetLimitsFor({ metadata }: AnyObject): Result<PacketLimits, CniFault> {
  const limits: { ingress?: WayLimits; egress?: WayLimits } = {};
  for (const way of ['ingress', 'egress'] as const)
    for (const [suffix, field] of FIELDS) {
      const name = `${QOS}${way}${suffix}`;
      const text = metadata.annotations?.[name];
      if (text === undefined) continue;
      const value = quantity(text);
      // What nftables takes (nft(8), limit and ct count).
      if (value === undefined || value > 0xffff_ffff)
        return fail({
          code: CNI_CODE.invalidConfig,
          message: `annotation ${name} must be a whole number above 0, such as 1k, not ${text.slice(0, 40)}`,
        });
      limits[way] = { ...limits[way], [field]: value };
    }
  return ok(limits);
}
