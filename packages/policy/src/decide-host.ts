import type { Direction, FailsafePort, HostPlan, HostState, TierPlan } from '@muslin/api';
import { type Ip, prefixHas, sameIp } from '@muslin/net';
import { askTiers } from './decide.ts';
import type { PolicyView } from './policy-view.ts';
import { preparePacket } from './rule-match.ts';
import type { Decision, Packet, TierTrace } from './trace.ts';

/** When policies are asked about a packet at a host endpoint, in this order. */
export type HostStage = 'untracked' | 'pre-dnat' | 'local' | 'forwarded';

/** A packet at a host endpoint. */
export interface HostQuestion {
  readonly direction: Direction;
  /** What happens to it there: for or from the node itself, or on its way through. */
  readonly stages: readonly HostStage[];
  readonly packet: Packet;
  /** As it was before this node translated its destination; the same when it did not. */
  readonly before: Packet;
}

/**
 * Asks a host endpoint about a packet that opens a connection (Calico 3.33, host endpoints). Failsafe ports are open
 * whatever policies say. What an untracked or pre-DNAT policy allows is allowed; what none of them decides goes on to the
 * others. Past the last tier a profile may allow what the node itself sends and gets, else it is denied; what it
 * forwards is free.
 */
export function decideHost(
  plan: HostPlan,
  failsafe: HostState['failsafe'],
  view: PolicyView,
  question: HostQuestion,
): Decision {
  const { direction, packet, before, stages } = question;
  const tiers: TierTrace[] = [];
  const done = (answer: Pick<Decision, 'answer' | 'because'>): Decision => ({
    direction,
    endpoint: plan.key,
    ...answer,
    tiers,
  });
  for (const stage of stages) {
    const early = stage === 'untracked' || stage === 'pre-dnat';
    const seen = early ? before : packet;
    const safe = stage === 'forwarded' ? undefined : failsafePort(failsafe, direction, seen);
    if (safe !== undefined) {
      if (early) continue;
      return done({ answer: 'allow', because: { code: 'failsafe', port: safe.port } });
    }
    const asked = askTiers(tiersOf(plan, stage, direction), view, preparePacket(seen), direction);
    tiers.push(...asked.tiers);
    if (asked.decided === undefined) continue;
    if (stage !== 'untracked' || asked.decided.answer === 'deny') return done(asked.decided);
    return done(replyPasses(plan, failsafe, view, question) ? asked.decided : NO_REPLY);
  }
  if (!stages.includes('local')) return done({ answer: 'allow', because: { code: 'past-last-tier' } });
  return done(
    plan.open === undefined
      ? { answer: 'deny', because: { code: 'host-default', host: plan.name } }
      : { answer: 'allow', because: { code: 'profile', profile: plan.open } },
  );
}

const NO_REPLY = { answer: 'deny', because: { code: 'untracked-reply' } } as const;

function tiersOf(plan: HostPlan, stage: HostStage, direction: Direction): readonly TierPlan[] {
  // The end of a tier decides nothing before tracking and translation: other policies are still to come.
  const going = (list: readonly TierPlan[]) =>
    list.map((tier): TierPlan => ({ ...tier, defaultAction: 'Pass' }));
  switch (stage) {
    case 'untracked':
      return going(plan.untracked[direction]);
    case 'pre-dnat':
      return direction === 'ingress' ? going(plan.preDnat) : [];
    case 'local':
      return plan.local[direction];
    case 'forwarded':
      return plan.forwarded[direction];
  }
}

/** The failsafe port that lets a packet through: of the node for ingress, of whom it dials for egress. */
function failsafePort(
  { inbound, outbound }: HostState['failsafe'],
  direction: Direction,
  packet: Packet,
): FailsafePort | undefined {
  const [list, other] = direction === 'ingress' ? [inbound, packet.source] : [outbound, packet.destination];
  return list.find(
    ({ protocol, port, net }) =>
      protocol === packet.protocol &&
      port === packet.destinationPort &&
      (net === undefined || prefixHas(net, other)),
  );
}

/**
 * Nothing remembers an untracked packet, so its answer needs an untracked rule of its own. Without one, TCP's answer
 * belongs to no connection and is dropped; that of other protocols is like any packet that the node sends.
 */
function replyPasses(
  plan: HostPlan,
  failsafe: HostState['failsafe'],
  view: PolicyView,
  { direction, before, stages }: HostQuestion,
): boolean {
  if (!stages.includes('local')) return true;
  const { source, destination, protocol, sourcePort, destinationPort } = before;
  const reply: Packet = {
    source: destination,
    destination: source,
    protocol,
    ...(destinationPort !== undefined && { sourcePort: destinationPort }),
    ...(sourcePort !== undefined && { destinationPort: sourcePort }),
  };
  const back = direction === 'ingress' ? 'egress' : 'ingress';
  const asked = askTiers(tiersOf(plan, 'untracked', back), view, preparePacket(reply), back);
  if (asked.decided !== undefined || protocol === 6) return asked.decided?.answer === 'allow';
  const rest = { direction: back, stages: ['local'], packet: reply, before: reply } as const;
  return decideHost(plan, failsafe, view, rest).answer === 'allow';
}

/** Which host endpoint stands at an interface, and whether that had to be guessed. */
export interface PlacedHost {
  readonly plan: HostPlan;
  readonly assumed: boolean;
}

/**
 * The host endpoint at the interface that has an address: one that expects it, else one that is named after an interface
 * (a snapshot does not know which addresses that has), else the one for all.
 */
export function hostAtLink({ plans }: HostState, address: Ip | undefined): PlacedHost | undefined {
  const all = [...plans.values()];
  const named = all.filter(plan => plan.interfaceName !== '*');
  const expected = named.find(({ ips }) => address !== undefined && ips.some(ip => sameIp(ip, address)));
  if (expected !== undefined) return { plan: expected, assumed: false };
  const silent = named.find(({ ips }) => ips.length === 0);
  if (silent !== undefined) return { plan: silent, assumed: true };
  const plan = hostAtPods({ plans: all });
  return plan && { plan, assumed: false };
}

/** The host endpoint at pods' interfaces: only that for all interfaces. */
export function hostAtPods({ plans }: { readonly plans: Iterable<HostPlan> }): HostPlan | undefined {
  return [...plans].find(plan => plan.interfaceName === '*');
}
