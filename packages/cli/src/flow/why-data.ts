import { formatIp } from '@muslin/net';
import type { Decision, EndIdentity, Explanation, Packet, PathExplanation } from '@muslin/policy';
import type { World } from '../world/world.ts';
import { endAnswer } from './end-answer.ts';
import { mismatchText } from './mismatch-text.ts';
import { protocolName } from './protocol.ts';
import { formatRef } from './reason-text.ts';
import type { Advice, WhyFrame } from './why-text.ts';

/** The same as the text, as data: addresses and protocols by name, every policy and rule with its place. */
export function whyData(
  explanation: Explanation,
  { edits, together }: Advice,
  frame: WhyFrame,
  world: World,
) {
  const { answer, flow, paths, notes } = explanation;
  return {
    verdict: answer,
    from: frame.from,
    to: frame.to,
    ...(flow.port !== undefined && { port: flow.port }),
    protocol: protocolName(flow.protocol),
    notes,
    paths: paths.map(path => pathData(path, world)),
    flips: edits.map(({ kind, text }) => ({ kind, text })),
    ...(together.length > 0 && { flipsTogether: together.map(({ kind, text }) => ({ kind, text })) }),
  };
}

function pathData(path: PathExplanation, world: World) {
  const { packet } = path;
  return {
    verdict: path.answer,
    ready: path.ready,
    packet: {
      source: formatIp(packet.source),
      destination: formatIp(packet.destination),
      protocol: protocolName(packet.protocol),
      ...(packet.destinationPort !== undefined && { destinationPort: packet.destinationPort }),
    },
    egress: decisionData(path.egress, path.to, packet, world),
    ingress: decisionData(path.ingress, path.from, packet, world),
    ...(path.crossings.length > 0 && {
      crossings: path.crossings.map(crossing => ({
        host: crossing.endpoint,
        direction: crossing.direction,
        ...decisionData(crossing, { kind: 'external' }, packet, world),
      })),
    }),
    notes: path.notes,
  };
}

function decisionData(decision: Decision, peer: EndIdentity, packet: Packet, world: World) {
  return {
    ...endAnswer(decision, peer, world),
    tiers: decision.tiers.map(tier => ({
      tier: tier.tier,
      outcome: tier.outcome,
      policies: tier.policies.map(policy => ({
        policy: formatRef(policy.source),
        ...world.placeOf(policy.source, '', policy.policy),
        staged: policy.staged,
        outcome: policy.outcome,
        rules: policy.rules.map(trace => ({
          rule: trace.rule.path,
          ...world.placeOf(policy.source, trace.rule.path, policy.policy),
          action: trace.rule.action,
          matched: trace.matched,
          ...(trace.failed !== undefined && { because: mismatchText(trace, packet) }),
          ...(trace.members.length > 0 && { members: trace.members }),
        })),
      })),
    })),
  };
}
