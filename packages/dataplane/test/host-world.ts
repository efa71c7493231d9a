import type { FailsafePort, HostPlan, NodeState, TierPlan } from '@muslin/api';
import { mustIp, mustPrefix } from '@muslin/net';
import fc from 'fast-check';
import { nodeState, tiers } from './world.ts';

/** The addresses of `eth0` in a configuration for these states. */
export const HOST_LINKS = [{ name: 'eth0', ips: ['192.0.2.1', '2001:db8::1'].map(mustIp) }];

const both = fc.record({ ingress: tiers, egress: tiers });
const none = fc.constant<readonly TierPlan[]>([]);
const some = fc.oneof(tiers, none);

const plan = (name: string): fc.Arbitrary<HostPlan> =>
  fc
    .record({
      interfaceName: fc.constantFrom(undefined, 'eth0', 'eth1', '*', '*'),
      local: both,
      forwarded: fc.record({ ingress: some, egress: some }),
      preDnat: some,
      untracked: fc.record({ ingress: some, egress: some }),
      open: fc.constantFrom(undefined, 'projectcalico-default-allow'),
    })
    .map(parts => ({
      ...parts,
      key: `host/n/${name}`,
      source: { kind: 'HostEndpoint', name },
      name,
      ips: parts.interfaceName === undefined ? [mustIp('192.0.2.1')] : [],
    }));

const failsafe: fc.Arbitrary<readonly FailsafePort[]> = fc.subarray([
  { protocol: 6, port: 22, net: undefined },
  { protocol: 6, port: 443, net: mustPrefix('10.0.0.0/24') },
  { protocol: 17, port: 53, net: mustPrefix('fd00::/16') },
  { protocol: 17, port: 68, net: undefined },
]);

/** Any node that has host endpoints. */
export const hostedState: fc.Arbitrary<NodeState> = fc
  .tuple(nodeState, fc.tuple(plan('a'), plan('b')), failsafe, failsafe)
  .map(([state, plans, inbound, outbound]) => ({
    ...state,
    hosts: { plans: new Map(plans.map(one => [one.key, one])), failsafe: { inbound, outbound } },
  }));
