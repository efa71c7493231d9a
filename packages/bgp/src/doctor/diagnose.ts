import { formatIp } from '@muslin/net';
import type { PeerEnd, PeerHistory } from '../speaker/peer-history.ts';
import type { PeerView } from '../speaker/peer-view.ts';
import { type Finding, problem } from './finding.ts';
import { diagnoseHeard, unwrapped } from './heard-notification.ts';
import { type KernelWitness, NO_WITNESS } from './kernel-witness.ts';
import { diagnoseEnd } from './own-end.ts';
import { diagnoseProof, diagnoseReach, diagnoseSilence, placeOf } from './unreachable.ts';

/** A session may be in the making for this long before its silence means something, in milliseconds. */
const PATIENCE = 10_000;

/**
 * What is the matter with a session, in one sentence: whose fault it is and what to do. `now` is on the clock of the
 * view; what the kernel dropped lately turns suspicions into findings.
 */
export function diagnose(peer: PeerView, now: number, witness: KernelWitness = NO_WITNESS): Finding {
  if (peer.state === 'Established') return diagnoseRunning(peer);
  const { wish, history } = peer;
  if (!wish.enabled) {
    const text = wish.shutdownText === undefined ? '' : ` (“${wish.shutdownText}”)`;
    return problem(
      'shut-down-here',
      'ours',
      `The session is shut down here${text}: enable it in the configuration of this node.`,
    );
  }
  const ended = history.lastEnd;
  if (wish.overLimit) return overLimit(peer, ended);
  const proved = diagnoseProof(peer, witness);
  if (proved !== undefined) return proved;
  const silent = peer.state === 'OpenSent' || peer.state === 'OpenConfirm';
  if (silent && now - peer.since > PATIENCE) return diagnoseMute(peer, witness);
  const said = farewell(history);
  const reach = diagnoseReach(peer, witness);
  if (reach !== undefined && (ended === undefined || (history.reach?.at ?? 0) > ended.at))
    return said === undefined || reach.code !== 'refused' ? reach : diagnoseHeard(peer, said);
  if (said !== undefined) return diagnoseHeard(peer, said);
  if (ended !== undefined) return diagnoseEnd(peer, ended);
  return untold(peer, now, witness);
}

function diagnoseRunning(peer: PeerView): Finding {
  const who = formatIp(peer.remoteIp);
  const missing = peer.families.filter(f => peer.wish.families.includes(f.family) && !f.agreed);
  const { withdraw, discard, last } = peer.faults;
  const warning = (code: string, whose: Finding['whose'], message: string): Finding => ({
    ...{ code, severity: 'warning', whose, message },
  });
  if (withdraw + discard > 0)
    return warning(
      'faulty-updates',
      'theirs',
      `The session with ${who} is up, and ${who} sent UPDATEs with faults whose routes or attributes are not used: ${last}.`,
    );
  if (last !== undefined) return warning('near-limit', 'both', `The session with ${who} is up, and ${last}.`);
  if (missing.length === 1 && peer.wish.families.length > 1)
    return {
      ...{ code: 'up', severity: 'ok', whose: 'nobody' },
      message: `The session with ${who} is up; ${who} does not offer ${missing[0]?.family}.`,
    };
  return { code: 'up', severity: 'ok', whose: 'nobody', message: `The session with ${who} is up.` };
}

function overLimit(peer: PeerView, ended: PeerEnd | undefined): Finding {
  const what = ended?.reason.message ?? 'the peer sent more routes than are allowed';
  return problem(
    'too-many-routes',
    'both',
    `${formatIp(peer.remoteIp)} told more routes than this node takes (${what}): filter there, or raise the limit here.`,
  );
}

/** TCP is there and BGP is not. */
function diagnoseMute(peer: PeerView, witness: KernelWitness): Finding {
  const { ttlSecurityHops, signed } = peer.wish;
  if (ttlSecurityHops !== undefined || (signed && witness.wronglySigned > 0))
    return diagnoseSilence(peer, witness);
  return problem(
    'mute',
    'theirs',
    `${formatIp(peer.remoteIp)} takes our connection and says nothing: its BGP hangs, or the way back drops its packets; check it, and the MTU of the path.`,
  );
}

/** Ceases after which a router may refuse, or hang up, until an operator acts: these explain what follows (RFC 4486). */
const FINAL: ReadonlySet<number> = new Set([1, 2, 3]);

function farewell({ lastNotification, lastEnd }: PeerHistory) {
  if (lastNotification === undefined || lastNotification.direction === 'out') return undefined;
  const { code, subcode } = unwrapped(lastNotification.message);
  const told = code === 6 && FINAL.has(subcode);
  const sinceThen = lastEnd?.reason.cause;
  return told && (sinceThen === 'notification-received' || sinceThen === 'closed-by-peer')
    ? lastNotification.message
    : undefined;
}

/** Nothing is known to be wrong. */
function untold(peer: PeerView, now: number, witness: KernelWitness): Finding {
  if (now - peer.since > PATIENCE && peer.wish.passive) {
    if (witness.wronglySigned + witness.unsigned + witness.unexpectedlySigned > 0)
      return diagnoseSilence(peer, witness);
    return {
      ...{ code: 'waiting-for-call', severity: 'problem', whose: 'theirs' },
      message: `This node waits for ${formatIp(peer.remoteIp)} to call, and it doesn't: let it connect to this node, or check that TCP port 179 of this node can be reached from there.`,
    };
  }
  if (peer.history.collisions > 2)
    return problem(
      'collision',
      'nobody',
      `${formatIp(peer.remoteIp)} and this node call each other at once again and again: make one side passive.`,
    );
  return {
    ...{ code: 'starting', severity: 'waiting', whose: 'nobody' },
    message: `The session with ${placeOf(peer)} is being set up.`,
  };
}
