import type { Direction, FailsafePort, HostPlan, HostState, TierPlan } from '@muslin/api';
import { type Ip, prefixHas, sameIp } from '@muslin/net';
import { type Asked, askTiers } from './decide.ts';
import type { PolicyView } from './policy-view.ts';
import { preparePacket } from './rule-match.ts';
import type { Decision, Packet, Reason, TierTrace } from './trace.ts';

/** When tracked packets are asked about at a host endpoint, in this order. */
export type HostStage = 'pre-dnat' | 'local' | 'forwarded';

/** A packet at a host endpoint. */
export interface HostQuestion {
  readonly direction: Direction;
  /** What happens to it there: for or from the node itself, or on its way through. */
  readonly stages: readonly HostStage[];
  /** Which of the packet and its answer pass here where untracked policies look: coming in, or sent by the node. */
  readonly untracked: 'both' | 'packet' | 'answer' | 'neither';
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
  const done = (answer: Answer): Decision => ({ direction, endpoint: plan.key, ...answer, tiers });
  const raw = askUntracked(plan, failsafe, view, question);
  tiers.push(...(raw.packet?.tiers ?? []));
  const first = raw.packet?.decided;
  if (first?.answer === 'deny') return done(first);
  if (first !== undefined)
    return done(answerPasses(plan, failsafe, view, question, raw.answer) ? first : NO_ANSWER);
  // Connection tracking must see both or neither of TCP's packets; others are fine as long as they pass.
  const answer = raw.answer?.decided?.answer;
  const lost = answer === 'deny' || (answer === 'allow' && packet.protocol === TCP);
  const allowed = (because: Reason) => done(lost ? NO_ANSWER : { answer: 'allow', because });
  for (const stage of stages) {
    const seen = stage === 'pre-dnat' ? before : packet;
    const safe = stage === 'forwarded' ? undefined : failsafePort(failsafe, direction, seen);
    if (safe !== undefined) {
      if (stage === 'pre-dnat') continue;
      return allowed({ code: 'failsafe', port: safe.port });
    }
    const asked = askTiers(tiersOf(plan, stage, direction), view, preparePacket(seen), direction);
    tiers.push(...asked.tiers);
    if (asked.decided?.answer === 'deny') return done(asked.decided);
    if (asked.decided !== undefined) return allowed(asked.decided.because);
  }
  if (!stages.includes('local')) return allowed({ code: 'past-last-tier' });
  return plan.open === undefined
    ? done({ answer: 'deny', because: { code: 'host-default', host: plan.name } })
    : allowed({ code: 'profile', profile: plan.open });
}

const TCP = 6;
type Answer = Pick<Decision, 'answer' | 'because'>;
const NO_ANSWER: Answer = { answer: 'deny', because: { code: 'untracked-reply' } };

/** What untracked policies say to the packet and to its answer, where they see them. */
function askUntracked(
  plan: HostPlan,
  failsafe: HostState['failsafe'],
  view: PolicyView,
  { direction, before, untracked }: HostQuestion,
): { readonly packet: Asked | undefined; readonly answer: Asked | undefined } {
  const [back, answer] = [opposite(direction), answerTo(before)];
  const safe = failsafePort(failsafe, direction, before) ?? failsafePort(failsafe, back, answer);
  const ask = (where: 'packet' | 'answer', seen: Packet, way: Direction) =>
    safe === undefined && (untracked === 'both' || untracked === where)
      ? askTiers(going(plan.untracked[way]), view, preparePacket(seen), way)
      : undefined;
  return { packet: ask('packet', before, direction), answer: ask('answer', answer, back) };
}

const opposite = (direction: Direction): Direction => (direction === 'ingress' ? 'egress' : 'ingress');

function tiersOf(plan: HostPlan, stage: HostStage, direction: Direction): readonly TierPlan[] {
  if (stage === 'pre-dnat') return direction === 'ingress' ? going(plan.preDnat) : [];
  return plan[stage][direction];
}

/** The end of a tier decides nothing before tracking and translation: other policies are still to come. */
function going(list: readonly TierPlan[]): readonly TierPlan[] {
  return list.map(tier => ({ ...tier, defaultAction: 'Pass' }));
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
 * belongs to no connection and is dropped; that of other protocols is like any packet that the node sends or gets.
 */
function answerPasses(
  plan: HostPlan,
  failsafe: HostState['failsafe'],
  view: PolicyView,
  { direction, before, stages }: HostQuestion,
  asked: Asked | undefined,
): boolean {
  if (asked?.decided !== undefined) return asked.decided.answer === 'allow';
  if (before.protocol === TCP) return false;
  if (!stages.includes('local')) return true;
  const packet = answerTo(before);
  const back = opposite(direction);
  const way: readonly HostStage[] = back === 'ingress' ? ['pre-dnat', 'local'] : ['local'];
  const question: HostQuestion = {
    direction: back,
    stages: way,
    untracked: 'neither',
    packet,
    before: packet,
  };
  return decideHost(plan, failsafe, view, question).answer === 'allow';
}

/** The packet with which the other end answers. */
function answerTo({ source, destination, protocol, sourcePort, destinationPort, icmp }: Packet): Packet {
  return {
    source: destination,
    destination: source,
    protocol,
    ...(destinationPort !== undefined && { sourcePort: destinationPort }),
    ...(sourcePort !== undefined && { destinationPort: sourcePort }),
    ...(icmp !== undefined && { icmp: { type: ECHO_REPLY.get(icmp.type) ?? icmp.type, code: icmp.code } }),
  };
}

/** RFC 792, RFC 4443 §4.2. */
const ECHO_REPLY: ReadonlyMap<number, number> = new Map([
  [8, 0],
  [128, 129],
]);

/** Which host endpoint stands at an interface, and whether that had to be guessed. */
export interface PlacedHost {
  readonly plan: HostPlan;
  readonly assumed: boolean;
}

/**
 * The host endpoint at the interface that has an address: one that expects it, else one that expects only an address of
 * the other family that the node has (both are taken to be at one interface, since a snapshot does not know), else one
 * that only names an interface, else the one for all.
 */
export function hostAtLink(
  { plans }: HostState,
  address: Ip | undefined,
  isNodes: (ip: Ip) => boolean,
): PlacedHost | undefined {
  const all = [...plans.values()];
  const named = all.filter(plan => plan.interfaceName !== '*');
  const expected = named.find(({ ips }) => address !== undefined && ips.some(ip => sameIp(ip, address)));
  if (expected !== undefined) return { plan: expected, assumed: false };
  const sibling = named.find(
    ({ ips }) => ips.some(isNodes) && !ips.some(ip => address === undefined || ip.family === address.family),
  );
  const guessed = sibling ?? named.find(({ ips }) => ips.length === 0);
  if (guessed !== undefined) return { plan: guessed, assumed: true };
  const plan = hostAtPods({ plans: all });
  return plan && { plan, assumed: false };
}

/** The host endpoint at pods' interfaces: only that for all interfaces. */
export function hostAtPods({ plans }: { readonly plans: Iterable<HostPlan> }): HostPlan | undefined {
  return [...plans].find(plan => plan.interfaceName === '*');
}
